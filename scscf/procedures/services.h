// A user's services: the application servers that a request of the user, or for the user, passes through, chosen by the
// initial filter criteria one after the other (TS 23.218 section 5.2, TS 24.229 sections 5.4.3.2 and 5.4.3.3; the
// interface is called ISC).
#pragma once

#include "scscf/ifc/original_dialogs.h"
#include "scscf/procedures/passage.h"

namespace lapwing::scscf {

// Sends the request to the next application server, waits for what becomes of it, and where one fails and its criterion
// says so goes on without it. Returns the passage when nothing is left to invoke and the request is to go on; nullopt:
// an application server has it, or it has been answered.
Task<std::optional<Passage>> invoke_services(Core& core, Site& site, Passage passage, Services services);

// A request comes back from an application server, with the identifier that we gave it.
Task<void> resume_services(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction,
                           std::string identifier);

}  // namespace lapwing::scscf
