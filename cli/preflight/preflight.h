// imsctl preflight: is this host ready for the daemons. Reads the host by the other files of this folder, in the
// network namespace and as the user it is started as, and prints what each check found.
//
// What it does to the host: an SA and a policy for each algorithm, of addresses for documentation, for a moment; each
// port is bound for a moment; a TCP connection to each HSS, closed at once; DNS questions. Nothing else.
#pragma once

#include <chrono>
#include <iosfwd>
#include <string>

#include "cli/imsctl.h"
#include "cli/preflight/check.h"
#include "lapwing/v1/control.pb.h"

namespace lapwing::cli::preflight {

struct Options {
  // Both empty: those of /etc/lapwing that exist. One given: it alone, as on a host that has only this daemon.
  std::string pcscf_config;
  std::string scscf_config;
  bool json = false;
};

// The exit code: 0 nothing FAILED; 1 something did; 2 there is no file.
int preflight(const Options& options, std::ostream& out, std::ostream& err, const Surroundings& around);

// For people: a line for each check, with what to do below those that are not ok, and a summary.
std::string preflight_text(const v1::Preflight& done);

}  // namespace lapwing::cli::preflight
