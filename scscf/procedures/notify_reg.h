// NOTIFY of the reg event package (TS 24.229 section 5.4.2.1.2, RFC 3680, RFC 6665 section 4.2.2).
#pragma once

#include "scscf/core.h"

namespace lapwing::scscf {

// The registration state of a set of identities: every identity that is not barred, with all its contacts of all
// private identities, and the contacts that have just gone.
reginfo::RegInfo registration_state(Core& core, const std::vector<Identity>& set, const std::vector<Binding>& gone);

// Tells everyone who watches an identity of the set. Returns at once: each watcher's worker sends its NOTIFYs in order.
void notify_watchers(Core& core, const std::vector<Identity>& set, const std::vector<Binding>& gone);
// The same with a state that the caller has made.
void tell_watchers(Core& core, const std::vector<Identity>& watched, const reginfo::RegInfo& state);
// Ends the subscriptions to these identities without a word.
void forget_watchers(Core& core, const std::vector<Identity>& set);

// On the subscription's worker: queues the state and sends it when the one before was answered.
void notify(Core& core, Site& site, std::shared_ptr<Subscription> subscription, reginfo::RegInfo state);

// Ends the subscription without a word (its NOTIFY failed, or its time is over and it was told).
void end_subscription(Core& core, Site& site, const std::shared_ptr<Subscription>& subscription);

}  // namespace lapwing::scscf
