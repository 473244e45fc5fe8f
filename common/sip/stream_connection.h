// One TCP or TLS connection of a SocketTransport: reads messages, writes queued bytes, closes on idleness and limits.
#pragma once

#include <asio/ip/tcp.hpp>
#include <asio/ssl/stream.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "common/sip/socket_transport.h"

namespace lapwing::sip {

class StreamConnection : public std::enable_shared_from_this<StreamConnection> {
 public:
  // tls: null for TCP.
  StreamConnection(SocketTransport& transport, asio::ip::tcp::socket socket, const Flow& flow,
                   std::shared_ptr<asio::ssl::context> tls);
  // Reads and writes from now on; a server of TLS does its handshake first.
  void start_accepted();
  // Connects first; what was queued goes out when that is done.
  void start_connecting(Duration timeout);
  void send(std::string bytes, Transport::Failed on_failure);
  // Tells every queued sender; with reset the socket leaves no TIME_WAIT behind that would keep its ports from reuse.
  void close(const absl::Status& why, bool reset = false);
  const Flow& flow() const { return flow_; }

 private:
  void reset_on_close();
  using Tls = asio::ssl::stream<asio::ip::tcp::socket&>;
  struct Queued {
    std::string bytes;
    Transport::Failed on_failure;
  };
  void established();
  void handshake(asio::ssl::stream_base::handshake_type side);
  void read();
  void read_done(const asio::error_code& error, size_t size);
  bool take_messages();
  void finish(const absl::Status& why);
  void written();
  void write();
  void write_done(const asio::error_code& error);
  void watch();

  SocketTransport& transport_;
  asio::ip::tcp::socket socket_;
  std::unique_ptr<Tls> tls_;
  std::shared_ptr<asio::ssl::context> tls_context_;
  Flow flow_;
  StreamFramer framer_;
  std::array<char, 16384> buffer_;
  std::deque<Queued> unsent_;
  size_t unsent_bytes_ = 0;
  Timers::Id watch_ = 0, connecting_ = 0;
  TimePoint last_traffic_, message_began_;
  size_t owed_ = 0;                        // requests that came and have no final response yet
  std::optional<absl::Status> finishing_;  // nothing is read any more; closed when what is queued is out
  bool established_ = false, writing_ = false, closed_ = false, peer_finished_ = false, in_message_ = false;
  bool opened_by_us_ = false;
};

}  // namespace lapwing::sip
