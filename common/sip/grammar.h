// The characters and small pieces of RFC 3261 section 25.1 that URIs and header values share. Everything takes a view
// and moves it along; nothing allocates.
#pragma once

#include <arpa/inet.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/sip/chars.h"

namespace lapwing::sip::grammar {

// What a byte may be part of.
enum Class : uint16_t {
  kAlnum = 1,
  kDigit = 2,
  kHex = 4,
  kUnreserved = 8,  // alphanum and mark
  kReserved = 16,   // RFC 2396: an escaped one differs from a plain one
  kToken = 32,
  kUser = 64,  // user part; '#' is not legal there, but handsets dial service codes with it
  kPassword = 128,
  kUriParam = 256,  // paramchar, and '=' inside a value
  kUriHeader = 512,
  kVisible = 1024,  // 0x21..0x7E
  kValue = 2048,    // in an unquoted parameter value: visible but no '"', '<', '>', ',' and ';'
  kSpace = 4096,    // SP, HTAB, and the CR and LF of folds
  kHost = 8192      // in a host name; '_' is not legal there, but networks have it
};

constexpr std::array<uint16_t, 256> make_classes() {
  std::array<uint16_t, 256> table{};
  auto add = [&table](std::string_view text, uint16_t classes) {
    for (char c : text) table[static_cast<uint8_t>(c)] |= classes;
  };
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", kDigits = "0123456789",
                             kMark = "-_.!~*'()";
  constexpr uint16_t kUri = kUnreserved | kUser | kPassword | kUriParam | kUriHeader | kHost;
  add(kLetters, kAlnum | kToken | kUri);
  add(kDigits, kAlnum | kDigit | kHex | kToken | kUri);
  add("ABCDEFabcdef", kHex);
  add(kMark, kUri & ~kHost);
  add("-._", kHost);
  add(";/?:@&=+$,", kReserved);
  add("-.!%*_+`'~", kToken);
  add("&=+$,;?/#", kUser);
  add("&=+$,", kPassword);
  add("[]/:&+$=", kUriParam);
  add("[]/?:+$", kUriHeader);
  for (int c = 0x21; c < 0x7f; ++c) {
    table[static_cast<size_t>(c)] |= kVisible;
    if (std::string_view("\"<>,;").find(static_cast<char>(c)) == std::string_view::npos) {
      table[static_cast<size_t>(c)] |= kValue;
    }
  }
  add(" \t\r\n", kSpace);
  return table;
}
inline constexpr std::array<uint16_t, 256> kClasses = make_classes();

inline bool is(char c, uint16_t classes) {
  return (kClasses[static_cast<uint8_t>(c)] & classes) != 0;
}
inline bool all(std::string_view text, uint16_t classes) {
  for (char c : text) {
    if (!is(c, classes)) return false;
  }
  return true;
}
inline char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

inline void skip_space(std::string_view& rest) {
  while (!rest.empty() && is(rest.front(), kSpace)) rest.remove_prefix(1);
}
inline std::string_view trim(std::string_view text) {
  skip_space(text);
  while (!text.empty() && is(text.back(), kSpace)) text.remove_suffix(1);
  return text;
}
// Takes the longest run of the classes' characters off the front; may be empty.
inline std::string_view take_run(std::string_view& rest, uint16_t classes) {
  size_t size = 0;
  while (size < rest.size() && is(rest[size], classes)) ++size;
  std::string_view run = rest.substr(0, size);
  rest.remove_prefix(size);
  return run;
}
// Takes the character off when it is next.
inline bool take(std::string_view& rest, char c) {
  if (rest.empty() || rest.front() != c) return false;
  rest.remove_prefix(1);
  return true;
}
// Takes a quoted-string off with its quotes; false when it is not terminated or holds what it must not.
bool take_quoted(std::string_view& rest, std::string_view& quoted);
// Digits as a number of at most 32 bits; nullopt for anything else.
std::optional<uint32_t> number(std::string_view digits);

// A host with its optional port, as in URIs and sent-by.
struct HostPort {
  std::string_view host;  // IPv6 without brackets
  bool is_ipv6 = false;
  uint16_t port = 0;  // 0: not given
};
// Takes host[:port] off. White space around the colon is allowed in sent-by only. On failure returns the reason.
const char* take_host_port(std::string_view& rest, bool space_allowed, HostPort& out);
// IPv4 in dots or IPv6 without brackets and zone. "2001:db8:::192.0.2.1", which an error in old grammars produced,
// counts as "::" (RFC 5118 section 4.10).
bool parse_ipv4(std::string_view text, in_addr& out);
bool parse_ipv6(std::string_view text, in6_addr& out);

}  // namespace lapwing::sip::grammar
