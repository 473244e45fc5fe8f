// The originating side (TS 24.229 section 5.4.3.2): a request of a user registered here, which came by the
// Service-Route that the registration gave (`sip:orig@...`).
#pragma once

#include "scscf/core.h"

namespace lapwing::scscf {

Task<void> originate(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction);

}  // namespace lapwing::scscf
