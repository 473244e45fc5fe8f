// imsctl init: the first configuration files, from five answers. Each answer is checked at once and asked for again
// with the reason when it is wrong; all can be given as options, for scripts.
//
// In /etc/lapwing the files name /run/lapwing and /var/lib/lapwing, as the samples do. In another directory sockets and
// state files are in that directory too, so that a trial leaves nothing elsewhere.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>

#include "cli/imsctl.h"

namespace lapwing::cli {

struct InitOptions {
  std::string directory;            // empty: lapwing below Surroundings::etc
  std::optional<std::string> plmn;  // "001/01"
  std::optional<std::string> gm;    // an address
  std::optional<std::string> core;  // likewise
  std::optional<std::string> hss;   // "lab", or "ADDRESS[:PORT] [NAME]"
  std::optional<std::string> ipsec;
  bool yes = false;
  bool force = false;
};

// The exit code: 0 written; 1 a file exists, or cannot be written; 2 a wrong option, or no answer.
int init(const InitOptions& options, std::ostream& out, std::ostream& err, const Surroundings& around);

}  // namespace lapwing::cli
