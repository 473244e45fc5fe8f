// Requests other than REGISTER and their responses through the P-CSCF (TS 24.229 sections 5.2.6 and 5.2.6.4): from a
// registered handset to the core, and from the core to a handset.
#pragma once

#include "pcscf/core.h"

namespace lapwing::pcscf {

Task<void> from_handset(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction);
Task<void> to_handset(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction);

}  // namespace lapwing::pcscf
