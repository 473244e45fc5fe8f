// A media port on a UDP socket of the system.
#pragma once

#include <array>
#include <asio/ip/udp.hpp>
#include <memory>

#include "common/runtime/worker.h"
#include "lab/labue/ports.h"

namespace lapwing::labue {

class UdpMediaPort final : public MediaPort {
 public:
  // At a port of the system's choice. Errors as the system gives them.
  static absl::StatusOr<std::unique_ptr<MediaPort>> open(Worker& worker, const asio::ip::address& address);

  explicit UdpMediaPort(asio::ip::udp::socket socket);
  uint16_t port() const override { return port_; }
  void send(const Endpoint& to, std::string packet) override;
  void on_packet(std::function<void(std::string_view packet)> handler) override;

 private:
  void read();

  asio::ip::udp::socket socket_;
  uint16_t port_ = 0;
  std::function<void(std::string_view)> handler_;
  std::array<char, 2048> buffer_{};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for what was under way when the port closed
};

}  // namespace lapwing::labue
