// REGISTER at the I-CSCF (TS 24.229 section 5.3.1, TS 29.228 section 6.1.1): ask the HSS, choose the S-CSCF, forward.
// When the choice is this daemon, its serving role takes over without a SIP hop.
#pragma once

#include "scscf/core.h"

namespace lapwing::scscf {

// Do two names of S-CSCFs mean the same one?
bool same_server(std::string_view a, std::string_view b);
// Among `servers`; null: not there.
const OtherServer* find_server(const Core& core, std::string_view name);

Task<void> interrogate_register(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction);

}  // namespace lapwing::scscf
