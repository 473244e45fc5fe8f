// What the schema's rules cannot say of a P-CSCF's file: pcscf itself and `imsctl preflight` ask it, in the same words.
#pragma once

#include "absl/status/status.h"
#include "common/runtime/config.h"
#include "lapwing/v1/config.pb.h"

namespace lapwing::pcscf {

// InvalidArgument: the first thing that is wrong, with its line.
absl::Status check(const v1::PcscfConfig& config, const config::Locations& where);

}  // namespace lapwing::pcscf
