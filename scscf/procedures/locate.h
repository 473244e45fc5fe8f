// The interrogating role for requests other than REGISTER (TS 24.229 section 5.3.2): asks the HSS which S-CSCF serves a
// user who is not registered here.
#pragma once

#include <variant>

#include "scscf/core.h"

namespace lapwing::scscf {

// By us, for the services that it has while it is not registered, or as a public service identity.
struct ServedHere {
  std::string wildcard = {};  // the wildcarded identity that the identity belongs to; empty: none
};

struct Location {
  // Where the user is served, or the answer to give: 404 unknown to the HSS, 480 not registered, 504 no answer.
  // OtherServer: an S-CSCF, or the application server of a public service identity.
  std::variant<OtherServer, ServedHere, Outcome> where;
  std::string identity = {};  // the one that the HSS knows
};

// identities: what the request may mean, canonical, the likeliest first. originating: to serve the user who sends.
Task<Location> locate(Core& core, Site& site, std::vector<std::string> identities, bool originating = false);
// An S-CSCF in the place of one that is silent (TS 23.380 section 4.3): chosen by the capabilities that the HSS tells.
Task<Location> locate_another(Core& core, Site& site, std::string identity, std::string silent);

}  // namespace lapwing::scscf
