// LIR: which S-CSCF serves this public identity? TS 29.228 section 6.1.4.
#include "lab/labhss/cx_service_parts.h"

namespace lapwing::labhss {

cx::LocationInfoAnswer CxService::locate(const cx::LocationInfoRequest& request) {
  auto answer = begin<cx::LocationInfoAnswer>(request.routing);
  std::string why;
  {
    std::lock_guard lock(mutex_);
    why = decide(request, answer);
  }
  count(counters_.lir, answer.result);
  log_answer("LIR", request.impu, answer.result, why);
  return answer;
}

std::string CxService::decide(const cx::LocationInfoRequest& request, cx::LocationInfoAnswer& answer) {
  // Step 1: the identity.
  if (request.impu.empty()) {
    answer.result = cx::base::missing_avp;
    return "Public-Identity is empty";
  }
  const Subscriber* subscriber = subscribers_.by_impu(request.impu);
  if (subscriber == nullptr) {
    answer.result = cx::experimental::user_unknown;
    return "the public identity is not in the subscriber file";
  }
  answer.result = cx::base::success;

  // Step 2: the I-CSCF looks for another S-CSCF.
  if (request.type == cx::UserAuthorizationType::registration_and_capabilities) {
    answer.capabilities = capabilities(*subscriber);
    state_of(*subscriber).reassignment_pending = true;
    return "capabilities for choosing another S-CSCF";
  }

  // Step 3: the state.
  const Assignment& state = std::as_const(*this).state_of(*subscriber);
  const size_t set = subscribers_.set_of(request.impu);
  const bool served = state.of(set) != RegistrationState::not_registered;
  if (!served && !request.originating && !subscriber->profile_of(set).unregistered_services) {
    answer.result = cx::experimental::identity_not_registered;
    return "not registered, and no service applies to it then";
  }
  if (!state.server_name.empty()) {
    answer.server_name = state.server_name;
    return "served by " + log::printable(state.server_name);
  }
  answer.result = cx::experimental::unregistered_service;
  answer.capabilities = capabilities(*subscriber);
  return "not registered, with services that apply to it";
}

}  // namespace lapwing::labhss
