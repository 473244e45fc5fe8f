#include "common/runtime/bind_trial.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace lapwing {

int bind_error(const Endpoint& at, bool tcp) {
  const int fd = socket(at.address.is_v4() ? AF_INET : AF_INET6, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const int on = 1;
  if (tcp) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const auto address = at.tcp();
  const int error = bind(fd, address.data(), static_cast<socklen_t>(address.size())) == 0 ? 0 : errno;
  close(fd);
  return error;
}

}  // namespace lapwing
