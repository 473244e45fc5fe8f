// SUBSCRIBE to the reg event package (TS 24.229 section 5.4.2.1.1, RFC 3680, RFC 6665).
#pragma once

#include "scscf/core.h"

namespace lapwing::scscf {

// Answers the transaction itself: the 200 leaves before the first NOTIFY.
Task<void> subscribe_reg(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction);

// One that was taken up after a restart: it ends at its time, or now when nothing is left to watch. On its worker.
void resume_subscription(Core& core, Site& site, const std::shared_ptr<Subscription>& subscription);

}  // namespace lapwing::scscf
