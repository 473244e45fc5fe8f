// The check of an iFC that an operator wrote as XML (TS 29.228 Annex B), before it goes into user profiles: an S-CSCF
// refuses a whole profile for one mistake in it, and the handset then cannot register.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace lapwing::labhss {

struct CheckedIfc {
  uint32_t priority = 0;
  bool when_unregistered = false;  // ProfilePartIndicator absent or 1
};

// One <InitialFilterCriteria> element. INVALID_ARGUMENT says what is wrong and what to write.
absl::StatusOr<CheckedIfc> check_ifc(std::string_view xml);

}  // namespace lapwing::labhss
