// The S-CSCF's side of the Control service: registrations, HSS peers, deregistration, gauges.
#pragma once

#include "common/control/control_server.h"
#include "common/sip/stack.h"
#include "scscf/core.h"

namespace lapwing::scscf {

class ScscfOperator final : public control::Operator {
 public:
  ScscfOperator(Core& core, WorkerPool& pool, sip::Stack& stack) : core_(core), pool_(pool), stack_(stack) {}
  void gauges(v1::StatusReply& reply) override;
  void metrics(metrics::Sheet& sheet) override;
  absl::StatusOr<v1::ListRegistrationsReply> list_registrations(const v1::ListRegistrationsRequest& request) override;
  absl::StatusOr<v1::ShowReply> show(const v1::ShowRequest& request) override;
  absl::StatusOr<v1::ListHssPeersReply> list_hss_peers(const v1::ListHssPeersRequest& request) override;
  absl::StatusOr<v1::ListCallsReply> list_calls(const v1::ListCallsRequest& request) override;
  absl::StatusOr<v1::HangupReply> hangup(const v1::HangupRequest& request) override;
  absl::StatusOr<v1::ExplainCallReply> explain_call(const v1::ExplainCallRequest& request) override;
  std::vector<std::string> names_of(std::string_view identity) override;
  absl::StatusOr<v1::DrainReply> drain(const v1::DrainRequest& request) override;
  absl::StatusOr<v1::LintProfileReply> lint_profile(const v1::LintProfileRequest& request) override;
  absl::StatusOr<v1::DeregisterReply> deregister(const v1::DeregisterRequest& request) override;

 private:
  Core& core_;
  WorkerPool& pool_;
  sip::Stack& stack_;
};

}  // namespace lapwing::scscf
