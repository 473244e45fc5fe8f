// What a REGISTER asks of IPsec (RFC 3329, TS 33.203 section 7.2 and Annex H), judged before anything goes to the core.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pcscf/sa_sets.h"

namespace lapwing::pcscf {

struct Agreement {
  // Refused: answer this. 421 and 494 come with our own list and Require: sec-agree.
  int refuse = 0;
  std::string why;
  Cause cause = Cause::none;
  bool abort_temporary = false;  // the set that is being made is given up with it
  // Accepted.
  bool ipsec = false;  // a challenge to this REGISTER sets up a new set
  std::vector<ipsec::Mechanism> offered;
  ipsec::Algorithms algorithms;
  std::string security_client;  // as it came
};

// carrier: the set that the REGISTER came on, when it came protected.
Agreement agree(const Core& core, const sip::Message& request, const std::optional<Carrier>& carrier);

// Our list for a 421 or 494, where no SPIs and ports are chosen yet.
std::string own_list(const Core& core);

}  // namespace lapwing::pcscf
