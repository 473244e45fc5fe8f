// http://ADDRESS/metrics of a daemon, for Prometheus: the counts of its status, its histograms, events and diagnoses.
// docs/metrics.md lists them all.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/control/control_server.h"
#include "common/control/gauges.h"
#include "common/http/server.h"
#include "common/metrics/sheet.h"

namespace lapwing::control {

struct Described {
  std::string program, name;  // "pcscf", and the configured one
};

// null: config.listen is empty. Errors as of http::Server::start. oper and events outlive it.
absl::StatusOr<std::unique_ptr<http::Server>> serve_metrics(const v1::Metrics& config, Described daemon, Operator& oper,
                                                            Events& events);

std::string metrics_text(metrics::Sheet::Format format, const Described& daemon, Operator& oper, const Events& events);

// For an Operator's metrics().
void add_request_times(metrics::Sheet& sheet, const RequestTimes& times);
void add_histogram(metrics::Sheet& sheet, std::string_view name, std::string_view help,
                   const metrics::Histogram& histogram);

}  // namespace lapwing::control
