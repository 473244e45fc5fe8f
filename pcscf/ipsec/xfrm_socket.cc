#include "pcscf/ipsec/xfrm_socket.h"

#include <openssl/crypto.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_format.h"

namespace lapwing::ipsec {

absl::Status kernel_status(int error, std::string_view what) {
  switch (error) {
    case 0:
      return absl::OkStatus();
    case EPERM:
    case EACCES:
      return absl::PermissionDeniedError(
          absl::StrFormat("%s: the kernel refused: this program needs CAP_NET_ADMIN", what));
    case EPROTONOSUPPORT:
      return absl::FailedPreconditionError(absl::StrFormat("%s: this kernel has no ESP (modules esp4 and esp6)", what));
    case EAFNOSUPPORT:
      return absl::FailedPreconditionError(absl::StrFormat("%s: this kernel has no such address family", what));
    case ENOSYS:
    case ENOENT:
      return absl::UnimplementedError(absl::StrFormat("%s: the kernel does not have the algorithm", what));
    case EEXIST:
      return absl::AlreadyExistsError(absl::StrFormat("%s: it exists in the kernel already", what));
    case ESRCH:
      return absl::NotFoundError(absl::StrFormat("%s: the kernel has none", what));
    case ENOBUFS:
    case ENOMEM:
      return absl::ResourceExhaustedError(absl::StrFormat("%s: the kernel is out of memory", what));
    case XfrmSocket::kUnanswered:
      return absl::DeadlineExceededError(absl::StrFormat("%s: no answer", what));
    default:
      return absl::InternalError(absl::StrFormat("%s: %s", what, std::strerror(error)));
  }
}

absl::Status XfrmSocket::open(uint32_t group, int receive_buffer_bytes) {
  socket_.reset(mnl_socket_open2(NETLINK_XFRM, SOCK_CLOEXEC));
  if (!socket_) {
    if (errno == EPROTONOSUPPORT) return absl::UnavailableError("netlink: this kernel has no IPsec (module xfrm_user)");
    return kernel_status(errno, "netlink socket");
  }
  unsigned groups = group == 0 ? 0 : 1u << (group - 1);
  if (mnl_socket_bind(socket_.get(), groups, MNL_SOCKET_AUTOPID) < 0) return kernel_status(errno, "netlink bind");
  int on = 1;
  // Errors would carry the request back, keys included.
  mnl_socket_setsockopt(socket_.get(), NETLINK_CAP_ACK, &on, sizeof(on));
  if (setsockopt(descriptor(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer_bytes, sizeof(receive_buffer_bytes)) < 0)
    setsockopt(descriptor(), SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof(receive_buffer_bytes));
  return absl::OkStatus();
}

ssize_t XfrmSocket::receive() {
  while (true) {
    sockaddr_nl from{};
    iovec part{buffer_.data(), buffer_.size()};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof(from);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    ssize_t size = recvmsg(descriptor(), &message, MSG_DONTWAIT);
    if (size < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN ? 0 : -errno;
    }
    if (from.nl_pid != 0) continue;  // only the kernel is believed
    if (message.msg_flags & MSG_TRUNC) return -ENOBUFS;
    return size;
  }
}

void XfrmSocket::wipe(size_t size) {
  OPENSSL_cleanse(buffer_.data(), size);
}

absl::Status XfrmSocket::transact(const XfrmBatch& batch, std::vector<int>* errors, const OnMessage& on_message) {
  sequence_ += batch.messages();
  errors->assign(batch.messages(), kUnanswered);
  ssize_t sent;
  do sent = mnl_socket_sendto(socket_.get(), batch.bytes().data(), batch.bytes().size());
  while (sent < 0 && errno == EINTR);
  if (sent < 0) return kernel_status(errno, "netlink send");

  size_t waiting = batch.messages();
  auto give_up = std::chrono::steady_clock::now() + kAnswerLimit;
  while (waiting > 0) {
    ssize_t size = receive();
    if (size < 0) return kernel_status(static_cast<int>(-size), "netlink receive");
    if (size == 0) {
      auto left = std::chrono::duration_cast<std::chrono::milliseconds>(give_up - std::chrono::steady_clock::now());
      if (left.count() <= 0) return absl::DeadlineExceededError("the kernel did not answer");
      pollfd ready{descriptor(), POLLIN, 0};
      poll(&ready, 1, static_cast<int>(left.count()));
      continue;
    }
    int rest = static_cast<int>(size);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer_.data()); mnl_nlmsg_ok(message, rest);
         message = mnl_nlmsg_next(message, &rest)) {
      uint32_t index = message->nlmsg_seq - batch.first_sequence();
      if (index >= errors->size()) continue;  // the late answer to a batch that was given up
      bool answers = message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE;
      if (!answers) {
        if (on_message) on_message(*message);
      } else if ((*errors)[index] == kUnanswered) {
        int error = 0;  // negative errno, or 0
        if (mnl_nlmsg_get_payload_len(message) >= sizeof(error))
          std::memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
        (*errors)[index] = error < 0 ? -error : 0;
        --waiting;
      }
    }
    wipe(static_cast<size_t>(size));
  }
  return absl::OkStatus();
}

absl::Status XfrmSocket::read_events(const OnMessage& on_message) {
  while (true) {
    ssize_t size = receive();
    if (size == 0) return absl::OkStatus();
    if (size < 0) return kernel_status(static_cast<int>(-size), "netlink events");
    int rest = static_cast<int>(size);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer_.data()); mnl_nlmsg_ok(message, rest);
         message = mnl_nlmsg_next(message, &rest))
      on_message(*message);
    wipe(static_cast<size_t>(size));
  }
}

}  // namespace lapwing::ipsec
