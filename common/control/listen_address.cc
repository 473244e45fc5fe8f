#include "common/control/listen_address.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_format.h"
#include "common/runtime/bind_trial.h"
#include "common/runtime/values.h"

namespace lapwing::control {
namespace {

// A descriptor that closes itself.
struct Socket {
  explicit Socket(int family) : fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}
  ~Socket() {
    if (fd >= 0) close(fd);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  const int fd;
};

absl::Status unavailable(std::string_view listen, int error) {
  return absl::UnavailableError(absl::StrFormat("%s: cannot listen: %s", listen, std::strerror(error)));
}

absl::Status in_use(std::string_view listen) {
  return absl::AlreadyExistsError(absl::StrFormat(
      "%s: address already in use: another daemon listens there; stop it, or change control.listen", listen));
}

absl::Status claim_unix(std::string_view listen, const std::string& path) {
  struct stat found{};
  if (lstat(path.c_str(), &found) != 0) {
    if (errno != ENOENT) return unavailable(listen, errno);
    const std::string folder = path.substr(0, std::max<size_t>(path.rfind('/'), 1));
    if (access(folder.c_str(), W_OK | X_OK) == 0) return absl::OkStatus();
    return absl::UnavailableError(absl::StrFormat(
        "%s: cannot listen: %s: %s; make the directory, writable for this user", listen, folder, std::strerror(errno)));
  }
  if (!S_ISSOCK(found.st_mode)) {
    return absl::UnavailableError(
        absl::StrFormat("%s: there is a file that is no socket: remove it, or change control.listen", listen));
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  Socket probe(AF_UNIX);
  if (probe.fd < 0) return unavailable(listen, errno);
  if (connect(probe.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return in_use(listen);
  // EAGAIN: a listener whose queue is full. EACCES: somebody else's, dead or alive.
  if (errno == EAGAIN) return in_use(listen);
  if (errno != ECONNREFUSED) return unavailable(listen, errno);
  if (unlink(path.c_str()) != 0) return unavailable(listen, errno);
  return absl::OkStatus();
}

// gRPC says only that it failed: this bind says why. It also finds a listener with SO_REUSEPORT.
absl::Status probe_bind(std::string_view listen, const Endpoint& endpoint) {
  const int error = bind_error(endpoint, true);
  if (error == 0) return absl::OkStatus();
  return error == EADDRINUSE ? in_use(listen) : unavailable(listen, error);
}

}  // namespace

absl::StatusOr<std::string> claim_address(std::string_view listen, bool tls) {
  constexpr std::string_view scheme = "unix:";
  if (absl::Status form = check_format("control", listen); !form.ok()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("control.listen \"%s\": %s", listen, std::string(form.message())));
  }
  if (listen.starts_with(scheme)) {
    if (absl::Status claimed = claim_unix(listen, std::string(listen.substr(scheme.size()))); !claimed.ok())
      return claimed;
    return std::string(listen);
  }
  const Endpoint endpoint = endpoint_from(listen).value();
  if (!tls && !endpoint.address.is_loopback()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("control.listen \"%s\": without control.tls only a unix socket or a loopback address may be "
                        "listened on, since whoever reaches it sees everything: set control.tls, or reach it from "
                        "elsewhere through ssh -L",
                        listen));
  }
  if (absl::Status free = probe_bind(listen, endpoint); !free.ok()) return free;
  return endpoint.text();
}

}  // namespace lapwing::control
