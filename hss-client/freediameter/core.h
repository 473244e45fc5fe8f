// freeDiameter embedded: connections to Diameter peers, watchdogs, and requests and answers as AVP trees. No
// freeDiameter type is seen here. An application (Cx) is a module that uses a core.
//
//   auto core = DiameterCore::create(options, {cx_application()}, [] { std::exit(1); });
//   (*core)->on_request(cx::application_id, [](DiameterCore::Incoming request) { ... });
//   absl::Status started = (*core)->start();
//
// One core per process, once: freeDiameter cannot be started a second time. Errors of create() and start():
// InvalidArgument (an option is wrong, the text says which), FailedPrecondition (a second core), Internal (freeDiameter
// refused; its log lines say why).
//
// freeDiameter's threads call on_reply, the request handlers and on_death: these must not block. Sending can block for
// about a second when a peer is frozen, so one thread of the core's own does it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/runtime/clock.h"
#include "hss-client/avp.h"

namespace lapwing {

struct DiameterOptions {
  struct Peer {
    std::string host;     // its Diameter identity: the Origin-Host it sends
    std::string address;  // numeric
    uint16_t port = 3868;
    std::string host_setting = "its host";  // where the operator configured `host`, to name it to him
    std::string address_text() const;       // "10.0.0.5:3868/tcp", "[2001:db8::5]:3868/tcp"
  };
  std::string identity, realm;                    // ours
  std::string identity_setting = "our identity";  // as host_setting
  std::vector<Peer> peers;                        // we connect to these
  // Where we listen; none: a client only. Port 0 is not possible: freeDiameter takes it for "do not listen".
  std::string listen_address;
  uint16_t listen_port = 0;
  bool accept_any_peer = false;       // take connections from peers not named above (a lab's HSS)
  std::chrono::seconds watchdog{30};  // Tw of RFC 3539, 6 or more
  std::chrono::seconds reconnect{5};  // Tc; freeDiameter spreads it by 2 s
  size_t queue_limit = 4096;          // messages that wait for the sender thread
  bool guarded = true;                // see guard.h; false only in tests of what it guards from
  size_t held_limit = 1024;           // requests of others that wait for our answer; beyond it they get 3004
  // Gets every message as it is on the wire, keys included, with the peer's host. From the framework's threads.
  std::function<void(bool incoming, std::string_view host, std::string_view bytes)> on_message = nullptr;
};

struct DiameterApplication {
  struct Command {
    uint32_t code;
    const char* name;  // "3GPP/Multimedia-Auth"; unprefixed names belong to RFC 4740 in freeDiameter
  };
  uint32_t id, vendor;
  const char* name;
  std::vector<Command> commands;
  std::span<const diameter::AvpDefinition> dictionary;
  diameter::IsGroup is_group;
};

class DiameterCore {
 public:
  struct Reply {
    enum class Kind {
      answer,     // message holds it; a 3xxx result may be freeDiameter's own (3002: the peer is gone)
      malformed,  // an answer came and could not be parsed
      expired,    // none came by the deadline
      stopped     // the core ended
    };
    Kind kind = Kind::answer;
    diameter::Message message;
    std::string text;
  };
  struct Request {
    diameter::Message message;   // Session-Id first; end_to_end as of new_end_to_end(), kept on a retry
    std::string peer;            // the directly connected peer it goes to
    bool retransmitted = false;  // the T flag
    TimePoint deadline;
    absl::AnyInvocable<void(Reply)> on_reply;  // once, unless forgotten
  };
  struct Incoming {
    uint64_t id;
    diameter::Message message;
    std::string from;  // the directly connected peer
  };
  struct PeerState {
    std::string host;
    std::string state;  // "open", "connecting", "suspect", "closed", "unusable" (offers no application of ours)
    std::string why;    // in plain words, why it is not open: what became of the last attempt
    bool open = false;
    bool relay = false;  // it said so: Destination-Host is not its own identity then
  };

  static absl::StatusOr<std::unique_ptr<DiameterCore>> create(const DiameterOptions& options,
                                                              const std::vector<DiameterApplication>& applications,
                                                              std::function<void()> on_death);
  ~DiameterCore();  // stop()
  DiameterCore(const DiameterCore&) = delete;
  DiameterCore& operator=(const DiameterCore&) = delete;

  // Before start(). Every request to the application comes here; answer() it, in time and once.
  void on_request(uint32_t application, std::function<void(Incoming)> handler);
  absl::Status start();
  // Ends freeDiameter: in about 0.1 s, and within 2 s when a peer is frozen. No handler runs after it, requests fail
  // with Reply::stopped, and what is still called here does nothing. A second call does nothing. From any thread but a
  // handler's.
  void stop();

  // The rest from any thread.
  // nullopt: the queue is full, or the core has ended. Otherwise an id for forget().
  std::optional<uint64_t> send(Request request);
  void forget(uint64_t id);  // a late answer is dropped, and counted
  // The answer's AVPs without Session-Id. The E flag follows the Result-Code. A second answer is dropped.
  void answer(uint64_t incoming, std::vector<diameter::Avp> avps);

  std::string new_session_id();
  uint32_t new_end_to_end();
  const DiameterOptions& options() const;
  std::vector<PeerState> peers() const;  // at most 0.1 s old; of options.peers, in their order
  size_t queued() const;
  uint64_t late_answers() const;

  struct State;

 private:
  explicit DiameterCore(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

}  // namespace lapwing
