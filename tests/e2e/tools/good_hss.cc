// A well-behaved HSS on CxServer, for tests of both ends: it knows every user and gives fixed data.
//
//   good_hss --identity hss1.example --realm example --port 3868 [--latency MS]
//
// On standard input: "rtr HOST USER" and "ppr HOST USER" send a push to the S-CSCF and show its outcome; "quit" ends.
#include <iostream>
#include <sstream>
#include <thread>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "common/runtime/log.h"
#include "hss-client/freediameter/cx_application.h"
#include "hss-client/freediameter/cx_server.h"

using namespace lapwing;

namespace {

Secret secret(const std::string& bytes) {
  return Secret({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

class Handler final : public CxHandler {
 public:
  cx::UserAuthorizationAnswer authorize(const cx::UserAuthorizationRequest& request) override {
    cx::UserAuthorizationAnswer a;
    a.result = request.impi.starts_with("unknown") ? cx::experimental::user_unknown
                                                   : cx::experimental::subsequent_registration;
    a.server_name = "sip:scscf.example:6060";
    return a;
  }
  cx::MultimediaAuthAnswer authenticate(const cx::MultimediaAuthRequest& request) override {
    cx::MultimediaAuthAnswer a;
    a.result = cx::base::success;
    a.impi = request.impi;
    a.impu = request.impu;
    a.items = 1;
    cx::AuthDataItem item;
    item.item_number = 1;
    item.scheme = "Digest-AKAv1-MD5";
    item.authenticate = std::string(32, 'a');
    item.authorization = secret("12345678");
    item.confidentiality_key = secret(std::string(16, 'c'));
    item.integrity_key = secret(std::string(16, 'i'));
    a.vectors.push_back(std::move(item));
    return a;
  }
  cx::ServerAssignmentAnswer assign(const cx::ServerAssignmentRequest& request) override {
    cx::ServerAssignmentAnswer a;
    a.result = cx::base::success;
    a.impi = request.impi;
    a.user_data = "<?xml version=\"1.0\"?><IMSSubscription/>";
    return a;
  }
  cx::LocationInfoAnswer locate(const cx::LocationInfoRequest&) override {
    cx::LocationInfoAnswer a;
    a.result = cx::experimental::identity_not_registered;
    return a;
  }
};

template <typename Answer>
void show(const char* what, std::future<HssOutcome<Answer>> future) {
  HssOutcome<Answer> outcome = future.get();
  if (auto* failure = std::get_if<HssFailure>(&outcome)) {
    std::cout << what << " failure: " << failure->text << std::endl;
  } else {
    const Answer& a = std::get<Answer>(outcome);
    std::cout << what << " answer " << cx::result_text(a.result) << " from " << a.routing.origin_host << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("HSS for tests");
  DiameterOptions options;
  options.listen_address = "127.0.0.1";
  options.accept_any_peer = true;
  std::string level = "info";
  app.add_option("--identity", options.identity)->required();
  app.add_option("--realm", options.realm)->required();
  app.add_option("--port", options.listen_port)->required();
  app.add_option("--log", level);
  CLI11_PARSE(app, argc, argv);
  if (!log::start("good_hss", level).ok()) return 2;
  auto created = DiameterCore::create(options, {cx_application()}, [] { _exit(3); });
  if (!created.ok()) {
    std::cout << "refused: " << created.status().message() << std::endl;
    return 2;
  }
  std::unique_ptr<DiameterCore> core = *std::move(created);
  Handler handler;
  CxServer server(*core, handler);
  if (absl::Status status = core->start(); !status.ok()) {
    std::cout << "refused: " << status.message() << std::endl;
    _exit(2);
  }
  std::cout << "ready" << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string what, host, user;
    words >> what >> host >> user;
    if (what == "quit") break;
    if (what == "rtr") {
      cx::RegistrationTerminationRequest r;
      r.routing.destination_host = host;
      r.impi = user;
      r.reason = cx::DeregistrationReason::server_change;
      show("rtr", server.terminate(std::move(r), std::chrono::seconds(3)));
    } else if (what == "ppr") {
      cx::PushProfileRequest r;
      r.routing.destination_host = host;
      r.impi = user;
      r.user_data = "<IMSSubscription/>";
      show("ppr", server.push_profile(std::move(r), std::chrono::seconds(3)));
    }
  }
  server.stop();
  log::stop();
}
