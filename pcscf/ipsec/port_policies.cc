#include "pcscf/ipsec/port_policies.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>

#include "absl/strings/str_format.h"

namespace lapwing::ipsec {

absl::Status PortPolicies::set(const std::vector<PortPolicy>& wanted) {
  std::vector<int> errors;
  for (const PortPolicy& policy : wanted) {
    std::string what = absl::StrFormat("policy for port %d", policy.local_port.value);
    auto add = requests_.new_batch();
    if (!add->add_policy(policy)) return absl::InternalError("the batch is full");
    if (absl::Status status = requests_.transact(*add, &errors); !status.ok()) return status;
    if (errors[0] == EEXIST) {
      auto update = requests_.new_batch();
      if (!update->update_policy(policy)) return absl::InternalError("the batch is full");
      if (absl::Status status = requests_.transact(*update, &errors); !status.ok()) return status;
    }
    if (errors[0] != 0) return kernel_status(errors[0], what);
  }
  // Those of an earlier configuration, with other ports or addresses.
  absl::StatusOr<std::vector<PolicyReport>> ours = present();
  if (!ours.ok()) return ours.status();
  std::erase_if(*ours, [&](const PolicyReport& report) {
    return std::any_of(wanted.begin(), wanted.end(), [&](const PortPolicy& policy) {
      xfrm_selector selector = selector_of(policy);
      uint8_t direction = policy.direction == Direction::in ? XFRM_POLICY_IN : XFRM_POLICY_OUT;
      return report.direction == direction && std::memcmp(&report.selector, &selector, sizeof(selector)) == 0;
    });
  });
  return remove(*ours);
}

absl::Status PortPolicies::clear() {
  absl::StatusOr<std::vector<PolicyReport>> ours = present();
  return ours.ok() ? remove(*ours) : ours.status();
}

absl::Status PortPolicies::remove(const std::vector<PolicyReport>& policies) {
  absl::Status result;
  std::vector<int> errors;
  for (const PolicyReport& policy : policies) {
    auto batch = requests_.new_batch();
    if (!batch->delete_policy(policy.selector, policy.direction)) return absl::InternalError("the batch is full");
    if (absl::Status status = requests_.transact(*batch, &errors); !status.ok()) return status;
    if (errors[0] != ENOENT && errors[0] != ESRCH) result.Update(kernel_status(errors[0], "deletion of a policy"));
  }
  return result;
}

absl::StatusOr<std::vector<PolicyReport>> PortPolicies::present() {
  auto batch = requests_.new_batch();
  if (!batch->dump_policies()) return absl::InternalError("the batch is full");
  std::vector<PolicyReport> ours;
  std::vector<int> errors;
  absl::Status status = requests_.transact(*batch, &errors, [&](const nlmsghdr& message) {
    std::optional<PolicyReport> policy = read_policy(message);
    if (policy && policy->reqid == reqid_) ours.push_back(*policy);
  });
  if (status.ok()) status = kernel_status(errors[0], "list of policies");
  if (!status.ok()) return status;
  return ours;
}

}  // namespace lapwing::ipsec
