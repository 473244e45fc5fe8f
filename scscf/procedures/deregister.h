// Ends of a registration (TS 24.229 sections 5.4.1.4 and 5.4.1.5): by the handset, by expiry, by the operator, by the
// HSS.
#pragma once

#include "scscf/procedures/register_request.h"

namespace lapwing::scscf {

// A REGISTER whose contacts all leave. The caller holds the user's turn.
Task<Outcome> deregister_user(Core& core, Site& site, SharedRegisterRequest request);

// The time of a contact has come.
Task<void> expire(Core& core, Site& site, std::string impi);

// The network ends registrations, and the HSS knows: every one of the user, or only those with one of the identities
// (canonical) when some are given. event tells the handset what to do: deactivated (register again) or rejected;
// nullopt: nobody is told, and the subscriptions end silently. The caller holds the user's turn.
struct EndedSet {
  std::vector<Identity> set;
  std::string hss_host;
};
Task<std::vector<EndedSet>> end_by_network(Core& core, Site& site, std::string impi, std::vector<std::string> impus,
                                           std::optional<reginfo::ContactEvent> event, std::string why);
// Likewise, and takes the turn. report_to_hss: SAR ADMINISTRATIVE_DEREGISTRATION; not after an RTR. Returns the
// identities that went.
Task<std::vector<std::string>> deregister_by_network(Core& core, Site& site, std::string impi,
                                                     std::vector<std::string> impus,
                                                     std::optional<reginfo::ContactEvent> event, bool report_to_hss,
                                                     std::string why);

}  // namespace lapwing::scscf
