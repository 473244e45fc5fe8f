// labhss: a small HSS for labs and tests. The parts are wired here.
#include <iostream>

#include "common/control/control_server.h"
#include "common/control/daemon.h"
#include "common/runtime/log.h"
#include "common/runtime/values.h"
#include "hss-client/freediameter/core.h"
#include "hss-client/freediameter/cx_application.h"
#include "hss-client/freediameter/cx_server.h"
#include "lab/labhss/cx_service.h"
#include "lab/labhss/operator.h"
#include "lab/labhss/pushes.h"
#include "lab/labhss/sqn_store.h"
#include "lab/labhss/subscribers.h"

namespace lapwing::labhss {
namespace {

constexpr int could_not_start = 1, part_died = 3;

int failed(const absl::Status& status) {
  std::cerr << "labhss: " << status.message() << std::endl;
  return could_not_start;
}

absl::StatusOr<DiameterOptions> diameter_options(const v1::LabHssConfig& config) {
  const absl::StatusOr<Endpoint> listen = endpoint_from(config.listen());
  if (!listen.ok()) return listen.status();
  DiameterOptions options;
  options.identity = config.origin_host();
  options.realm = config.origin_realm();
  if (options.realm.empty()) options.realm = options.identity.substr(options.identity.find('.') + 1);
  options.listen_address = listen->address.to_string();
  options.listen_port = listen->port;
  options.accept_any_peer = true;
  return options;
}

int run(control::Daemon& daemon, const v1::LabHssConfig& config, Subscribers subscribers) {
  for (const std::string& warning : subscribers.warnings()) LW_LOG(warn, "%s", warning);
  absl::StatusOr<std::unique_ptr<SqnStore>> sqns = SqnStore::open(config.state_file());
  if (!sqns.ok()) return failed(sqns.status());
  const absl::StatusOr<DiameterOptions> options = diameter_options(config);
  if (!options.ok()) return failed(options.status());

  CxService service({.origin_host = options->identity,
                     .origin_realm = options->realm,
                     .home_domain = home_domain(config.plmn()),
                     .visited_networks = {config.visited_networks().begin(), config.visited_networks().end()},
                     .pcscf_restoration = config.pcscf_restoration()},
                    **sqns);
  if (absl::Status taken = service.replace(std::move(subscribers)); !taken.ok()) return failed(taken);

  absl::StatusOr<std::unique_ptr<DiameterCore>> core =
      DiameterCore::create(*options, {cx_application()}, [&daemon] { daemon.stop(part_died); });
  if (!core.ok()) return failed(core.status());
  CxServer server(**core, service);
  Pushes pushes(server);
  service.send_terminations_to(
      [&pushes](cx::RegistrationTerminationRequest request) { pushes.terminate_later(std::move(request)); });

  SystemClock clock;
  control::Events events(clock);
  LabHssOperator lab_operator(daemon.config_path(), config.log(), service, pushes);
  int code = could_not_start;
  if (absl::Status started = (*core)->start(); !started.ok()) {
    failed(started);
  } else if (absl::StatusOr<std::unique_ptr<control::ControlServer>> control =
                 control::ControlServer::start({.control = config.control(),
                                                .program = "labhss",
                                                .name = config.origin_host(),
                                                .lab_hss = true,
                                                .reload = [&daemon] { return daemon.reload(); }},
                                               lab_operator, events);
             !control.ok()) {
    failed(control.status());
  } else {
    LW_LOG(info, "%s serves %d subscribers of %s on %s", config.origin_host(), service.subscribers(), config.plmn(),
           config.listen());
    daemon.reloads_by([&lab_operator] { return lab_operator.reload(); });
    code = daemon.wait_for_stop();
    (*control)->stop();
  }
  // Ends the connections, and with them whatever waits for an answer; the service then asks for no more pushes.
  server.stop();
  return code;
}

}  // namespace
}  // namespace lapwing::labhss

int main(int argc, char** argv) {
  using namespace lapwing;
  v1::LabHssConfig config;
  labhss::Subscribers subscribers;
  control::Daemon daemon("labhss", "A small HSS for labs and tests: Cx over Diameter, subscribers in one YAML file");
  const auto check = [&](const v1::LabHssConfig&, const config::Locations& where) {
    absl::StatusOr<labhss::Subscribers> built = labhss::Subscribers::build(config, &where);
    labhss::wipe_keys(config);
    if (!built.ok()) return built.status();
    subscribers = *std::move(built);
    return absl::OkStatus();
  };
  if (std::optional<int> code = daemon.start(argc, argv, config, check, config::subscriber_file_limit)) return *code;
  if (absl::Status logging = log::start("labhss", config.log()); !logging.ok()) {
    std::cerr << "labhss: " << logging.message() << std::endl;
    return 1;
  }
  const int code = labhss::run(daemon, config, std::move(subscribers));
  log::stop();
  return code;
}
