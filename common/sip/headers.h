// Typed views of header values: each parses one value when somebody asks, and points into the message.
// Every parse returns InvalidArgument with a reason fit for a 400.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/sip/message.h"
#include "common/sip/uri.h"

namespace lapwing::sip {

// ";name=value;flag": the parameters behind a header value. A view; nothing is copied. White space and folds are
// allowed around ';' and '='. A name given twice: the first counts. "name=value;..." without the first ';' is read too
// (P-Charging-Vector).
class Params {
 public:
  Params() = default;
  explicit Params(std::string_view text) : text_(text) {}
  bool has(std::string_view name) const;              // names in any case
  std::string_view get(std::string_view name) const;  // raw value, quotes kept; empty: absent or without value
  std::string unquoted(std::string_view name) const;  // quotes and quoted pairs undone
  std::string_view text() const { return text_; }     // begins with ';' unless empty
  // Takes the first off: {name, raw value}; nullopt at the end. A malformed one yields an empty name, and nothing is
  // left. The separator is ';', or ',' for credentials.
  struct Item {
    std::string_view name, value;
    bool has_value = false;  // "name=" was there
  };
  static std::optional<Item> take(std::string_view& rest, char separator = ';');
  // InvalidArgument when one is malformed or there are more than 64. The parse() functions below have done this.
  absl::Status check() const;

 private:
  std::string_view text_;
};

// From, To, Contact, Route, Record-Route, Path, Service-Route, P-Asserted-Identity, ... (RFC 3261 section 20.10).
// Without <> everything from the first ';' belongs to the header, and '?' is an error (RFC 8217). "*" is an error here.
struct NameAddr {
  std::string_view display;  // raw, quotes kept
  Uri uri;
  Params params;  // header parameters, not the URI's
  bool in_brackets = false;
  static absl::StatusOr<NameAddr> parse(std::string_view value);
  static absl::StatusOr<NameAddr> parse(Temporary auto&& value) = delete;
  std::string_view tag() const { return params.get("tag"); }
};

// A value of Contact in a REGISTER: NameAddr and what the registrar reads (RFC 3261 10.3, RFC 5626).
struct Contact {
  NameAddr address;
  std::optional<uint32_t> expires;  // seconds; a malformed value is as absent
  std::string_view instance;        // "+sip.instance" without quotes, with its <>; empty: none
  std::optional<uint32_t> reg_id;
  uint16_t q = 1000;  // thousandths
  static absl::StatusOr<Contact> parse(std::string_view value);
  static absl::StatusOr<Contact> parse(Temporary auto&& value) = delete;
};

// "SIP/2.0/UDP host:port;branch=..." (RFC 3261 section 20.42).
struct Via {
  std::string_view transport;  // "UDP", "TCP", ... as it came
  std::string_view sent_by;    // host[:port] as it came
  std::string_view host;       // IPv6 without brackets
  bool host_is_ipv6 = false;
  uint16_t port = 0;  // 0: not given
  Params params;
  static absl::StatusOr<Via> parse(std::string_view value);
  static absl::StatusOr<Via> parse(Temporary auto&& value) = delete;
  std::string_view branch() const { return params.get("branch"); }
};

// "314159 INVITE": the number to 2^32-1, leading zeros included.
struct CSeq {
  uint32_t number = 0;
  std::string_view method;
  static absl::StatusOr<CSeq> parse(std::string_view value);
  static absl::StatusOr<CSeq> parse(Temporary auto&& value) = delete;
};

// Digest credentials and challenges (RFC 3261 sections 20.7 and 20.44, RFC 3310): scheme and named parameters.
// A parameter given twice is an error.
// The parameters of a scheme other than Digest are kept unread: has() and get() then find what they can.
struct Credentials {
  std::string_view scheme;       // "Digest"
  std::string_view params_text;  // "name=value, name=value": Params::take(rest, ',') goes through them
  static absl::StatusOr<Credentials> parse(std::string_view value);
  static absl::StatusOr<Credentials> parse(Temporary auto&& value) = delete;
  bool is_digest() const;
  bool has(std::string_view name) const;              // names in any case
  std::string_view raw(std::string_view name) const;  // quotes kept: sees "" where get() sees nothing
  std::string get(std::string_view name) const;       // unquoted; empty: absent or empty
};

// token ;params: Event, Subscription-State, Reason, Security-Client, media types (type "/" subtype in token), and the
// P- headers that have a quoted-string there (kept raw).
struct TokenParams {
  std::string_view token;
  Params params;
  static absl::StatusOr<TokenParams> parse(std::string_view value);
  static absl::StatusOr<TokenParams> parse(Temporary auto&& value) = delete;
  // Is it this token or media type? Any case, whatever white space is around '/'.
  bool is(std::string_view wanted) const;
};

// delta-seconds: digits; over 2^32-1 is 2^32-1; nullopt when it is not a number.
std::optional<uint32_t> parse_seconds(std::string_view value);
// Is the option tag or token among the values of the header (Require, Supported, Allow, ...)? Any case.
bool has_token(const Message& message, HeaderId id, std::string_view token);
// Is the text a token of RFC 3261 section 25.1 (not empty)?
bool is_token(std::string_view text);
// Text as a quoted-string: '"' and '\' escaped, control characters dropped.
std::string quote(std::string_view text);
// The contents of a quoted-string, or the text itself when it is none.
std::string unquote(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b);

}  // namespace lapwing::sip
