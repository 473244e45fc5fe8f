#include "common/control/metrics_endpoint.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "common/diagnosis/cause.h"

namespace lapwing::control {
namespace {

using metrics::Sheet;
using Type = Sheet::Type;

// How the counts of a status are told to Prometheus. Rows of one family stand together.
struct Row {
  std::string_view gauge;  // of StatusReply
  std::string_view family;
  Type type;
  std::string_view label, value;
  std::string_view help;
};
constexpr Row rows[] = {
    {"registrations", "lapwing_registrations", Type::gauge, "", "",
     "P-CSCF: handsets that are registered. S-CSCF: public identities."},
    {"challenged", "lapwing_challenges", Type::gauge, "", "", "Registrations whose 401 waits for an answer."},
    {"challenges", "lapwing_challenges", Type::gauge, "", "", "Registrations whose 401 waits for an answer."},
    {"contacts", "lapwing_contacts", Type::gauge, "", "", "Contacts of registered users."},
    {"subscriptions", "lapwing_subscriptions", Type::gauge, "", "", "Subscriptions to the registration event package."},
    {"calls", "lapwing_calls", Type::gauge, "", "", "Calls that are on, from INVITE to BYE."},
    {"at_application_servers", "lapwing_at_application_servers", Type::gauge, "", "",
     "Requests that are with an application server, by their original dialog identifiers."},
    {"unregistered_users", "lapwing_unregistered_users", Type::gauge, "", "",
     "Users who are not registered and whose profile is kept."},
    {"service_profiles", "lapwing_service_profiles", Type::gauge, "", "", "Different service profiles in memory."},
    {"short_messages", "lapwing_short_messages", Type::gauge, "", "", "Short messages that wait for their receiver."},
    {"sa_sets", "lapwing_sa_sets", Type::gauge, "", "", "Sets of security associations with handsets."},
    {"spis_in_use", "lapwing_spis", Type::gauge, "", "", "SPIs that are taken."},
    {"dropped_unknown_spi", "lapwing_esp_dropped", Type::counter, "reason", "unknown-spi",
     "Packets that the kernel of this host dropped, by what was wrong with them."},
    {"dropped_bad_integrity", "lapwing_esp_dropped", Type::counter, "reason", "bad-integrity", ""},
    {"dropped_replayed", "lapwing_esp_dropped", Type::counter, "reason", "replayed", ""},
    {"dropped_in_clear", "lapwing_esp_dropped", Type::counter, "reason", "in-clear", ""},
    {"server_transactions", "lapwing_sip_transactions", Type::gauge, "side", "server", "SIP transactions at work."},
    {"client_transactions", "lapwing_sip_transactions", Type::gauge, "side", "client", ""},
    {"connections", "lapwing_sip_connections", Type::gauge, "", "", "Open TCP connections for SIP."},
    {"requests", "lapwing_sip_requests", Type::counter, "", "", "SIP requests that came, repeated ones too."},
    {"malformed", "lapwing_sip_malformed", Type::counter, "", "", "SIP messages that could not be read."},
    {"store_commits", "lapwing_store_commits", Type::counter, "", "", "Times that changes were written to state_file."},
    {"store_waiting", "lapwing_store_waiting", Type::gauge, "", "", "Changes that wait to be written to state_file."},
    {"store_failures", "lapwing_store_failures", Type::counter, "", "", "Times that writing to state_file failed."},
    {"store_late", "lapwing_store_late", Type::counter, "", "",
     "Answers that went out before what they promise was written to state_file."},
};

void add_status(Sheet& sheet, const v1::StatusReply& status) {
  std::map<std::string_view, int64_t> values;
  for (const v1::Gauge& gauge : status.gauges()) values[gauge.name()] = gauge.value();
  std::string_view family;
  for (const Row& row : rows) {
    auto found = values.find(row.gauge);
    if (found == values.end()) continue;
    if (row.family != family) sheet.family(row.family, row.type, row.help);
    family = row.family;
    sheet.value(static_cast<double>(found->second),
                row.label.empty() ? Sheet::Labels{} : Sheet::Labels{{row.label, row.value}});
  }
}

void add_times(Sheet& sheet, const sip::RequestTimes& times) {
  // In an order that stays.
  std::map<std::pair<std::string_view, int>, const metrics::Distribution*> sorted;
  for (const auto& [key, distribution] : times.all()) {
    sorted[{sip::method_text(key.first), key.second}] = &distribution;
  }
  for (const auto& [key, distribution] : sorted) {
    const std::string code = key.second == sip::RequestTimes::no_answer ? "none" : absl::StrCat(key.second);
    sheet.distribution(*distribution, {{"method", key.first.empty() ? "other" : key.first}, {"code", code}});
  }
}

}  // namespace

void add_request_times(Sheet& sheet, const RequestTimes& times) {
  sheet.family("lapwing_sip_server_seconds", Type::histogram,
               "From a SIP request that came to its final response, by that one's code.");
  add_times(sheet, times.server);
  sheet.family("lapwing_sip_client_seconds", Type::histogram,
               "From a SIP request that we sent to its final response; code none: there was none.");
  add_times(sheet, times.client);
}

void add_histogram(Sheet& sheet, std::string_view name, std::string_view help, const metrics::Histogram& histogram) {
  sheet.family(name, Type::histogram, help);
  sheet.distribution(histogram.read());
}

std::string metrics_text(Sheet::Format format, const Described& daemon, Operator& oper, const Events& events) {
  Sheet sheet(format);
  sheet.family("lapwing", Type::info, "What runs here.");
  sheet.value(1, {{"program", daemon.program}, {"name", daemon.name}, {"version", LAPWING_VERSION}});
  v1::StatusReply status;
  oper.gauges(status);
  sheet.family("lapwing_draining", Type::gauge, "1: it begins nothing new.");
  sheet.value(status.draining() ? 1 : 0);
  add_status(sheet, status);

  const Events::Counts counts = events.counts();
  sheet.family("lapwing_events", Type::counter, "What happened to users, by kind.");
  for (const auto& [kind, count] : counts.kinds) sheet.value(static_cast<double>(count), {{"kind", kind}});
  sheet.family("lapwing_diagnoses", Type::counter,
               "Events whose cause is known, by the code that imsctl explain shows; docs/diagnoses.md.");
  for (const Diagnosis& one : diagnosis::all()) {
    sheet.value(static_cast<double>(counts.causes[static_cast<size_t>(one.cause)]), {{"code", one.code}});
  }
  oper.metrics(sheet);
  metrics::add_process(sheet);
  return std::move(sheet).finish();
}

absl::StatusOr<std::unique_ptr<http::Server>> serve_metrics(const v1::Metrics& config, Described daemon, Operator& oper,
                                                            Events& events) {
  if (config.listen().empty()) return nullptr;
  http::Server::Routes routes;
  routes.pages["/metrics"] = [daemon = std::move(daemon), &oper, &events](const http::Request& request) {
    const Sheet::Format format = Sheet::format_for(request.accept);
    return http::Page{200, Sheet::content_type(format), metrics_text(format, daemon, oper, events)};
  };
  routes.pages["/"] = [](const http::Request&) {
    return http::Page{200, "text/plain; charset=utf-8", "Lapwing: Prometheus reads /metrics here.\n"};
  };
  return http::Server::start({.key = "metrics.listen", .listen = config.listen()}, std::move(routes));
}

}  // namespace lapwing::control
