// The P-CSCF's own subscription to the reg event of a handset, and what it is told (TS 24.229 sections 5.2.3
// and 5.2.5.2, RFC 3680, RFC 6665): deregistration by the network reaches the P-CSCF no other way.
#pragma once

#include "pcscf/core.h"

namespace lapwing::pcscf {

// SUBSCRIBE after the first 200, refreshed while the handset is registered. Ends with the registration.
Task<void> subscribe_reg(Core& core, Site& site, std::shared_ptr<Handset> handset);

// A NOTIFY that is for us: answers it, and removes identities, contact and sets as it says.
Task<void> notified(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction);

}  // namespace lapwing::pcscf
