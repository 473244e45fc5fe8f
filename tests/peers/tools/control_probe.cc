// A control server with two made-up users, for clients in other languages: control_probe ADDRESS prints "ready", serves
// until its standard input ends, and prints "stopped in N ms". Deregister publishes an event.
#include <cstdio>
#include <iostream>
#include <string>

#include "common/control/control_server.h"
#include "common/runtime/log.h"

namespace {

using namespace lapwing;

class TwoUsers final : public control::Operator {
 public:
  explicit TwoUsers(control::Events& events) : events_(events) {}

  void gauges(v1::StatusReply& reply) override {
    auto* gauge = reply.add_gauges();
    gauge->set_name("registrations");
    gauge->set_value(1);
  }
  absl::StatusOr<v1::ListRegistrationsReply> list_registrations(const v1::ListRegistrationsRequest& request) override {
    v1::ListRegistrationsReply reply;
    for (const v1::Registration& known : {registered(), unanswered()}) {
      if (request.identity().empty() || control::same_user(request.identity(), known.impi(), known.impus(0))) {
        *reply.add_registrations() = known;
      }
    }
    reply.set_total(static_cast<uint32_t>(reply.registrations_size()));
    return reply;
  }
  absl::StatusOr<v1::ShowReply> show(const v1::ShowRequest& request) override {
    v1::ShowReply reply;
    for (const v1::Registration& known : {registered(), unanswered()}) {
      if (control::same_user(request.identity(), known.impi(), known.impus(0))) *reply.add_registrations() = known;
    }
    if (reply.registrations().empty()) return absl::NotFoundError("no registration of " + request.identity());
    return reply;
  }
  absl::StatusOr<v1::DeregisterReply> deregister(const v1::DeregisterRequest& request) override {
    if (!control::same_user(request.identity(), registered().impi(), registered().impus(0))) {
      return absl::NotFoundError("no registration of " + request.identity());
    }
    control::Event event;
    event.kind = "deregister.network";
    event.impi = registered().impi();
    event.impu = registered().impus(0);
    event.text = "the operator ended the registration, " + request.reason();
    events_.publish(std::move(event));
    v1::DeregisterReply reply;
    reply.add_impus(registered().impus(0));
    return reply;
  }
  absl::StatusOr<v1::PushReply> terminate(const v1::TerminateRequest& request) override {
    v1::PushReply reply;
    reply.set_scscf("sip:scscf.example.org:6060");
    reply.set_result("DIAMETER_SUCCESS, reason " + std::to_string(request.reason()));
    return reply;
  }

 private:
  static v1::Registration registered() {
    v1::Registration out;
    out.set_impi("001010000000001@ims.example.org");
    out.add_impus("sip:+1001@ims.example.org");
    out.set_state("registered");
    out.set_contact("sip:001010000000001@10.45.0.2:5061");
    out.mutable_since()->set_seconds(1'700'000'000);
    out.mutable_expires()->set_seconds(1'700'003'600);
    return out;
  }
  static v1::Registration unanswered() {
    v1::Registration out;
    out.set_impi("001010000000002@ims.example.org");
    out.add_impus("sip:+1002@ims.example.org");
    out.set_state("challenge unanswered");
    out.mutable_since()->set_seconds(1'700'000'100);
    out.set_why("K or OPc differ\nESP is dropped");
    return out;
  }

  control::Events& events_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: control_probe ADDRESS\n");
    return 2;
  }
  // Its standard output is for the test.
  if (!log::start("probe", "info").ok()) return 1;
  SystemClock clock;
  control::Events events(clock);
  TwoUsers users(events);
  control::ControlOptions options;
  options.control.set_listen(argv[1]);
  options.program = "probe";
  options.name = "probe.example.org";
  options.workers = 1;
  options.lab_hss = true;
  auto server = control::ControlServer::start(options, users, events);
  if (!server.ok()) {
    std::cerr << server.status().message() << std::endl;
    return 1;
  }
  std::cout << "ready" << std::endl;
  while (std::cin.get() != std::char_traits<char>::eof()) {
  }
  const auto before = clock.now();
  (*server)->stop();
  std::cout << "stopped in " << std::chrono::duration_cast<std::chrono::milliseconds>(clock.now() - before).count()
            << " ms" << std::endl;
  log::stop();
  return 0;
}
