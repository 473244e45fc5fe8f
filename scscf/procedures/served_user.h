// A user whom this S-CSCF serves, as a procedure finds it registered.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "scscf/core.h"

namespace lapwing::scscf {

struct ServedUser {
  std::string impi;
  Identity identity;
  std::string other_identity;     // of the same set: a tel URI to a SIP URI, or the other way round; empty: none
  std::vector<Binding> contacts;  // of every device, of all IMPIs that share the identity
  std::shared_ptr<const FilterCriteria> services;
  std::shared_ptr<const ServiceProfile> profile = nullptr;  // null: not registered
  std::string charging = {};                                // see charging.h; empty: none
  uint32_t hss_features = 0;                                // see User
};

// nullopt: not registered here.
std::optional<ServedUser> find_served_user(Core& core, const std::string& canonical);
// Its services from the beginning.
Services services_of(const ServedUser& user, SessionCase session_case);
// The party of a call is this user.
void note_user(Party& party, const ServedUser& user);

// The first P-Asserted-Identity that can be read; points into the request. nullopt: there is none.
std::optional<sip::Uri> asserted_identity(const sip::Message& request);

}  // namespace lapwing::scscf
