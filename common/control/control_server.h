// The operator's door of every daemon: gRPC with the Control service (proto/lapwing/v1/control.proto), the standard
// health service and reflection, on a unix socket or a loopback address.
//
//   class PcscfOperator : public control::Operator { ... };
//   auto server = control::ControlServer::start({.control = config.control(), .program = "pcscf", .name = name,
//                                                .workers = 2}, pcscf_operator, events);
//
// Who reaches it may look; who is an admin (access.h) may change things, and every change and every refusal is audited:
// a line in the log and an event of kind "audit".
//
//   unix socket   mode 0660; the kernel says who the client is
//   endpoint      with TLS and client certificates, whose names say who it is; without, loopback only, and nobody is
//   admin
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/control/daemon.h"
#include "common/control/debugging.h"
#include "common/control/events.h"
#include "common/metrics/sheet.h"
#include "common/trace/recorder.h"
#include "lapwing/v1/config.pb.h"
#include "lapwing/v1/control.pb.h"

namespace grpc {
class Channel;
}

namespace lapwing::control {

// What a daemon can tell and do. Called on gRPC's threads, several at once: tables are read under their locks, and what
// belongs to a worker is asked for with ask_worker(). What is not overridden answers UNIMPLEMENTED. A NotFound's
// message is shown to the operator: say what was looked for.
class Operator {
 public:
  virtual ~Operator() = default;
  // StatusReply's gauges, in the order in which people read them; and whether it is draining.
  virtual void gauges(v1::StatusReply& reply);
  // What Prometheus reads besides these: histograms, and what has labels.
  virtual void metrics(metrics::Sheet& sheet);
  // The request's limit is never 0 here.
  virtual absl::StatusOr<v1::ListRegistrationsReply> list_registrations(const v1::ListRegistrationsRequest& request);
  // Without `events`: the server adds them, and answers NOT_FOUND only when there are none either.
  virtual absl::StatusOr<v1::ShowReply> show(const v1::ShowRequest& request);
  virtual absl::StatusOr<v1::ListSaSetsReply> list_sa_sets(const v1::ListSaSetsRequest& request);
  virtual absl::StatusOr<v1::ListHssPeersReply> list_hss_peers(const v1::ListHssPeersRequest& request);
  // reason is "deactivated" or "rejected" here.
  virtual absl::StatusOr<v1::DeregisterReply> deregister(const v1::DeregisterRequest& request);
  // The request's limit is never 0 here.
  virtual absl::StatusOr<v1::ListCallsReply> list_calls(const v1::ListCallsRequest& request);
  virtual absl::StatusOr<v1::HangupReply> hangup(const v1::HangupRequest& request);
  virtual absl::StatusOr<v1::ExplainCallReply> explain_call(const v1::ExplainCallRequest& request);
  virtual absl::StatusOr<v1::LintProfileReply> lint_profile(const v1::LintProfileRequest& request);
  // What else the user's or the call's messages are known by: its private and public identities, a Call-ID.
  virtual std::vector<std::string> names_of(std::string_view identity);
  virtual absl::StatusOr<v1::DrainReply> drain(const v1::DrainRequest& request);
  virtual absl::StatusOr<v1::ExportKeysReply> export_keys(const v1::ExportKeysRequest& request);
  // The LabHss service; reason is 0 to 3 here.
  virtual absl::StatusOr<v1::ListSubscribersReply> list_subscribers(const v1::ListSubscribersRequest& request);
  virtual absl::StatusOr<v1::PushReply> terminate(const v1::TerminateRequest& request);
  virtual absl::StatusOr<v1::PushReply> push_profile(const v1::PushProfileRequest& request);
  virtual absl::StatusOr<v1::ChangeSubscriberReply> change_subscriber(const v1::ChangeSubscriberRequest& request);
};

struct ControlOptions {
  v1::ControlListen control = {};
  std::string program = {};  // "pcscf"
  std::string name = {};     // the configured one
  uint32_t workers = 0;
  bool lab_hss = false;                        // serve LabHss too
  std::function<Reloaded()> reload = nullptr;  // of the daemon; null: it cannot
  size_t watch_queue = 1024;
  trace::Recorder* recorder = nullptr;  // outlives the server
  CxInWords cx_in_words = nullptr;      // where the recorder has Cx
};

class ControlServer {
 public:
  static constexpr int request_limit = 64 * 1024;  // bytes
  static constexpr size_t identity_limit = 256;    // bytes
  static constexpr int watchers_limit = 32;        // each holds a thread; of admins, and of readers
  static constexpr int streams_per_connection = 64;
  static constexpr uint32_t list_default = 1000;
  static constexpr uint32_t list_limit = 100'000;

  // Errors: InvalidArgument (the address, a file of tls), NotFound (an admin), AlreadyExists (something listens there),
  // Unavailable (it cannot be opened).
  // oper and events outlive the server.
  static absl::StatusOr<std::unique_ptr<ControlServer>> start(ControlOptions options, Operator& oper, Events& events);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  // Sends watchers away and returns when no call runs any more; calls that last longer than 500 ms are cancelled.
  void stop();

  // For a part of this program that looks as a client would, with a reader's rights. Before stop().
  std::shared_ptr<grpc::Channel> reader();

 private:
  struct Parts;
  explicit ControlServer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace lapwing::control
