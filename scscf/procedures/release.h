// The network ends a call (TS 24.229 section 5.4.5.1): a BYE to each party; while it rings, CANCEL to the callee, and
// the caller gets what the callee answers to that.
#pragma once

#include "scscf/core.h"

namespace lapwing::scscf {

// On the site's worker. reason: value of the Reason header. why: for the operator and the call record.
void release(Core& core, Site& site, const std::shared_ptr<Call>& call, const std::string& reason,
             const std::string& why);

// The set's registration is over: calls of its identities that no other registration holds end.
void release_calls_of(Core& core, Site& site, const std::vector<Identity>& set, const std::string& why);

}  // namespace lapwing::scscf
