// SIP, SIPS, tel and URN URIs (RFC 3261 section 19.1, RFC 3966, RFC 8141), as views into the text they were parsed
// from.
//
//   absl::StatusOr<Uri> uri = Uri::parse("sip:alice@ims.example.org;user=phone");
//   uri->user == "alice"; uri->host == "ims.example.org"; uri->param("user") == "phone"
// Beyond the grammar, since handsets send it: '#' in the user, a host of digits ("sip:0398765432100") and a local
// telephone number without phone-context ("tel:0398765432100").
#pragma once

#include <asio/ip/address.hpp>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "absl/status/statusor.h"

namespace lapwing::sip {

// A text that goes at the end of the statement: what is parsed from it would point into nothing.
template <typename T>
concept Temporary = std::same_as<std::remove_cv_t<T>, std::string>;

enum class Scheme : uint8_t { sip, sips, tel, urn, other };

struct Uri {
  Scheme scheme = Scheme::other;
  std::string_view text;  // all of it, as it came
  std::string_view
      user;  // sip: raw (escapes kept); tel: the number with its separators; urn, other: all after the scheme
  std::string_view password;
  std::string_view host;  // a name or an address; IPv6 without brackets
  bool host_is_ipv6 = false;
  uint16_t port = 0;         // 0: not given
  std::string_view params;   // after the first ';', without it: "lr;transport=udp"
  std::string_view headers;  // after '?', without it

  // InvalidArgument with the reason, fit for a 400's Warning; also over 4096 bytes, 64 parameters or 64 headers, and
  // for lr, transport, user, method, ttl, maddr, or any parameter of a tel URI, given twice. Of other parameters given
  // twice the first counts.
  static absl::StatusOr<Uri> parse(std::string_view text);
  static absl::StatusOr<Uri> parse(Temporary auto&& text) = delete;

  bool has_param(std::string_view name) const;          // names in any case
  std::string_view param(std::string_view name) const;  // empty: absent or without value
  bool is_sip() const { return scheme == Scheme::sip || scheme == Scheme::sips; }
  std::optional<asio::ip::address> address() const;  // when the host is numeric
  // RFC 3261 section 19.1.4, RFC 3966 section 5 for tel, RFC 5954 for IPv6; urn:service case-insensitively.
  bool equals(const Uri& other) const;
  // The form under which an identity is kept and found: no password, parameters, port and headers; lower-case host;
  // escapes of unreserved characters undone; tel without visual separators (a local number keeps its phone-context).
  std::string canonical() const;
};

// Both must parse, else false.
bool uris_equal(std::string_view a, std::string_view b);
// %HH undone once; a bad escape is kept as it is.
std::string unescape(std::string_view text);
// The address with brackets when it is IPv6, lower case, as RFC 5952 writes it.
std::string host_text(const asio::ip::address& address);

}  // namespace lapwing::sip
