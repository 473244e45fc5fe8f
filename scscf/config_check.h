// What the schema's rules cannot say of an S-CSCF's file: scscf itself and `imsctl preflight` ask it, in the same
// words.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/runtime/config.h"
#include "lapwing/v1/config.pb.h"
#include "scscf/ifc/profiles.h"

namespace lapwing::scscf {

// InvalidArgument: the first thing that is wrong, with its line.
absl::Status check(const v1::ScscfConfig& config, const config::Locations& where);
// The criteria of services.shared_sets. where: null, or for the line in the error.
absl::StatusOr<SharedIfcSets> shared_sets_from(const v1::Services& services, const config::Locations* where);

}  // namespace lapwing::scscf
