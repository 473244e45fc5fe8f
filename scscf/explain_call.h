// Which application servers a request from one user to another would pass through, and why, without sending it: what
// `imsctl explain call` shows.
#pragma once

#include "absl/status/statusor.h"
#include "lapwing/v1/control.pb.h"
#include "scscf/core.h"

namespace lapwing::scscf {

// NotFound: the caller is not registered here. InvalidArgument: no request can be made of what was given.
absl::StatusOr<v1::ExplainCallReply> explain_call(Core& core, const v1::ExplainCallRequest& request);

}  // namespace lapwing::scscf
