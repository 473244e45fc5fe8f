#include "scscf/procedures/locate.h"

#include "absl/strings/str_format.h"
#include "scscf/procedures/challenge.h"
#include "scscf/procedures/interrogate.h"

namespace lapwing::scscf {
namespace {

// What the HSS says of one identity; nullopt: it does not know it.
std::optional<std::variant<OtherServer, Outcome>> read_answer(const Core& core, const cx::LocationInfoAnswer& lia,
                                                              const std::string& identity) {
  if (lia.result == cx::experimental::user_unknown) return std::nullopt;
  if (lia.result.success() && !lia.server_name.empty()) {
    if (const OtherServer* server = find_server(core, lia.server_name)) return *server;
    if (!same_server(lia.server_name, core.settings.name)) {
      return Outcome{.code = 480,
                     .why = absl::StrFormat("the HSS named the S-CSCF %s for %s, which is not in `servers`",
                                            lia.server_name, identity)};
    }
  }
  bool absent = lia.result == cx::experimental::identity_not_registered ||
                lia.result == cx::experimental::unregistered_service || lia.result.success();
  if (absent) return Outcome{.code = 480, .why = absl::StrFormat("%s is not registered", identity)};
  return hss_refused(lia.result, "LIR");
}

}  // namespace

Task<Location> locate(Core& core, Site& site, std::vector<std::string> identities) {
  if (!core.settings.interrogating) {
    co_return Location{Outcome{.code = 480, .why = identities.front() + " is not registered here"}, identities.front()};
  }
  for (const std::string& identity : identities) {
    cx::LocationInfoRequest lir;
    lir.impu = identity;
    auto outcome = co_await core.hss.locate(site.worker, std::move(lir));
    if (auto* failure = std::get_if<HssFailure>(&outcome)) co_return Location{hss_failed(*failure, "LIR")};
    auto where = read_answer(core, std::get<cx::LocationInfoAnswer>(outcome), identity);
    if (where) co_return Location{std::move(*where), identity};
  }
  co_return Location{Outcome{.code = 404, .why = absl::StrFormat("the HSS does not know %s", identities.front())}};
}

}  // namespace lapwing::scscf
