// REGISTER at the S-CSCF (TS 24.229 section 5.4.1): initial registration, answers to challenges, re-registration,
// deregistration and the query of bindings.
#pragma once

#include "scscf/procedures/register_request.h"

namespace lapwing::scscf {

Task<Outcome> register_(Core& core, Site& site, SharedRegisterRequest request);

}  // namespace lapwing::scscf
