// What the P-CSCF needs of the kernel: CAP_NET_ADMIN, ESP, and each pair of ipsec.algorithms.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "cli/preflight/check.h"
#include "lapwing/v1/config.pb.h"

namespace lapwing::cli::preflight {

// The effective set of this process, from the text of /proc/self/status. nullopt: it is not there.
std::optional<uint64_t> effective_capabilities(std::string_view proc_status);
Check check_capability(const v1::PcscfConfig& config, std::optional<uint64_t> effective);

// One pair that was tried in the kernel, for one family.
struct EspTrial {
  std::string algorithms;
  bool ipv6 = false;
  absl::Status status;
};
// Adds and deletes an SA and a policy for each pair, between addresses for documentation and under a reqid that no
// configuration can have: what runs here is not touched.
std::vector<EspTrial> try_esp(const v1::PcscfConfig& config);
Check check_esp(const v1::PcscfConfig& config, const std::vector<EspTrial>& trials);

}  // namespace lapwing::cli::preflight
