// The user profile that the HSS sends in User-Data (TS 29.228 Annex B and E, TS 29.229 section 6.3.7), as plain values.
//
//   absl::StatusOr<UserProfile> profile = parse_user_profile(saa.user_data);
//   if (is_barred(*profile, impu)) ...
//
// Once parsed a profile does not change: a push from the HSS makes a new one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "common/runtime/text.h"
#include "scscf/ifc/criteria.h"

namespace lapwing::scscf {

class FilterCriteria;

enum class IdentityType : uint8_t {  // the values of the XML
  distinct_impu = 0,
  distinct_psi = 1,
  wildcarded_psi = 2,
  non_distinct_impu = 3,
  wildcarded_impu = 4,
};

// What few identities have.
struct IdentityDetails {
  std::string wildcard = {};  // the identity with an extended regular expression between two '!'; empty: none
  std::string display_name = {};
  std::string alias_group = {};                    // identities of one group are aliases; empty: none
  std::optional<uint32_t> service_priority = {};   // 0 (highest) to 4
  std::optional<uint32_t> max_registrations = {};  // simultaneous ones
  bool operator==(const IdentityDetails&) const = default;
};

struct PublicIdentity {
  Text identity = {};   // as the HSS wrote it
  Text canonical = {};  // sip::Uri::canonical; of a wildcarded identity that is no URI: its text
  bool barred = false;  // it may register, and nothing else
  IdentityType type = IdentityType::distinct_impu;
  std::shared_ptr<const IdentityDetails> details = nullptr;  // null: none of them
  const IdentityDetails& more() const;
};

struct ServiceProfile {
  std::vector<PublicIdentity> identities = {};  // one at least
  std::optional<uint32_t> subscribed_media_profile = {};
  std::vector<std::string> service_ids = {};         // IMS communication services that are authorized
  std::vector<InitialFilterCriteria> criteria = {};  // in the order of the document
  std::vector<uint32_t> shared_ifc_sets = {};
  // What Profiles::read() makes of the last two, which are empty then; null before.
  std::shared_ptr<const FilterCriteria> services = nullptr;
};

struct UserProfile {
  Text impi = {};
  uint32_t read_under = 0;                            // the configuration of Profiles that made it
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

// A single InitialFilterCriteria element. Errors likewise.
absl::StatusOr<InitialFilterCriteria> parse_filter_criteria(std::string_view xml, const ProfileLimits& limits = {});

// The pointers below are into the profile.
//
// The implicit registration set: the public user identities in the profile's order, barred ones included, public
// service identities left out.
std::vector<const PublicIdentity*> implicit_set(const UserProfile& profile);
// The first of it that fits; null: none.
const PublicIdentity* first_in_set(const UserProfile& profile,
                                   absl::FunctionRef<bool(const PublicIdentity& identity)> fits);
// The first that is neither barred nor wildcarded (TS 24.229 section 5.4.1.2.2F); null: there is none.
const PublicIdentity* default_impu(const UserProfile& profile);
// By canonical form; a wildcard is not expanded. Null: not in this profile, or not a URI.
const PublicIdentity* find_identity(const UserProfile& profile, std::string_view impu);
const ServiceProfile* find_service_profile(const UserProfile& profile, std::string_view impu);
// Likewise by an identity's canonical form, wildcarded identities included that it matches.
const ServiceProfile* service_profile_of(const UserProfile& profile, std::string_view canonical);
// Is the identity one of those that a wildcarded identity stands for ("sip:room!.*!@example.org": a regular expression
// between two '!', TS 23.003 section 13.5)?
bool wildcard_matches(const PublicIdentity& identity, std::string_view canonical);
// False also for an identity that is not in this profile.
bool is_barred(const UserProfile& profile, std::string_view impu);

}  // namespace lapwing::scscf
