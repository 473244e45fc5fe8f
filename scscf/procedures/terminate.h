// The terminating side (TS 24.229 section 5.4.3.3), and finding it: a request for a user registered here goes to the
// user's contacts; for another the interrogating role asks the HSS which S-CSCF serves the user (section 5.3.2).
#pragma once

#include "scscf/procedures/passage.h"

namespace lapwing::scscf {

Task<void> terminate(Core& core, Site& site, Passage passage);
// To the contacts of this user (a canonical identity), whose services it has passed through.
Task<void> terminate_at(Core& core, Site& site, Passage passage, std::string user);
// A request that came for one of our users from elsewhere.
Task<void> terminate(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction);

}  // namespace lapwing::scscf
