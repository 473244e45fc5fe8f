#include "common/sip/uri.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <iterator>

#include "common/sip/grammar.h"
#include "common/sip/headers.h"

namespace lapwing::sip {
namespace {

using namespace grammar;

constexpr size_t kMaxUri = 4096;
constexpr size_t kMaxParams = 64;

absl::Status bad(const char* why) {
  return absl::InvalidArgumentError(why);
}

int hex_value(char c) {
  return c <= '9' ? c - '0' : lower(c) - 'a' + 10;
}

// A %HH at this place?
bool escape_at(std::string_view text, size_t at) {
  return text[at] == '%' && at + 2 < text.size() && is(text[at + 1], kHex) && is(text[at + 2], kHex);
}

// One character of a URI component, its escape undone. Escaped reserved characters differ from plain ones (RFC 3261
// section 19.1.4), so they get a value of their own.
int take_character(std::string_view& rest) {
  if (!escape_at(rest, 0)) {
    int c = static_cast<uint8_t>(rest.front());
    rest.remove_prefix(1);
    return c;
  }
  int c = hex_value(rest[1]) * 16 + hex_value(rest[2]);
  rest.remove_prefix(3);
  return is(static_cast<char>(c), kReserved) ? 256 + c : c;
}

bool equal(std::string_view a, std::string_view b, bool case_sensitive) {
  while (!a.empty() && !b.empty()) {
    int x = take_character(a), y = take_character(b);
    if (!case_sensitive && x < 256 && y < 256) {
      x = lower(static_cast<char>(x)), y = lower(static_cast<char>(y));
    }
    if (x != y) return false;
  }
  return a.empty() && b.empty();
}

// Only characters of the classes, and well-formed escapes.
bool well_formed(std::string_view text, uint16_t classes) {
  for (size_t at = 0; at < text.size(); ++at) {
    if (escape_at(text, at)) {
      at += 2;
    } else if (!is(text[at], classes)) {
      return false;
    }
  }
  return true;
}

std::string_view take_until(std::string_view& rest, char separator) {
  size_t end = rest.find(separator);
  std::string_view part = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return part;
}

struct Pair {
  std::string_view name, value;
  bool has_value = false;
};
// The next name[=value] of a list without leading separator.
bool take_pair(std::string_view& rest, char separator, Pair& out) {
  if (rest.empty()) return false;
  std::string_view part = take_until(rest, separator);
  size_t equals = part.find('=');
  out.name = part.substr(0, equals);
  out.has_value = equals != std::string_view::npos;
  out.value = out.has_value ? part.substr(equals + 1) : std::string_view{};
  return true;
}

bool find_param(std::string_view params, std::string_view name, Pair& out) {
  while (take_pair(params, ';', out)) {
    if (equal(out.name, name, false)) return true;
  }
  return false;
}

// The SIP URI parameters that say how to route or whom to ask (RFC 3261 section 19.1.1): a bit for each, 0 for others.
uint32_t meaning(std::string_view name) {
  constexpr std::string_view kKnown[] = {"lr", "transport", "user", "method", "ttl", "maddr"};
  bool escaped = name.find('%') != std::string_view::npos;
  for (uint32_t i = 0; i < std::size(kKnown); ++i) {
    if ((escaped || name.size() == kKnown[i].size()) && equal(name, kKnown[i], false)) return 1u << i;
  }
  return 0;
}

// list: after the first ';'. What has a meaning must not be there twice, for then two elements may read it differently;
// of others, which proxies add for themselves without a look at what is there ("alias"), the first counts.
const char* check_sip_params(std::string_view list) {
  uint32_t seen = 0;
  size_t count = 0;
  Pair param;
  for (std::string_view rest = list; take_pair(rest, ';', param);) {
    if (param.name.empty()) return "empty URI parameter";
    if (!well_formed(param.name, kUriParam) || !well_formed(param.value, kUriParam)) {
      return "bad character in URI parameter";
    }
    if (++count > kMaxParams) return "more than 64 URI parameters";
    uint32_t bit = meaning(param.name);
    if ((seen & bit) != 0) return "URI parameter given twice";
    seen |= bit;
  }
  return list.empty() || list.back() == ';' ? "empty URI parameter" : nullptr;
}

// RFC 3966 section 3: no parameter twice.
const char* check_tel_params(std::string_view list) {
  std::array<std::string_view, kMaxParams> names;
  size_t count = 0;
  Pair param;
  for (std::string_view rest = list; take_pair(rest, ';', param);) {
    if (param.name.empty()) return "empty URI parameter";
    if (!well_formed(param.name, kUriParam) || !well_formed(param.value, kUriParam)) {
      return "bad character in URI parameter";
    }
    if (count == kMaxParams) return "more than 64 URI parameters";
    for (size_t i = 0; i < count; ++i) {
      if (equal(names[i], param.name, false)) return "URI parameter given twice";
    }
    names[count++] = param.name;
  }
  return list.empty() || list.back() == ';' ? "empty URI parameter" : nullptr;
}

const char* check_headers(std::string_view rest) {
  if (rest.empty() || rest.back() == '&') return "empty URI header";
  size_t count = 0;
  for (Pair header; take_pair(rest, '&', header);) {
    if (++count > kMaxParams) return "more than 64 URI headers";
    if (header.name.empty() || !header.has_value) return "bad URI header";
    if (!well_formed(header.name, kUriHeader) || !well_formed(header.value, kUriHeader)) {
      return "bad character in URI header";
    }
  }
  return nullptr;
}

const char* parse_sip(std::string_view rest, Uri& uri) {
  if (size_t at = rest.find('@'); at != std::string_view::npos) {
    std::string_view userinfo = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    if (rest.find('@') != std::string_view::npos) return "more than one @ in URI";
    size_t colon = userinfo.find(':');
    uri.user = userinfo.substr(0, colon);
    if (colon != std::string_view::npos) uri.password = userinfo.substr(colon + 1);
    if (uri.user.empty()) return "empty user in URI";
    if (!well_formed(uri.user, kUser)) return "bad character in the user of a URI";
    if (!well_formed(uri.password, kPassword)) return "bad character in the password of a URI";
  }
  HostPort where;
  if (const char* wrong = take_host_port(rest, false, where)) return wrong;
  uri.host = where.host;
  uri.host_is_ipv6 = where.is_ipv6;
  uri.port = where.port;
  size_t question = rest.find('?');
  if (question != std::string_view::npos) {
    uri.headers = rest.substr(question + 1);
    rest = rest.substr(0, question);
    if (const char* wrong = check_headers(uri.headers)) return wrong;
  }
  if (rest.empty()) return nullptr;
  if (!take(rest, ';')) return "bad character after the host of a URI";
  uri.params = rest;
  return check_sip_params(rest);
}

bool is_visual_separator(char c) {
  return c == '-' || c == '.' || c == '(' || c == ')';
}

// RFC 3966 section 3. A number of visual separators alone is none.
bool is_number(std::string_view text) {
  bool global = take(text, '+'), digits = false;
  for (char c : text) {
    if (is(c, kDigit) || (!global && (is(c, kHex) || c == '*' || c == '#'))) {
      digits = true;
    } else if (!is_visual_separator(c)) {
      return false;
    }
  }
  return digits;
}

const char* parse_tel(std::string_view rest, Uri& uri) {
  size_t semicolon = rest.find(';');
  uri.user = rest.substr(0, semicolon);
  if (!is_number(uri.user)) return "bad telephone number";
  if (semicolon != std::string_view::npos) {
    uri.params = rest.substr(semicolon + 1);
    if (const char* wrong = check_tel_params(uri.params)) return wrong;
  }
  return nullptr;
}

// Numbers without their visual separators, in any case.
bool equal_numbers(std::string_view a, std::string_view b) {
  size_t i = 0, j = 0;
  for (;; ++i, ++j) {
    while (i < a.size() && is_visual_separator(a[i])) ++i;
    while (j < b.size() && is_visual_separator(b[j])) ++j;
    if (i == a.size() || j == b.size()) return i == a.size() && j == b.size();
    if (lower(a[i]) != lower(b[j])) return false;
  }
}

// RFC 3966 section 4: a parameter that only one has makes them differ.
bool equal_tel_params(std::string_view a, std::string_view b) {
  size_t count_a = 0, count_b = 0;
  Pair mine, other;
  for (std::string_view rest = b; take_pair(rest, ';', other);) ++count_b;
  for (std::string_view rest = a; take_pair(rest, ';', mine); ++count_a) {
    if (!find_param(b, mine.name, other)) return false;
    bool digits = equals_ignoring_case(mine.name, "ext") ||
                  (equals_ignoring_case(mine.name, "phone-context") && mine.value.starts_with('+'));
    if (digits ? !equal_numbers(mine.value, other.value) : !equal(mine.value, other.value, false)) return false;
  }
  return count_a == count_b;
}

// Present in one URI only, these make a difference (RFC 3261 section 19.1.4; transport by its examples).
bool matters_alone(std::string_view name) {
  for (std::string_view known : {"user", "ttl", "method", "maddr", "transport"}) {
    if (equals_ignoring_case(name, known)) return true;
  }
  return false;
}

bool equal_sip_params(std::string_view a, std::string_view b) {
  Pair mine, other, first;
  for (std::string_view rest = a; take_pair(rest, ';', mine);) {
    if (find_param(a, mine.name, first) && first.name.data() != mine.name.data()) continue;
    if (find_param(b, mine.name, other)) {
      if (!equal(mine.value, other.value, false)) return false;
    } else if (matters_alone(mine.name)) {
      return false;
    }
  }
  for (std::string_view rest = b; take_pair(rest, ';', other);) {
    if (matters_alone(other.name) && !find_param(a, other.name, mine)) return false;
  }
  return true;
}

size_t count_header(std::string_view headers, const Pair& wanted) {
  size_t count = 0;
  for (Pair header; take_pair(headers, '&', header);) {
    count += equal(header.name, wanted.name, false) && equal(header.value, wanted.value, false);
  }
  return count;
}

bool equal_headers(std::string_view a, std::string_view b) {
  size_t count_a = 0, count_b = 0;
  Pair header;
  for (std::string_view rest = b; take_pair(rest, '&', header);) ++count_b;
  for (std::string_view rest = a; take_pair(rest, '&', header); ++count_a) {
    if (count_header(a, header) != count_header(b, header)) return false;
  }
  return count_a == count_b;
}

bool equal_hosts(const Uri& a, const Uri& b) {
  if (a.host_is_ipv6 != b.host_is_ipv6) return false;
  if (!a.host_is_ipv6) return equals_ignoring_case(a.host, b.host);
  in6_addr x, y;
  return parse_ipv6(a.host, x) && parse_ipv6(b.host, y) && std::memcmp(&x, &y, sizeof x) == 0;
}

void append_lower(std::string& out, std::string_view text) {
  for (char c : text) out.push_back(lower(c));
}

void append_number(std::string& out, std::string_view number) {
  for (char c : number) {
    if (!is_visual_separator(c)) out.push_back(lower(c));
  }
}

// Escapes of unreserved characters undone, the others with capital digits.
void append_user(std::string& out, std::string_view text) {
  for (size_t at = 0; at < text.size(); ++at) {
    if (!escape_at(text, at)) {
      out.push_back(text[at]);
      continue;
    }
    int c = hex_value(text[at + 1]) * 16 + hex_value(text[at + 2]);
    if (is(static_cast<char>(c), kUnreserved)) {
      out.push_back(static_cast<char>(c));
    } else {
      constexpr std::string_view kDigits = "0123456789ABCDEF";
      out.push_back('%');
      out.push_back(kDigits[static_cast<size_t>(c / 16)]);
      out.push_back(kDigits[static_cast<size_t>(c % 16)]);
    }
    at += 2;
  }
}

// A number and its parameters, of which only the phone-context of a local number belongs to the identity.
void append_subscriber(std::string& out, std::string_view number, std::string_view params) {
  append_number(out, number);
  Pair context;
  if (number.starts_with('+') || !find_param(params, "phone-context", context)) return;
  out.append(";phone-context=");
  if (context.value.starts_with('+')) {
    append_number(out, context.value);
  } else {
    append_lower(out, context.value);
  }
}

}  // namespace

absl::StatusOr<Uri> Uri::parse(std::string_view text) {
  if (text.size() > kMaxUri) return bad("URI over 4096 bytes");
  Uri uri;
  uri.text = text;
  std::string_view rest = text;
  size_t colon = rest.find(':');
  if (colon == std::string_view::npos || colon == 0) return bad("URI without a scheme");
  std::string_view scheme = rest.substr(0, colon);
  rest.remove_prefix(colon + 1);
  const char* wrong = nullptr;
  if (equals_ignoring_case(scheme, "sip") || equals_ignoring_case(scheme, "sips")) {
    uri.scheme = scheme.size() == 3 ? Scheme::sip : Scheme::sips;
    wrong = parse_sip(rest, uri);
  } else if (equals_ignoring_case(scheme, "tel")) {
    uri.scheme = Scheme::tel;
    wrong = parse_tel(rest, uri);
  } else {
    if (equals_ignoring_case(scheme, "urn")) uri.scheme = Scheme::urn;
    for (char c : scheme) {
      if (!is(c, kAlnum) && c != '+' && c != '-' && c != '.') return bad("bad URI scheme");
    }
    if (is(scheme.front(), kDigit) || !is(scheme.front(), kAlnum)) return bad("bad URI scheme");
    if (rest.empty()) return bad("URI with nothing after its scheme");
    if (!all(rest, kVisible) || rest.find_first_of("<>\"") != std::string_view::npos)
      return bad("bad character in URI");
    uri.user = rest;
  }
  if (wrong != nullptr) return bad(wrong);
  return uri;
}

bool Uri::has_param(std::string_view name) const {
  Pair found;
  return find_param(params, name, found);
}

std::string_view Uri::param(std::string_view name) const {
  Pair found;
  return find_param(params, name, found) ? found.value : std::string_view{};
}

std::optional<asio::ip::address> Uri::address() const {
  if (host_is_ipv6) {
    in6_addr found;
    if (!parse_ipv6(host, found)) return std::nullopt;
    asio::ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), &found, bytes.size());
    return asio::ip::address_v6(bytes);
  }
  in_addr found;
  if (!parse_ipv4(host, found)) return std::nullopt;
  return asio::ip::address_v4(ntohl(found.s_addr));
}

bool Uri::equals(const Uri& other) const {
  if (scheme != other.scheme) return false;
  switch (scheme) {
    case Scheme::sip:
    case Scheme::sips:
      // An empty password differs from none; both leave the view empty, but only one has a colon before the '@'.
      return equal(user, other.user, true) && equal(password, other.password, true) &&
             (password.data() == nullptr) == (other.password.data() == nullptr) && equal_hosts(*this, other) &&
             port == other.port && equal_sip_params(params, other.params) && equal_headers(headers, other.headers);
    case Scheme::tel:
      return equal_numbers(user, other.user) && equal_tel_params(params, other.params);
    case Scheme::urn:
      if (equals_ignoring_case(user.substr(0, 8), "service:")) return equals_ignoring_case(user, other.user);
      return user == other.user;
    case Scheme::other:
      break;
  }
  size_t colon = text.find(':');
  return equals_ignoring_case(text.substr(0, colon), other.text.substr(0, other.text.find(':'))) && user == other.user;
}

std::string Uri::canonical() const {
  std::string out;
  out.reserve(text.size());
  append_lower(out, text.substr(0, text.find(':') + 1));
  switch (scheme) {
    case Scheme::sip:
    case Scheme::sips:
      break;
    case Scheme::tel:
      append_subscriber(out, user, params);
      return out;
    case Scheme::urn:
      if (equals_ignoring_case(user.substr(0, 8), "service:")) {
        append_lower(out, user.substr(0, user.find_first_of(";?#")));
        return out;
      }
      [[fallthrough]];
    case Scheme::other:
      out.append(user);
      return out;
  }
  if (!user.empty()) {
    std::string_view subscriber_params = user;
    std::string_view number = take_until(subscriber_params, ';');
    if (equals_ignoring_case(param("user"), "phone") && is_number(number)) {
      append_subscriber(out, number, subscriber_params);
    } else {
      append_user(out, user);
    }
    out.push_back('@');
  }
  if (std::optional<asio::ip::address> numeric = address()) {
    out.append(host_text(*numeric));
  } else {
    append_lower(out, host.ends_with('.') ? host.substr(0, host.size() - 1) : host);
  }
  return out;
}

bool uris_equal(std::string_view a, std::string_view b) {
  absl::StatusOr<Uri> x = Uri::parse(a), y = Uri::parse(b);
  return x.ok() && y.ok() && x->equals(*y);
}

std::string unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size(); ++at) {
    if (escape_at(text, at)) {
      out.push_back(static_cast<char>(hex_value(text[at + 1]) * 16 + hex_value(text[at + 2])));
      at += 2;
    } else {
      out.push_back(text[at]);
    }
  }
  return out;
}

std::string host_text(const asio::ip::address& address) {
  if (address.is_v4()) return address.to_string();
  auto bytes = address.to_v6().to_bytes();  // without a zone, which means nothing to others
  char buffer[INET6_ADDRSTRLEN];
  inet_ntop(AF_INET6, bytes.data(), buffer, sizeof buffer);
  return "[" + std::string(buffer) + "]";
}

}  // namespace lapwing::sip
