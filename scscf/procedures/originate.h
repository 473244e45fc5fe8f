// The originating side (TS 24.229 section 5.4.3.2): a request of a user registered here, which came by the
// Service-Route that the registration gave (`sip:orig@...`); and one that an application server makes in a user's name,
// which comes by a Route to us with the parameter `orig` (section 5.7.3).
#pragma once

#include "scscf/core.h"

namespace lapwing::scscf {

enum class Origin : uint8_t { handset, application_server };

Task<void> originate(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction, Origin origin);

}  // namespace lapwing::scscf
