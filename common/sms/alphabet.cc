#include "common/sms/alphabet.h"

#include <array>
#include <utility>

namespace lapwing::sms {
namespace {

constexpr uint8_t escape = 0x1b;
constexpr char32_t no_character = 0xfffd;

// Section 6.2.1. The escape stands for itself.
constexpr std::array<char16_t, 128> basic{
    u'@', u'£', u'$', u'¥', u'è', u'é', u'ù', u'ì',  u'ò', u'Ç', u'\n', u'Ø',    u'ø', u'\r', u'Å', u'å',
    u'Δ', u'_', u'Φ', u'Γ', u'Λ', u'Ω', u'Π', u'Ψ',  u'Σ', u'Θ', u'Ξ',  u'\x1b', u'Æ', u'æ',  u'ß', u'É',
    u' ', u'!', u'"', u'#', u'¤', u'%', u'&', u'\'', u'(', u')', u'*',  u'+',    u',', u'-',  u'.', u'/',
    u'0', u'1', u'2', u'3', u'4', u'5', u'6', u'7',  u'8', u'9', u':',  u';',    u'<', u'=',  u'>', u'?',
    u'¡', u'A', u'B', u'C', u'D', u'E', u'F', u'G',  u'H', u'I', u'J',  u'K',    u'L', u'M',  u'N', u'O',
    u'P', u'Q', u'R', u'S', u'T', u'U', u'V', u'W',  u'X', u'Y', u'Z',  u'Ä',    u'Ö', u'Ñ',  u'Ü', u'§',
    u'¿', u'a', u'b', u'c', u'd', u'e', u'f', u'g',  u'h', u'i', u'j',  u'k',    u'l', u'm',  u'n', u'o',
    u'p', u'q', u'r', u's', u't', u'u', u'v', u'w',  u'x', u'y', u'z',  u'ä',    u'ö', u'ñ',  u'ü', u'à'};

// Section 6.2.1.1: septet after the escape, and its character.
constexpr std::array<std::pair<uint8_t, char16_t>, 10> extension{{{0x0a, u'\f'},
                                                                  {0x14, u'^'},
                                                                  {0x28, u'{'},
                                                                  {0x29, u'}'},
                                                                  {0x2f, u'\\'},
                                                                  {0x3c, u'['},
                                                                  {0x3d, u'~'},
                                                                  {0x3e, u']'},
                                                                  {0x40, u'|'},
                                                                  {0x65, u'€'}}};

void append_utf8(std::string& out, char32_t c) {
  auto put = [&out](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xc0 | c >> 6);
  } else {
    if (c < 0x10000) {
      put(0xe0 | c >> 12);
    } else {
      put(0xf0 | c >> 18);
      put(0x80 | (c >> 12 & 0x3f));
    }
    put(0x80 | (c >> 6 & 0x3f));
  }
  put(0x80 | (c & 0x3f));
}

// Takes one character off; nullopt: no UTF-8 (RFC 3629).
std::optional<char32_t> take_utf8(std::string_view& rest) {
  auto first = static_cast<uint8_t>(rest.front());
  rest.remove_prefix(1);
  if (first < 0x80) return first;
  int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
  if (first < 0xc2 || first > 0xf4 || rest.size() < static_cast<size_t>(more)) return std::nullopt;
  char32_t c = first & (0x3f >> more);
  for (int i = 0; i < more; ++i) {
    auto next = static_cast<uint8_t>(rest.front());
    if ((next & 0xc0) != 0x80) return std::nullopt;
    c = c << 6 | (next & 0x3f);
    rest.remove_prefix(1);
  }
  constexpr std::array<char32_t, 4> least{0, 0x80, 0x800, 0x10000};
  bool surrogate = c >= 0xd800 && c < 0xe000;
  if (c < least[static_cast<size_t>(more)] || surrogate || c > 0x10ffff) return std::nullopt;
  return c;
}

bool append_septet(std::string& out, char32_t c) {
  for (size_t i = 0; i < basic.size(); ++i) {
    if (basic[i] != c || i == escape) continue;
    out.push_back(static_cast<char>(i));
    return true;
  }
  for (auto [septet, character] : extension) {
    if (character != c) continue;
    out.push_back(static_cast<char>(escape));
    out.push_back(static_cast<char>(septet));
    return true;
  }
  return false;
}

}  // namespace

Alphabet alphabet_of(uint8_t data_coding) {
  unsigned group = data_coding >> 4;
  if (group < 8) {                                           // general data coding, and with automatic deletion
    if ((data_coding & 0x20) != 0) return Alphabet::octets;  // compressed: not text before it is expanded
    unsigned bits = data_coding >> 2 & 3;
    return bits == 1 ? Alphabet::octets : bits == 2 ? Alphabet::ucs2 : Alphabet::gsm7;
  }
  if (group == 14) return Alphabet::ucs2;  // message waiting
  return group == 15 && (data_coding & 4) != 0 ? Alphabet::octets : Alphabet::gsm7;
}

std::optional<std::string> to_gsm7(std::string_view utf8) {
  std::string septets;
  while (!utf8.empty()) {
    std::optional<char32_t> c = take_utf8(utf8);
    if (!c || !append_septet(septets, *c)) return std::nullopt;
  }
  return septets;
}

std::string from_gsm7(std::string_view septets) {
  std::string out;
  bool escaped = false;
  for (char byte : septets) {
    auto septet = static_cast<uint8_t>(byte & 0x7f);
    if (!escaped && septet == escape) {
      escaped = true;
      continue;
    }
    char32_t c = septet == escape ? u' ' : basic[septet];
    for (auto [extended, character] : extension) {
      if (escaped && extended == septet) c = character;
    }
    escaped = false;
    append_utf8(out, c);
  }
  return out;
}

std::string pack_septets(std::string_view septets, unsigned fill_bits) {
  std::string out((septets.size() * 7 + fill_bits + 7) / 8, '\0');
  size_t bit = fill_bits;
  for (char c : septets) {
    unsigned value = static_cast<unsigned>(c & 0x7f) << (bit % 8);
    out[bit / 8] = static_cast<char>(static_cast<unsigned>(static_cast<uint8_t>(out[bit / 8])) | value);
    if (bit % 8 > 1) out[bit / 8 + 1] = static_cast<char>(value >> 8);
    bit += 7;
  }
  return out;
}

std::string unpack_septets(std::string_view octets, size_t count, unsigned fill_bits) {
  std::string out;
  size_t bit = fill_bits;
  for (size_t i = 0; i < count && bit + 7 <= octets.size() * 8; ++i, bit += 7) {
    unsigned value = static_cast<uint8_t>(octets[bit / 8]);
    if (bit % 8 > 1) value |= static_cast<unsigned>(static_cast<uint8_t>(octets[bit / 8 + 1])) << 8;
    out.push_back(static_cast<char>(value >> (bit % 8) & 0x7f));
  }
  return out;
}

std::optional<std::string> to_ucs2(std::string_view utf8) {
  std::string out;
  auto put = [&out](char32_t unit) {
    out.push_back(static_cast<char>(unit >> 8));
    out.push_back(static_cast<char>(unit));
  };
  while (!utf8.empty()) {
    std::optional<char32_t> c = take_utf8(utf8);
    if (!c) return std::nullopt;
    if (*c < 0x10000) {
      put(*c);
    } else {
      put(0xd800 + ((*c - 0x10000) >> 10));
      put(0xdc00 + ((*c - 0x10000) & 0x3ff));
    }
  }
  return out;
}

std::string from_ucs2(std::string_view octets) {
  std::string out;
  auto unit = [&octets](size_t at) -> char32_t {
    return static_cast<char32_t>(static_cast<uint8_t>(octets[at])) << 8 | static_cast<uint8_t>(octets[at + 1]);
  };
  for (size_t at = 0; at + 2 <= octets.size(); at += 2) {
    char32_t c = unit(at);
    if (c >= 0xd800 && c < 0xdc00 && at + 4 <= octets.size() && unit(at + 2) >= 0xdc00 && unit(at + 2) < 0xe000) {
      c = 0x10000 + ((c - 0xd800) << 10) + (unit(at + 2) - 0xdc00);
      at += 2;
    } else if (c >= 0xd800 && c < 0xe000) {
      c = no_character;
    }
    append_utf8(out, c);
  }
  return out;
}

}  // namespace lapwing::sms
