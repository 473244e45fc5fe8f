#include "common/sip/socket_transport.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <asio/ip/v6_only.hpp>
#include <asio/post.hpp>
#include <cerrno>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "common/runtime/log.h"
#include "common/sip/stream_connection.h"

namespace lapwing::sip {
namespace {

using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
using OnlyV6 = asio::ip::v6_only;

template <typename Socket, typename Protocol>
asio::error_code bind_to(Socket& socket, const Endpoint& local, bool share_port) {
  asio::error_code error;
  typename Protocol::endpoint endpoint(local.address, local.port);
  socket.open(endpoint.protocol(), error);
  if (error) return error;
  if (local.address.is_v6()) socket.set_option(OnlyV6(true), error);
  if (share_port && !error) socket.set_option(ReusePort(true), error);
  if (!error) socket.bind(endpoint, error);
  return error;
}

absl::Status bind_failure(Protocol protocol, const Endpoint& local, const asio::error_code& error) {
  std::string text =
      absl::StrFormat("cannot listen on %s/%s: %s", local.text(), protocol_text(protocol), error.message());
  if (error == asio::error::address_in_use) {
    return absl::AlreadyExistsError(text + "; another program has this port (see `ss -lnp`)");
  }
  if (error.value() == EADDRNOTAVAIL) {  // Asio's category does not map it to std::errc
    return absl::FailedPreconditionError(text + "; no interface has this address");
  }
  return absl::UnavailableError(text);
}

}  // namespace

bool ConnectionIndex::admit(const asio::ip::address& remote, bool forced) {
  std::lock_guard lock(mutex_);
  uint32_t& count = addresses_[remote.to_string()];
  if (count >= per_address_ && !forced) return false;
  ++count;
  return true;
}

void ConnectionIndex::leave(const asio::ip::address& remote) {
  std::lock_guard lock(mutex_);
  auto found = addresses_.find(remote.to_string());
  if (found != addresses_.end() && --found->second == 0) addresses_.erase(found);
}

ConnectionIndex::Key ConnectionIndex::key(const Flow& flow, bool any_port) {
  Key key{flow.protocol, flow.local, flow.remote};
  if (any_port) key.local.port = 0;
  return key;
}

void ConnectionIndex::add(const Flow& flow, SocketTransport* owner) {
  std::lock_guard lock(mutex_);
  by_id_[flow.connection] = owner;
  by_endpoints_[key(flow, false)] = {owner, flow.connection};
  by_endpoints_[key(flow, true)] = {owner, flow.connection};
}

void ConnectionIndex::drop(const Flow& flow) {
  std::lock_guard lock(mutex_);
  by_id_.erase(flow.connection);
  for (bool any_port : {false, true}) {
    auto found = by_endpoints_.find(key(flow, any_port));
    if (found != by_endpoints_.end() && found->second.connection == flow.connection) by_endpoints_.erase(found);
  }
}

ConnectionIndex::Found ConnectionIndex::find(const Flow& flow) {
  std::lock_guard lock(mutex_);
  auto found = by_endpoints_.find(key(flow, false));
  return found == by_endpoints_.end() ? Found{} : found->second;
}

ConnectionIndex::Found ConnectionIndex::find(uint64_t connection) {
  std::lock_guard lock(mutex_);
  auto found = by_id_.find(connection);
  return found == by_id_.end() ? Found{} : Found{found->second, connection};
}

size_t ConnectionIndex::size() {
  std::lock_guard lock(mutex_);
  return by_id_.size();
}

absl::Status probe_bind(Protocol protocol, const Endpoint& local) {
  asio::io_context context;
  asio::error_code error;
  if (protocol == Protocol::udp) {
    asio::ip::udp::socket socket(context);
    error = bind_to<asio::ip::udp::socket, asio::ip::udp>(socket, local, false);
  } else {
    asio::ip::tcp::acceptor acceptor(context);
    acceptor.open(local.address.is_v6() ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), error);
    if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
    if (!error && local.address.is_v6()) acceptor.set_option(OnlyV6(true), error);
    if (!error) acceptor.bind({local.address, local.port}, error);
    if (!error) acceptor.listen(1, error);
  }
  if (error) return bind_failure(protocol, local, error);
  return absl::OkStatus();
}

struct SocketTransport::Listener {
  Listener(asio::io_context& context, Protocol p) : acceptor(context), protocol(p) {}
  asio::ip::tcp::acceptor acceptor;
  Protocol protocol;
  Endpoint local;
};

struct SocketTransport::Datagrams {
  explicit Datagrams(asio::io_context& context) : socket(context) {}
  asio::ip::udp::socket socket;
  Endpoint local;
};

SocketTransport::SocketTransport(Worker& worker, ConnectionIndex& index, const Options& options)
    : worker_(worker), index_(index), options_(options), buffer_(65536) {}

SocketTransport::~SocketTransport() {
  close();
}

SocketTransport::Counters SocketTransport::counters() const {
  Counters now = counters_;
  now.connections = connections_.size();
  return now;
}

void SocketTransport::use_tls(std::shared_ptr<asio::ssl::context> server, std::shared_ptr<asio::ssl::context> client) {
  tls_server_ = std::move(server);
  tls_client_ = std::move(client);
}

absl::StatusOr<Endpoint> SocketTransport::listen(Protocol protocol, const Endpoint& local, bool share_port) {
  asio::error_code error;
  Endpoint bound = local;
  if (protocol == Protocol::udp) {
    auto socket = std::make_shared<Datagrams>(worker_.context());
    error = bind_to<asio::ip::udp::socket, asio::ip::udp>(socket->socket, local, share_port);
    if (error) return bind_failure(protocol, local, error);
    socket->socket.non_blocking(true, error);
    asio::error_code ignored;
    socket->socket.set_option(asio::socket_base::receive_buffer_size(4 << 20), ignored);
    bound.port = socket->socket.local_endpoint(ignored).port();
    socket->local = bound;
    datagrams_[bound] = socket;
    receive_datagrams(socket);
    return bound;
  }
  if (protocol == Protocol::tls && !tls_server_) {
    return absl::FailedPreconditionError("cannot listen on " + local.text() + "/TLS: no certificate is configured");
  }
  auto listener = std::make_shared<Listener>(worker_.context(), protocol);
  listener->acceptor.open(local.address.is_v6() ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), error);
  if (!error) listener->acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error && local.address.is_v6()) listener->acceptor.set_option(OnlyV6(true), error);
  if (!error && share_port) listener->acceptor.set_option(ReusePort(true), error);
  if (!error) listener->acceptor.bind({local.address, local.port}, error);
  if (!error) listener->acceptor.listen(1024, error);
  if (error) return bind_failure(protocol, local, error);
  bound.port = listener->acceptor.local_endpoint(error).port();
  listener->local = bound;
  listeners_.push_back(listener);
  accept(listener);
  return bound;
}

void SocketTransport::receive_datagrams(const std::shared_ptr<Datagrams>& socket) {
  socket->socket.async_wait(asio::ip::udp::socket::wait_read, [this, socket](const asio::error_code& waited) {
    if (waited) return;
    asio::ip::udp::endpoint from;
    // A bounded batch, so that one busy socket does not starve the worker's other work.
    for (int i = 0; i < 64 && socket->socket.is_open(); ++i) {
      asio::error_code error;
      size_t size = socket->socket.receive_from(asio::buffer(buffer_), from, 0, error);
      if (error == asio::error::would_block) break;
      if (error) continue;  // an ICMP error of an earlier send
      ++counters_.datagrams_in;
      // Keep-alives (RFC 5626 section 3.5.1, plain CRLF or NUL) and compressed messages.
      if (size <= 4 || (static_cast<unsigned char>(buffer_[0]) & 0xf8) == 0xf8) continue;
      Flow flow{Protocol::udp, socket->local, {from.address(), from.port()}, 0};
      record(true, flow, {buffer_.data(), size});
      if (receiver_) receiver_->received(std::string(buffer_.data(), size), flow);
    }
    if (socket->socket.is_open()) receive_datagrams(socket);
  });
}

void SocketTransport::accept(const std::shared_ptr<Listener>& listener) {
  listener->acceptor.async_accept([this, listener](const asio::error_code& error, asio::ip::tcp::socket socket) {
    if (!listener->acceptor.is_open()) return;
    if (error) {
      // Out of descriptors: wait instead of spinning.
      worker_.timers().after(std::chrono::milliseconds(100), [this, listener] {
        if (listener->acceptor.is_open()) accept(listener);
      });
      return;
    }
    asio::error_code gone;
    asio::ip::tcp::endpoint remote = socket.remote_endpoint(gone);
    if (!gone && receiver_) {
      if (index_.admit(remote.address(), false)) {
        Flow flow{listener->protocol, listener->local, {remote.address(), remote.port()}, next_connection_id()};
        auto connection = std::make_shared<StreamConnection>(
            *this, std::move(socket), flow, listener->protocol == Protocol::tls ? tls_server_ : nullptr);
        connections_[flow.connection] = connection;
        index_.add(flow, this);
        connection->start_accepted();
      } else {
        ++counters_.connections_refused;
        LW_LOG(warn, "connection from %s refused: the address has its share of open connections",
               remote.address().to_string());
      }
    }
    accept(listener);
  });
}

uint64_t SocketTransport::next_connection_id() {
  return (uint64_t{worker_.index()} + 1) << 40 | ++last_connection_;
}

void SocketTransport::fail(Failed on_failure, absl::Status status) {
  if (!on_failure) return;
  worker_.post([on_failure = std::move(on_failure), status = std::move(status)]() mutable { on_failure(status); });
}

void SocketTransport::record(bool incoming, const Flow& flow, std::string_view bytes) {
  if (!options_.recorder) return;
  auto carrier = flow.protocol == Protocol::udp   ? trace::Carrier::udp
                 : flow.protocol == Protocol::tcp ? trace::Carrier::tcp
                                                  : trace::Carrier::tls;
  options_.recorder->record(worker_.index(),
                            {.kind = trace::Kind::sip,
                             .incoming = incoming,
                             .carrier = carrier,
                             .local = {flow.local.address, flow.local.port},
                             .remote = {flow.remote.address, flow.remote.port}},
                            bytes);
}

void SocketTransport::send(const Flow& flow, std::string_view bytes, Failed on_failure) {
  if (flow.protocol == Protocol::udp) {
    send_datagram(flow, bytes, std::move(on_failure));
  } else {
    send_stream(flow, std::string(bytes), std::move(on_failure));
  }
}

void SocketTransport::send_datagram(const Flow& flow, std::string_view bytes, Failed on_failure) {
  auto found = datagrams_.find(flow.local);
  if (found == datagrams_.end()) {
    return fail(std::move(on_failure), absl::NotFoundError("no UDP socket on " + flow.local.text()));
  }
  record(false, flow, bytes);  // before the peer can act on it
  asio::error_code error;
  found->second->socket.send_to(asio::buffer(bytes.data(), bytes.size()), {flow.remote.address, flow.remote.port}, 0,
                                error);
  if (error == asio::error::connection_refused) {  // of an earlier datagram: this one was not sent
    error.clear();
    found->second->socket.send_to(asio::buffer(bytes.data(), bytes.size()), {flow.remote.address, flow.remote.port}, 0,
                                  error);
  }
  if (!error) {
    ++counters_.datagrams_out;
  } else if (error == asio::error::would_block || error == asio::error::no_buffer_space) {
    ++counters_.datagrams_dropped;  // as if the network had lost it: retransmission mends it
  } else {
    fail(std::move(on_failure), absl::UnavailableError("send to " + flow.remote.text() + ": " + error.message()));
  }
}

void SocketTransport::send_stream(const Flow& flow, std::string bytes, Failed on_failure) {
  ConnectionIndex::Found found;
  if (flow.connection != 0) found = index_.find(flow.connection);
  if (!found.owner) found = index_.find(flow);
  if (!found.owner) return open(flow, std::move(bytes), std::move(on_failure));
  if (found.owner == this) return send_on(found.connection, flow, std::move(bytes), std::move(on_failure));

  // Another worker's connection: its thread writes, failures come back to ours.
  Failed back = [this, failed = std::move(on_failure)](absl::Status status) mutable {
    fail(std::move(failed), std::move(status));
  };
  SocketTransport* owner = found.owner;
  owner->worker_.post([owner, flow, id = found.connection, bytes = std::move(bytes), back = std::move(back)]() mutable {
    owner->send_on(id, flow, std::move(bytes), std::move(back));
  });
}

void SocketTransport::send_on(uint64_t id, const Flow& flow, std::string bytes, Failed on_failure) {
  auto found = connections_.find(id);
  if (found == connections_.end()) return open(flow, std::move(bytes), std::move(on_failure));
  auto connection = found->second;
  connection->send(std::move(bytes), std::move(on_failure));
}

void SocketTransport::open(const Flow& flow, std::string bytes, Failed on_failure) {
  if (closed_) return fail(std::move(on_failure), absl::CancelledError("the program is stopping"));
  if (flow.protocol == Protocol::tls && !tls_client_) {
    return fail(std::move(on_failure), absl::FailedPreconditionError("TLS is not configured"));
  }
  asio::ip::tcp::socket socket(worker_.context());
  asio::error_code error;
  socket.open(flow.remote.address.is_v6() ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), error);
  // port-pc serves many handsets at once, from any worker.
  if (!error) socket.set_option(asio::socket_base::reuse_address(true), error);
  if (!error && flow.local.port != 0) socket.set_option(ReusePort(true), error);
  if (!error) socket.bind({flow.local.address, flow.local.port}, error);
  if (error) {
    return fail(std::move(on_failure),
                absl::UnavailableError("cannot open a connection from " + flow.local.text() + ": " + error.message()));
  }
  Flow opened = flow;
  if (opened.local.port == 0) opened.local.port = socket.local_endpoint(error).port();
  opened.connection = next_connection_id();
  index_.admit(flow.remote.address, true);
  auto connection = std::make_shared<StreamConnection>(*this, std::move(socket), opened,
                                                       flow.protocol == Protocol::tls ? tls_client_ : nullptr);
  connections_[opened.connection] = connection;
  index_.add(opened, this);
  connection->send(std::move(bytes), std::move(on_failure));
  connection->start_connecting(options_.connect_timeout);
}

void SocketTransport::reset(const Flow& flow) {
  ConnectionIndex::Found found = index_.find(flow);
  if (!found.owner) return;
  if (found.owner == this) return reset(found.connection);
  // This one, not what takes its place meanwhile.
  found.owner->worker_.post([found] { found.owner->reset(found.connection); });
}

void SocketTransport::reset(uint64_t id) {
  auto connection = connections_.find(id);
  if (connection == connections_.end()) return;
  std::shared_ptr<StreamConnection> open_now = connection->second;
  open_now->close(absl::CancelledError("the connection is given up"), true);
}

void SocketTransport::close(absl::FunctionRef<bool(const Flow&)> resets) {
  if (std::exchange(closed_, true)) return;
  asio::error_code ignored;
  for (auto& [local, socket] : datagrams_) socket->socket.close(ignored);
  for (auto& listener : listeners_) listener->acceptor.close(ignored);
  datagrams_.clear();
  listeners_.clear();
  auto open_now = connections_;
  for (auto& [id, connection] : open_now) {
    connection->close(absl::CancelledError("the program is stopping"), resets(connection->flow()));
  }
}

}  // namespace lapwing::sip
