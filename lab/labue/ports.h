// The sockets of a handset's host, as a port: Host in the program, a fake in tests.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "common/sip/transport.h"

namespace lapwing::labue {

// What a handset needs of its host's sockets besides sending.
class Ports {
 public:
  virtual ~Ports() = default;
  // Listens; a port that is open already is no error.
  virtual absl::Status open(sip::Protocol protocol, const Endpoint& local) = 0;
  // Ends the stream connection between these endpoints, if any, and leaves the ports free for the next.
  virtual void reset(const sip::Flow& flow) = 0;
};

}  // namespace lapwing::labue
