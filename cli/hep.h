// Recorded SIP messages for Homer, sngrep and others that take HEP, version 3 (https://github.com/sipcapture/HEP): one
// UDP packet each.
#pragma once

#include <asio/ip/udp.hpp>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "common/runtime/values.h"
#include "lapwing/v1/control.pb.h"

namespace lapwing::cli {

// Empty: it is no SIP message. HEP has no number for Diameter that receivers agree on.
std::string hep_packet(const v1::TraceMessage& message, uint32_t capture_id);

class HepSender {
 public:
  // Errors: Unavailable (no socket, no route).
  static absl::StatusOr<HepSender> to(const Endpoint& collector, uint32_t capture_id);
  // False: it was not sent, since it is no SIP message or does not fit into a packet, or the system refused it.
  bool send(const v1::TraceMessage& message);

 private:
  HepSender(std::unique_ptr<asio::io_context> context, asio::ip::udp::socket socket, uint32_t capture_id)
      : context_(std::move(context)), socket_(std::move(socket)), capture_id_(capture_id) {}
  std::unique_ptr<asio::io_context> context_;
  asio::ip::udp::socket socket_;
  uint32_t capture_id_;
};

}  // namespace lapwing::cli
