#include "scscf/procedures/deregister.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "scscf/procedures/bind.h"
#include "scscf/procedures/challenge.h"
#include "scscf/procedures/notify_reg.h"
#include "scscf/procedures/release.h"
#include "scscf/procedures/third_party_register.h"
#include "scscf/state.h"

namespace lapwing::scscf {
namespace {

// A registration that lost its last contact, taken out of the registrar.
struct Ended {
  uint32_t number = 0;
  std::vector<Identity> set;
  std::string hss_host;
  ThirdPartyRegistration services;
};

// Takes registrations without contacts out of the user, and keeps the index and the operator's view right.
std::vector<Ended> take_empty(Core& core, const std::string& impi, UserState state, const std::string& why) {
  std::vector<Ended> ended;
  std::vector<Text> before, after;
  core.registrar.with_existing(impi, [&](User& user) {
    before = canonicals(user.registrations);
    std::erase_if(user.registrations, [&](Registration& registration) {
      if (!registration.bindings.empty()) return false;
      ended.push_back({registration.number, registration.set(), registration.hss_host,
                       third_party_of(core, impi, registration, "", RegistrationType::de_registration)});
      return true;
    });
    after = canonicals(user.registrations);
    if (!user.registered() && !user.challenge) user.alarm.cancel();
    if (user.registered() || ended.empty()) return;
    user.enter(state, core.clock.wall(), why);
    user.touched = core.clock.now();
  });
  core.registrar.reindex(impi, before, after);
  for (const Ended& one : ended) forget_profile(core, impi, one.number);
  keep_user(core, impi);
  return ended;
}

// SAR for the end of a set (TS 29.228 section 6.1.2): one identity stands for its implicit set.
Task<void> tell_hss(Core& core, Site& site, std::string impi, std::vector<Identity> set, std::string hss_host,
                    cx::ServerAssignmentType type) {
  if (set.empty()) co_return;
  co_await clear_pending(core, site, std::move(impi), std::move(set.front().uri), std::move(hss_host), type);
}

bool leaves(const Binding& binding, const RegisterRequest& request) {
  if (request.star) return true;
  return std::any_of(request.contacts.begin(), request.contacts.end(),
                     [&](const RequestedContact& contact) { return same_binding(binding, contact); });
}

}  // namespace

Task<Outcome> deregister_user(Core& core, Site& site, SharedRegisterRequest request) {
  std::vector<Binding> gone;
  Registration now;
  bool known = false;
  core.registrar.with_existing(request->impi, [&](User& user) {
    Registration* registration = user.registration_of(request->impu);
    if (!registration) return;
    known = true;
    std::erase_if(registration->bindings, [&](Binding& binding) {
      if (!leaves(binding, *request)) return false;
      binding.event = reginfo::ContactEvent::unregistered;
      gone.push_back(binding);
      return true;
    });
    now = *registration;
  });
  if (!known || gone.empty()) co_return Outcome{.code = 481, .why = "no such binding to deregister"};

  std::vector<Ended> ended = take_empty(core, request->impi, UserState::deregistered, "the handset deregistered");
  auto type = core.settings().keep_profile ? cx::ServerAssignmentType::user_deregistration_store_server_name
                                           : cx::ServerAssignmentType::user_deregistration;
  for (Ended& set : ended) {
    release_calls_of(core, site, set.set, "the handset deregistered");
    co_await tell_hss(core, site, request->impi, set.set, set.hss_host, type);
    set.services.request = request->transaction;
  }
  core.report("register.deregistered", request->impi, request->impu_uri, "the handset deregistered", Cause::left);

  Outcome ok = registered_response(core, *request, now);
  for (const Binding& binding : gone) {
    ok.headers.emplace_back(sip::HeaderId::contact, absl::StrFormat("<%s>%s;expires=0", binding.uri, binding.params));
  }
  ok.then = [&core, &site, set = now.set(), gone, ended](const std::string& response) {
    for (const Ended& one : ended) {
      ThirdPartyRegistration services = one.services;
      services.response = response;
      register_with_services(core, site, std::move(services));
    }
    notify_watchers(core, set, gone);
  };
  co_return ok;
}

Task<void> expire(Core& core, Site& site, std::string impi) {
  auto turn = co_await core.turns.take(site.worker, impi);
  if (!turn) co_return;  // the alarm is set again
  TimePoint now = core.clock.now();
  std::vector<std::pair<std::vector<Identity>, std::vector<Binding>>> changed;
  core.registrar.with_existing(impi, [&](User& user) {
    for (Registration& registration : user.registrations) {
      std::vector<Binding> gone;
      std::erase_if(registration.bindings, [&](Binding& binding) {
        if (binding.expires > now) return false;
        binding.event = reginfo::ContactEvent::expired;
        gone.push_back(binding);
        return true;
      });
      if (!gone.empty()) changed.emplace_back(registration.set(), std::move(gone));
    }
  });
  if (changed.empty()) co_return;
  std::vector<Ended> ended = take_empty(core, impi, UserState::expired, "the registration ran out without a refresh");
  auto type = core.settings().keep_profile ? cx::ServerAssignmentType::timeout_deregistration_store_server_name
                                           : cx::ServerAssignmentType::timeout_deregistration;
  for (Ended& set : ended) {
    release_calls_of(core, site, set.set, "the registration ran out");
    register_with_services(core, site, set.services);
    co_await tell_hss(core, site, impi, set.set, set.hss_host, type);
  }
  for (auto& [set, gone] : changed) {
    core.report("register.expired", impi, set.empty() ? "" : set.front().uri,
                absl::StrFormat("%s ran out without a refresh", gone.front().uri), Cause::expired);
    notify_watchers(core, set, gone);
  }
}

Task<std::vector<EndedSet>> end_by_network(Core& core, Site& site, std::string impi, std::vector<std::string> impus,
                                           std::optional<reginfo::ContactEvent> event, std::string why) {
  std::vector<std::pair<std::vector<Identity>, std::vector<Binding>>> changed;
  core.registrar.with_existing(impi, [&](User& user) {
    for (Registration& registration : user.registrations) {
      bool meant = impus.empty() || std::any_of(impus.begin(), impus.end(), [&](const std::string& impu) {
                     return registration.find(impu) != nullptr;
                   });
      if (!meant) continue;
      std::vector<Binding> gone = std::exchange(registration.bindings, {});
      if (event)
        for (Binding& binding : gone) binding.event = *event;
      changed.emplace_back(registration.set(), std::move(gone));
    }
  });
  std::vector<Ended> ended = take_empty(core, impi, UserState::deregistered, why);
  // Without a word where another S-CSCF has the user already: its calls need nothing of us but their own headers, and
  // its application servers hear of it from there.
  if (event) {
    for (Ended& set : ended) {
      release_calls_of(core, site, set.set, why);
      register_with_services(core, site, set.services);
    }
  }
  for (auto& [set, gone] : changed) {
    core.report("register.ended", impi, set.empty() ? "" : set.front().uri, why, Cause::ended_by_network);
    if (event) {
      notify_watchers(core, set, gone);
    } else {
      forget_watchers(core, set);
    }
  }
  std::vector<EndedSet> sets;
  for (Ended& one : ended) sets.push_back({std::move(one.set), std::move(one.hss_host)});
  co_return sets;
}

Task<std::vector<std::string>> deregister_by_network(Core& core, Site& site, std::string impi,
                                                     std::vector<std::string> impus,
                                                     std::optional<reginfo::ContactEvent> event, bool report_to_hss,
                                                     std::string why) {
  auto turn = co_await core.turns.take(site.worker, impi);
  std::vector<EndedSet> ended = co_await end_by_network(core, site, impi, std::move(impus), event, std::move(why));
  std::vector<std::string> uris;
  for (const EndedSet& one : ended) {
    for (const Identity& identity : one.set) uris.push_back(identity.uri);
    if (!report_to_hss) continue;
    co_await tell_hss(core, site, impi, one.set, one.hss_host, cx::ServerAssignmentType::administrative_deregistration);
  }
  co_return uris;
}

}  // namespace lapwing::scscf
