#include "common/sip/headers.h"

#include "absl/container/inlined_vector.h"

#include "common/sip/grammar.h"

namespace lapwing::sip {
namespace {

using namespace grammar;

constexpr size_t kMaxParams = 64;

absl::Status bad(const char* why) {
  return absl::InvalidArgumentError(why);
}

// Params::take. Inline, for checking a message is mostly this. False: nothing is left.
inline bool take_item(std::string_view& rest, char separator, Params::Item& item) {
  const char *at = rest.data(), *const end = at + rest.size();
  auto skip = [&at, end] {
    while (at < end && is(*at, kSpace)) ++at;
  };
  auto text = [&at](const char* start) { return std::string_view(start, static_cast<size_t>(at - start)); };
  item = {};
  skip();
  if (at < end && *at == separator) {
    ++at;
    skip();
  } else if (at == end) {
    rest = {};
    return false;
  }
  const char* start = at;
  while (at < end && is(*at, kToken)) ++at;
  item.name = text(start);
  skip();
  bool sound = !item.name.empty();
  if (sound && at < end && *at == '=') {
    ++at;
    item.has_value = true;
    skip();
    start = at;
    if (at < end && *at == '"') {
      std::string_view tail(at, static_cast<size_t>(end - at));
      sound = take_quoted(tail, item.value);
      at = tail.data();
    } else {
      // Between commas a ';' belongs to the value (uri=sip:a;lr); so does '=' anywhere (base64).
      while (at < end && (is(*at, kValue) || (*at == ';' && separator != ';'))) ++at;
      item.value = text(start);
      sound = separator == ';' || !item.value.empty();
    }
    skip();
  }
  // A separator with nothing behind it is a malformed parameter too: it is left for the next call to find.
  if (!sound || (at < end && *at != separator)) {
    item = {};
    at = end;
  }
  rest = std::string_view(at, static_cast<size_t>(end - at));
  return true;
}

bool is_quoted(std::string_view text) {
  return text.size() >= 2 && text.front() == '"' && text.back() == '"';
}

// Checks params as NameAddr, Via and the like have them: well-formed, not more than 64, no doubled `once`.
const char* check_params(std::string_view rest, std::string_view once) {
  size_t count = 0;
  bool seen = false;
  skip_space(rest);
  if (!rest.empty() && rest.front() != ';') return "bad character before the parameters";
  for (Params::Item item; take_item(rest, ';', item);) {
    if (item.name.empty()) return "malformed parameter";
    if (++count > kMaxParams) return "more than 64 parameters";
    if (once.empty() || !equals_ignoring_case(item.name, once)) continue;
    if (seen) return "parameter given twice";
    seen = true;
  }
  return nullptr;
}

// "?" outside quotes: where it was meant for a URI that should have stood in <>.
bool has_question_mark(std::string_view params) {
  while (std::optional<Params::Item> item = Params::take(params)) {
    if (!is_quoted(item->value) && item->value.find('?') != std::string_view::npos) return true;
  }
  return false;
}

uint16_t parse_q(std::string_view text) {
  if (text.empty() || (text[0] != '0' && text[0] != '1')) return 1000;
  uint16_t value = text[0] == '1' ? 1000 : 0;
  text.remove_prefix(1);
  if (text.empty()) return value;
  if (!take(text, '.') || text.size() > 3) return 1000;
  uint16_t place = 100;
  for (char c : text) {
    if (!is(c, kDigit)) return 1000;
    value = static_cast<uint16_t>(value + (c - '0') * place);
    place /= 10;
  }
  return value > 1000 ? 1000 : value;
}

std::optional<Params::Item> find_param(std::string_view rest, std::string_view name, char separator) {
  while (std::optional<Params::Item> item = Params::take(rest, separator)) {
    if (!item->name.empty() && equals_ignoring_case(item->name, name)) return item;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Params::Item> Params::take(std::string_view& rest, char separator) {
  Item item;
  if (!take_item(rest, separator, item)) return std::nullopt;
  return item;
}

bool Params::has(std::string_view name) const {
  return find_param(text_, name, ';').has_value();
}

std::string_view Params::get(std::string_view name) const {
  std::optional<Item> found = find_param(text_, name, ';');
  return found ? found->value : std::string_view{};
}

std::string Params::unquoted(std::string_view name) const {
  return unquote(get(name));
}

absl::Status Params::check() const {
  size_t count = 0;
  std::string_view rest = text_;
  while (std::optional<Item> item = take(rest)) {
    if (item->name.empty()) return bad("malformed parameter");
    if (++count > kMaxParams) return bad("more than 64 parameters");
  }
  return absl::OkStatus();
}

absl::StatusOr<NameAddr> NameAddr::parse(std::string_view value) {
  NameAddr out;
  std::string_view rest = trim(value), start = rest;
  if (rest.starts_with('"')) {
    if (!take_quoted(rest, out.display)) return bad("unterminated quoted string");
    skip_space(rest);
    if (rest.empty() || rest.front() != '<') return bad("no < after the display name");
  } else {
    // Tokens and white space; UTF-8 is not legal without quotes, but people have names.
    while (!rest.empty() && (is(rest.front(), kToken | kSpace) || static_cast<uint8_t>(rest.front()) >= 0x80)) {
      rest.remove_prefix(1);
    }
    if (rest.starts_with('<')) {
      out.display = trim(start.substr(0, start.size() - rest.size()));
    } else {
      rest = start;
    }
  }
  std::string_view addr;
  if (take(rest, '<')) {
    out.in_brackets = true;
    size_t end = rest.find('>');
    if (end == std::string_view::npos) return bad("no > after the URI");
    addr = rest.substr(0, end);
    rest.remove_prefix(end + 1);
  } else {
    addr = rest.substr(0, rest.find_first_of("; \t\r\n"));
    rest.remove_prefix(addr.size());
    if (addr.find_first_of("?,") != std::string_view::npos) return bad("URI with ? or , outside <>");
  }
  absl::StatusOr<Uri> uri = Uri::parse(addr);
  if (!uri.ok()) return uri.status();
  out.uri = *uri;
  skip_space(rest);
  if (const char* wrong = check_params(rest, "tag")) return bad(wrong);
  if (!out.in_brackets && has_question_mark(rest)) return bad("URI with ? outside <>");
  out.params = Params(rest);
  return out;
}

absl::StatusOr<Contact> Contact::parse(std::string_view value) {
  absl::StatusOr<NameAddr> address = NameAddr::parse(value);
  if (!address.ok()) return address.status();
  Contact out;
  out.address = *address;
  out.expires = parse_seconds(address->params.get("expires"));
  out.instance = address->params.get("+sip.instance");
  if (is_quoted(out.instance)) out.instance = out.instance.substr(1, out.instance.size() - 2);
  out.reg_id = number(address->params.get("reg-id"));
  out.q = parse_q(address->params.get("q"));
  return out;
}

absl::StatusOr<Via> Via::parse(std::string_view value) {
  Via out;
  std::string_view rest = trim(value);
  if (!equals_ignoring_case(take_run(rest, kToken), "SIP")) return bad("Via of another protocol");
  skip_space(rest);
  if (!take(rest, '/')) return bad("malformed protocol in Via");
  skip_space(rest);
  if (take_run(rest, kToken) != "2.0") return bad("Via of another SIP version");
  skip_space(rest);
  if (!take(rest, '/')) return bad("malformed protocol in Via");
  skip_space(rest);
  out.transport = take_run(rest, kToken);
  if (out.transport.empty() || rest.empty() || !is(rest.front(), kSpace)) return bad("malformed protocol in Via");
  skip_space(rest);
  std::string_view start = rest;
  HostPort where;
  if (const char* wrong = take_host_port(rest, true, where)) return bad(wrong);
  out.host = where.host;
  out.host_is_ipv6 = where.is_ipv6;
  out.port = where.port;
  out.sent_by = start.substr(0, start.size() - rest.size());
  skip_space(rest);
  if (const char* wrong = check_params(rest, "branch")) return bad(wrong);
  out.params = Params(rest);
  return out;
}

absl::StatusOr<CSeq> CSeq::parse(std::string_view value) {
  CSeq out;
  std::string_view rest = trim(value);
  std::optional<uint32_t> sequence = grammar::number(take_run(rest, kDigit));
  if (!sequence) return bad("bad number in CSeq");
  if (rest.empty() || !is(rest.front(), kSpace)) return bad("malformed CSeq");
  skip_space(rest);
  if (!is_token(rest)) return bad("bad method in CSeq");
  out.number = *sequence;
  out.method = rest;
  return out;
}

absl::StatusOr<Credentials> Credentials::parse(std::string_view value) {
  Credentials out;
  std::string_view rest = trim(value);
  out.scheme = take_run(rest, kToken);
  if (out.scheme.empty() || rest.empty() || !is(rest.front(), kSpace)) return bad("credentials without a scheme");
  skip_space(rest);
  out.params_text = rest;
  if (!out.is_digest()) return out;
  if (rest.starts_with(',')) return bad("malformed parameter in credentials");
  absl::InlinedVector<std::string_view, kMaxParams> names;
  for (Params::Item item; take_item(rest, ',', item);) {
    if (item.name.empty() || !item.has_value) return bad("malformed parameter in credentials");
    if (names.size() == kMaxParams) return bad("more than 64 parameters in credentials");
    for (std::string_view name : names) {
      if (equals_ignoring_case(name, item.name)) return bad("parameter given twice in credentials");
    }
    names.push_back(item.name);
  }
  return out;
}

bool Credentials::is_digest() const {
  return equals_ignoring_case(scheme, "Digest");
}

bool Credentials::has(std::string_view name) const {
  return find_param(params_text, name, ',').has_value();
}

std::string_view Credentials::raw(std::string_view name) const {
  std::optional<Params::Item> found = find_param(params_text, name, ',');
  return found ? found->value : std::string_view{};
}

std::string Credentials::get(std::string_view name) const {
  return unquote(raw(name));
}

absl::StatusOr<TokenParams> TokenParams::parse(std::string_view value) {
  TokenParams out;
  std::string_view rest = trim(value), start = rest;
  if (rest.starts_with('"')) {
    if (!take_quoted(rest, out.token)) return bad("unterminated quoted string");
  } else {
    if (take_run(rest, kToken).empty()) return bad("no token");
    out.token = start.substr(0, start.size() - rest.size());
    skip_space(rest);
    if (take(rest, '/')) {
      skip_space(rest);
      if (take_run(rest, kToken).empty()) return bad("no token after /");
      out.token = start.substr(0, start.size() - rest.size());
    }
  }
  skip_space(rest);
  if (const char* wrong = check_params(rest, {})) return bad(wrong);
  out.params = Params(rest);
  return out;
}

bool TokenParams::is(std::string_view wanted) const {
  size_t at = 0;
  for (char c : token) {
    if (grammar::is(c, kSpace)) continue;
    if (at == wanted.size() || lower(c) != lower(wanted[at])) return false;
    ++at;
  }
  return at == wanted.size();
}

std::optional<uint32_t> parse_seconds(std::string_view value) {
  value = trim(value);
  if (value.empty() || !all(value, kDigit)) return std::nullopt;
  return number(value).value_or(UINT32_MAX);
}

bool has_token(const Message& message, HeaderId id, std::string_view token) {
  for (std::string_view value : message.values(id)) {
    if (equals_ignoring_case(trim(value.substr(0, value.find(';'))), token)) return true;
  }
  return false;
}

bool is_token(std::string_view text) {
  return !text.empty() && all(text, kToken);
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  out.reserve(text.size() + 2);
  for (char c : text) {
    if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) continue;
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
  return out;
}

std::string unquote(std::string_view text) {
  text = trim(text);
  if (!is_quoted(text)) return std::string(text);
  std::string_view inner = text.substr(1, text.size() - 2);
  std::string out;
  out.reserve(inner.size());
  for (size_t at = 0; at < inner.size(); ++at) {
    char c = inner[at];
    if (c == '\\' && at + 1 < inner.size()) {
      out.push_back(inner[++at]);
    } else if (c == '\r' || c == '\n') {
      // A fold is one space, with the white space before and behind it.
      while (!out.empty() && is(out.back(), kSpace)) out.pop_back();
      while (at + 1 < inner.size() && is(inner[at + 1], kSpace)) ++at;
      out.push_back(' ');
    } else {
      out.push_back(c);
    }
  }
  return out;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

}  // namespace lapwing::sip
