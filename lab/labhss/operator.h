// What the operator sees and does at the lab HSS: subscribers, RTR, PPR, and the file read anew.
#pragma once

#include <atomic>
#include <mutex>
#include <string>

#include "common/control/control_server.h"
#include "common/control/daemon.h"
#include "lab/labhss/cx_service.h"
#include "lab/labhss/pushes.h"

namespace lapwing::labhss {

class LabHssOperator final : public control::Operator {
 public:
  LabHssOperator(std::string config_path, v1::Log log, CxService& service, Pushes& pushes)
      : config_path_(std::move(config_path)), log_(std::move(log)), service_(service), pushes_(pushes) {}

  void gauges(v1::StatusReply& reply) override;
  absl::StatusOr<v1::ListSubscribersReply> list_subscribers(const v1::ListSubscribersRequest& request) override;
  // Unavailable: the S-CSCF could not be reached or did not answer; its own refusal is in the reply.
  absl::StatusOr<v1::PushReply> terminate(const v1::TerminateRequest& request) override;
  absl::StatusOr<v1::PushReply> push_profile(const v1::PushProfileRequest& request) override;

  absl::StatusOr<v1::ChangeSubscriberReply> change_subscriber(const v1::ChangeSubscriberRequest& request) override;

  // Takes the subscribers and `log` from the file as it is now; with an error all stays as it was. The rest of the file
  // is read at start only.
  control::Reloaded reload();

 private:
  absl::StatusOr<v1::PushReply> push(const std::string& identity);

  const std::string config_path_;
  v1::Log log_;  // with reloading_
  CxService& service_;
  Pushes& pushes_;
  std::mutex reloading_;
  std::atomic<uint64_t> rtrs_{0}, pprs_{0};
};

}  // namespace lapwing::labhss
