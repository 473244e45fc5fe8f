#include "common/sip/stream_connection.h"

#include <asio/buffer.hpp>
#include <asio/write.hpp>
#include <utility>

#include "absl/strings/str_format.h"

namespace lapwing::sip {
namespace {

// How long a peer that lost its framing has to take our answer and close.
constexpr Duration kFinish = std::chrono::seconds(2);

bool is_response(std::string_view bytes) {
  return bytes.starts_with("SIP/2.0 ");
}
bool is_final_response(std::string_view bytes) {
  return is_response(bytes) && bytes.size() > 8 && bytes[8] != '1';
}

}  // namespace

StreamConnection::StreamConnection(SocketTransport& transport, asio::ip::tcp::socket socket, const Flow& flow,
                                   std::shared_ptr<asio::ssl::context> tls)
    : transport_(transport),
      socket_(std::move(socket)),
      tls_context_(std::move(tls)),
      flow_(flow),
      framer_(transport.options_.limits),
      last_traffic_(transport.worker_.clock().now()),
      message_began_(last_traffic_) {
  if (tls_context_) tls_ = std::make_unique<Tls>(socket_, *tls_context_);
  if (!transport_.options_.linger) reset_on_close();
}

void StreamConnection::reset_on_close() {
  asio::error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
}

void StreamConnection::start_accepted() {
  if (tls_) {
    handshake(asio::ssl::stream_base::server);
  } else {
    established();
  }
}

void StreamConnection::start_connecting(Duration timeout) {
  opened_by_us_ = true;
  connecting_ = transport_.worker_.timers().after(timeout, [self = shared_from_this()] {
    self->connecting_ = 0;
    self->close(absl::DeadlineExceededError("no connection to " + self->flow_.remote.text()), true);
  });
  asio::ip::tcp::endpoint remote(flow_.remote.address, flow_.remote.port);
  socket_.async_connect(remote, [self = shared_from_this()](const asio::error_code& error) {
    if (self->closed_) return;
    if (error) {
      return self->close(
          absl::UnavailableError(absl::StrFormat("connect to %s: %s", self->flow_.remote.text(), error.message())),
          true);
    }
    if (self->tls_) {
      self->handshake(asio::ssl::stream_base::client);
    } else {
      self->established();
    }
  });
}

void StreamConnection::handshake(asio::ssl::stream_base::handshake_type side) {
  if (connecting_ == 0) {
    connecting_ = transport_.worker_.timers().after(transport_.options_.connect_timeout, [self = shared_from_this()] {
      self->connecting_ = 0;
      self->close(absl::DeadlineExceededError("no TLS handshake with " + self->flow_.remote.text()));
    });
  }
  tls_->async_handshake(side, [self = shared_from_this()](const asio::error_code& error) {
    if (self->closed_) return;
    if (error) {
      return self->close(
          absl::UnavailableError(absl::StrFormat("TLS with %s: %s", self->flow_.remote.text(), error.message())));
    }
    self->established();
  });
}

void StreamConnection::established() {
  transport_.worker_.timers().cancel(std::exchange(connecting_, 0));
  asio::error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  established_ = true;
  last_traffic_ = transport_.worker_.clock().now();
  watch();
  read();
  write();
}

// One timer for both limits: it looks at the times of the last traffic and of the message that is under way.
void StreamConnection::watch() {
  Duration step = std::min(transport_.options_.idle_timeout, transport_.options_.message_timeout);
  watch_ = transport_.worker_.timers().after(step, [self = shared_from_this()] {
    self->watch_ = 0;
    TimePoint now = self->transport_.worker_.clock().now();
    const SocketTransport::Options& options = self->transport_.options_;
    if (self->in_message_ && now - self->message_began_ >= options.message_timeout) {
      return self->close(absl::DeadlineExceededError("an unfinished message"));
    }
    Duration idle = self->peer_finished_ ? options.message_timeout : options.idle_timeout;
    if (now - self->last_traffic_ >= idle) {
      return self->close(absl::DeadlineExceededError("idle"), self->opened_by_us_);
    }
    self->watch();
  });
}

void StreamConnection::read() {
  auto done = [self = shared_from_this()](const asio::error_code& error, size_t size) { self->read_done(error, size); };
  if (tls_) {
    tls_->async_read_some(asio::buffer(buffer_), std::move(done));
  } else {
    socket_.async_read_some(asio::buffer(buffer_), std::move(done));
  }
}

void StreamConnection::read_done(const asio::error_code& error, size_t size) {
  if (closed_) return;
  if (finishing_) return error ? close(*finishing_) : read();  // read and thrown away: unread bytes would reset it
  if (error == asio::error::eof && !tls_) {
    // Half-closed: answers to what it asked may still go out. Without such it is simply closed.
    peer_finished_ = true;
    last_traffic_ = transport_.worker_.clock().now();
    return written();
  }
  if (error) return close(absl::UnavailableError(error.message()));
  last_traffic_ = transport_.worker_.clock().now();
  framer_.add(std::string_view(buffer_.data(), size));
  if (take_messages()) read();
}

// False: the connection is closed.
bool StreamConnection::take_messages() {
  for (;;) {
    StreamFramer::Event event = framer_.next();
    if (std::holds_alternative<StreamFramer::NeedMore>(event)) {
      bool pending = framer_.pending() > 0;
      if (pending && !in_message_) message_began_ = last_traffic_;
      in_message_ = pending;
      return true;
    }
    in_message_ = false;
    if (std::holds_alternative<StreamFramer::Ping>(event)) {
      send("\r\n", {});
    } else if (auto* complete = std::get_if<StreamFramer::Complete>(&event)) {
      if (!is_response(complete->bytes) && !complete->bytes.starts_with("ACK ")) ++owed_;
      transport_.record(true, flow_, complete->bytes);
      transport_.receiver_->received(std::move(complete->bytes), flow_);
    } else if (auto* broken = std::get_if<StreamFramer::Broken>(&event)) {
      if (!broken->headers.empty()) {
        transport_.record(true, flow_, broken->headers);
        transport_.receiver_->received_broken(std::move(broken->headers), broken->status, broken->why, flow_);
      }
      finish(absl::InvalidArgumentError("lost framing: " + broken->why));
      return !closed_;
    }
    if (closed_) return false;
  }
}

// Lets what is queued go out, then closes; nobody else finds the connection.
void StreamConnection::finish(const absl::Status& why) {
  if (closed_ || finishing_) return;
  finishing_ = why;
  transport_.index_.drop(flow_);
  Timers& timers = transport_.worker_.timers();
  timers.cancel(watch_);
  watch_ = timers.after(kFinish, [self = shared_from_this(), why] {
    self->watch_ = 0;
    self->close(why, true);
  });
  written();
}

// After a write, and where a reason to close may have come while nothing was being written.
void StreamConnection::written() {
  if (closed_ || writing_ || !unsent_.empty()) return;
  asio::error_code ignored;
  if (finishing_) {
    socket_.shutdown(asio::socket_base::shutdown_send, ignored);  // the peer's end, or the timer, closes it
  } else if (peer_finished_ && owed_ == 0) {
    close(absl::UnavailableError("closed by " + flow_.remote.text()));
  }
}

void StreamConnection::send(std::string bytes, Transport::Failed on_failure) {
  bool over = closed_ || finishing_;
  if (over || unsent_bytes_ + bytes.size() > transport_.options_.unsent_limit) {
    transport_.fail(std::move(on_failure), absl::UnavailableError("connection to " + flow_.remote.text() +
                                                                  (over ? " is closed" : " takes no more bytes")));
    if (!over) close(absl::ResourceExhaustedError("the peer does not read"));
    return;
  }
  if (owed_ > 0 && is_final_response(bytes)) --owed_;
  unsent_bytes_ += bytes.size();
  if (bytes.size() > 4) transport_.record(false, flow_, bytes);  // else it is a keep-alive
  unsent_.push_back({std::move(bytes), std::move(on_failure)});
  if (established_) write();
}

void StreamConnection::write() {
  if (writing_ || closed_ || unsent_.empty()) return;
  writing_ = true;
  auto done = [self = shared_from_this()](const asio::error_code& error, size_t) { self->write_done(error); };
  auto bytes = asio::buffer(unsent_.front().bytes);
  if (tls_) {
    asio::async_write(*tls_, bytes, std::move(done));
  } else {
    asio::async_write(socket_, bytes, std::move(done));
  }
}

void StreamConnection::write_done(const asio::error_code& error) {
  writing_ = false;
  if (closed_) return;
  if (error) return close(absl::UnavailableError("write to " + flow_.remote.text() + ": " + error.message()));
  last_traffic_ = transport_.worker_.clock().now();
  unsent_bytes_ -= unsent_.front().bytes.size();
  unsent_.pop_front();
  unsent_.empty() ? written() : write();
}

void StreamConnection::close(const absl::Status& why, bool reset) {
  if (std::exchange(closed_, true)) return;
  auto self = shared_from_this();
  Timers& timers = transport_.worker_.timers();
  timers.cancel(std::exchange(watch_, 0));
  timers.cancel(std::exchange(connecting_, 0));
  asio::error_code ignored;
  if (reset) reset_on_close();
  socket_.close(ignored);
  for (Queued& queued : unsent_) transport_.fail(std::move(queued.on_failure), why);
  // The queue's front may still be under the last write: it goes with this object.
  transport_.connections_.erase(flow_.connection);
  transport_.index_.drop(flow_);
  transport_.index_.leave(flow_.remote.address);
}

}  // namespace lapwing::sip
