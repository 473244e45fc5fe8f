#include "lab/labue/udp_media_port.h"

#include <asio/buffer.hpp>
#include <utility>

#include "absl/strings/str_format.h"

namespace lapwing::labue {

absl::StatusOr<std::unique_ptr<MediaPort>> UdpMediaPort::open(Worker& worker, const asio::ip::address& address) {
  asio::ip::udp::endpoint local(address, 0);
  asio::ip::udp::socket socket(worker.context());
  asio::error_code error;
  socket.open(local.protocol(), error);
  if (!error) socket.bind(local, error);
  if (!error) socket.non_blocking(true, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrFormat("a media port at %s cannot be opened: %s", address.to_string(), error.message()));
  }
  return std::make_unique<UdpMediaPort>(std::move(socket));
}

UdpMediaPort::UdpMediaPort(asio::ip::udp::socket socket) : socket_(std::move(socket)) {
  asio::error_code error;
  port_ = socket_.local_endpoint(error).port();
}

void UdpMediaPort::send(const Endpoint& to, std::string packet) {
  asio::error_code error;  // what is lost is lost
  socket_.send_to(asio::buffer(packet), to.udp(), 0, error);
}

void UdpMediaPort::on_packet(std::function<void(std::string_view)> handler) {
  handler_ = std::move(handler);
  read();
}

void UdpMediaPort::read() {
  socket_.async_wait(asio::ip::udp::socket::wait_read,
                     [this, alive = std::weak_ptr(alive_)](const asio::error_code& failed) {
                       if (failed || alive.expired()) return;
                       asio::error_code error;
                       for (;;) {
                         size_t size = socket_.receive(asio::buffer(buffer_), 0, error);
                         if (error) break;
                         handler_({buffer_.data(), size});
                       }
                       read();
                     });
}

}  // namespace lapwing::labue
