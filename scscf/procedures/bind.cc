#include "scscf/procedures/bind.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/runtime/log.h"
#include "common/sip/headers.h"
#include "scscf/charging.h"
#include "scscf/procedures/challenge.h"
#include "scscf/procedures/deadlines.h"
#include "scscf/procedures/notify_reg.h"
#include "scscf/procedures/restore_registration.h"
#include "scscf/procedures/short_message.h"
#include "scscf/procedures/third_party_register.h"
#include "scscf/state.h"

namespace lapwing::scscf {
namespace {

using sip::HeaderId;

// RFC 3261 section 10.3 step 7: the same Call-ID must come with a higher CSeq.
bool out_of_order(const Registration& registration, const RegisterRequest& request) {
  for (const Binding& binding : registration.bindings) {
    for (const RequestedContact& contact : request.contacts) {
      if (same_binding(binding, contact) && binding.call_id == request.call_id && binding.cseq >= request.cseq)
        return true;
    }
  }
  return false;
}

Binding make_binding(Core& core, const RegisterRequest& request, const Registration& registration,
                     const RequestedContact& contact, bool refreshed) {
  Binding binding;
  binding.uri = contact.uri;
  binding.params = contact.params;
  binding.instance = contact.instance;
  binding.reg_id = contact.reg_id;
  binding.q = contact.q;
  binding.path.assign(request.path.begin(), request.path.end());
  binding.call_id = request.call_id;
  binding.cseq = request.cseq;
  binding.expires = core.clock.now() + std::chrono::seconds(contact.expires);
  binding.event = refreshed ? reginfo::ContactEvent::refreshed : reginfo::ContactEvent::registered;
  const PublicIdentity* identity = registration.profile ? registration.find(request.impu) : nullptr;
  binding.registered_impu = identity ? identity->canonical : Text(request.impu);
  binding.user_agent = core.common.of(request.user_agent);
  binding.access = core.common.of(request.access);
  binding.visited_network = core.common.of(request.visited_network);
  return binding;
}

// Puts the request's contacts into the registration; what they replace goes to `replaced`.
void put_contacts(Core& core, const RegisterRequest& request, Registration& registration, bool authenticated,
                  std::vector<Binding>& replaced) {
  for (const RequestedContact& contact : request.contacts) {
    auto old = std::find_if(registration.bindings.begin(), registration.bindings.end(),
                            [&](const Binding& b) { return same_binding(b, contact); });
    if (old != registration.bindings.end()) {
      if (contact.expires == 0) {
        old->event = reginfo::ContactEvent::unregistered;
        replaced.push_back(*old);
        registration.bindings.erase(old);
        continue;
      }
      // The same handset at another address: its old contact ends, under its own id.
      bool moved = !sip::uris_equal(old->uri, contact.uri);
      Binding fresh = make_binding(core, request, registration, contact, !moved);
      fresh.id = moved ? Text(core.registrar.next_contact_id()) : old->id;
      if (moved) {
        old->event = reginfo::ContactEvent::deactivated;
        replaced.push_back(*old);
      }
      *old = std::move(fresh);
      continue;
    }
    if (contact.expires == 0) continue;
    // TS 24.229 section 5.4.1.2.2: a new contact without reg-id, after authentication, takes the place of an older one
    // of the same private identity, unless both name different devices.
    if (authenticated && !contact.reg_id) {
      std::erase_if(registration.bindings, [&](Binding& b) {
        bool another_device = !b.instance.empty() && !contact.instance.empty() && b.instance != contact.instance;
        bool of_this_request = b.call_id == request.call_id && b.cseq == request.cseq;
        if (b.reg_id || another_device || of_this_request) return false;
        b.event = reginfo::ContactEvent::deactivated;
        replaced.push_back(b);
        return true;
      });
    }
    Binding fresh = make_binding(core, request, registration, contact, false);
    fresh.id = core.registrar.next_contact_id();
    registration.bindings.push_back(std::move(fresh));
  }
}

// The authority of our own URI for Service-Route and Contact: a numeric address, so that no DNS is needed.
std::string own_route(const RegisterRequest& request, std::string_view user) {
  return absl::StrFormat("<sip:%s@%s;lr>", user, request.came_to);
}

Duration longest_left(Core& core, const Registration& registration) {
  Duration longest{};
  for (const Binding& binding : registration.bindings) longest = std::max(longest, binding.expires - core.clock.now());
  return longest;
}

}  // namespace

Outcome registered_response(Core& core, const RegisterRequest& request, const Registration& registration) {
  Outcome ok{.code = 200};
  if (!request.path.empty()) ok.headers.emplace_back(HeaderId::path, path_text(request.path));
  for (const Binding& binding : registration.bindings) {
    uint32_t left = seconds_of(binding.expires - core.clock.now());
    ok.headers.emplace_back(HeaderId::contact, absl::StrFormat("<%s>%s;expires=%d", binding.uri, binding.params, left));
  }
  ok.headers.emplace_back(HeaderId::service_route, own_route(request, "orig"));
  std::string associated;
  for (const Identity& identity : registration.set()) {
    if (!identity.barred) associated += (associated.empty() ? "<" : ", <") + identity.uri + ">";
  }
  if (!associated.empty()) ok.headers.emplace_back(HeaderId::p_associated_uri, associated);
  if (!request.icid.empty()) {
    std::string charging = "icid-value=" + sip::quote(request.icid);
    if (!request.orig_ioi.empty()) charging += ";orig-ioi=" + sip::quote(request.orig_ioi);
    ok.headers.emplace_back(HeaderId::p_charging_vector,
                            charging + ";term-ioi=" + sip::quote(core.settings().home_domain));
  }
  if (!registration.charging.empty()) {
    ok.headers.emplace_back(HeaderId::p_charging_function_addresses, registration.charging);
  }
  return ok;
}

Task<Outcome> bind(Core& core, Site& site, SharedRegisterRequest request, bool authenticated) {
  bool known = false, late = false;
  cx::ServerAssignmentRequest sar;
  std::shared_ptr<const UserProfile> profile;
  Registration next;  // as it will be, for the HSS to keep
  bool keeps = false;
  core.registrar.with_existing(request->impi, [&](User& user) {
    keeps = (user.hss_features & cx::ims_restoration) != 0;
    Registration* registration = user.registration_of(request->impu);
    if (!registration) return;
    known = true;
    late = out_of_order(*registration, *request);
    profile = registration->profile;
    if (keeps) next = *registration;
    sar.routing.destination_host = registration->hss_host;
  });
  if (late) co_return Outcome{.code = 500, .why = "CSeq is not higher than that of the last REGISTER of this Call-ID"};

  sar.impi = request->impi;
  sar.impus = {request->impu_uri};
  sar.server_name = core.settings().name;
  sar.type = known ? cx::ServerAssignmentType::re_registration : cx::ServerAssignmentType::registration;
  sar.user_data_available = known && core.profiles.is_current(*profile);
  sar.features = our_features();
  std::vector<Binding> replaced;
  if (keeps) {
    put_contacts(core, *request, next, authenticated, replaced);
    replaced.clear();
    sar.restoration = restoration_info(core, request->impi, next);
  }
  auto outcome = co_await core.hss.assign(site.worker, std::move(sar));
  if (auto* failure = std::get_if<HssFailure>(&outcome)) co_return hss_failed(*failure, "SAR");
  auto& saa = std::get<cx::ServerAssignmentAnswer>(outcome);
  if (!saa.result.success()) co_return hss_refused(saa.result, "SAR");

  if (!saa.user_data.empty() || !profile) {
    auto read = core.profiles.read(saa.user_data);
    if (!read.ok()) {
      co_await clear_pending(core, site, request->impi, request->impu_uri, saa.routing.origin_host,
                             cx::ServerAssignmentType::deregistration_too_much_data);
      co_return Outcome{.code = 480,
                        .why = "SAA: the user profile cannot be used: " + std::string(read.status().message()),
                        .cause = Cause::profile_unreadable};
    }
    profile = read->profile;
    for (const std::string& fault : read->faults) core.report("profile.fault", request->impi, request->impu_uri, fault);
  }
  std::vector<Identity> set = identities_of(*profile);
  bool served = std::any_of(set.begin(), set.end(), [&](const Identity& i) { return i.canonical == request->impu; });
  if (!served) {
    co_return Outcome{.code = 403,
                      .why = "SAA: the user profile does not contain the identity that registers",
                      .cause = Cause::profile_without_identity};
  }

  std::vector<Text> before, after;
  Registration now;
  core.registrar.with(request->impi, [&](User& user) {
    before = canonicals(user.registrations);
    Registration* registration = user.registration_of(request->impu);
    if (!registration) {
      user.registrations.emplace_back();
      registration = &user.registrations.back();
      registration->since = core.clock.wall();
      registration->number = ++user.last_number;
    }
    user.hss_features = features_of_hss(saa.features);
    registration->profile = profile;
    registration->hss_host = core.common.of(saa.routing.origin_host);
    if (saa.charging) registration->charging = core.common.of(charging_addresses(*saa.charging));
    if (authenticated) registration->authenticated = core.clock.now();
    put_contacts(core, *request, *registration, authenticated, replaced);
    if (!registration->bindings.empty()) user.note_last(registration->bindings.back());
    if (user.state != UserState::registered) user.enter(UserState::registered, core.clock.wall(), "");
    after = canonicals(user.registrations);
    now = *registration;
  });
  core.registrar.reindex(request->impi, before, after);
  if (!saa.user_data.empty()) keep_profile(core, request->impi, now.number, std::move(saa.user_data));
  keep_user(core, request->impi);
  watch_deadlines(core, site, request->impi);
  core.report(known ? "register.refreshed" : "register.accepted", request->impi, request->impu_uri,
              absl::StrFormat("registered %s for %d s", request->contact_text(), seconds_of(longest_left(core, now))));
  Outcome ok = registered_response(core, *request, now);
  auto services = third_party_of(core, request->impi, now, request->impu,
                                 known ? RegistrationType::re_registration : RegistrationType::initial);
  services.request = request->transaction;
  core.unregistered.forget(request->impi);
  // The 200 promises that the registration is kept.
  if (!co_await core.store->committed(site.worker, commit_patience)) {
    LW_LOG(warn, "the store has not written a registration of %s within 50 ms: its 200 goes before", request->impi);
  }
  ok.then = [&core, &site, set = std::move(set), replaced, known, services](const std::string& response) mutable {
    services.response = response;
    register_with_services(core, site, std::move(services));
    notify_watchers(core, set, replaced);
    // Whoever has switched on anew may have made room.
    if (!known) {
      for (const Identity& identity : set) core.short_messages.memory_available(identity.canonical);
    }
    deliver_short_messages_to(core, site, set);
  };
  co_return ok;
}

}  // namespace lapwing::scscf
