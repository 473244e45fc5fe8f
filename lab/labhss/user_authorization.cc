// UAR: may this identity register here, and is an S-CSCF assigned already? TS 29.228 section 6.1.1.
#include "lab/labhss/cx_service_parts.h"

namespace lapwing::labhss {

cx::UserAuthorizationAnswer CxService::authorize(const cx::UserAuthorizationRequest& request) {
  auto answer = begin<cx::UserAuthorizationAnswer>(request.routing);
  std::string why;
  {
    std::lock_guard lock(mutex_);
    why = decide(request, answer);
  }
  count(counters_.uar, answer.result);
  log_answer("UAR", request.impi, answer.result, why);
  return answer;
}

std::string CxService::decide(const cx::UserAuthorizationRequest& request, cx::UserAuthorizationAnswer& answer) {
  // Steps 1 and 2: the identities.
  const Found found = find(request.impi, request.impu);
  answer.result = found.result;
  if (found.subscriber == nullptr) return found.why;
  const Subscriber& subscriber = *found.subscriber;
  const bool leaving = request.type == cx::UserAuthorizationType::de_registration;

  // Step 3: barring. An emergency registration passes it, and roaming too.
  if (!request.emergency && !subscriber.has_unbarred_identity()) {
    answer.result = cx::base::authorization_rejected;
    return "every identity of the subscriber is barred";
  }
  // Step 4: roaming; of no interest when the user leaves.
  if (!request.emergency && !leaving && !may_visit(request.visited_network)) {
    answer.result = cx::experimental::roaming_not_allowed;
    return "visited_networks does not list " + log::printable(request.visited_network);
  }
  if (request.type == cx::UserAuthorizationType::registration_and_capabilities) {
    answer.result = cx::base::success;
    answer.capabilities = capabilities(subscriber);
    state_of(subscriber).reassignment_pending = true;
    return "capabilities for choosing another S-CSCF";
  }

  // Step 5: the state. A name is stored while the user is registered, unregistered, or being authenticated.
  if (const Assignment& state = state_of(subscriber); !state.server_name.empty()) {
    answer.result = leaving ? cx::base::success : cx::experimental::subsequent_registration;
    answer.server_name = state.server_name;
    return "served by " + log::printable(state.server_name);
  }
  if (leaving) {
    answer.result = cx::experimental::identity_not_registered;
    return "nothing to de-register";
  }
  answer.result = cx::experimental::first_registration;
  answer.capabilities = capabilities(subscriber);
  return "no S-CSCF is assigned";
}

}  // namespace lapwing::labhss
