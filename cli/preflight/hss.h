// Can each HSS of cx.peers be reached by TCP. A connection is made and closed; no Diameter message is sent.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "cli/preflight/check.h"
#include "common/runtime/values.h"
#include "lapwing/v1/config.pb.h"

namespace lapwing::cli::preflight {

struct HssTrial {
  std::string host;  // its Diameter identity
  Endpoint at;
  int error = 0;  // errno; ETIMEDOUT: no answer came within the limit; 0: connected
};
// All at the same time.
std::vector<HssTrial> try_hss(const v1::Cx& cx, std::chrono::milliseconds limit);
// One for each. FAILED where none can be reached, a warning where another can.
std::vector<Check> check_hss(const std::vector<HssTrial>& trials, std::chrono::milliseconds limit);

}  // namespace lapwing::cli::preflight
