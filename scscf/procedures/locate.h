// The interrogating role for requests other than REGISTER (TS 24.229 section 5.3.2): asks the HSS which S-CSCF serves a
// user who is not registered here.
#pragma once

#include <variant>

#include "scscf/core.h"

namespace lapwing::scscf {

struct Location {
  // Where the user is served, or the answer to give: 404 unknown to the HSS, 480 not registered, 504 no answer.
  std::variant<OtherServer, Outcome> where;
  std::string identity = {};  // the one that the HSS knows
};

// identities: what the request may mean, canonical, the likeliest first.
Task<Location> locate(Core& core, Site& site, std::vector<std::string> identities);

}  // namespace lapwing::scscf
