#include "scscf/procedures/locate.h"

#include "absl/strings/str_format.h"
#include "scscf/procedures/challenge.h"
#include "scscf/procedures/select_server.h"

namespace lapwing::scscf {
namespace {

using Where = std::variant<OtherServer, ServedHere, Outcome>;

// TS 24.229 section 5.3.2.1: an S-CSCF, or the application server that hosts a public service identity.
Where by_name(const Core& core, const std::string& name, const std::string& identity, std::string wildcard) {
  if (const OtherServer* server = find_server(core, name)) return *server;
  if (same_server(name, core.settings().name)) return ServedHere{std::move(wildcard)};
  auto uri = sip::Uri::parse(name);
  if (!uri.ok()) return Outcome{.code = 480, .why = absl::StrFormat("the HSS named '%s' for %s", name, identity)};
  auto flow = sip::next_hop(*uri, core.settings().listen, sip::Protocol::udp, core.settings().hosts);
  if (flow.ok()) return OtherServer{.name = name, .flow = *flow, .capabilities = {}};
  return Outcome{
      .code = 480,
      .why = absl::StrFormat("the HSS named the server %s for %s, which is neither in `servers` nor in `hosts`", name,
                             identity)};
}

Where by_capabilities(Core& core, const cx::LocationInfoAnswer& lia, std::string wildcard,
                      const std::vector<std::string>& tried = {}) {
  Chosen chosen = choose_capable(core, lia.capabilities, tried);
  if (auto* nobody = std::get_if<Outcome>(&chosen)) return std::move(*nobody);
  Choice& choice = std::get<Choice>(chosen);
  if (choice.ourselves) return ServedHere{std::move(wildcard)};
  return std::move(choice.other);
}

// What the HSS says of one identity; nullopt: it does not know it.
std::optional<Where> read_answer(Core& core, const cx::LocationInfoAnswer& lia, const std::string& identity) {
  if (lia.result == cx::experimental::user_unknown) return std::nullopt;
  bool success = lia.result.success();
  if (success && !lia.server_name.empty()) return by_name(core, lia.server_name, identity, lia.wildcarded_impu);
  if (success || lia.result == cx::experimental::unregistered_service) {
    return by_capabilities(core, lia, lia.wildcarded_impu);
  }
  if (lia.result == cx::experimental::identity_not_registered) {
    return Outcome{.code = 480, .why = absl::StrFormat("%s is not registered", identity)};
  }
  return hss_refused(lia.result, "LIR");
}

}  // namespace

Task<Location> locate(Core& core, Site& site, std::vector<std::string> identities, bool originating) {
  if (!core.settings().interrogating) {
    co_return Location{Outcome{.code = 480, .why = identities.front() + " is not registered here"}, identities.front()};
  }
  for (const std::string& identity : identities) {
    cx::LocationInfoRequest lir;
    lir.impu = identity;
    lir.originating = originating;
    auto outcome = co_await core.hss.locate(site.worker, std::move(lir));
    if (auto* failure = std::get_if<HssFailure>(&outcome)) co_return Location{hss_failed(*failure, "LIR")};
    auto where = read_answer(core, std::get<cx::LocationInfoAnswer>(outcome), identity);
    if (where) co_return Location{std::move(*where), identity};
  }
  co_return Location{Outcome{.code = 404, .why = absl::StrFormat("the HSS does not know %s", identities.front())}};
}

Task<Location> locate_another(Core& core, Site& site, std::string identity, std::string silent) {
  cx::LocationInfoRequest lir;
  lir.impu = identity;
  lir.type = cx::UserAuthorizationType::registration_and_capabilities;
  auto outcome = co_await core.hss.locate(site.worker, std::move(lir));
  if (auto* failure = std::get_if<HssFailure>(&outcome)) co_return Location{hss_failed(*failure, "LIR"), identity};
  auto& lia = std::get<cx::LocationInfoAnswer>(outcome);
  if (!lia.result.success() && lia.result != cx::experimental::unregistered_service) {
    co_return Location{hss_refused(lia.result, "LIR"), identity};
  }
  const std::vector<std::string> tried = {std::move(silent)};
  co_return Location{by_capabilities(core, lia, lia.wildcarded_impu, tried), identity};
}

}  // namespace lapwing::scscf
