// REGISTER at the P-CSCF (TS 24.229 section 5.2.2, TS 33.203 section 7): security agreement with the handset, the
// request to the core, the challenge with its security associations, and the binding at the end.
#pragma once

#include "pcscf/core.h"

namespace lapwing::pcscf {

Task<void> register_(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction);

}  // namespace lapwing::pcscf
