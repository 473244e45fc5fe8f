// REGISTER at the I-CSCF (TS 24.229 section 5.3.1, TS 29.228 section 6.1.1): ask the HSS, choose the S-CSCF, forward.
// When the choice is this daemon, its serving role takes over without a SIP hop.
#pragma once

#include "scscf/core.h"

namespace lapwing::scscf {

Task<void> interrogate_register(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction);

}  // namespace lapwing::scscf
