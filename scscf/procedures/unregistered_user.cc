#include "scscf/procedures/unregistered_user.h"

#include "absl/strings/str_format.h"
#include "scscf/procedures/challenge.h"
#include "scscf/procedures/restore_registration.h"

namespace lapwing::scscf {
namespace {

// nullopt: the profile does not have the identity.
std::optional<ServedUser> user_of(const UnregisteredUser& unregistered, const std::string& identity) {
  for (const ServiceProfile& service : unregistered.profile->service_profiles) {
    for (const PublicIdentity& one : service.identities) {
      if (one.canonical != identity && !wildcard_matches(one, identity)) continue;
      bool exact = one.canonical == identity;
      return ServedUser{.impi = unregistered.impi,
                        .identity = {exact ? one.identity.str() : identity, identity, one.barred},
                        .other_identity = {},
                        .contacts = {},
                        .services = service.services};
    }
  }
  return std::nullopt;
}

}  // namespace

Task<std::variant<ServedUser, Outcome>> unregistered_user(Core& core, Site& site, std::string identity,
                                                          std::string wildcard) {
  std::optional<UnregisteredUser> known = core.unregistered.find(identity);
  if (!known) {
    cx::ServerAssignmentRequest sar;
    sar.impus = {identity};
    sar.wildcarded_impu = wildcard;
    sar.server_name = core.settings().name;
    sar.type = cx::ServerAssignmentType::unregistered_user;
    sar.features = our_features();
    auto outcome = co_await core.hss.assign(site.worker, std::move(sar));
    if (auto* failure = std::get_if<HssFailure>(&outcome)) co_return hss_failed(*failure, "SAR");
    auto& saa = std::get<cx::ServerAssignmentAnswer>(outcome);
    if (saa.result == cx::experimental::user_unknown) {
      co_return Outcome{.code = 404, .why = absl::StrFormat("the HSS does not know %s", identity)};
    }
    // TS 23.380 section 4.3: the HSS has it registered, with us before a restart or with another that is down.
    bool restored = !saa.restoration.empty() && co_await take_up_registration(core, site, identity, saa);
    std::optional<ServedUser> registered = restored ? find_served_user(core, identity) : std::nullopt;
    if (registered) co_return std::move(*registered);
    if (!saa.result.success()) co_return hss_refused(saa.result, "SAR");
    auto read = core.profiles.read(saa.user_data);
    if (!read.ok()) {
      co_return Outcome{.code = 480,
                        .why = "SAA: the user profile cannot be used: " + std::string(read.status().message())};
    }
    known = UnregisteredUser{.impi = saa.impi.empty() ? read->profile->impi.str() : saa.impi,
                             .impu = identity,
                             .profile = read->profile,
                             .hss_host = saa.routing.origin_host,
                             .until = {}};
    core.report("user.unregistered", known->impi, identity, "served unregistered: the HSS sent the profile");
  }
  known->until = core.clock.now() + core.settings().services.keep_unregistered;
  core.unregistered.put(identity, *known);
  std::optional<ServedUser> user = user_of(*known, identity);
  if (!user) co_return Outcome{.code = 404, .why = "SAA: the user profile does not contain " + identity};
  co_return std::move(*user);
}

void release_unregistered(Core& core, Site& site) {
  for (UnregisteredUser& user : core.unregistered.take_expired(core.clock.now())) {
    site.worker.spawn(clear_pending(core, site, std::move(user.impi), std::move(user.impu), std::move(user.hss_host),
                                    cx::ServerAssignmentType::timeout_deregistration));
  }
}

}  // namespace lapwing::scscf
