#include "lab/labhss/operator.h"

#include "absl/strings/str_split.h"
#include "common/runtime/log.h"

namespace lapwing::labhss {
namespace {

v1::PushReply reply_of(const std::string& scscf, const cx::Result& result) {
  v1::PushReply reply;
  reply.set_scscf(scscf);
  reply.set_result(cx::result_text(result));
  return reply;
}

void add_gauge(v1::StatusReply& reply, const char* name, size_t value) {
  v1::Gauge* gauge = reply.add_gauges();
  gauge->set_name(name);
  gauge->set_value(static_cast<int64_t>(value));
}

}  // namespace

void LabHssOperator::gauges(v1::StatusReply& reply) {
  add_gauge(reply, "subscribers", service_.subscribers());
  add_gauge(reply, "registered", service_.registered());
}

absl::StatusOr<v1::ListSubscribersReply> LabHssOperator::list_subscribers(const v1::ListSubscribersRequest&) {
  v1::ListSubscribersReply reply;
  for (CxService::Listed& listed : service_.list()) {
    v1::SubscriberStatus* out = reply.add_subscribers();
    out->set_imsi(std::move(listed.imsi));
    out->set_impi(std::move(listed.impi));
    for (std::string& impu : listed.impus) out->add_impus(std::move(impu));
    out->set_state(std::string(state_text(listed.assignment.state)));
    out->set_scscf(std::move(listed.assignment.server_name));
    out->set_sqn(listed.sqn);
  }
  return reply;
}

absl::StatusOr<v1::PushReply> LabHssOperator::terminate(const v1::TerminateRequest& request) {
  const absl::StatusOr<cx::RegistrationTerminationRequest> rtr =
      service_.termination(request.identity(), static_cast<cx::DeregistrationReason>(request.reason()), request.text());
  if (!rtr.ok()) return rtr.status();
  const HssOutcome<cx::RegistrationTerminationAnswer> outcome = pushes_.terminate(*rtr);
  if (const auto* failure = std::get_if<HssFailure>(&outcome)) return absl::UnavailableError(failure->text);
  const cx::Result& result = std::get<cx::RegistrationTerminationAnswer>(outcome).result;
  service_.terminated(*rtr, result);
  return reply_of(rtr->routing.destination_host, result);
}

absl::StatusOr<v1::PushReply> LabHssOperator::push_profile(const v1::PushProfileRequest& request) {
  if (absl::Status reloaded = reload(); !reloaded.ok()) return reloaded;
  const absl::StatusOr<cx::PushProfileRequest> ppr = service_.profile_push(request.identity());
  if (!ppr.ok()) return ppr.status();
  const HssOutcome<cx::PushProfileAnswer> outcome = pushes_.push_profile(*ppr);
  if (const auto* failure = std::get_if<HssFailure>(&outcome)) return absl::UnavailableError(failure->text);
  return reply_of(ppr->routing.destination_host, std::get<cx::PushProfileAnswer>(outcome).result);
}

absl::Status LabHssOperator::reload() {
  std::lock_guard lock(reloading_);
  absl::StatusOr<Subscribers> subscribers = load_subscribers(config_path_);
  if (!subscribers.ok()) {
    for (absl::string_view line : absl::StrSplit(subscribers.status().message(), '\n')) LW_LOG(warn, "%s", line);
    LW_LOG(warn, "%s has errors: the subscribers stay as they are", config_path_);
    return subscribers.status();
  }
  const size_t count = subscribers->all().size();
  if (absl::Status replaced = service_.replace(*std::move(subscribers)); !replaced.ok()) return replaced;
  LW_LOG(info, "%d subscribers read from %s", count, config_path_);
  return absl::OkStatus();
}

}  // namespace lapwing::labhss
