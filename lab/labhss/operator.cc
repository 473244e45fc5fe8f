#include "lab/labhss/operator.h"

#include "common/control/gauges.h"
#include "common/runtime/config_changes.h"
#include "common/runtime/log.h"

namespace lapwing::labhss {
namespace {

using control::add_gauge;

v1::PushReply reply_of(const std::string& scscf, const cx::Result& result) {
  v1::PushReply reply;
  reply.set_scscf(scscf);
  reply.set_result(cx::result_text(result));
  return reply;
}

}  // namespace

void LabHssOperator::gauges(v1::StatusReply& reply) {
  add_gauge(reply, "subscribers", service_.subscribers());
  add_gauge(reply, "registered", service_.registered());
  const CxService::Counters& counters = service_.counters();
  add_gauge(reply, "uar", counters.uar);
  add_gauge(reply, "mar", counters.mar);
  add_gauge(reply, "sar", counters.sar);
  add_gauge(reply, "lir", counters.lir);
  add_gauge(reply, "refused", counters.refused);
  add_gauge(reply, "rtr", rtrs_);
  add_gauge(reply, "ppr", pprs_);
}

absl::StatusOr<v1::ListSubscribersReply> LabHssOperator::list_subscribers(const v1::ListSubscribersRequest&) {
  v1::ListSubscribersReply reply;
  for (CxService::Listed& listed : service_.list()) {
    v1::SubscriberStatus* out = reply.add_subscribers();
    out->set_imsi(std::move(listed.imsi));
    out->set_impi(std::move(listed.impi));
    for (std::string& impu : listed.impus) out->add_impus(std::move(impu));
    out->set_state(std::string(state_text(listed.assignment.state())));
    out->set_scscf(std::move(listed.assignment.server_name));
    out->set_sqn(listed.sqn);
  }
  return reply;
}

absl::StatusOr<v1::PushReply> LabHssOperator::terminate(const v1::TerminateRequest& request) {
  const absl::StatusOr<cx::RegistrationTerminationRequest> rtr =
      service_.termination(request.identity(), static_cast<cx::DeregistrationReason>(request.reason()), request.text());
  if (!rtr.ok()) return rtr.status();
  ++rtrs_;
  const HssOutcome<cx::RegistrationTerminationAnswer> outcome = pushes_.terminate(*rtr);
  if (const auto* failure = std::get_if<HssFailure>(&outcome)) return absl::UnavailableError(failure->text);
  const cx::Result& result = std::get<cx::RegistrationTerminationAnswer>(outcome).result;
  service_.terminated(*rtr, result);
  return reply_of(rtr->routing.destination_host, result);
}

absl::StatusOr<v1::PushReply> LabHssOperator::push_profile(const v1::PushProfileRequest& request) {
  if (control::Reloaded reloaded = reload(); !reloaded.ok()) return reloaded.status();
  return push(request.identity());
}

absl::StatusOr<v1::PushReply> LabHssOperator::push(const std::string& identity) {
  const absl::StatusOr<std::vector<cx::PushProfileRequest>> pprs = service_.profile_pushes(identity);
  if (!pprs.ok()) return pprs.status();
  v1::PushReply reply;
  for (const cx::PushProfileRequest& ppr : *pprs) {
    ++pprs_;
    const HssOutcome<cx::PushProfileAnswer> outcome = pushes_.push_profile(ppr);
    if (const auto* failure = std::get_if<HssFailure>(&outcome)) return absl::UnavailableError(failure->text);
    const cx::Result& result = std::get<cx::PushProfileAnswer>(outcome).result;
    reply = reply_of(ppr.routing.destination_host, result);
    if (!result.success()) break;
  }
  return reply;
}

absl::StatusOr<v1::ChangeSubscriberReply> LabHssOperator::change_subscriber(
    const v1::ChangeSubscriberRequest& request) {
  Subscribers::Change change;
  if (request.has_barred()) change.barred = request.barred();
  if (request.has_display_name()) change.display_name = request.display_name();
  change.add_impus.assign(request.add_impus().begin(), request.add_impus().end());
  change.remove_impus.assign(request.remove_impus().begin(), request.remove_impus().end());
  if (request.no_ifc() || !request.ifc().empty()) {
    change.ifc = std::vector<std::string>(request.ifc().begin(), request.ifc().end());
  }
  absl::StatusOr<std::vector<std::string>> profiles = service_.change(request.identity(), change);
  if (!profiles.ok()) return profiles.status();
  v1::ChangeSubscriberReply reply;
  for (std::string& xml : *profiles) reply.add_user_data(std::move(xml));
  if (!request.push()) return reply;
  const absl::StatusOr<v1::PushReply> pushed = push(request.identity());
  if (!pushed.ok()) return pushed.status();
  *reply.mutable_pushed() = *pushed;
  return reply;
}

control::Reloaded LabHssOperator::reload() {
  std::lock_guard lock(reloading_);
  v1::LabHssConfig config;
  absl::StatusOr<Subscribers> subscribers = load_subscribers(config_path_, config);
  if (!subscribers.ok()) return subscribers.status();
  const size_t count = subscribers->all().size();
  if (absl::Status replaced = service_.replace(*std::move(subscribers)); !replaced.ok()) return replaced;
  LW_LOG(info, "%d subscribers read from %s", count, config_path_);
  std::vector<config::Change> changes = config::take_changes(log_, *config.mutable_log());
  for (config::Change& change : changes) change.path = "log." + change.path;
  log_ = config.log();
  log::configure(log_);
  changes.insert(changes.begin(), {"subscribers", false});
  return changes;
}

}  // namespace lapwing::labhss
