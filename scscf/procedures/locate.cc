#include "scscf/procedures/locate.h"

#include "absl/strings/str_format.h"
#include "scscf/procedures/challenge.h"
#include "scscf/procedures/interrogate.h"

namespace lapwing::scscf {

Task<Location> locate(Core& core, Site& site, std::vector<std::string> identities) {
  if (!core.settings.interrogating) {
    co_return Outcome{.code = 480, .why = identities.front() + " is not registered here"};
  }
  for (const std::string& identity : identities) {
    cx::LocationInfoRequest lir;
    lir.impu = identity;
    auto outcome = co_await core.hss.locate(site.worker, std::move(lir));
    if (auto* failure = std::get_if<HssFailure>(&outcome)) co_return hss_failed(*failure, "LIR");
    auto& lia = std::get<cx::LocationInfoAnswer>(outcome);
    if (lia.result == cx::experimental::user_unknown) continue;
    if (lia.result.success() && !lia.server_name.empty()) {
      if (const OtherServer* server = find_server(core, lia.server_name)) co_return *server;
      bool us = same_server(lia.server_name, core.settings.name);
      co_return Outcome{.code = 480,
                        .why = us ? absl::StrFormat("%s is not registered", identity)
                                  : absl::StrFormat("the HSS named the S-CSCF %s for %s, which is not in `servers`",
                                                    lia.server_name, identity)};
    }
    bool absent = lia.result == cx::experimental::identity_not_registered ||
                  lia.result == cx::experimental::unregistered_service || lia.result.success();
    if (absent) co_return Outcome{.code = 480, .why = absl::StrFormat("%s is not registered", identity)};
    co_return hss_refused(lia.result, "LIR");
  }
  co_return Outcome{.code = 404, .why = absl::StrFormat("the HSS does not know %s", identities.front())};
}

}  // namespace lapwing::scscf
