#include "pcscf/routes.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/sip/headers.h"

namespace lapwing::pcscf {
namespace {

using sip::HeaderId;

// Is the Route value one of ours: any of our addresses with the unprotected, a protected or the core's port?
bool is_ours(const Core& core, const sip::Uri& uri) {
  std::optional<asio::ip::address> address = uri.address();
  if (!address) return sip::equals_ignoring_case(uri.host, core.settings().name);
  uint16_t port = uri.port == 0 ? 5060 : uri.port;
  if (*address == core.settings().mw.address && port == core.settings().mw.port) return true;
  return std::any_of(core.settings().gm.begin(), core.settings().gm.end(), [&](const sip::Endpoint& gm) {
    return gm.address == *address && (gm.port == port || core.settings().ps.value == port);
  });
}

}  // namespace

sip::RouteSet read_routes(const Core& core, const sip::Message& request) {
  return sip::read_route_set(request, [&core](const sip::Uri& uri) { return is_ours(core, uri); });
}

void record_route(sip::Edits& edits, const Core& core, const Handset& handset, const sip::Flow& gm, bool toward_core) {
  std::string gm_side = absl::StrFormat("<sip:%s@%s;lr>", handset.token, gm_sent_by(core, gm));
  std::string core_side = absl::StrFormat("<sip:%s@%s;lr>", handset.token, core.settings().mw.text());
  edits.prepend(HeaderId::record_route, toward_core ? gm_side : core_side);
  edits.prepend(HeaderId::record_route, toward_core ? core_side : gm_side);
}

std::string gm_sent_by(const Core& core, const sip::Flow& gm) {
  uint16_t port = core.on_protected_port(gm) ? core.settings().ps.value : gm.local.port;
  return sip::Endpoint{gm.local.address, port}.text();
}

}  // namespace lapwing::pcscf
