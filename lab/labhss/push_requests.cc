// RTR and PPR: what the HSS tells the S-CSCF that serves a user. TS 29.228 sections 6.1.3 and 6.2.
#include "lab/labhss/cx_service_parts.h"
#include "lab/labhss/user_profile_xml.h"

namespace lapwing::labhss {

cx::RegistrationTerminationRequest CxService::termination_of(const Subscriber& subscriber, const Assignment& assignment,
                                                             cx::DeregistrationReason reason) const {
  cx::RegistrationTerminationRequest request;
  request.routing = {.origin_host = settings_.origin_host,
                     .origin_realm = settings_.origin_realm,
                     .destination_host = assignment.origin_host,
                     .destination_realm = assignment.origin_realm};
  request.impi = subscriber.impi;
  request.reason = reason;
  // Without a list all of the private identity is meant; these two reasons are about listed identities.
  if (reason == cx::DeregistrationReason::new_server_assigned || reason == cx::DeregistrationReason::remove_scscf) {
    for (const PublicIdentity& identity : subscriber.identities) request.impus.push_back(identity.uri);
  }
  return request;
}

absl::StatusOr<const Subscriber*> CxService::served(std::string_view identity) const {
  const Subscriber* subscriber = subscribers_.find(identity);
  if (subscriber == nullptr) {
    return absl::NotFoundError("no subscriber has the identity " + log::printable(identity));
  }
  const Assignment& state = state_of(*subscriber);
  if (state.state() == RegistrationState::not_registered || state.origin_host.empty()) {
    return absl::FailedPreconditionError("subscriber " + subscriber->imsi + " is not registered: no S-CSCF to tell");
  }
  return subscriber;
}

absl::StatusOr<cx::RegistrationTerminationRequest> CxService::termination(std::string_view identity,
                                                                          cx::DeregistrationReason reason,
                                                                          std::string text) const {
  std::lock_guard lock(mutex_);
  const absl::StatusOr<const Subscriber*> subscriber = served(identity);
  if (!subscriber.ok()) return subscriber.status();
  if (reason == cx::DeregistrationReason::remove_scscf &&
      state_of(**subscriber).state() == RegistrationState::registered) {
    return absl::FailedPreconditionError("subscriber " + (*subscriber)->imsi +
                                         " is registered: reason 3 is for users who are served unregistered");
  }
  cx::RegistrationTerminationRequest request = termination_of(**subscriber, state_of(**subscriber), reason);
  // By a public identity of one who has several sets the operator means that set.
  if ((*subscriber)->sets() > 1 && subscribers_.by_impu(identity) != nullptr) {
    const size_t set = subscribers_.set_of(identity);
    request.impus.clear();
    for (const PublicIdentity& one : (*subscriber)->identities) {
      if (one.set == set) request.impus.push_back(one.uri);
    }
  }
  request.reason_info = std::move(text);
  return request;
}

void CxService::terminated(const cx::RegistrationTerminationRequest& request, const cx::Result& result) {
  // An S-CSCF that does not know the user has nothing left to end.
  const bool over =
      result == cx::base::success || result == cx::base::limited_success || result == cx::experimental::user_unknown;
  {
    std::lock_guard lock(mutex_);
    const auto found = assignments_.find(request.impi);
    // The user may have come to another S-CSCF in the meantime.
    if (over && found != assignments_.end() && found->second.origin_host == request.routing.destination_host) {
      Assignment& assignment = found->second;
      for (const std::string& impu : request.impus) {
        assignment.enter(subscribers_.set_of(impu), RegistrationState::not_registered);
      }
      const bool all = request.impus.empty() || assignment.state() == RegistrationState::not_registered;
      if (all) assignments_.erase(found);
    }
  }
  log_answer("RTR", request.impi, result, over ? "not registered" : "the registration stays");
}

absl::StatusOr<std::vector<cx::PushProfileRequest>> CxService::profile_pushes(std::string_view identity) const {
  std::lock_guard lock(mutex_);
  const absl::StatusOr<const Subscriber*> subscriber = served(identity);
  if (!subscriber.ok()) return subscriber.status();
  const Assignment& state = state_of(**subscriber);
  cx::PushProfileRequest request;
  request.routing = {.origin_host = settings_.origin_host,
                     .origin_realm = settings_.origin_realm,
                     .destination_host = state.origin_host,
                     .destination_realm = state.origin_realm};
  request.impi = (*subscriber)->impi;
  std::vector<cx::PushProfileRequest> requests;
  const bool one_set = subscribers_.by_impu(identity) != nullptr;
  for (size_t set = 0; set < (*subscriber)->sets(); ++set) {
    if (one_set ? set != subscribers_.set_of(identity) : state.of(set) == RegistrationState::not_registered) continue;
    request.user_data = user_profile_xml(**subscriber, set);
    requests.push_back(request);
  }
  return requests;
}

}  // namespace lapwing::labhss
