#include "scscf/procedures/restore_registration.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/control/timestamps.h"
#include "common/sip/headers.h"
#include "scscf/charging.h"
#include "scscf/procedures/deadlines.h"
#include "scscf/state.h"

namespace lapwing::scscf {
namespace {

// Diameter's Time counts from 1900 (RFC 6733 section 4.3.1).
constexpr int64_t from_1900_to_1970 = 2'208'988'800;

uint32_t diameter_time(WallTime time) {
  return static_cast<uint32_t>(std::chrono::system_clock::to_time_t(time) + from_1900_to_1970);
}
WallTime wall_time(uint32_t diameter) {
  return std::chrono::system_clock::from_time_t(static_cast<time_t>(int64_t{diameter} - from_1900_to_1970));
}

Texts path_of(const std::string& text) {
  Texts path;
  std::string_view rest = text;
  while (!rest.empty()) {
    std::string_view hop = sip::take_list_value(rest);
    if (!hop.empty()) path.emplace_back(hop);
  }
  return path;
}

std::optional<Binding> binding_of(Core& core, const cx::RestorationInfo& info, const std::string& impu,
                                  TimePoint expires) {
  auto contact = sip::Contact::parse(info.contact);
  if (!contact.ok() || !contact->address.uri.is_sip()) return std::nullopt;
  Binding binding;
  binding.id = core.registrar.next_contact_id();
  binding.uri = std::string(contact->address.uri.text);
  binding.params = kept_params(contact->address.params);
  binding.instance = std::string(contact->instance);
  binding.reg_id = contact->reg_id;
  binding.q = contact->q;
  binding.path = path_of(info.path);
  binding.call_id = info.call_id;
  binding.cseq = info.initial_cseq.value_or(0);
  binding.expires = expires;
  binding.registered_impu = impu;
  return binding;
}

std::vector<Binding> bindings_of(Core& core, const cx::ScscfRestorationInfo& info, const std::string& impu) {
  TimePoint expires = core.clock.now() + core.settings().default_expires;
  if (info.registration_timeout) {
    expires = core.clock.now() +
              std::chrono::duration_cast<Duration>(wall_time(*info.registration_timeout) - core.clock.wall());
  }
  std::vector<Binding> bindings;
  if (expires <= core.clock.now()) return bindings;
  for (const cx::RestorationInfo& contact : info.contacts) {
    if (bindings.size() >= core.settings().max_contacts) break;
    if (auto binding = binding_of(core, contact, impu, expires)) bindings.push_back(std::move(*binding));
  }
  return bindings;
}

// Its number; 0: the user registered in the meantime.
uint32_t put(Core& core, const std::string& impi, const std::string& impu, Registration registration,
             uint32_t features) {
  uint32_t number = 0;
  std::vector<Text> before, after;
  core.registrar.with(impi, [&](User& user) {
    if (user.registration_of(impu)) return;
    before = canonicals(user.registrations);
    registration.number = number = ++user.last_number;
    user.note_last(registration.bindings.front());
    user.registrations.push_back(registration);
    user.hss_features = features | cx::ims_restoration;
    user.enter(UserState::registered, core.clock.wall(), "");
    after = canonicals(user.registrations);
  });
  if (number != 0) core.registrar.reindex(impi, before, after);
  return number;
}

}  // namespace

std::vector<cx::SupportedFeatures> our_features() {
  return {{.list_id = 1, .features = cx::ims_restoration | cx::pcscf_restoration}};
}

uint32_t features_of_hss(const std::vector<cx::SupportedFeatures>& features) {
  for (const cx::SupportedFeatures& one : features) {
    if (one.list_id == 1) return one.features;
  }
  return 0;
}

cx::ScscfRestorationInfo restoration_info(const Core& core, const std::string& impi, const Registration& registration) {
  cx::ScscfRestorationInfo info{.impi = impi, .contacts = {}, .registration_timeout = {}, .scheme = "Digest-AKAv1-MD5"};
  TimePoint last = core.clock.now();
  for (const Binding& binding : registration.bindings) {
    info.contacts.push_back({.path = path_text(strings(binding.path)),
                             .contact = absl::StrFormat("<%s>%s", binding.uri, binding.params),
                             .initial_cseq = binding.cseq,
                             .call_id = binding.call_id,
                             .ue = {},
                             .pcscf = {}});
    last = std::max(last, binding.expires);
  }
  info.registration_timeout = diameter_time(control::to_wall(core.clock, last));
  return info;
}

Task<bool> restore_registration(Core& core, Site& site, std::string impi, std::string impu, bool has_turn) {
  cx::ServerAssignmentRequest sar;
  sar.impi = std::move(impi);
  sar.impus = {impu};
  sar.server_name = core.settings().name;
  sar.type = cx::ServerAssignmentType::no_assignment;
  sar.features = our_features();
  auto outcome = co_await core.hss.assign(site.worker, std::move(sar));
  auto* saa = std::get_if<cx::ServerAssignmentAnswer>(&outcome);
  if (!saa || !saa->result.success()) co_return false;
  co_return co_await take_up_registration(core, site, std::move(impu), std::move(*saa), has_turn);
}

Task<bool> take_up_registration(Core& core, Site& site, std::string impu, cx::ServerAssignmentAnswer saa,
                                bool has_turn) {
  if (saa.restoration.empty()) co_return false;
  auto read = core.profiles.read(saa.user_data);
  if (!read.ok()) co_return false;
  auto uri = sip::Uri::parse(impu);
  std::string canonical = uri.ok() ? uri->canonical() : impu;
  bool taken = false;
  for (const cx::ScscfRestorationInfo& info : saa.restoration) {
    std::string impi = !info.impi.empty() ? info.impi : !saa.impi.empty() ? saa.impi : read->profile->impi.str();
    Registration registration;
    registration.profile = read->profile;
    registration.bindings = bindings_of(core, info, canonical);
    registration.hss_host = core.common.of(saa.routing.origin_host);
    if (saa.charging) registration.charging = core.common.of(charging_addresses(*saa.charging));
    registration.authenticated = core.clock.now();  // when, nobody knows any more
    registration.since = core.clock.wall();
    if (registration.bindings.empty() || !registration.find(canonical)) continue;
    auto turn = has_turn ? std::optional<Turns::Turn>() : co_await core.turns.take(site.worker, impi);
    if (!turn && !has_turn) continue;
    taken = true;
    std::string contact = registration.bindings.front().uri;
    uint32_t number = put(core, impi, canonical, std::move(registration), features_of_hss(saa.features));
    if (number == 0) continue;
    keep_profile(core, impi, number, saa.user_data);
    keep_user(core, impi);
    watch_deadlines(core, site, impi);
    core.report("register.restored", impi, impu,
                absl::StrFormat("registered %s as the HSS had it from before (TS 23.380)", contact));
  }
  if (taken) core.unregistered.forget(read->profile->impi);
  co_return taken;
}

}  // namespace lapwing::scscf
