#include "common/control/unix_door.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/str_format.h"

namespace lapwing::control {

absl::StatusOr<std::unique_ptr<UnixDoor>> UnixDoor::open(std::string path, Enter enter) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return absl::UnavailableError(
        absl::StrFormat("unix:%s: cannot listen: the path is longer than %d bytes", path, sizeof address.sun_path - 1));
  }
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  const int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  // It must never be open to everybody, not even for the moment until a chmod.
  const mode_t before = umask(0117);
  const bool bound = wake >= 0 && listening >= 0 &&
                     bind(listening, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                     listen(listening, 128) == 0;
  const int error = errno;
  umask(before);
  if (!bound) {
    if (wake >= 0) close(wake);
    if (listening >= 0) close(listening);
    return absl::UnavailableError(absl::StrFormat("unix:%s: cannot listen: %s", path, std::strerror(error)));
  }
  return std::unique_ptr<UnixDoor>(new UnixDoor(std::move(path), listening, wake, std::move(enter)));
}

UnixDoor::UnixDoor(std::string path, int listening, int wake, Enter enter)
    : path_(std::move(path)), listening_(listening), wake_(wake), enter_(std::move(enter)), thread_([this] {
        serve();
      }) {}

UnixDoor::~UnixDoor() {
  const uint64_t one = 1;
  // Cannot fail: the counter is far from full.
  [[maybe_unused]] ssize_t written = write(wake_, &one, sizeof one);
  thread_.join();
  unlink(path_.c_str());
  close(listening_);
  close(wake_);
}

void UnixDoor::serve() {
  pollfd watched[] = {{.fd = listening_, .events = POLLIN, .revents = 0},
                      {.fd = wake_, .events = POLLIN, .revents = 0}};
  while (true) {
    if (poll(watched, 2, -1) < 0 && errno != EINTR) return;
    if (watched[1].revents != 0) return;
    const int accepted = accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (accepted < 0) {
      // No descriptors: those who wait stay in the queue.
      if (errno == EMFILE || errno == ENFILE) std::this_thread::sleep_for(std::chrono::milliseconds(100));
      continue;
    }
    const int fd = fcntl(accepted, F_DUPFD_CLOEXEC, lowest_descriptor + next_);
    next_ = (next_ + 1) % descriptors;
    if (fd < 0) {
      enter_(accepted);
    } else {
      close(accepted);
      enter_(fd);
    }
  }
}

}  // namespace lapwing::control
