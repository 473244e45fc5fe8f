// What a user waits for: the answer to its challenge (reg-await-auth, TS 24.229 section 5.4.1.2.1), the refresh of its
// contacts (section 5.4.1.4). One alarm of the user stands behind all of them.
#pragma once

#include "scscf/core.h"

namespace lapwing::scscf {

// Sets the user's alarm for the earliest of its deadlines. Call after a change of its challenge or contacts.
void watch_deadlines(Core& core, Site& site, const std::string& impi);

}  // namespace lapwing::scscf
