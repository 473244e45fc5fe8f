// imsctl: the operator's client of the daemons' gRPC interface.
//
//   imsctl registrations            one line for each user, at the P-CSCF and at the S-CSCF
//   imsctl show 001010000000001     the story of one user
//
// Exit codes: 0 ok; 1 not found, nothing to show, or refused; 2 usage; 3 a daemon is not reachable, and none answered.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "common/runtime/clock.h"

namespace lapwing::cli {

// What a test replaces.
struct Surroundings {
  const Clock& clock;
  size_t width = 0;  // of the terminal; 0: unlimited
  std::string home;  // where .config/lapwing/imsctl.yaml is looked for
  std::string etc = "/etc";
  std::istream* in = nullptr;  // of answers to questions; nullptr: none can be given
};

int imsctl(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err,
           const Surroundings& surroundings);

}  // namespace lapwing::cli
