// The body of a NOTIFY of the reg event package, application/reginfo+xml (RFC 3680, with the GRUU elements of RFC
// 5628): the S-CSCF writes it, the P-CSCF and handsets read it.
//
//   std::string body = reginfo::write(info);
//   absl::StatusOr<reginfo::RegInfo> info = reginfo::parse(message.body());
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace lapwing::reginfo {

enum class RegistrationState : uint8_t { init, active, terminated };
enum class ContactState : uint8_t { active, terminated };
enum class ContactEvent : uint8_t {
  // with ContactState::active
  registered,  // by its own REGISTER
  created,     // by the REGISTER of another identity of the implicit set
  refreshed,
  shortened,  // the network wants a new authentication soon
  // with ContactState::terminated
  expired,
  deactivated,  // register again
  probation,    // register again after retry_after
  unregistered,
  rejected,  // do not register again
};

struct TempGruu {
  std::string uri;
  uint32_t first_cseq = 0;
  bool operator==(const TempGruu&) const = default;
};

struct Contact {
  std::string id = {};
  ContactState state = ContactState::active;
  ContactEvent event = ContactEvent::registered;
  std::optional<uint32_t> expires = {};      // seconds left
  std::optional<uint32_t> retry_after = {};  // seconds; with probation
  std::string q = {};                        // "0.8"; empty: not given
  std::string callid = {};                   // of the last REGISTER; empty: not given
  std::optional<uint32_t> cseq = {};         // likewise
  std::string display_name = {};             // without quotes; empty: none
  std::string uri = {};
  // The other parameters of the Contact, in order, a value as it stood there, its quotes included:
  // {"+sip.instance", "\"<urn:gsma:imei:35000000-000001-0>\""}, {"+g.3gpp.smsip", ""}.
  std::vector<std::pair<std::string, std::string>> unknown_params = {};
  std::optional<std::string> pub_gruu = {};
  std::optional<TempGruu> temp_gruu = {};
  bool operator==(const Contact&) const = default;
};

struct Registration {
  std::string aor = {};
  std::string id = {};
  RegistrationState state = RegistrationState::active;
  std::vector<Contact> contacts = {};
  bool operator==(const Registration&) const = default;
};

struct RegInfo {
  uint32_t version = 0;  // 0 in the first NOTIFY of a subscription, one more in each that follows
  bool full = true;
  std::vector<Registration> registrations = {};
  bool operator==(const RegInfo&) const = default;
};

struct Limits {
  size_t bytes = 256 * 1024;
  size_t registrations = 1000;
  size_t contacts = 1000;  // in the whole document
  size_t params = 100;     // unknown-param elements of one contact
};

// Valid by the schema of RFC 3680 section 5.4, on few bytes since the body should fit a datagram. "q" and "expires" are
// attributes and are left out of unknown_params, as strict handsets want it.
std::string write(const RegInfo& info);

// Elements and attributes unknown here, and whatever is of another namespace, are passed over; the order of elements is
// free; a document without any namespace is taken for RFC 3680's. A time beyond 32 bits becomes the largest.
// Errors: ResourceExhausted when a limit is passed, InvalidArgument for all else; the message names the element.
absl::StatusOr<RegInfo> parse(std::string_view xml, const Limits& limits = {});

std::string_view name_of(RegistrationState state);
std::string_view name_of(ContactState state);
std::string_view name_of(ContactEvent event);

}  // namespace lapwing::reginfo
