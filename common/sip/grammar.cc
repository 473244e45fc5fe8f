#include "common/sip/grammar.h"

#include <algorithm>
#include <cstring>

namespace lapwing::sip::grammar {
namespace {

template <typename Address>
bool parse_address(int family, std::string_view text, Address& out) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof buffer || text.find('\0') != std::string_view::npos) return false;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = 0;
  return inet_pton(family, buffer, &out) == 1;
}

const char* check_name(std::string_view host) {
  if (host.size() > 255) return "host name over 255 bytes";
  if (host.front() == '.' || chars::has_two_dots(host)) return "host name with an empty label";
  std::string_view last = host.substr(0, host.ends_with('.') ? host.size() - 1 : host.size());
  size_t dot = last.rfind('.');
  last.remove_prefix(dot + 1);  // npos + 1 is 0
  // A last label of digits makes it an address, but for a single one: handsets put a bare number in the host's place.
  in_addr ignored;
  if (dot != std::string_view::npos && all(last, kDigit) && !parse_ipv4(host, ignored)) return "bad IPv4 address";
  return nullptr;
}

}  // namespace

bool take_quoted(std::string_view& rest, std::string_view& quoted) {
  if (rest.empty() || rest.front() != '"') return false;
  const char* end = rest.data() + rest.size();
  for (const char* at = rest.data() + 1; (at = chars::find_in_quotes(at, end)) < end; ++at) {
    if (*at == '"') {
      size_t size = static_cast<size_t>(at + 1 - rest.data());
      quoted = rest.substr(0, size);
      rest.remove_prefix(size);
      return true;
    }
    if (*at == '\\') {
      if (++at == end) return false;
      auto escaped = static_cast<uint8_t>(*at);
      if (escaped > 0x7f || escaped == '\r' || escaped == '\n') return false;
    } else if (!is(*at, kSpace)) {
      return false;  // a control character or DEL
    }
  }
  return false;
}

std::optional<uint32_t> number(std::string_view digits) {
  if (digits.empty()) return std::nullopt;
  uint64_t value = 0;
  for (char c : digits) {
    if (!is(c, kDigit)) return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(c - '0');
    if (value > UINT32_MAX) return std::nullopt;
  }
  return static_cast<uint32_t>(value);
}

const char* take_host_port(std::string_view& rest, bool space_allowed, HostPort& out) {
  if (take(rest, '[')) {
    size_t end = rest.find(']');
    if (end == std::string_view::npos) return "IPv6 address without closing bracket";
    out.host = rest.substr(0, end);
    out.is_ipv6 = true;
    rest.remove_prefix(end + 1);
    in6_addr ignored;
    if (!parse_ipv6(out.host, ignored)) return "bad IPv6 address";
  } else {
    const char* end = chars::find_host_end(rest.data(), rest.data() + rest.size());
    out.host = rest.substr(0, static_cast<size_t>(end - rest.data()));
    rest.remove_prefix(out.host.size());
    if (out.host.empty()) return "no host";
    if (const char* wrong = check_name(out.host)) return wrong;
  }
  std::string_view after = rest;
  if (space_allowed) skip_space(after);
  if (!take(after, ':')) return nullptr;
  if (space_allowed) skip_space(after);
  std::optional<uint32_t> port = number(take_run(after, kDigit));
  if (!port || *port == 0 || *port > 65535) return "bad port";
  out.port = static_cast<uint16_t>(*port);
  rest = after;
  return nullptr;
}

bool parse_ipv4(std::string_view text, in_addr& out) {
  return parse_address(AF_INET, text, out);
}

bool parse_ipv6(std::string_view text, in6_addr& out) {
  if (parse_address(AF_INET6, text, out)) return true;
  size_t triple = text.find(":::");
  char fixed[INET6_ADDRSTRLEN];
  if (triple == std::string_view::npos || text.size() > sizeof fixed) return false;
  std::memcpy(fixed, text.data(), triple);
  std::memcpy(fixed + triple, text.data() + triple + 1, text.size() - triple - 1);
  return parse_address(AF_INET6, std::string_view(fixed, text.size() - 1), out);
}

}  // namespace lapwing::sip::grammar
