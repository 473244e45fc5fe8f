#include "common/control/control_server.h"

#include <google/protobuf/util/time_util.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>

#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "common/control/gate.h"
#include "common/control/listen_address.h"
#include "common/control/timestamps.h"
#include "common/control/unix_door.h"
#include "common/runtime/pem_file.h"
#include "common/sip/transport.h"
#include "common/trace/selector.h"
#include "lapwing/v1/control.grpc.pb.h"

namespace lapwing::control {
namespace {

grpc::Status to_grpc(const absl::Status& status) {
  // The codes have the same numbers.
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

template <typename Reply>
grpc::Status answer(absl::StatusOr<Reply> result, Reply& reply) {
  if (!result.ok()) return to_grpc(result.status());
  reply = *std::move(result);
  return grpc::Status::OK;
}

// OK, or what is wrong with an identity.
grpc::Status identity_error(const std::string& identity, bool required) {
  if (required && identity.empty()) return {grpc::INVALID_ARGUMENT, "identity is empty: give an IMSI, IMPI or IMPU"};
  if (identity.size() > ControlServer::identity_limit) {
    return {grpc::INVALID_ARGUMENT, absl::StrFormat("identity is longer than %d bytes", ControlServer::identity_limit)};
  }
  return grpc::Status::OK;
}

uint32_t checked_limit(uint32_t asked) {
  return asked == 0 ? ControlServer::list_default : std::min(asked, ControlServer::list_limit);
}

absl::Status not_here(std::string_view call) {
  return absl::UnimplementedError(absl::StrFormat("this daemon does not answer %s", call));
}

v1::TraceMessage to_message(const trace::Record& record, const std::string& program) {
  auto text_of = [](const trace::Party& party) { return sip::Endpoint{party.address, party.port}.text(); };
  v1::TraceMessage out;
  set_time(out.mutable_time(), record.at);
  out.set_program(program);
  out.set_incoming(record.envelope.incoming);
  out.set_carrier(record.envelope.kind == trace::Kind::diameter ? "diameter"
                                                                : std::string(trace::text_of(record.envelope.carrier)));
  out.set_local(text_of(record.envelope.local));
  out.set_remote(text_of(record.envelope.remote));
  out.set_message(record.bytes);
  return out;
}

class ControlService final : public v1::Control::Service {
 public:
  ControlService(const ControlOptions& options, Operator& oper, Events& events, const Gate& gate, Debugging& debugging)
      : options_(options),
        operator_(oper),
        events_(events),
        gate_(gate),
        started_(std::chrono::system_clock::now()),
        debugging_(debugging) {}

  grpc::Status Status(grpc::ServerContext* context, const v1::StatusRequest*, v1::StatusReply* reply) override {
    const Client client = gate_.client(*context);
    reply->set_client(client.name);
    reply->set_role(client.admin ? "admin" : "reader");
    reply->set_program(options_.program);
    reply->set_name(options_.name);
    reply->set_version(LAPWING_VERSION);
    reply->set_workers(options_.workers);
    *reply->mutable_started() =
        google::protobuf::util::TimeUtil::TimeTToTimestamp(std::chrono::system_clock::to_time_t(started_));
    operator_.gauges(*reply);
    return grpc::Status::OK;
  }

  grpc::Status ListRegistrations(grpc::ServerContext*, const v1::ListRegistrationsRequest* request,
                                 v1::ListRegistrationsReply* reply) override {
    if (auto wrong = identity_error(request->identity(), false); !wrong.ok()) return wrong;
    v1::ListRegistrationsRequest checked = *request;
    checked.set_limit(checked_limit(checked.limit()));
    return answer(operator_.list_registrations(checked), *reply);
  }

  grpc::Status Show(grpc::ServerContext*, const v1::ShowRequest* request, v1::ShowReply* reply) override {
    if (auto wrong = identity_error(request->identity(), true); !wrong.ok()) return wrong;
    const std::vector<Event> events = events_.of(request->identity());
    grpc::Status shown = answer(operator_.show(*request), *reply);
    if (!shown.ok() && (shown.error_code() != grpc::NOT_FOUND || events.empty())) return shown;
    for (const Event& event : events) *reply->add_events() = to_message(event, options_.program);
    return grpc::Status::OK;
  }

  grpc::Status ListSaSets(grpc::ServerContext*, const v1::ListSaSetsRequest* request,
                          v1::ListSaSetsReply* reply) override {
    if (auto wrong = identity_error(request->identity(), false); !wrong.ok()) return wrong;
    return answer(operator_.list_sa_sets(*request), *reply);
  }

  grpc::Status ListHssPeers(grpc::ServerContext*, const v1::ListHssPeersRequest* request,
                            v1::ListHssPeersReply* reply) override {
    return answer(operator_.list_hss_peers(*request), *reply);
  }

  grpc::Status Deregister(grpc::ServerContext* context, const v1::DeregisterRequest* request,
                          v1::DeregisterReply* reply) override {
    return gate_.change(*context, "deregister", request->identity(), [&]() -> grpc::Status {
      if (auto wrong = identity_error(request->identity(), true); !wrong.ok()) return wrong;
      v1::DeregisterRequest checked = *request;
      if (checked.reason().empty()) checked.set_reason("deactivated");
      if (checked.reason() != "deactivated" && checked.reason() != "rejected") {
        return {grpc::INVALID_ARGUMENT, "reason is deactivated or rejected"};
      }
      return answer(operator_.deregister(checked), *reply);
    });
  }

  grpc::Status ListCalls(grpc::ServerContext*, const v1::ListCallsRequest* request,
                         v1::ListCallsReply* reply) override {
    if (auto wrong = identity_error(request->identity(), false); !wrong.ok()) return wrong;
    v1::ListCallsRequest checked = *request;
    checked.set_limit(checked_limit(checked.limit()));
    return answer(operator_.list_calls(checked), *reply);
  }

  grpc::Status Hangup(grpc::ServerContext* context, const v1::HangupRequest* request, v1::HangupReply* reply) override {
    return gate_.change(*context, "hang up", request->call(), [&] {
      if (auto wrong = identity_error(request->call(), true); !wrong.ok()) return wrong;
      return answer(operator_.hangup(*request), *reply);
    });
  }

  grpc::Status ExplainCall(grpc::ServerContext*, const v1::ExplainCallRequest* request,
                           v1::ExplainCallReply* reply) override {
    for (const std::string& identity : {request->caller(), request->callee()}) {
      if (auto wrong = identity_error(identity, true); !wrong.ok()) return wrong;
    }
    return answer(operator_.explain_call(*request), *reply);
  }

  grpc::Status LintProfile(grpc::ServerContext*, const v1::LintProfileRequest* request,
                           v1::LintProfileReply* reply) override {
    if (auto wrong = identity_error(request->identity(), true); !wrong.ok()) return wrong;
    return answer(operator_.lint_profile(*request), *reply);
  }

  grpc::Status Reload(grpc::ServerContext* context, const v1::ReloadRequest*, v1::ReloadReply* reply) override {
    return gate_.change(*context, "reload", "", [&] {
      if (!options_.reload) return to_grpc(not_here("Reload"));
      const Reloaded reloaded = options_.reload();
      if (!reloaded.ok()) return to_grpc(reloaded.status());
      for (const config::Change& change : *reloaded) {
        (change.needs_restart ? *reply->add_needs_restart() : *reply->add_changed()) = change.path;
      }
      return grpc::Status::OK;
    });
  }

  grpc::Status Drain(grpc::ServerContext* context, const v1::DrainRequest* request, v1::DrainReply* reply) override {
    // It is asked again and again for what is left.
    const bool known = draining_told_ == !request->resume();
    grpc::Status done = gate_.change(
        *context, request->resume() ? "end draining" : "drain", "",
        [&] { return answer(operator_.drain(*request), *reply); }, known);
    if (done.ok()) draining_told_ = !request->resume();
    return done;
  }

  grpc::Status ExportKeys(grpc::ServerContext* context, const v1::ExportKeysRequest* request,
                          v1::ExportKeysReply* reply) override {
    const std::string_view what = request->identity().empty() ? "take all ESP keys" : "take the ESP keys of";
    return gate_.change(*context, what, request->identity(), [&] {
      if (auto wrong = identity_error(request->identity(), false); !wrong.ok()) return wrong;
      return answer(operator_.export_keys(*request), *reply);
    });
  }

  grpc::Status Watch(grpc::ServerContext* context, const v1::WatchRequest* request,
                     grpc::ServerWriter<v1::Event>* writer) override {
    if (auto wrong = identity_error(request->identity(), false); !wrong.ok()) return wrong;
    std::shared_ptr<Events::Subscription> subscription;
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return {grpc::UNAVAILABLE, "the daemon stops"};
      if (watching_.size() >= static_cast<size_t>(ControlServer::watchers_limit)) {
        return {grpc::RESOURCE_EXHAUSTED, absl::StrFormat("%d clients watch already", ControlServer::watchers_limit)};
      }
      subscription = events_.subscribe(request->identity(), options_.watch_queue);
      watching_.insert(subscription);
    }
    // So that the client knows from when on it sees everything.
    writer->SendInitialMetadata();
    bool reachable = true;
    while (reachable && !context->IsCancelled() && !subscription->closed()) {
      auto taken = subscription->next(std::chrono::milliseconds(200));
      if (!taken) continue;
      v1::Event message = to_message(taken->event, options_.program);
      message.set_lost(taken->lost);
      reachable = writer->Write(message);
    }
    const bool stopped = subscription->closed();
    subscription->close();
    std::lock_guard lock(mutex_);
    watching_.erase(subscription);
    return stopped ? grpc::Status(grpc::UNAVAILABLE, "the daemon stops") : grpc::Status::OK;
  }

  grpc::Status Trace(grpc::ServerContext* context, const v1::TraceRequest* request,
                     grpc::ServerWriter<v1::TraceMessage>* writer) override {
    if (auto wrong = identity_error(request->identity(), false); !wrong.ok()) return wrong;
    if (!options_.recorder) return {grpc::FAILED_PRECONDITION, "no messages are kept here: set trace.megabytes"};
    std::vector<std::string> names(request->names().begin(), request->names().end());
    if (!request->identity().empty()) {
      names.push_back(request->identity());
      for (std::string& name : operator_.names_of(request->identity())) names.push_back(std::move(name));
    }
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return {grpc::UNAVAILABLE, "the daemon stops"};
      if (following_ >= ControlServer::watchers_limit) {
        return {grpc::RESOURCE_EXHAUSTED, absl::StrFormat("%d clients trace already", ControlServer::watchers_limit)};
      }
      ++following_;
    }
    grpc::Status result = trace_to(*context, trace::Selector(std::move(names)), request->follow(), *writer);
    std::lock_guard lock(mutex_);
    --following_;
    return result;
  }

  grpc::Status Debug(grpc::ServerContext* context, const v1::DebugRequest* request, v1::DebugReply* reply) override {
    auto act = [&] {
      if (auto wrong = identity_error(request->identity(), false); !wrong.ok()) return wrong;
      return answer(debugging_.change(*request), *reply);
    };
    if (request->identity().empty()) return act();  // it only looks
    return gate_.change(*context, request->seconds() > 0 ? "debug" : "no longer debug", request->identity(), act);
  }

  void send_watchers_away() {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& subscription : watching_) subscription->close();
  }

 private:
  grpc::Status trace_to(grpc::ServerContext& context, trace::Selector selector, bool follow,
                        grpc::ServerWriter<v1::TraceMessage>& writer) {
    writer.SendInitialMetadata();
    uint64_t last = 0;
    while (true) {
      const std::vector<trace::Record> records = options_.recorder->after(last);
      for (const trace::Record& record : records) selector.learn(record);
      for (const trace::Record& record : records) {
        last = record.number;
        if (!selector.takes(record)) continue;
        if (!writer.Write(to_message(record, options_.program))) return grpc::Status::OK;
      }
      if (!follow || context.IsCancelled()) return grpc::Status::OK;
      {
        std::lock_guard lock(mutex_);
        if (stopping_) return {grpc::UNAVAILABLE, "the daemon stops"};
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }

  const ControlOptions& options_;
  Operator& operator_;
  Events& events_;
  const Gate& gate_;
  const WallTime started_;
  Debugging& debugging_;
  std::atomic<bool> draining_told_ = false;
  std::mutex mutex_;
  bool stopping_ = false;
  int following_ = 0;
  std::set<std::shared_ptr<Events::Subscription>> watching_;
};

class LabHssService final : public v1::LabHss::Service {
 public:
  LabHssService(Operator& oper, const Gate& gate) : operator_(oper), gate_(gate) {}

  grpc::Status ListSubscribers(grpc::ServerContext*, const v1::ListSubscribersRequest* request,
                               v1::ListSubscribersReply* reply) override {
    return answer(operator_.list_subscribers(*request), *reply);
  }
  grpc::Status Terminate(grpc::ServerContext* context, const v1::TerminateRequest* request,
                         v1::PushReply* reply) override {
    return gate_.change(*context, "terminate", request->identity(), [&]() -> grpc::Status {
      if (auto wrong = identity_error(request->identity(), true); !wrong.ok()) return wrong;
      // TS 29.229 section 6.3.17.
      if (request->reason() > 3) return {grpc::INVALID_ARGUMENT, "reason is 0 to 3 (TS 29.229 section 6.3.17)"};
      return answer(operator_.terminate(*request), *reply);
    });
  }
  grpc::Status PushProfile(grpc::ServerContext* context, const v1::PushProfileRequest* request,
                           v1::PushReply* reply) override {
    return gate_.change(*context, "push the profile of", request->identity(), [&] {
      if (auto wrong = identity_error(request->identity(), true); !wrong.ok()) return wrong;
      return answer(operator_.push_profile(*request), *reply);
    });
  }
  grpc::Status ChangeSubscriber(grpc::ServerContext* context, const v1::ChangeSubscriberRequest* request,
                                v1::ChangeSubscriberReply* reply) override {
    return gate_.change(*context, "change subscriber", request->identity(), [&] {
      if (auto wrong = identity_error(request->identity(), true); !wrong.ok()) return wrong;
      return answer(operator_.change_subscriber(*request), *reply);
    });
  }

 private:
  Operator& operator_;
  const Gate& gate_;
};

// The services for clients of one kind, and the gRPC server that they are on.
struct Desk {
  Desk(const ControlOptions& options, Operator& oper, Events& events, Debugging& debugging, ClientOf client_of)
      : gate(std::move(client_of), events), control(options, oper, events, gate, debugging), lab_hss(oper, gate) {}

  bool start(const ControlOptions& options, const std::string& address,
             const std::shared_ptr<grpc::ServerCredentials>& credentials) {
    grpc::ServerBuilder builder;
    if (!address.empty()) builder.AddListeningPort(address, credentials);
    builder.RegisterService(&control);
    if (options.lab_hss) builder.RegisterService(&lab_hss);
    builder.SetMaxReceiveMessageSize(ControlServer::request_limit);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, ControlServer::streams_per_connection);
    // A second daemon on the same port must fail, not share it.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    grpc::ResourceQuota quota("control");
    quota.SetMaxThreads(2 * ControlServer::watchers_limit + 32);  // of Watch and of Trace
    builder.SetResourceQuota(quota);
    server = builder.BuildAndStart();
    if (server == nullptr) return false;
    if (auto* health = server->GetHealthCheckService()) {
      health->SetServingStatus(true);
      health->SetServingStatus("lapwing.v1.Control", true);
      if (options.lab_hss) health->SetServingStatus("lapwing.v1.LabHss", true);
    }
    return true;
  }
  void stop() {
    if (auto* health = server->GetHealthCheckService()) health->Shutdown();
    control.send_watchers_away();
    server->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(500));
    server->Wait();
  }

  const Gate gate;
  ControlService control;
  LabHssService lab_hss;
  std::unique_ptr<grpc::Server> server;  // goes first
};

// Who entered by the unix socket, by descriptor. What a client may do does not hang on this, but on the desk that it
// was sent to.
class Visitors {
 public:
  void note(int fd, std::string name) {
    std::lock_guard lock(mutex_);
    names_[fd] = std::move(name);
  }
  std::string name(const std::string& peer) const {  // gRPC's name of the connection: "fd:17"
    constexpr std::string_view scheme = "fd:";
    int fd = -1;
    if (!peer.starts_with(scheme) || !absl::SimpleAtoi(peer.substr(scheme.size()), &fd)) return "this daemon";
    std::lock_guard lock(mutex_);
    auto found = names_.find(fd);
    return found == names_.end() ? "an unknown user" : found->second;
  }

 private:
  mutable std::mutex mutex_;
  std::map<int, std::string> names_;
};

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> credentials_of(const v1::ControlListen& control) {
  if (!control.has_tls()) return grpc::InsecureServerCredentials();
  const auto certificate = read_pem_file("control.tls.certificate", control.tls().certificate());
  if (!certificate.ok()) return certificate.status();
  const auto key = read_pem_file("control.tls.key", control.tls().key());
  if (!key.ok()) return key.status();
  const auto clients_ca = read_pem_file("control.tls.clients_ca", control.tls().clients_ca());
  if (!clients_ca.ok()) return clients_ca.status();
  grpc::SslServerCredentialsOptions options(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = *clients_ca;
  options.pem_key_cert_pairs.push_back({*key, *certificate});
  return grpc::SslServerCredentials(options);
}

Client client_by_certificate(const grpc::ServerContext& context, const Admins& admins) {
  const std::shared_ptr<const grpc::AuthContext> shown = context.auth_context();
  if (shown == nullptr || !shown->IsPeerAuthenticated()) return {"a client on loopback", false};
  std::vector<std::string> names;
  for (const char* property : {GRPC_X509_CN_PROPERTY_NAME, GRPC_X509_SAN_PROPERTY_NAME}) {
    for (const grpc::string_ref& name : shown->FindPropertyValues(property))
      names.emplace_back(name.data(), name.size());
  }
  return admins.with_certificate(names);
}

}  // namespace

void Operator::gauges(v1::StatusReply&) {}
void Operator::metrics(metrics::Sheet&) {}
absl::StatusOr<v1::ListRegistrationsReply> Operator::list_registrations(const v1::ListRegistrationsRequest&) {
  return not_here("ListRegistrations");
}
absl::StatusOr<v1::ShowReply> Operator::show(const v1::ShowRequest&) {
  return not_here("Show");
}
absl::StatusOr<v1::ListSaSetsReply> Operator::list_sa_sets(const v1::ListSaSetsRequest&) {
  return not_here("ListSaSets");
}
absl::StatusOr<v1::ListHssPeersReply> Operator::list_hss_peers(const v1::ListHssPeersRequest&) {
  return not_here("ListHssPeers");
}
absl::StatusOr<v1::DeregisterReply> Operator::deregister(const v1::DeregisterRequest&) {
  return not_here("Deregister");
}
absl::StatusOr<v1::ListCallsReply> Operator::list_calls(const v1::ListCallsRequest&) {
  return not_here("ListCalls");
}
absl::StatusOr<v1::HangupReply> Operator::hangup(const v1::HangupRequest&) {
  return not_here("Hangup");
}
absl::StatusOr<v1::ExplainCallReply> Operator::explain_call(const v1::ExplainCallRequest&) {
  return not_here("ExplainCall");
}
absl::StatusOr<v1::LintProfileReply> Operator::lint_profile(const v1::LintProfileRequest&) {
  return not_here("LintProfile");
}
std::vector<std::string> Operator::names_of(std::string_view) {
  return {};
}
absl::StatusOr<v1::DrainReply> Operator::drain(const v1::DrainRequest&) {
  return not_here("Drain");
}
absl::StatusOr<v1::ExportKeysReply> Operator::export_keys(const v1::ExportKeysRequest&) {
  return not_here("ExportKeys");
}
absl::StatusOr<v1::ListSubscribersReply> Operator::list_subscribers(const v1::ListSubscribersRequest&) {
  return not_here("ListSubscribers");
}
absl::StatusOr<v1::PushReply> Operator::terminate(const v1::TerminateRequest&) {
  return not_here("Terminate");
}
absl::StatusOr<v1::PushReply> Operator::push_profile(const v1::PushProfileRequest&) {
  return not_here("PushProfile");
}
absl::StatusOr<v1::ChangeSubscriberReply> Operator::change_subscriber(const v1::ChangeSubscriberRequest&) {
  return not_here("ChangeSubscriber");
}

struct ControlServer::Parts {
  Parts(ControlOptions given, Operator& oper, Events& events)
      : options(std::move(given)),
        debugging({.recorder = options.recorder,
                   .cx_in_words = options.cx_in_words,
                   .names_of = [&oper](std::string_view identity) { return oper.names_of(identity); }},
                  clock, events) {}
  const ControlOptions options;
  const SystemClock clock;
  Debugging debugging;
  Admins admins;
  Visitors visitors;
  std::vector<std::unique_ptr<Desk>> desks;  // of readers, and on a unix socket of admins
  std::unique_ptr<UnixDoor> door;            // goes first
};

absl::StatusOr<std::unique_ptr<ControlServer>> ControlServer::start(ControlOptions options, Operator& oper,
                                                                    Events& events) {
  const v1::ControlListen& control = options.control;
  constexpr std::string_view scheme = "unix:";
  const bool unix_socket = control.listen().starts_with(scheme);
  if (unix_socket && control.has_tls()) {
    return absl::InvalidArgumentError("control.tls: a unix socket has no TLS: the kernel says who its clients are");
  }
  absl::StatusOr<std::string> address = claim_address(control.listen(), control.has_tls());
  if (!address.ok()) return address.status();
  const std::vector<std::string> names(control.admins().begin(), control.admins().end());
  absl::StatusOr<Admins> admins = unix_socket ? Admins::of_machine(names) : Admins::of_certificates(names);
  if (!admins.ok()) return admins.status();
  if (!unix_socket && !control.has_tls() && !names.empty()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("control.admins: on %s without control.tls nobody knows who a client is: use a unix socket, or "
                        "set control.tls",
                        control.listen()));
  }
  absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> credentials = credentials_of(control);
  if (!credentials.ok()) return credentials.status();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();

  auto parts = std::make_unique<Parts>(std::move(options), oper, events);
  parts->admins = *std::move(admins);
  auto add_desk = [&](ClientOf client_of) {
    parts->desks.push_back(
        std::make_unique<Desk>(parts->options, oper, events, parts->debugging, std::move(client_of)));
    return parts->desks.back()->start(parts->options, unix_socket ? "" : *address, *credentials);
  };
  if (!unix_socket) {
    if (!add_desk([&parts = *parts](const auto& context) { return client_by_certificate(context, parts.admins); })) {
      return absl::UnavailableError(
          absl::StrFormat("%s: cannot listen; what gRPC said about it stands above", parts->options.control.listen()));
    }
    return std::unique_ptr<ControlServer>(new ControlServer(std::move(parts)));
  }
  for (const bool admin : {false, true}) {
    if (!add_desk([&visitors = parts->visitors, admin](const auto& context) {
          return Client{visitors.name(context.peer()), admin};
        })) {
      return absl::UnavailableError("gRPC does not start; what it said about it stands above");
    }
  }
  auto enter = [&parts = *parts](int fd) {
    Client client = parts.admins.at_socket(fd);
    parts.visitors.note(fd, std::move(client.name));
    grpc::AddInsecureChannelFromFd(parts.desks[client.admin ? 1 : 0]->server.get(), fd);
  };
  auto door = UnixDoor::open(address->substr(scheme.size()), enter);
  if (!door.ok()) return door.status();
  parts->door = *std::move(door);
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(parts)));
}

ControlServer::ControlServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

ControlServer::~ControlServer() {
  stop();
}

void ControlServer::stop() {
  parts_->door.reset();
  parts_->debugging.stop();
  for (const auto& desk : parts_->desks) desk->stop();
  parts_->desks.clear();
}

std::shared_ptr<grpc::Channel> ControlServer::reader() {
  return parts_->desks.front()->server->InProcessChannel({});
}

}  // namespace lapwing::control
