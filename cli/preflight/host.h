// The rest of the host: the clock, the limit of open files, directories and files that the daemons write.
#pragma once

#include <cstdint>
#include <string>

#include "cli/preflight/check.h"

namespace lapwing::cli::preflight {

// What adjtimex(2) says.
struct ClockState {
  bool known = false;
  bool synchronised = false;
};
ClockState read_clock();
Check check_clock(const ClockState& clock);

// hard: of RLIMIT_NOFILE, which the daemons take in full.
uint64_t hard_file_limit();
Check check_open_files(uint64_t hard);

// A file that a daemon will make or has made, and its directory, as this user may use them.
struct Place {
  std::string path;
  std::string directory;
  int directory_error = 0;  // errno; 0: it exists and may be written to
  int file_error = 0;       // likewise; 0 also where there is no file yet
  bool exists = false;
  bool is_socket = false;
};
Place look_at(const std::string& path);
// key: "state_file of /etc/lapwing/pcscf.yaml".
Check check_file(std::string_view key, const Place& place);
// Of control.listen, without unix:.
Check check_control_socket(std::string_view key, const Place& place);

}  // namespace lapwing::cli::preflight
