#include "scscf/procedures/pushes.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/sip/uri.h"
#include "scscf/charging.h"
#include "scscf/procedures/deregister.h"
#include "scscf/procedures/notify_reg.h"
#include "scscf/state.h"

namespace lapwing::scscf {
namespace {

Task<void> end_registration(Core& core, Site& site, std::string impi, std::vector<std::string> impus,
                            std::optional<reginfo::ContactEvent> event, std::string why) {
  co_await deregister_by_network(core, site, std::move(impi), std::move(impus), event, false, std::move(why));
}

// Identities that left the set with the new profile (TS 24.229 section 5.4.2.1.2).
std::vector<Identity> missing(const std::vector<Identity>& before, const std::vector<Identity>& after) {
  std::vector<Identity> gone;
  for (const Identity& identity : before) {
    bool kept =
        std::any_of(after.begin(), after.end(), [&](const Identity& i) { return i.canonical == identity.canonical; });
    if (!kept) gone.push_back(identity);
  }
  return gone;
}

}  // namespace

Task<cx::RegistrationTerminationAnswer> Pushes::terminate(cx::RegistrationTerminationRequest request) {
  cx::RegistrationTerminationAnswer answer;
  answer.result = cx::base::success;
  // Reason 0 tells the handset to stop, 2 to register again with another server. 1: another server has the user
  // already, our data go silently. 3: the data of users that are not registered go, and we keep none.
  std::optional<reginfo::ContactEvent> event;
  if (request.reason == cx::DeregistrationReason::permanent_termination) event = reginfo::ContactEvent::rejected;
  if (request.reason == cx::DeregistrationReason::server_change) event = reginfo::ContactEvent::deactivated;
  std::vector<std::string> impus;
  for (const std::string& impu : request.impus) {
    auto uri = sip::Uri::parse(impu);
    if (uri.ok()) impus.push_back(uri->canonical());
  }
  std::vector<std::string> impis = {request.impi};
  impis.insert(impis.end(), request.associated_identities.begin(), request.associated_identities.end());
  bool known = false;
  std::string why =
      absl::StrFormat("the HSS ended the registration (RTR, reason %d%s%s)", static_cast<int>(request.reason),
                      request.reason_info.empty() ? "" : ": ", request.reason_info);
  for (const std::string& impi : impis) {
    known = core_.registrar.with_existing(impi, [](User&) {}) || known;
    known = core_.unregistered.forget(impi) || known;
    if (request.reason == cx::DeregistrationReason::remove_scscf) continue;
    // The answer does not wait for the NOTIFYs.
    site_.worker.spawn(end_registration(core_, site_, impi, impus, event, why));
  }
  if (!known) answer.result = cx::experimental::user_unknown;
  co_return answer;
}

Task<cx::PushProfileAnswer> Pushes::push_profile(cx::PushProfileRequest request) {
  cx::PushProfileAnswer answer;
  answer.result = cx::base::success;
  // Of a user who is served unregistered: the next request asks the HSS again.
  if (core_.unregistered.forget(request.impi)) co_return answer;
  if (!core_.registrar.with_existing(request.impi, [](User&) {})) {
    answer.result = cx::experimental::user_unknown;
    co_return answer;
  }
  if (request.charging) {
    core_.registrar.with_existing(request.impi, [&](User& user) {
      for (Registration& one : user.registrations)
        one.charging = core_.common.of(charging_addresses(*request.charging));
    });
    keep_user(core_, request.impi);
    core_.report("charging.pushed", request.impi, "", "the HSS pushed other charging functions");
  }
  if (request.user_data.empty()) co_return answer;
  auto read = core_.profiles.read(request.user_data);
  if (!read.ok()) {
    core_.report("profile.refused", request.impi, "", std::string(read.status().message()), Cause::profile_unreadable);
    answer.result = absl::IsResourceExhausted(read.status()) ? cx::experimental::too_much_data
                                                             : cx::experimental::not_supported_user_data;
    co_return answer;
  }
  std::shared_ptr<const UserProfile> profile = read->profile;
  for (const std::string& fault : read->faults) core_.report("profile.fault", request.impi, "", fault);
  std::vector<Identity> set = identities_of(*profile), old_set;
  auto turn = co_await core_.turns.take(site_.worker, request.impi);
  std::vector<Text> before, after;
  std::vector<Binding> bindings;
  std::vector<uint32_t> numbers;
  bool applied = false;
  core_.registrar.with_existing(request.impi, [&](User& user) {
    before = canonicals(user.registrations);
    for (Registration& registration : user.registrations) {
      bool same =
          std::any_of(set.begin(), set.end(), [&](const Identity& i) { return registration.find(i.canonical); });
      if (!same) continue;
      old_set = registration.set();
      registration.profile = profile;
      numbers.push_back(registration.number);
      bindings = registration.bindings;
      applied = true;
    }
    after = canonicals(user.registrations);
  });
  core_.registrar.reindex(request.impi, before, after);
  if (!applied) {
    answer.result = cx::experimental::user_unknown;
    co_return answer;
  }
  for (uint32_t number : numbers) keep_profile(core_, request.impi, number, request.user_data);
  keep_user(core_, request.impi);
  core_.report("profile.pushed", request.impi, "",
               absl::StrFormat("the HSS pushed a profile of %d identities", set.size()));
  std::vector<Identity> gone = missing(old_set, set);
  for (Binding& binding : bindings) binding.event = reginfo::ContactEvent::deactivated;
  // One document for all who watch an identity of the set, those that left it among them.
  reginfo::RegInfo state = registration_state(core_, set, {});
  reginfo::RegInfo left = registration_state(core_, gone, bindings);
  state.registrations.insert(state.registrations.end(), left.registrations.begin(), left.registrations.end());
  gone.insert(gone.end(), set.begin(), set.end());
  tell_watchers(core_, gone, state);
  co_return answer;
}

}  // namespace lapwing::scscf
