// A unix socket whose connections are handed on as they are, so that the kernel can be asked who is at their other end.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"

namespace lapwing::control {

class UnixDoor {
 public:
  // Connections get descriptors from here on, each another than the last 512: what is noted under one stays true for a
  // while after its connection ended.
  static constexpr int lowest_descriptor = 128, descriptors = 512;

  // Gets a connection, non-blocking and its own to close. Called on the door's thread.
  using Enter = std::function<void(int fd)>;
  // path: see claim_address(), which comes first. The socket is open to our user and group only (mode 0660).
  static absl::StatusOr<std::unique_ptr<UnixDoor>> open(std::string path, Enter enter);
  // Takes no more connections, and removes the socket.
  ~UnixDoor();
  UnixDoor(const UnixDoor&) = delete;
  UnixDoor& operator=(const UnixDoor&) = delete;

 private:
  UnixDoor(std::string path, int listening, int wake, Enter enter);
  void serve();

  const std::string path_;
  const int listening_, wake_;
  const Enter enter_;
  int next_ = 0;
  std::thread thread_;
};

}  // namespace lapwing::control
