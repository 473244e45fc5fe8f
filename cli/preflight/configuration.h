// The configuration files: right each by itself, by the daemons' own loader and rules, and right together.
#pragma once

#include <optional>
#include <string>

#include "cli/preflight/check.h"
#include "lapwing/v1/config.pb.h"

namespace lapwing::cli::preflight {

// What the other checks go by. A config is absent where there is no file, or a wrong one.
struct Files {
  std::string pcscf_path;
  std::string scscf_path;
  std::optional<v1::PcscfConfig> pcscf;
  std::optional<v1::ScscfConfig> scscf;
};

// Reads the file of pcscf_path or scscf_path into `files`. The text has what `--check` says, a line for each error.
Check read_pcscf_file(Files& files);
Check read_scscf_file(Files& files);

// What one file says and the other contradicts. Nothing where one of the two is absent.
std::vector<Check> check_files_together(const Files& files);

}  // namespace lapwing::cli::preflight
