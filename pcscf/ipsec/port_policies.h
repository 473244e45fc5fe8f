// Our policies in the kernel, which say for each protected port of this host: no packet passes here without an SA of
// ours.
//
//   PortPolicies policies(socket, reqid);
//   absl::Status status = policies.set(wanted);   // these, and no others of ours
//   status = policies.clear();
//
// Ours are those that carry our reqid; another program's are never touched. Blocking, for the thread that owns the
// socket. Errors: those of XfrmSocket::transact(), and what the kernel said to a policy, as kernel_status() has it.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pcscf/ipsec/xfrm_codec.h"
#include "pcscf/ipsec/xfrm_socket.h"

namespace lapwing::ipsec {

class PortPolicies {
 public:
  // requests: open before the first use; outlives this.
  PortPolicies(XfrmSocket& requests, uint32_t reqid) : requests_(requests), reqid_(reqid) {}

  // Sets or renews those that are wanted, each with our reqid, and then deletes what else of ours is there.
  absl::Status set(const std::vector<PortPolicy>& wanted);
  absl::Status clear();

 private:
  absl::StatusOr<std::vector<PolicyReport>> present();
  absl::Status remove(const std::vector<PolicyReport>& policies);

  XfrmSocket& requests_;
  const uint32_t reqid_;
};

}  // namespace lapwing::ipsec
