// A netlink socket to the kernel's XFRM, blocking, for one thread.
//
//   XfrmSocket socket;
//   absl::Status status = socket.open(0, 1 << 20);
//   auto batch = socket.new_batch();
//   if (!batch->add_sa(parameters)) ...
//   std::vector<int> errors;
//   status = socket.transact(*batch, &errors);
//   // errors[i]: what the kernel said to message i; 0: done, EEXIST, ESRCH, ..., XfrmSocket::kUnanswered
//
// A batch is not atomic: each of its messages succeeds or fails alone.
#pragma once

#include <libmnl/libmnl.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "pcscf/ipsec/xfrm_codec.h"

namespace lapwing::ipsec {

// errno as a status in words for the operator; what: what was tried, "the SA into port 5100".
absl::Status kernel_status(int error, std::string_view what);

class XfrmSocket {
 public:
  static constexpr int kUnanswered = -1;
  // A request is carried out within sendmsg; this bounds the wait for answers, which are there by then. The first use
  // of an algorithm may load a module.
  static constexpr std::chrono::milliseconds kAnswerLimit{1500};
  using OnMessage = std::function<void(const nlmsghdr&)>;

  // group: a multicast group to join (XFRMNLGRP_EXPIRE), 0: none.
  // PermissionDenied, Unavailable (this kernel has no XFRM).
  absl::Status open(uint32_t group, int receive_buffer_bytes);
  int descriptor() const { return mnl_socket_get_fd(socket_.get()); }

  // An empty batch, whose messages will carry the next sequence numbers: the next to transact().
  std::unique_ptr<XfrmBatch> new_batch() const { return std::make_unique<XfrmBatch>(sequence_); }

  // Sends the batch and waits for an answer to each message. on_message gets what is neither an acknowledgement nor the
  // end of a dump. DeadlineExceeded, ResourceExhausted (answers were lost), Internal: some of errors are kUnanswered.
  absl::Status transact(const XfrmBatch& batch, std::vector<int>* errors, const OnMessage& on_message = {});

  // Reads events until none is left. ResourceExhausted: the kernel dropped some since the socket's buffer was full.
  absl::Status read_events(const OnMessage& on_message);

 private:
  struct Close {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
  };
  // Bytes read; 0: nothing to read; negative: -errno.
  ssize_t receive();
  void wipe(size_t size);

  std::unique_ptr<mnl_socket, Close> socket_;
  uint32_t sequence_ = 1;
  alignas(8) std::array<uint8_t, 65536> buffer_;  // dumps come in parts of up to 32 KiB, with keys in them
};

}  // namespace lapwing::ipsec
