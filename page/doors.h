// The doors of a daemon for its operator: gRPC, metrics for Prometheus, the web page; as its configuration has them.
#pragma once

#include <memory>
#include <utility>

#include "common/control/control_server.h"
#include "common/control/metrics_endpoint.h"
#include "page/page_server.h"

namespace lapwing::page {

struct Doors {
  std::unique_ptr<control::ControlServer> control;
  std::unique_ptr<http::Server> metrics, page;  // null: not configured

  // Returns when no call runs any more.
  void close() {
    page.reset();
    metrics.reset();
    control->stop();
  }
};

// oper and events outlive it.
template <typename Config>
absl::StatusOr<Doors> open_doors(const Config& config, cli::Role role, control::ControlOptions options,
                                 control::Operator& oper, control::Events& events) {
  options.control = config.control();
  options.program = std::string(cli::program(role));
  options.name = config.name();
  auto control = control::ControlServer::start(std::move(options), oper, events);
  if (!control.ok()) return control.status();
  Doors doors{*std::move(control), nullptr, nullptr};
  auto metrics =
      control::serve_metrics(config.metrics(), {std::string(cli::program(role)), config.name()}, oper, events);
  if (!metrics.ok()) return metrics.status();
  doors.metrics = *std::move(metrics);
  auto page = serve_page(config.page(), {role, config.control().listen(), doors.control->reader()});
  if (!page.ok()) return page.status();
  doors.page = *std::move(page);
  return doors;
}

}  // namespace lapwing::page
