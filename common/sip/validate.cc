#include "common/sip/validate.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "common/sip/chars.h"
#include "common/sip/headers.h"

namespace lapwing::sip {
namespace {

Verdict bad(HeaderId id, const absl::Status& why) {
  std::string_view name = header_name(id);
  return {400, absl::StrCat(absl::string_view(name.data(), name.size()), ": ", why.message()), {}};
}

Verdict bad(HeaderId id, const char* why) {
  return bad(id, absl::InvalidArgumentError(why));
}

Verdict check_request_uri(const Message& request) {
  absl::StatusOr<Uri> uri = Uri::parse(request.request_uri());
  if (!uri.ok()) return {400, absl::StrCat("Request-URI: ", uri.status().message()), {}};
  if (uri->scheme == Scheme::other) return {416, "Request-URI of an unknown scheme", {}};
  if (!uri->headers.empty()) return {400, "Request-URI with headers", {}};
  return {};
}

Verdict check_via(const Message& message) {
  absl::StatusOr<Via> via = Via::parse(message.values(HeaderId::via).front());
  if (!via.ok()) return bad(HeaderId::via, via.status());
  if (chars::same_ignoring_case(via->branch(), "z9hG4bK")) return bad(HeaderId::via, "branch is only the magic cookie");
  return {};
}

Verdict check_ends(const Message& message) {
  for (HeaderId id : {HeaderId::from, HeaderId::to}) {
    absl::StatusOr<NameAddr> end = NameAddr::parse(message.header(id));
    if (!end.ok()) return bad(id, end.status());
  }
  return {};
}

Verdict check_contacts(const Message& request) {
  size_t values = 0;
  bool star = false;
  for (std::string_view value : request.values(HeaderId::contact)) {
    ++values;
    if (value == "*") {
      star = true;
      continue;
    }
    // Nothing that Contact::parse reads beyond this can be wrong.
    absl::StatusOr<NameAddr> contact = NameAddr::parse(value);
    if (!contact.ok()) return bad(HeaderId::contact, contact.status());
  }
  if (!star) return {};
  if (request.method() != Method::register_) return bad(HeaderId::contact, "\"*\" outside a REGISTER");
  if (values != 1) return bad(HeaderId::contact, "\"*\" beside other values");
  if (parse_seconds(request.header(HeaderId::expires)) != 0u) return bad(HeaderId::contact, "\"*\" without Expires 0");
  return {};
}

Verdict check_routes(const Message& request) {
  for (std::string_view value : request.values(HeaderId::route)) {
    absl::StatusOr<NameAddr> route = NameAddr::parse(value);
    if (!route.ok()) return bad(HeaderId::route, route.status());
    if (!route->in_brackets) return bad(HeaderId::route, "URI outside <>");
  }
  return {};
}

Verdict check_credentials(const Message& request) {
  for (HeaderId id : {HeaderId::authorization, HeaderId::proxy_authorization}) {
    if (!request.has(id)) continue;
    for (const HeaderRow& row : request.rows()) {
      if (row.id != id) continue;
      absl::StatusOr<Credentials> credentials = Credentials::parse(request.value(row));
      if (!credentials.ok()) return bad(id, credentials.status());
    }
  }
  return {};
}

bool is_one_host(const asio::ip::address& address) {
  return !address.is_multicast() && !(address.is_v4() && address.to_v4() == asio::ip::address_v4::broadcast());
}

}  // namespace

Verdict validate_request(const Message& request) {
  for (auto* check : {check_request_uri, check_via, check_ends, check_contacts, check_routes, check_credentials}) {
    if (Verdict verdict = check(request); !verdict.ok()) return verdict;
  }
  return {};
}

Verdict validate_response(const Message& response) {
  if (Verdict verdict = check_via(response); !verdict.ok()) return verdict;
  ValueRange vias = response.values(HeaderId::via);
  if (ValueRange::Iterator second = ++vias.begin(); !(second == vias.end())) {
    absl::StatusOr<Via> via = Via::parse(*second);
    if (!via.ok()) return bad(HeaderId::via, via.status());
    asio::error_code error;
    asio::ip::address address = asio::ip::make_address(std::string(via->host), error);
    if (!error && !is_one_host(address)) return bad(HeaderId::via, "the next hop is a broadcast or multicast address");
  }
  return check_ends(response);
}

Verdict check_forwarding(const Message& request, std::span<const std::string_view> supported) {
  if (max_forwards(request) == 0) return {483, "Max-Forwards is used up", {}};
  std::string unsupported = unsupported_options(request, HeaderId::proxy_require, supported);
  if (!unsupported.empty()) return {420, "Proxy-Require names an unknown option", std::move(unsupported)};
  return {};
}

std::string unsupported_options(const Message& request, HeaderId id, std::span<const std::string_view> supported) {
  std::string unsupported;
  for (std::string_view option : request.values(id)) {
    bool known = std::any_of(supported.begin(), supported.end(),
                             [option](std::string_view each) { return chars::same_ignoring_case(each, option); });
    if (!known) unsupported.append(unsupported.empty() ? "" : ", ").append(option);
  }
  return unsupported;
}

int max_forwards(const Message& request) {
  std::string_view value = request.header(HeaderId::max_forwards);
  int hops = 70;
  std::from_chars(value.data(), value.data() + value.size(), hops);
  return hops;
}

}  // namespace lapwing::sip
