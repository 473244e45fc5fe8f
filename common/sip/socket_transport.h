// SIP over sockets (RFC 3261 section 18): UDP, TCP and TLS, IPv4 and IPv6, any number of listening addresses. One for
// each worker; all workers listen on the same ports with SO_REUSEPORT, after a probe that nobody else has them.
//
// A stream connection belongs to the worker that accepted or opened it; the others find it through the ConnectionIndex
// and post their bytes to it. Limits: open connections for each remote address, unsent bytes and unfinished message for
// each connection, idle time.
#pragma once

#include <array>
#include <asio/ip/tcp.hpp>
#include <asio/ip/udp.hpp>
#include <asio/ssl/context.hpp>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "common/runtime/worker.h"
#include "common/sip/stream_framer.h"
#include "common/sip/transport.h"
#include "common/trace/recorder.h"

namespace lapwing::sip {

class SocketTransport;
class StreamConnection;

// Which worker has a connection between two endpoints, and how many each address has.
class ConnectionIndex {
 public:
  explicit ConnectionIndex(uint32_t per_address) : per_address_(per_address) {}
  // Counts a connection; false, and not counted, when the address has its share already and it is not forced.
  bool admit(const asio::ip::address& remote, bool forced);
  void leave(const asio::ip::address& remote);
  void add(const Flow& flow, SocketTransport* owner);
  void drop(const Flow& flow);
  // A connection between the endpoints; local port 0: from any port of the address. Protocols must agree.
  struct Found {
    SocketTransport* owner = nullptr;
    uint64_t connection = 0;
  };
  Found find(const Flow& flow);
  Found find(uint64_t connection);
  size_t size();

 private:
  struct Key {
    Protocol protocol;
    Endpoint local, remote;
    bool operator==(const Key&) const = default;
    template <typename H>
    friend H AbslHashValue(H h, const Key& k) {
      return H::combine(std::move(h), k.protocol, k.local, k.remote);
    }
  };
  static Key key(const Flow& flow, bool any_port);

  const uint32_t per_address_;
  std::mutex mutex_;
  absl::flat_hash_map<Key, Found> by_endpoints_;
  absl::flat_hash_map<uint64_t, SocketTransport*> by_id_;
  absl::flat_hash_map<std::string, uint32_t> addresses_;
};

// Can this process have the port? Binds without SO_REUSEPORT and lets go again. AlreadyExists names the port.
absl::Status probe_bind(Protocol protocol, const Endpoint& local);

class SocketTransport final : public Transport {
 public:
  struct Options {
    Limits limits;
    Duration idle_timeout = std::chrono::hours(2);
    Duration message_timeout = std::chrono::seconds(30);  // from the first byte of a message to its last
    Duration connect_timeout = std::chrono::seconds(5);
    size_t unsent_limit = 1 << 20;  // bytes queued on one connection; beyond it: closed
    // false: connections are reset when they are closed, also by the end of the process, and the system has nothing
    // left to send of them. For hosts whose IPsec policies may go at any time.
    bool linger = true;
    trace::Recorder* recorder = nullptr;  // gets all messages; its writers are the workers, by index
  };
  SocketTransport(Worker& worker, ConnectionIndex& index, const Options& options);
  ~SocketTransport() override;

  void deliver_to(Receiver& receiver) { receiver_ = &receiver; }
  // port 0: the system chooses; the endpoint that came out.
  absl::StatusOr<Endpoint> listen(Protocol protocol, const Endpoint& local, bool share_port);
  void use_tls(std::shared_ptr<asio::ssl::context> server, std::shared_ptr<asio::ssl::context> client);
  void send(const Flow& flow, std::string_view bytes, Failed on_failure) override;
  void reset(const Flow& flow) override;
  // Stops listening and closes everything; on the worker, before it stops. Connections that `resets` picks are reset:
  // the system has nothing left to send of them. For ports whose IPsec policies are about to go.
  void close(absl::FunctionRef<bool(const Flow&)> resets);
  void close() {
    close([](const Flow&) { return false; });
  }

  struct Counters {
    uint64_t datagrams_in = 0, datagrams_out = 0, datagrams_dropped = 0, connections_refused = 0;
    size_t connections = 0;
  };
  Counters counters() const;

 private:
  friend class StreamConnection;
  struct Listener;
  struct Datagrams;
  void receive_datagrams(const std::shared_ptr<Datagrams>& socket);
  void accept(const std::shared_ptr<Listener>& listener);
  void send_datagram(const Flow& flow, std::string_view bytes, Failed on_failure);
  void send_stream(const Flow& flow, std::string bytes, Failed on_failure);
  void send_on(uint64_t connection, const Flow& flow, std::string bytes, Failed on_failure);
  void open(const Flow& flow, std::string bytes, Failed on_failure);
  void reset(uint64_t connection);
  void fail(Failed on_failure, absl::Status status);
  void record(bool incoming, const Flow& flow, std::string_view bytes);
  uint64_t next_connection_id();

  Worker& worker_;
  ConnectionIndex& index_;
  Options options_;
  Receiver* receiver_ = nullptr;
  std::shared_ptr<asio::ssl::context> tls_server_, tls_client_;
  absl::flat_hash_map<Endpoint, std::shared_ptr<Datagrams>> datagrams_;
  std::vector<std::shared_ptr<Listener>> listeners_;
  absl::flat_hash_map<uint64_t, std::shared_ptr<StreamConnection>> connections_;
  uint64_t last_connection_ = 0;
  std::vector<char> buffer_;
  Counters counters_;
  bool closed_ = false;
};

}  // namespace lapwing::sip
