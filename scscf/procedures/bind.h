// Binding contacts after a successful authentication, and refreshing them without one (TS 24.229 sections 5.4.1.2.2 and
// 5.4.1.2.2F): SAR, profile, implicit registration set, contacts, the 200.
#pragma once

#include "scscf/procedures/register_request.h"

namespace lapwing::scscf {

// The caller holds the user's turn. authenticated: an answer to a challenge has just been right.
Task<Outcome> bind(Core& core, Site& site, SharedRegisterRequest request, bool authenticated);

// The 200 for the identity: Path, all contacts with their expiry, Service-Route, P-Associated-URI, P-Charging-Vector.
Outcome registered_response(Core& core, const RegisterRequest& request, const Registration& registration);

}  // namespace lapwing::scscf
