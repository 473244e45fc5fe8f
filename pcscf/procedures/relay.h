// Requests other than REGISTER, in both directions (TS 24.229 sections 5.2.6.3 and 5.2.6.4). The P-CSCF keeps no state
// of a dialog: the token in its Record-Route says whose it is (docs/decisions/0007).
#pragma once

#include "pcscf/core.h"

namespace lapwing::pcscf {

Task<void> from_handset(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction);
Task<void> to_handset(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction);
// The ACK to a 2xx, from either side: it has no transaction. What cannot be forwarded is dropped.
void forward_ack(Core& core, Site& site, const sip::Message& ack, const sip::Flow& flow);

}  // namespace lapwing::pcscf
