// The P-CSCF's side of the Control service: registrations, security association sets and their keys, gauges.
#pragma once

#include "common/control/control_server.h"
#include "common/sip/stack.h"
#include "pcscf/core.h"

namespace lapwing::pcscf {

class PcscfOperator final : public control::Operator {
 public:
  PcscfOperator(Core& core, WorkerPool& pool, sip::Stack& stack) : core_(core), pool_(pool), stack_(stack) {}
  void gauges(v1::StatusReply& reply) override;
  void metrics(metrics::Sheet& sheet) override;
  absl::StatusOr<v1::ListRegistrationsReply> list_registrations(const v1::ListRegistrationsRequest& request) override;
  std::vector<std::string> names_of(std::string_view identity) override;
  absl::StatusOr<v1::DrainReply> drain(const v1::DrainRequest& request) override;
  absl::StatusOr<v1::ShowReply> show(const v1::ShowRequest& request) override;
  absl::StatusOr<v1::ListSaSetsReply> list_sa_sets(const v1::ListSaSetsRequest& request) override;
  static constexpr size_t export_limit = 1000;  // handsets
  absl::StatusOr<v1::ExportKeysReply> export_keys(const v1::ExportKeysRequest& request) override;

 private:
  std::vector<std::shared_ptr<Handset>> wanted(std::string_view identity);
  std::vector<ipsec::KernelSa> kernel_sas();

  Core& core_;
  WorkerPool& pool_;
  sip::Stack& stack_;
};

}  // namespace lapwing::pcscf
