// A user who is served without being registered: the profile comes from the HSS by SAR with UNREGISTERED_USER
// (TS 24.229 sections 5.4.3.2 and 5.4.3.3, TS 29.228 section 6.1.2).
#pragma once

#include <variant>

#include "scscf/procedures/served_user.h"

namespace lapwing::scscf {

// identity: canonical. wildcard: the wildcarded identity that it belongs to, or empty. Outcome: the HSS does not let
// us, and what to answer.
Task<std::variant<ServedUser, Outcome>> unregistered_user(Core& core, Site& site, std::string identity,
                                                          std::string wildcard);

// The HSS is told that users are no longer served whom nobody called for a while. To be called now and then.
void release_unregistered(Core& core, Site& site);

}  // namespace lapwing::scscf
