// The sockets of a handset's host, as a port: Host in the program, a fake in tests.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/sip/transport.h"

namespace lapwing::labue {

// Where the packets of one call come and go. They stay outside the security associations, whose ports are SIP's.
class MediaPort {
 public:
  virtual ~MediaPort() = default;
  virtual uint16_t port() const = 0;
  virtual void send(const Endpoint& to, std::string packet) = 0;
  // Called for each packet that comes, on the worker.
  virtual void on_packet(std::function<void(std::string_view packet)> handler) = 0;
};

// What a handset needs of its host's sockets besides sending.
class Ports {
 public:
  virtual ~Ports() = default;
  // Listens; a port that is open already is no error.
  virtual absl::Status open(sip::Protocol protocol, const Endpoint& local) = 0;
  // Ends the stream connection between these endpoints, if any, and leaves the ports free for the next.
  virtual void reset(const sip::Flow& flow) = 0;
  virtual absl::StatusOr<std::unique_ptr<MediaPort>> open_media(const asio::ip::address& address) = 0;
};

}  // namespace lapwing::labue
