// Where SIP bytes come from and go to (RFC 3261 section 18), as a port: SocketTransport (socket_transport.h) in the
// daemons, a fake in scenarios. One Transport belongs to one worker.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "common/runtime/values.h"

namespace lapwing::sip {

enum class Protocol : uint8_t { udp, tcp, tls };
std::string_view protocol_text(Protocol protocol);  // "UDP", as Via writes it
inline bool reliable(Protocol protocol) {
  return protocol != Protocol::udp;
}

using lapwing::Endpoint;

// One way between two endpoints. local is where a message came to, or shall leave from; port 0 of a stream's local lets
// the system choose. connection: 0, or the stream connection it came on.
struct Flow {
  Protocol protocol = Protocol::udp;
  Endpoint local, remote;
  uint64_t connection = 0;
  bool operator==(const Flow&) const = default;
  std::string text() const;  // "udp 10.0.0.1:5060 -> 10.0.0.2:5060"
};

class Transport {
 public:
  using Failed = absl::AnyInvocable<void(absl::Status)>;

  virtual ~Transport() = default;
  // Sends the bytes of one message. Streams: on the flow's connection while it lives, else on an open connection
  // between the same endpoints, else on a new one. on_failure runs later on this worker, never inside send(), and at
  // most once; success is silent. May be empty. Of the bytes a stream keeps a copy; a datagram needs none.
  virtual void send(const Flow& flow, std::string_view bytes, Failed on_failure) = 0;
  // Ends the stream connection between the flow's endpoints, if there is one, with a reset: no TIME_WAIT keeps its
  // ports from the next connection. Another worker's ends a moment later.
  virtual void reset(const Flow& flow) = 0;
};

// What came in.
class Receiver {
 public:
  virtual ~Receiver() = default;
  virtual void received(std::string bytes, const Flow& flow) = 0;
  // A stream lost its framing; the connection is closed after this call and what it sends. headers may be empty.
  virtual void received_broken(std::string headers, int status, std::string why, const Flow& flow) = 0;
};

}  // namespace lapwing::sip
