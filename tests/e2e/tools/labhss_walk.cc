// Walks through everything that labhss does, over real Diameter and gRPC: plays an S-CSCF with its I-CSCF, the SIM of
// one subscriber, and the operator.
//
//   labhss_walk --hss hss.example=127.0.0.1:3868 --control unix:/tmp/labhss.sock --domain ims.mnc001... --imsi N
//               --msisdn N --k HEX --opc HEX
//
// Prints a line for each check, the last SEQ as "seq N", and "labhss_walk: N checks passed"; status 1 when one fails.
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <future>
#include <iostream>
#include <mutex>

#include "common/aka/sqn.h"
#include "common/aka/vector.h"
#include "common/runtime/ids.h"
#include "common/runtime/log.h"
#include "hss-client/freediameter/cx_application.h"
#include "hss-client/freediameter/cx_client.h"
#include "lapwing/v1/control.grpc.pb.h"
#include "scscf/user_profile.h"

using namespace lapwing;

namespace {

struct Options {
  std::string hss, control, domain, imsi, msisdn, k, opc;
};

int passed = 0, failed = 0;

void check(bool good, const std::string& what) {
  std::cout << (good ? "ok      " : "FAILED  ") << what << std::endl;
  ++(good ? passed : failed);
}

Secret key(const std::string& hex) {
  const std::string bytes = from_hex(hex);
  return Secret(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

// Keeps what the HSS pushed.
class Received final : public HssPushes {
 public:
  Task<cx::RegistrationTerminationAnswer> terminate(cx::RegistrationTerminationRequest request) override {
    std::lock_guard lock(mutex_);
    rtr_ = std::move(request);
    cx::RegistrationTerminationAnswer answer;
    answer.result = cx::base::success;
    co_return answer;
  }
  Task<cx::PushProfileAnswer> push_profile(cx::PushProfileRequest request) override {
    std::lock_guard lock(mutex_);
    ppr_ = std::move(request);
    cx::PushProfileAnswer answer;
    answer.result = cx::base::success;
    co_return answer;
  }
  cx::RegistrationTerminationRequest rtr() {
    std::lock_guard lock(mutex_);
    return rtr_;
  }
  cx::PushProfileRequest ppr() {
    std::lock_guard lock(mutex_);
    return ppr_;
  }

 private:
  std::mutex mutex_;
  cx::RegistrationTerminationRequest rtr_;
  cx::PushProfileRequest ppr_;
};

template <typename Answer>
Task<void> fulfil(Task<HssOutcome<Answer>> call, std::promise<HssOutcome<Answer>>* promise) {
  promise->set_value(co_await std::move(call));
}

class Walk {
 public:
  Walk(const Options& options, CxClient& hss, Worker& worker, Received& received)
      : o_(options),
        hss_(hss),
        worker_(worker),
        received_(received),
        sim_(*aka::Milenage::create(key(options.k), key(options.opc))) {}

  void run() {
    first_registration();
    resynchronisation();
    registration();
    refusals();
    operator_calls();
    deregistration();
    std::cout << "seq " << seq_ << std::endl;
  }

 private:
  // Runs one request on the worker and waits; a failure ends the walk.
  template <typename Answer, typename Request>
  Answer ask(Task<HssOutcome<Answer>> (CxClient::*method)(Worker&, Request), Request request) {
    std::promise<HssOutcome<Answer>> promise;
    auto future = promise.get_future();
    worker_.post([&] { worker_.spawn(fulfil<Answer>((hss_.*method)(worker_, std::move(request)), &promise)); });
    HssOutcome<Answer> outcome = future.get();
    if (auto* failure = std::get_if<HssFailure>(&outcome)) {
      std::cout << "FAILED  no answer: " << failure->text << std::endl;
      _exit(1);
    }
    return std::get<Answer>(std::move(outcome));
  }

  cx::UserAuthorizationAnswer uar(cx::UserAuthorizationType type = cx::UserAuthorizationType::registration) {
    cx::UserAuthorizationRequest request;
    request.impi = impi_;
    request.impu = temporary_;
    request.visited_network = o_.domain;
    request.type = type;
    return ask(&CxClient::authorize, std::move(request));
  }
  cx::MultimediaAuthAnswer mar(Secret authorization, const std::string& scheme = "Digest-AKAv1-MD5") {
    cx::MultimediaAuthRequest request;
    request.impi = impi_;
    request.impu = temporary_;
    request.server_name = scscf_;
    request.item.scheme = scheme;
    request.item.authorization = std::move(authorization);
    return ask(&CxClient::authenticate, std::move(request));
  }
  cx::ServerAssignmentAnswer sar(uint32_t type, bool have_data = false) {
    cx::ServerAssignmentRequest request;
    request.impi = impi_;
    request.impus = {temporary_};
    request.server_name = scscf_;
    request.type = static_cast<cx::ServerAssignmentType>(type);
    request.user_data_available = have_data;
    return ask(&CxClient::assign, std::move(request));
  }
  cx::LocationInfoAnswer lir(const std::string& impu) {
    cx::LocationInfoRequest request;
    request.impu = impu;
    return ask(&CxClient::locate, std::move(request));
  }

  // The SIM opens the vector and checks that it is fresh.
  bool sim_accepts(const cx::MultimediaAuthAnswer& answer, aka::UsimSqn& slots) {
    if (!answer.result.success() || answer.vectors.size() != 1 || answer.vectors[0].authenticate.size() != 32) {
      return false;
    }
    const cx::AuthDataItem& item = answer.vectors[0];
    aka::Block autn;
    std::copy_n(item.authenticate.begin(), 16, rand_.begin());
    std::copy_n(item.authenticate.begin() + 16, 16, autn.begin());
    const absl::StatusOr<aka::OpenedAutn> opened = aka::open_autn(sim_, rand_, autn);
    if (!opened.ok() || !opened->res.equals(item.authorization) || !opened->ck.equals(item.confidentiality_key) ||
        !opened->ik.equals(item.integrity_key)) {
      return false;
    }
    seq_ = aka::seq_of(opened->sqn);
    return slots.check(opened->sqn) == aka::UsimSqn::Verdict::accepted;
  }

  void first_registration() {
    check(uar().result == cx::experimental::first_registration, "UAR of a user without S-CSCF: first registration");
    check(uar(cx::UserAuthorizationType::de_registration).result == cx::experimental::identity_not_registered,
          "UAR for de-registration of that user: not registered");
    check(lir(sip_).result == cx::experimental::identity_not_registered, "LIR of that user: not registered");
    aka::UsimSqn slots;
    check(sim_accepts(mar({}), slots), "MAR: the SIM opens the vector, the keys are the SIM's");
  }

  void resynchronisation() {
    // A SIM that has seen 1000 more vectors than the HSS has made.
    aka::UsimSqn ahead(aka::sqn_of(seq_ + 1000, 31));
    check(!sim_accepts(mar({}), ahead), "MAR: a SIM that is ahead does not accept the vector");
    const aka::Auts auts = aka::make_auts(sim_, rand_, ahead.highest());
    std::vector<uint8_t> bytes(rand_.begin(), rand_.end());
    bytes.insert(bytes.end(), auts.begin(), auts.end());
    check(sim_accepts(mar(Secret(bytes)), ahead), "MAR with AUTS: the SIM accepts the next vector");
    bytes.back() ^= 1;
    check(mar(Secret(bytes)).result == cx::base::unable_to_comply, "MAR with a forged AUTS: unable to comply");
  }

  void registration() {
    const cx::ServerAssignmentAnswer answer = sar(1);
    const absl::StatusOr<scscf::UserProfile> profile = scscf::parse_user_profile(answer.user_data);
    check(answer.result == cx::base::success && profile.ok() && profile->impi == impi_ &&
              scscf::is_barred(*profile, temporary_) && scscf::find_identity(*profile, tel_) != nullptr,
          "SAR 1: success, and the S-CSCF reads the profile");
    const cx::UserAuthorizationAnswer again = uar();
    check(again.result == cx::experimental::subsequent_registration && again.server_name == scscf_,
          "UAR of a registered user: subsequent registration, with the S-CSCF's name");
    check(lir(tel_).result == cx::base::success && lir(sip_).server_name == scscf_,
          "LIR of each identity: the S-CSCF's name");
    check(sar(2, true).user_data.empty(), "SAR 2 with the profile at hand: no profile");
    check(sar(9).result == cx::base::success && lir(sip_).result == cx::base::success,
          "SAR 9 of a registered user: stays registered");
  }

  void refusals() {
    check(mar({}, "Unknown").result == cx::experimental::auth_scheme_not_supported, "MAR with scheme Unknown: 5006");
    check(lir("sip:nobody@" + o_.domain).result == cx::experimental::user_unknown, "LIR of nobody: user unknown");
    check(sar(3).result == cx::experimental::in_assignment_type, "SAR 3 of a registered user: 5007");
    cx::ServerAssignmentRequest request;
    request.impi = impi_;
    request.impus = {temporary_};
    request.server_name = "sip:other." + o_.domain;
    check(ask(&CxClient::assign, std::move(request)).result == cx::experimental::identity_already_registered,
          "SAR 1 of another S-CSCF: registered already");
  }

  v1::SubscriberStatus listed(v1::LabHss::Stub& stub) {
    grpc::ClientContext context;
    v1::ListSubscribersReply reply;
    if (!stub.ListSubscribers(&context, {}, &reply).ok()) return {};
    for (const v1::SubscriberStatus& subscriber : reply.subscribers()) {
      if (subscriber.imsi() == o_.imsi) return subscriber;
    }
    return {};
  }

  void operator_calls() {
    const auto channel = grpc::CreateChannel(o_.control, grpc::InsecureChannelCredentials());
    const auto stub = v1::LabHss::NewStub(channel);
    const v1::SubscriberStatus status = listed(*stub);
    check(status.state() == "registered" && status.scscf() == scscf_ && aka::seq_of(status.sqn()) >= seq_,
          "gRPC ListSubscribers: registered, with the S-CSCF and the SQN");

    grpc::ClientContext ppr_context;
    v1::PushProfileRequest push;
    push.set_identity(o_.msisdn);
    v1::PushReply reply;
    const grpc::Status pushed = stub->PushProfile(&ppr_context, push, &reply);
    check(pushed.ok() && reply.result().starts_with("DIAMETER_SUCCESS"), "gRPC PushProfile: PPA success");
    check(received_.ppr().impi == impi_ && scscf::parse_user_profile(received_.ppr().user_data).ok(),
          "PPR: the profile arrived");

    grpc::ClientContext rtr_context;
    v1::TerminateRequest terminate;
    terminate.set_identity(o_.imsi);
    terminate.set_reason(2);
    terminate.set_text("moved");
    const grpc::Status terminated = stub->Terminate(&rtr_context, terminate, &reply);
    check(terminated.ok() && reply.result().starts_with("DIAMETER_SUCCESS"), "gRPC Terminate: RTA success");
    const cx::RegistrationTerminationRequest rtr = received_.rtr();
    check(rtr.impi == impi_ && rtr.reason == cx::DeregistrationReason::server_change && rtr.reason_info == "moved",
          "RTR: reason and text arrived");
    check(listed(*stub).state() == "not registered", "after RTA the user is not registered");
    grpc::ClientContext late_context;
    check(stub->Terminate(&late_context, terminate, &reply).error_code() == grpc::FAILED_PRECONDITION,
          "gRPC Terminate of a user who is not registered: FAILED_PRECONDITION");
  }

  void deregistration() {
    for (const uint32_t type : {4u, 5u, 8u, 11u}) {
      sar(1);
      check(sar(type).result == cx::base::success && lir(sip_).result == cx::experimental::identity_not_registered,
            "SAR " + std::to_string(type) + ": not registered");
    }
    sar(1);
    check(sar(7).result == cx::experimental::server_name_not_stored, "SAR 7: server name not stored");
    check(sar(3).result == cx::base::success && lir(sip_).server_name == scscf_, "SAR 3: unregistered, with a name");
    check(sar(5).result == cx::base::success, "SAR 5: not registered");
  }

  const Options& o_;
  CxClient& hss_;
  Worker& worker_;
  Received& received_;
  aka::Milenage sim_;
  aka::Block rand_{};
  uint64_t seq_ = 0;
  const std::string impi_ = o_.imsi + "@" + o_.domain, temporary_ = "sip:" + impi_,
                    sip_ = "sip:+" + o_.msisdn + "@" + o_.domain, tel_ = "tel:+" + o_.msisdn,
                    scscf_ = "sip:scscf." + o_.domain;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("a walk through labhss");
  Options o;
  app.add_option("--hss", o.hss)->required();
  app.add_option("--control", o.control)->required();
  app.add_option("--domain", o.domain)->required();
  app.add_option("--imsi", o.imsi)->required();
  app.add_option("--msisdn", o.msisdn)->required();
  app.add_option("--k", o.k)->required();
  app.add_option("--opc", o.opc)->required();
  CLI11_PARSE(app, argc, argv);
  if (!log::start("labhss_walk", "warn").ok()) return 2;
  const size_t equals = o.hss.find('='), colon = o.hss.rfind(':');
  DiameterOptions diameter;
  diameter.identity = "scscf." + o.domain;
  diameter.realm = o.domain;
  diameter.reconnect = std::chrono::seconds(1);
  diameter.peers = {{o.hss.substr(0, equals), o.hss.substr(equals + 1, colon - equals - 1),
                     static_cast<uint16_t>(std::stoi(o.hss.substr(colon + 1)))}};

  absl::StatusOr<std::unique_ptr<DiameterCore>> core =
      DiameterCore::create(diameter, {cx_application()}, [] { _exit(3); });
  if (!core.ok()) {
    std::cerr << core.status().message() << std::endl;
    return 2;
  }
  SystemClock clock;
  WorkerPool workers(1, clock);
  CxClientOptions client;
  client.destination_realm = o.domain;
  CxClient hss(**core, client);
  Received received;
  hss.serve(received, {&workers.at(0)});
  workers.start();
  if (absl::Status started = (*core)->start(); !started.ok()) {
    std::cerr << started.message() << std::endl;
    _exit(2);
  }
  for (int i = 0; i < 500 && hss.peers()[0].state != "open"; ++i) usleep(10'000);
  Walk(o, hss, workers.at(0), received).run();
  workers.stop();
  core->reset();
  log::stop();
  std::cout << "labhss_walk: " << passed << " checks passed";
  if (failed > 0) std::cout << ", " << failed << " FAILED";
  std::cout << std::endl;
  return failed == 0 ? 0 : 1;
}
