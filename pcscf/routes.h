// The Route and Record-Route values of the P-CSCF: its own are `<sip:TOKEN@address;lr>`, where the token says which
// handset a request belongs to.
#pragma once

#include <string>

#include "common/sip/edits.h"
#include "common/sip/route_set.h"
#include "pcscf/core.h"

namespace lapwing::pcscf {

sip::RouteSet read_routes(const Core& core, const sip::Message& request);

// The dialog's later requests come through us on both sides (TS 24.229 sections 5.2.6.3 and 5.2.6.4): the handset sees
// port-ps, the core our side. gm: the handset's flow.
void record_route(sip::Edits& edits, const Core& core, const Handset& handset, const sip::Flow& gm, bool toward_core);

// Where we listen on the handset's side of the flow; for Via.
std::string gm_sent_by(const Core& core, const sip::Flow& gm);

}  // namespace lapwing::pcscf
