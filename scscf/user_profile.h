// The user profile that the HSS sends in User-Data (TS 29.228 Annex B and E, TS 29.229 section 6.3.7), as plain values.
//
//   absl::StatusOr<UserProfile> profile = parse_user_profile(saa.user_data);
//   if (is_barred(*profile, impu)) ...
//
// Once parsed a profile does not change: a push from the HSS makes a new one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

namespace lapwing::scscf {

enum class IdentityType : uint8_t {  // the values of the XML
  distinct_impu = 0,
  distinct_psi = 1,
  wildcarded_psi = 2,
  non_distinct_impu = 3,
  wildcarded_impu = 4,
};

struct PublicIdentity {
  std::string identity = {};   // as the HSS wrote it
  std::string canonical = {};  // sip::Uri::canonical; of a wildcarded identity that is no URI: its text
  bool barred = false;         // it may register, and nothing else
  IdentityType type = IdentityType::distinct_impu;
  std::string wildcard = {};  // the identity with an extended regular expression between two '!'; empty: none
  std::string display_name = {};
  std::string alias_group = {};                    // identities of one group are aliases; empty: none
  std::optional<uint32_t> service_priority = {};   // 0 (highest) to 4
  std::optional<uint32_t> max_registrations = {};  // simultaneous ones
};

enum class SessionCase : uint8_t {  // the values of the XML
  originating = 0,
  terminating_registered = 1,
  terminating_unregistered = 2,
  originating_unregistered = 3,
  originating_cdiv = 4,
};

enum class RegistrationType : uint8_t { initial = 0, re_registration = 1, de_registration = 2 };

// A service point trigger. Patterns are extended regular expressions, not looked into here.
struct Spt {
  struct RequestUri {
    std::string pattern;
  };
  struct Method {
    std::string name;
  };
  struct SipHeader {
    std::string name;                    // a pattern
    std::optional<std::string> content;  // a pattern; absent: the header's presence is enough
  };
  struct SessionDescription {
    std::string line;                    // a pattern
    std::optional<std::string> content;  // a pattern; absent: the line's presence is enough
  };

  std::variant<RequestUri, Method, SipHeader, SessionCase, SessionDescription> condition;
  bool negated = false;
  std::vector<uint32_t> groups = {};                      // one at least; an SPT may be in several
  std::vector<RegistrationType> registration_types = {};  // for REGISTER; empty: all
};

struct TriggerPoint {
  bool cnf = false;            // true: groups are ORs, ANDed together; false: groups are ANDs, ORed together
  std::vector<Spt> spts = {};  // one at least
};

enum class DefaultHandling : uint8_t { session_continued = 0, session_terminated = 1 };

struct ApplicationServer {
  std::string server_name = {};  // a SIP URI
  DefaultHandling default_handling = DefaultHandling::session_continued;
  std::string service_info = {};  // verbatim, white space included; empty: none
  bool include_register_request = false;
  bool include_register_response = false;
};

enum class ProfilePart : uint8_t { registered = 0, unregistered = 1 };

struct InitialFilterCriteria {
  uint32_t priority = 0;                           // 0 is the highest
  std::optional<TriggerPoint> trigger_point = {};  // absent: always matches
  ApplicationServer application_server = {};
  std::optional<ProfilePart> profile_part = {};  // absent: both
};

struct ServiceProfile {
  std::vector<PublicIdentity> identities = {};  // one at least
  std::optional<uint32_t> subscribed_media_profile = {};
  std::vector<std::string> service_ids = {};         // IMS communication services that are authorized
  std::vector<InitialFilterCriteria> criteria = {};  // in the order of the document
  std::vector<uint32_t> shared_ifc_sets = {};
};

struct UserProfile {
  std::string impi = {};
  std::vector<ServiceProfile> service_profiles = {};  // one at least
};

struct ProfileLimits {
  size_t bytes = 1024 * 1024;
  size_t depth = 32;
  // In the whole profile:
  size_t identities = 1000;
  size_t criteria = 1000;
  size_t spts = 1000;
  size_t groups = 100;  // of one SPT
};

// Elements unknown here are passed over and the order of elements is free, so that profiles of later releases and of
// careless HSSs are read. An identity that stands twice in a service profile is kept once.
// Errors, each naming the element: ResourceExhausted when a limit is passed (Cx: 5008 ERROR_TOO_MUCH_DATA),
// InvalidArgument for all else (5009 ERROR_NOT_SUPPORTED_USER_DATA).
absl::StatusOr<UserProfile> parse_user_profile(std::string_view xml, const ProfileLimits& limits = {});

// The pointers below are into the profile.
//
// The implicit registration set: the public user identities in the profile's order, barred ones included, public
// service identities left out.
std::vector<const PublicIdentity*> implicit_set(const UserProfile& profile);
// The first that is neither barred nor wildcarded (TS 24.229 section 5.4.1.2.2F); null: there is none.
const PublicIdentity* default_impu(const UserProfile& profile);
// By canonical form; a wildcard is not expanded. Null: not in this profile, or not a URI.
const PublicIdentity* find_identity(const UserProfile& profile, std::string_view impu);
const ServiceProfile* find_service_profile(const UserProfile& profile, std::string_view impu);
// False also for an identity that is not in this profile.
bool is_barred(const UserProfile& profile, std::string_view impu);

}  // namespace lapwing::scscf
