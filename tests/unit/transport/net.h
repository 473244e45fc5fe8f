// Two workers with a SocketTransport each, driven by the test's thread over real sockets on loopback, and plain sockets
// as their peers. Timers stand on a clock that the test moves; waiting for the kernel is polling with a deadline.
//
//   Net net;
//   Endpoint at = net.listen(Protocol::tcp);
//   Peer peer(at);
//   peer.write(options("1"));
//   ASSERT_TRUE(net.until([&] { return net.in[0].messages.size() == 1; }));
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "common/sip/socket_transport.h"

namespace lapwing::sip {

inline Endpoint endpoint(const std::string& address, uint16_t port = 0) {
  return {asio::ip::make_address(address), port};
}

inline std::string options(const std::string& id, const std::string& body = {}) {
  return "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK" + id +
         "\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:a@h>\r\nCall-ID: " + id +
         "\r\nCSeq: 1 OPTIONS\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

inline std::string answer(const std::string& id) {
  return "SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK" + id +
         "\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:a@h>;tag=2\r\nCall-ID: " + id +
         "\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
}

// What a worker's transport delivered.
struct Inbox final : Receiver {
  struct In {
    std::string bytes;
    Flow flow;
  };
  std::vector<In> messages;
  std::vector<std::string> broken;  // "400 why"
  std::function<void(const In&)> on_message, on_broken;

  void received(std::string bytes, const Flow& flow) override {
    messages.push_back({std::move(bytes), flow});
    if (on_message) on_message(In(messages.back()));
  }
  void received_broken(std::string headers, int status, std::string why, const Flow& flow) override {
    broken.push_back(std::to_string(status) + " " + why);
    if (on_broken) on_broken({std::move(headers), flow});
  }
};

// A socket of somebody else: reads and writes bytes, never blocks for long.
class Peer {
 public:
  // Connects; from: the local end, any port unless one is given.
  explicit Peer(const Endpoint& to, const Endpoint& from = endpoint("127.0.0.1"), int type = SOCK_STREAM) {
    open(from, type);
    sockaddr_storage address;
    socklen_t size = fill(to, address);
    connected = ::connect(fd, reinterpret_cast<sockaddr*>(&address), size) == 0;
  }
  // Bound, and listening when it is a stream; backlog 0 keeps further connections waiting.
  static Peer bound(const Endpoint& at, int type = SOCK_STREAM, bool listening = true) {
    Peer peer;
    peer.open(at, type);
    if (type == SOCK_STREAM && listening) ::listen(peer.fd, 8);
    return peer;
  }
  Peer() = default;
  Peer(Peer&& other) noexcept : connected(other.connected), fd(std::exchange(other.fd, -1)) {}
  Peer& operator=(Peer&& other) noexcept {
    close();
    fd = std::exchange(other.fd, -1);
    connected = other.connected;
    return *this;
  }
  ~Peer() { close(); }

  Peer accept() {
    Peer peer;
    pollfd ready{fd, POLLIN, 0};
    if (::poll(&ready, 1, 0) > 0) peer.fd = ::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK);
    return peer;
  }
  ssize_t write(std::string_view bytes) { return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  // What has come, added to `text`; `closed` at end of file or reset.
  std::string& read() {
    char buffer[65536];
    ssize_t size;
    while ((size = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT)) > 0) text.append(buffer, static_cast<size_t>(size));
    if (size == 0) closed = true;
    if (size < 0 && errno != EAGAIN) closed = reset = true;
    return text;
  }
  void finish() { ::shutdown(fd, SHUT_WR); }
  void close() {
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }
  Endpoint local() const { return name(::getsockname); }
  Endpoint remote() const { return name(::getpeername); }
  bool valid() const { return fd >= 0; }

  std::string text;
  bool closed = false, reset = false, connected = false;
  int fd = -1;

 private:
  static socklen_t fill(const Endpoint& at, sockaddr_storage& address) {
    asio::ip::tcp::endpoint raw(at.address, at.port);
    std::memcpy(&address, raw.data(), raw.size());
    return static_cast<socklen_t>(raw.size());
  }
  void open(const Endpoint& at, int type) {
    fd = ::socket(at.address.is_v6() ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, 0);
    int on = 1;
    // Not for datagrams: the system would give one port to two of them.
    if (type == SOCK_STREAM) ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_storage address;
    socklen_t size = fill(at, address);
    EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0) << at.text() << std::strerror(errno);
  }
  template <typename Get>
  Endpoint name(Get get) const {
    asio::ip::tcp::endpoint raw;
    socklen_t size = static_cast<socklen_t>(raw.capacity());
    get(fd, raw.data(), &size);
    return {raw.address(), raw.port()};
  }
};

class Net {
 public:
  explicit Net(SocketTransport::Options options = {}, uint32_t per_address = 64) : index(per_address) {
    for (uint32_t i = 0; i < 2; ++i) {
      workers.push_back(std::make_unique<Worker>(i, clock));
      transports.push_back(std::make_unique<SocketTransport>(*workers[i], index, options));
      transports[i]->deliver_to(in[i]);
    }
  }
  ~Net() {
    for (auto& transport : transports) transport->close();
    run();
    EXPECT_EQ(index.size(), 0u);
  }

  SocketTransport& operator[](size_t worker) { return *transports[worker]; }
  Endpoint listen(Protocol protocol, const std::string& address = "127.0.0.1", size_t worker = 0) {
    absl::StatusOr<Endpoint> at = transports[worker]->listen(protocol, endpoint(address), false);
    EXPECT_TRUE(at.ok()) << at.status();
    return at.ok() ? *at : Endpoint{};
  }
  void run() {
    for (auto& worker : workers) {
      worker->run_ready();
      worker->timers().run_due();
    }
  }
  // Runs both workers until it is so; false after 10 s.
  bool until(const std::function<bool()>& so) {
    auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    for (;;) {
      run();
      if (so()) return true;
      if (std::chrono::steady_clock::now() > give_up) return false;
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }
  // Moves the clock and lets everything happen that follows.
  void pass(Duration time) {
    clock.advance(time);
    for (int i = 0; i < 3; ++i) run();
  }
  size_t connections(size_t worker = 0) { return transports[worker]->counters().connections; }
  // A callback that notes failures.
  Transport::Failed failed() {
    return [this](const absl::Status& status) { failures.emplace_back(status.message()); };
  }

  ManualClock clock;
  std::vector<std::unique_ptr<Worker>> workers;
  ConnectionIndex index;
  Inbox in[2];
  std::vector<std::unique_ptr<SocketTransport>> transports;
  std::vector<std::string> failures;
};

}  // namespace lapwing::sip
