// Character classes of RFC 3261 section 25.1 and the byte searches that the SIP parsers share. All inline, no state.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace lapwing::sip::chars {

namespace internal {
constexpr std::array<bool, 256> token_table() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[static_cast<size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<size_t>(c)] = true;
  for (char c : std::string_view("-.!%*_+`'~")) table[static_cast<size_t>(c)] = true;
  return table;
}
inline constexpr std::array<bool, 256> kToken = token_table();
}  // namespace internal

constexpr bool token(char c) {
  return internal::kToken[static_cast<uint8_t>(c)];
}
constexpr bool digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool blank(char c) {
  return c == ' ' || c == '\t';
}
// White space as it stands in a header value: folds included.
constexpr bool space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

constexpr bool all_token(std::string_view text) {
  for (char c : text) {
    if (!token(c)) return false;
  }
  return !text.empty();
}

constexpr bool same_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

constexpr std::string_view trim(std::string_view text) {
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return text;
}

inline uint64_t load8(const char* at) {
  uint64_t word;
  std::memcpy(&word, at, 8);
  return word;
}

inline constexpr uint64_t kOnes = 0x0101010101010101;
inline constexpr uint64_t kHigh = 0x8080808080808080;

// The position of the first set high bit of a byte mask, in bytes.
inline size_t first_byte(uint64_t mask) {
  static_assert(std::endian::native == std::endian::little, "the masks below are exact in their lowest byte only");
  return static_cast<size_t>(std::countr_zero(mask)) / 8;
}

// The first byte below 0x20 in [at, end), or end. Sixteen or eight at a time; only the lowest hit of a word is exact,
// which is the one that is used.
inline const char* find_control(const char* at, const char* end) {
#if defined(__SSE2__)
  const __m128i last = _mm_set1_epi8(0x1f);
  while (end - at >= 16) {
    __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    // min(byte, 0x1f) == byte: unsigned byte <= 0x1f
    int hits = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(block, last), block));
    if (hits != 0) return at + std::countr_zero(static_cast<unsigned>(hits));
    at += 16;
  }
#endif
  while (end - at >= 8) {
    uint64_t word = load8(at);
    uint64_t hits = (word - kOnes * 0x20) & ~word & kHigh;
    if (hits != 0) return at + first_byte(hits);
    at += 8;
  }
  while (at < end && static_cast<uint8_t>(*at) >= 0x20) ++at;
  return at;
}

// The first byte in [at, end) that ends a quoted-string or needs a look in one: '"', '\\', DEL or a control; or end.
inline const char* find_in_quotes(const char* at, const char* end) {
#if defined(__SSE2__)
  const __m128i last = _mm_set1_epi8(0x1f), quote = _mm_set1_epi8('"'), escape = _mm_set1_epi8('\\'),
                del = _mm_set1_epi8(0x7f);
  while (end - at >= 16) {
    __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    __m128i ends = _mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, escape));
    __m128i bad = _mm_or_si128(_mm_cmpeq_epi8(block, del), _mm_cmpeq_epi8(_mm_min_epu8(block, last), block));
    int hits = _mm_movemask_epi8(_mm_or_si128(ends, bad));
    if (hits != 0) return at + std::countr_zero(static_cast<unsigned>(hits));
    at += 16;
  }
#endif
  while (at < end && *at != '"' && *at != '\\' && *at != 0x7f && static_cast<uint8_t>(*at) >= 0x20) ++at;
  return at;
}

// The first of ',', '"' and '<' in [at, end), or end: what matters between the values of a list.
inline const char* find_list_mark(const char* at, const char* end) {
#if defined(__SSE2__)
  const __m128i comma = _mm_set1_epi8(','), quote = _mm_set1_epi8('"'), open = _mm_set1_epi8('<');
  while (end - at >= 16) {
    __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    __m128i marks = _mm_or_si128(_mm_cmpeq_epi8(block, comma), _mm_cmpeq_epi8(block, quote));
    int hits = _mm_movemask_epi8(_mm_or_si128(marks, _mm_cmpeq_epi8(block, open)));
    if (hits != 0) return at + std::countr_zero(static_cast<unsigned>(hits));
    at += 16;
  }
#endif
  while (at < end && *at != ',' && *at != '"' && *at != '<') ++at;
  return at;
}

// The first byte in [at, end) that cannot be in a host name (letters, digits, '-', '.', '_'), or end.
inline const char* find_host_end(const char* at, const char* end) {
#if defined(__SSE2__)
  auto within = [](__m128i block, char low, char high) {  // signed: bytes from 0x80 on are below everything
    return _mm_and_si128(_mm_cmpgt_epi8(block, _mm_set1_epi8(static_cast<char>(low - 1))),
                         _mm_cmplt_epi8(block, _mm_set1_epi8(static_cast<char>(high + 1))));
  };
  while (end - at >= 16) {
    __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    __m128i host = within(_mm_or_si128(block, _mm_set1_epi8(0x20)), 'a', 'z');
    host = _mm_or_si128(host, _mm_or_si128(within(block, '0', '9'), within(block, '-', '.')));
    int hits = _mm_movemask_epi8(_mm_or_si128(host, _mm_cmpeq_epi8(block, _mm_set1_epi8('_')))) ^ 0xffff;
    if (hits != 0) return at + std::countr_zero(static_cast<unsigned>(hits));
    at += 16;
  }
#endif
  auto host = [](char c) {
    char letter = lower(c);
    return (letter >= 'a' && letter <= 'z') || digit(c) || c == '-' || c == '.' || c == '_';
  };
  while (at < end && host(*at)) ++at;
  return at;
}

// Is there a dot right behind another?
inline bool has_two_dots(std::string_view text) {
  const char *at = text.data(), *end = at + text.size();
#if defined(__SSE2__)
  const __m128i dot = _mm_set1_epi8('.');
  while (end - at >= 17) {
    __m128i here = _mm_cmpeq_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)), dot);
    __m128i next = _mm_cmpeq_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 1)), dot);
    if (_mm_movemask_epi8(_mm_and_si128(here, next)) != 0) return true;
    at += 16;
  }
#endif
  for (; end - at >= 2; ++at) {
    if (at[0] == '.' && at[1] == '.') return true;
  }
  return false;
}

// The first colon in [at, end), or end. For header names, which are too short for memchr to pay.
inline const char* find_colon(const char* at, const char* end) {
#if defined(__SSE2__)
  const __m128i colon = _mm_set1_epi8(':');
  while (end - at >= 16) {
    __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    int hits = _mm_movemask_epi8(_mm_cmpeq_epi8(block, colon));
    if (hits != 0) return at + std::countr_zero(static_cast<unsigned>(hits));
    at += 16;
  }
#endif
  while (at < end && *at != ':') ++at;
  return at;
}

}  // namespace lapwing::sip::chars
