#include "cli/preflight/host.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace lapwing::cli::preflight {
namespace {

// A handset with IPsec keeps up to two TCP connections, one for each direction; the rest of a daemon needs some too.
constexpr uint64_t connections_of_a_handset = 2;
constexpr uint64_t files_of_a_daemon = 256;
// A lab has fewer handsets, and whoever has more should have thought of it.
constexpr uint64_t few_files = 4096;

// As the effective user; 0 or errno.
int access_error(const std::string& path, int mode) {
  return faccessat(AT_FDCWD, path.c_str(), mode, AT_EACCESS) == 0 ? 0 : errno;
}

Check check_directory(std::string_view code, std::string_view about, const Place& place, bool volatile_place) {
  const std::string why = absl::StrFormat("%s: %s", place.directory, std::strerror(place.directory_error));
  if (place.directory_error == ENOENT || place.directory_error == ENOTDIR) {
    Advice advice = {absl::StrFormat("install -d -m 750 %s", place.directory)};
    if (volatile_place) {
      advice.push_back(
          absl::StrFormat("/run is emptied at boot; to have it made then: echo 'd %s 0750 root root' > "
                          "/etc/tmpfiles.d/lapwing.conf",
                          place.directory));
    }
    return failed(code, about, why, advice);
  }
  return failed(code, about, why,
                {absl::StrFormat("run this as the user that the daemon runs as; or give that user the directory: chown "
                                 "USER %s",
                                 place.directory)});
}

}  // namespace

ClockState read_clock() {
  timex asked{};
  const int state = adjtimex(&asked);
  return {.known = state >= 0, .synchronised = state != TIME_ERROR && (asked.status & STA_UNSYNC) == 0};
}

Check check_clock(const ClockState& clock) {
  constexpr std::string_view code = "clock";
  constexpr std::string_view about = "clock";
  if (clock.known && clock.synchronised) return passed(code, about, "synchronised");
  return warned(code, about,
                clock.known ? "the kernel knows of nobody who keeps it right (adjtimex: STA_UNSYNC): times of events, "
                              "call records and expiries may be off by as much as the clock is"
                            : "the kernel does not tell whether it is synchronised",
                {"apt-get install chrony; then: chronyc tracking", "or: timedatectl set-ntp true",
                 "in a virtual machine or container whose host keeps the clock right nothing is wrong"});
}

uint64_t hard_file_limit() {
  rlimit files{};
  return getrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_max : 0;
}

Check check_open_files(uint64_t hard) {
  constexpr std::string_view code = "open-files";
  constexpr std::string_view about = "open files";
  if (hard == RLIM_INFINITY) return passed(code, about, "no limit");
  const uint64_t handsets = (std::max(hard, files_of_a_daemon) - files_of_a_daemon) / connections_of_a_handset;
  const std::string text = absl::StrFormat(
      "at most %d for a daemon: enough for some %d handsets with two TCP connections each", hard, handsets);
  if (hard >= few_files) return passed(code, about, text);
  return warned(
      code, about, text,
      {"in a systemd unit: LimitNOFILE=65536", "else in the shell that starts the daemons, as root: ulimit -n 65536"});
}

Place look_at(const std::string& path) {
  Place place;
  place.path = path;
  const size_t slash = path.rfind('/');
  place.directory = slash == path.npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  struct stat found{};
  if (stat(place.directory.c_str(), &found) != 0) {
    place.directory_error = errno;
  } else if (!S_ISDIR(found.st_mode)) {
    place.directory_error = ENOTDIR;
  } else {
    place.directory_error = access_error(place.directory, W_OK | X_OK);
  }
  if (place.directory_error != 0 || lstat(path.c_str(), &found) != 0) return place;
  place.exists = true;
  place.is_socket = S_ISSOCK(found.st_mode);
  place.file_error = S_ISDIR(found.st_mode) ? EISDIR : access_error(path, R_OK | W_OK);
  return place;
}

Check check_file(std::string_view key, const Place& place) {
  constexpr std::string_view code = "file";
  const std::string about = absl::StrFormat("%s, %s", key, place.path);
  if (place.directory_error != 0) return check_directory(code, about, place, false);
  if (place.file_error == 0) return passed(code, about, "can be written");
  return failed(
      code, about, std::strerror(place.file_error),
      {absl::StrFormat("run this as the user that the daemon runs as; or give that user the file: chown USER %s",
                       place.path)});
}

Check check_control_socket(std::string_view key, const Place& place) {
  constexpr std::string_view code = "control-socket";
  const std::string about = absl::StrFormat("%s, %s", key, place.path);
  if (place.directory_error != 0) {
    return check_directory(code, about, place, place.directory.starts_with("/run/"));
  }
  if (place.is_socket && place.file_error == 0)
    return passed(code, about, "there is a socket: of a daemon that runs, or ran");
  if (place.is_socket || place.file_error != 0) {
    return failed(code, about, std::strerror(place.file_error),
                  {absl::StrFormat("whose it is: ls -l %s; run this as the user that the daemon runs as", place.path)});
  }
  if (place.exists) {
    return failed(
        code, about, "there is a file that is no socket",
        {absl::StrFormat("look at it, then: rm %s", place.path), "or write another path into control.listen"});
  }
  return passed(code, about, "its directory can be written to");
}

}  // namespace lapwing::cli::preflight
