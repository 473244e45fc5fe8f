// Requests in a dialog that we put ourselves into by Record-Route (TS 24.229 sections 5.4.3.2 and 5.4.3.3): they go by
// their own headers, and the call they belong to is kept up to date.
#pragma once

#include "scscf/core.h"

namespace lapwing::scscf {

Task<void> in_dialog(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction);
// The ACK to a 2xx. What cannot be forwarded is dropped.
void forward_ack(Core& core, Site& site, const sip::Message& ack);

}  // namespace lapwing::scscf
