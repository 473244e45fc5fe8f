// P-CSCF restoration by the HSS (TS 23.380 section 5.4, TS 29.228 section 6.1.2): when the P-CSCF of a called user is
// down, the HSS is told, which has the user's MME bring the handset to a new registration through another P-CSCF.
// Without it the user cannot be called until the handset registers again of its own. Of users with one contact.
#pragma once

#include "scscf/core.h"

namespace lapwing::scscf {

// The P-CSCF of the contact does not answer, and the HSS has the feature cx::pcscf_restoration. True: the HSS has taken
// it on, or somebody else's call has brought that about, and the contact is not registered any more. False: all is as
// it was.
Task<bool> restore_pcscf(Core& core, Site& site, std::string impi, Identity impu, Binding contact);

}  // namespace lapwing::scscf
