// SAR: an S-CSCF takes a user, keeps it, or lets it go. TS 29.228 section 6.1.2.
#include <algorithm>
#include <set>

#include "lab/labhss/cx_service_parts.h"
#include "lab/labhss/user_profile_xml.h"

namespace lapwing::labhss {
namespace {

using Type = cx::ServerAssignmentType;

constexpr cx::Result avp_occurs_too_many_times{false, 5009};  // RFC 6733 section 7.1.5

// Those that may name several identities, or none for all of a private identity.
bool may_list(Type type) {
  return (type >= Type::timeout_deregistration && type <= Type::administrative_deregistration) ||
         type == Type::deregistration_too_much_data;
}

bool has_restoration(const Assignment& state, size_t set) {
  return set < state.restoration.size() && !state.restoration[set].contacts.empty();
}

bool takes_the_user(Type type) {
  return type == Type::registration || type == Type::re_registration || type == Type::unregistered_user;
}

}  // namespace

cx::ServerAssignmentAnswer CxService::assign(const cx::ServerAssignmentRequest& request) {
  auto answer = begin<cx::ServerAssignmentAnswer>(request.routing);
  answer.impi = request.impi;
  answer.features = common_features(request.features);
  std::string why;
  {
    std::lock_guard lock(mutex_);
    why = decide(request, answer);
  }
  const std::string command = absl::StrFormat("SAR (type %d)", static_cast<uint32_t>(request.type));
  count(counters_.sar, answer.result);
  log_answer(command, request.impi.empty() && !request.impus.empty() ? request.impus[0] : request.impi, answer.result,
             why);
  return answer;
}

// Those of the identities that it lists; without a list all.
std::vector<size_t> CxService::sets_of(const cx::ServerAssignmentRequest& request, const Subscriber& subscriber) const {
  std::set<size_t> sets;
  for (const std::string& impu : request.impus) sets.insert(subscribers_.set_of(impu));
  if (sets.empty()) {
    for (size_t set = 0; set < subscriber.sets(); ++set) sets.insert(set);
  }
  return {sets.begin(), sets.end()};
}

// Steps 1 and 2: the identities, and how many of them.
CxService::Found CxService::find(const cx::ServerAssignmentRequest& request) const {
  if (request.type > Type::deregistration_too_much_data) {
    return {.result = cx::base::invalid_avp_value, .why = "there is no such Server-Assignment-Type on Cx"};
  }
  if (!may_list(request.type) && request.impus.size() > 1) {
    return {.result = avp_occurs_too_many_times, .why = "this type takes one Public-Identity"};
  }
  if (request.impus.empty() && (request.impi.empty() || !may_list(request.type))) {
    return {.result = cx::base::missing_avp, .why = "there is no Public-Identity"};
  }
  // User-Name may be absent for calls of unregistered users and for removals.
  const bool needs_impi =
      request.type != Type::unregistered_user && request.type != Type::no_assignment && !may_list(request.type);
  if (request.impi.empty() && needs_impi) return {.result = cx::base::missing_avp, .why = "User-Name is empty"};
  if (request.server_name.empty()) return {.result = cx::base::missing_avp, .why = "Server-Name is empty"};

  std::string impi = request.impi;
  if (impi.empty()) {
    const Subscriber* owner = subscribers_.by_impu(request.impus[0]);
    if (owner == nullptr) {
      return {.result = cx::experimental::user_unknown, .why = "the public identity is not in the subscriber file"};
    }
    impi = owner->impi;
  }
  const Subscriber* subscriber = subscribers_.by_impi(impi);
  if (subscriber == nullptr) {
    return {.result = cx::experimental::user_unknown, .why = "the private identity is not in the subscriber file"};
  }
  for (const std::string& impu : request.impus) {
    if (Found one = find(impi, impu); one.subscriber == nullptr) return one;
  }
  return {.subscriber = subscriber, .result = cx::base::success, .why = {}};
}

std::string CxService::decide(const cx::ServerAssignmentRequest& request, cx::ServerAssignmentAnswer& answer) {
  const Found found = find(request);
  answer.result = found.result;
  if (found.subscriber == nullptr) return found.why;
  const Subscriber& subscriber = *found.subscriber;
  answer.impi = subscriber.impi;
  Assignment& state = state_of(subscriber);

  if (request.pcscf_restoration) return restore_pcscf(request, subscriber, answer);

  // Step 3: the S-CSCF that asks is the one that we know, unless the user may change.
  const bool ours = state.server_name == request.server_name;
  if (!takes_the_user(request.type)) return end_registration(request, subscriber, answer);
  if (!ours && !state.server_name.empty() && !state.reassignment_pending) {
    answer.result = cx::experimental::identity_already_registered;
    // Section 6.1.2.1: the one who wants to serve the unregistered user is told who does.
    if (request.type == Type::unregistered_user) answer.server_name = state.server_name;
    return "served by " + log::printable(state.server_name);
  }

  // Step 4: what the type says.
  const size_t set = subscribers_.set_of(request.impus[0]);
  if (request.type == Type::unregistered_user) {
    const bool registered = state.of(set) == RegistrationState::registered;
    if (registered && has_restoration(state, set)) {
      // Section 6.1.2.1: the S-CSCF has forgotten a registered user, or has it from one that is down (TS 23.380).
      answer.restoration = {state.restoration[set]};
    } else if (registered && ours) {
      answer.result = cx::experimental::in_assignment_type;
      return "the user is registered";
    } else {
      // So too when another takes over a user of whom nothing is left: it is registered nowhere any more.
      state.enter(set, RegistrationState::unregistered);
    }
  } else {
    // A re-registration of a user whom we hold for not registered, as after a restart of ours, registers it.
    state.enter(set, RegistrationState::registered);
    state.authentication_pending = false;
    if (request.restoration) {
      if (state.restoration.size() <= set) state.restoration.resize(set + 1);
      state.restoration[set] = *request.restoration;
    }
  }
  state.reassignment_pending = false;
  state.server_name = request.server_name;
  state.origin_host = request.routing.origin_host;
  state.origin_realm = request.routing.origin_realm;
  if (!request.user_data_available) answer.user_data = user_profile_xml(subscriber, set);
  return absl::StrFormat("%s at %s", state_text(state.of(set)), log::printable(request.server_name));
}

std::string CxService::restore_pcscf(const cx::ServerAssignmentRequest& request, const Subscriber& subscriber,
                                     cx::ServerAssignmentAnswer& answer) {
  if (!settings_.pcscf_restoration) {
    answer.result = cx::experimental::serving_node_feature_unsupported;
    return "its P-CSCF is down, and no MME has P-CSCF restoration";
  }
  Assignment& state = state_of(subscriber);
  if (state.server_name != request.server_name) {
    answer.result = cx::base::unable_to_comply;
    return "the user is served by " + log::printable(state.server_name);
  }
  const bool keeps_server = request.type == Type::unregistered_user;
  for (size_t set : sets_of(request, subscriber)) {
    state.enter(set, keeps_server ? RegistrationState::unregistered : RegistrationState::not_registered);
  }
  if (state.state() == RegistrationState::not_registered) state = {};
  LW_LOG(warn, "the P-CSCF of %s is down: an MME would have the handset register anew now", subscriber.imsi);
  return "its P-CSCF is down";
}

// The types that take no user: 0 and 4 to 11.
std::string CxService::end_registration(const cx::ServerAssignmentRequest& request, const Subscriber& subscriber,
                                        cx::ServerAssignmentAnswer& answer) {
  Assignment& state = state_of(subscriber);
  const bool ours = state.server_name == request.server_name;
  if (request.type == Type::no_assignment) {
    if (!ours) {
      answer.result = cx::base::unable_to_comply;
      return "asked for by an S-CSCF that does not serve the user";
    }
    const size_t set = subscribers_.set_of(request.impus[0]);
    if (!request.user_data_available) answer.user_data = user_profile_xml(subscriber, set);
    if (has_restoration(state, set)) answer.restoration = {state.restoration[set]};
    return "the profile, without a change";
  }
  if (state.server_name.empty()) return "it had no S-CSCF already";
  if (!ours) {
    answer.result = cx::base::unable_to_comply;
    return "the user is served by " + log::printable(state.server_name);
  }
  const std::vector<size_t> sets = sets_of(request, subscriber);
  // Of the sets that it names; the S-CSCF is forgotten when none is left.
  const auto leave = [&] {
    for (size_t set : sets) state.enter(set, RegistrationState::not_registered);
    if (state.state() == RegistrationState::not_registered) state = {};
  };
  switch (request.type) {
    case Type::authentication_failure:
    case Type::authentication_timeout:
      if (state.state() == RegistrationState::not_registered) {
        state = {};
        return "not authenticated, the S-CSCF is forgotten";
      }
      state.authentication_pending = false;
      return "not authenticated, still registered as before";
    case Type::timeout_deregistration_store_server_name:
    case Type::user_deregistration_store_server_name:
      // Keeping the S-CSCF is of use only to a user who has services without being registered.
      if (std::ranges::any_of(sets, [&](size_t set) { return subscriber.profile_of(set).unregistered_services; })) {
        for (size_t set : sets) state.enter(set, RegistrationState::unregistered);
        return "unregistered, the S-CSCF is kept";
      }
      answer.result = cx::experimental::server_name_not_stored;
      leave();
      return "not registered, the S-CSCF is forgotten";
    default:
      leave();
      return "not registered";
  }
}

}  // namespace lapwing::labhss
