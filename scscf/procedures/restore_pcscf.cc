#include "scscf/procedures/restore_pcscf.h"

#include "absl/strings/str_format.h"
#include "scscf/procedures/deregister.h"
#include "scscf/procedures/restore_registration.h"

namespace lapwing::scscf {
namespace {

struct Affected {
  std::shared_ptr<const UserProfile> profile;
  std::string hss_host;
};

// nullopt: the user has gone, or has another contact by now.
std::optional<Affected> affected(Core& core, const std::string& impi, const std::string& impu, const Binding& contact) {
  std::optional<Affected> found;
  core.registrar.with_existing(impi, [&](User& user) {
    const Registration* registration = user.registration_of(impu);
    if (!registration || registration->bindings.size() != 1) return;
    const Binding& now = registration->bindings.front();
    if (now.id != contact.id || now.path != contact.path) return;
    found = Affected{.profile = registration->profile, .hss_host = registration->hss_host};
  });
  return found;
}

}  // namespace

Task<bool> restore_pcscf(Core& core, Site& site, std::string impi, Identity impu, Binding contact) {
  auto turn = co_await core.turns.take(site.worker, impi);
  if (!turn) co_return false;
  std::optional<Affected> user = affected(core, impi, impu.canonical, contact);
  if (!user) co_return true;
  cx::ServerAssignmentRequest sar;
  sar.routing.destination_host = user->hss_host;
  sar.impi = impi;
  sar.impus = {impu.uri};
  sar.server_name = core.settings().name;
  sar.type = cx::ServerAssignmentType::unregistered_user;
  sar.user_data_available = true;
  sar.pcscf_restoration = true;
  sar.features = our_features();
  auto outcome = co_await core.hss.assign(site.worker, std::move(sar));
  auto* saa = std::get_if<cx::ServerAssignmentAnswer>(&outcome);
  const Text& pcscf = contact.path.empty() ? contact.uri : contact.path.front();
  if (!saa || !saa->result.success()) {
    core.report("pcscf.silent", impi, impu.uri,
                absl::StrFormat("%s does not answer, and the HSS does nothing about it: %s", pcscf,
                                saa ? cx::result_text(saa->result) : std::get<HssFailure>(outcome).text));
    co_return false;
  }
  core.report("pcscf.silent", impi, impu.uri,
              absl::StrFormat("%s does not answer: the HSS has the handset register anew (TS 23.380)", pcscf));
  co_await end_by_network(core, site, impi, {impu.canonical}, reginfo::ContactEvent::deactivated,
                          "its P-CSCF does not answer");
  core.unregistered.put(impu.canonical, {.impi = impi,
                                         .impu = impu.uri,
                                         .profile = user->profile,
                                         .hss_host = user->hss_host,
                                         .until = core.clock.now() + core.settings().services.keep_unregistered});
  co_return true;
}

}  // namespace lapwing::scscf
