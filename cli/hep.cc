#include "cli/hep.h"

#include <memory>
#include <utility>

#include "cli/wire_text.h"

namespace lapwing::cli {
namespace {

// Chunks of the generic vendor, section 4.1 of the specification.
enum Chunk : uint16_t {
  ip_family = 1,
  ip_protocol = 2,
  ip4_source = 3,
  ip4_target = 4,
  ip6_source = 5,
  ip6_target = 6,
  source_port = 7,
  target_port = 8,
  time_seconds = 9,
  time_microseconds = 10,
  payload_type = 11,
  capture_agent = 12,
  payload = 15
};
constexpr uint8_t family_ip4 = 2, family_ip6 = 10, protocol_udp = 17, protocol_tcp = 6, payload_sip = 1;
constexpr size_t packet_limit = 65'507;  // what UDP over IPv4 takes

void chunk(std::string& out, Chunk type, std::string_view value) {
  put_network(out, 0, 2);
  put_network(out, type, 2);
  put_network(out, value.size() + 6, 2);
  out.append(value);
}
void chunk(std::string& out, Chunk type, uint64_t number, int bytes) {
  std::string value;
  put_network(value, number, bytes);
  chunk(out, type, value);
}

}  // namespace

std::string hep_packet(const v1::TraceMessage& message, uint32_t capture_id) {
  if (message.carrier() == "diameter") return "";
  const End source = end_of(message.incoming() ? message.remote() : message.local());
  const End target = end_of(message.incoming() ? message.local() : message.remote());
  const bool ip4 = source.address.is_v4();
  std::string chunks;
  chunk(chunks, ip_family, ip4 ? family_ip4 : family_ip6, 1);
  chunk(chunks, ip_protocol, message.carrier() == "udp" ? protocol_udp : protocol_tcp, 1);
  chunk(chunks, ip4 ? ip4_source : ip6_source, bytes_of(source.address));
  chunk(chunks, ip4 ? ip4_target : ip6_target, bytes_of(target.address));
  chunk(chunks, source_port, source.port, 2);
  chunk(chunks, target_port, target.port, 2);
  chunk(chunks, time_seconds, static_cast<uint64_t>(message.time().seconds()), 4);
  chunk(chunks, time_microseconds, static_cast<uint64_t>(message.time().nanos() / 1000), 4);
  chunk(chunks, payload_type, payload_sip, 1);
  chunk(chunks, capture_agent, capture_id, 4);
  chunk(chunks, payload, message.message());
  std::string packet = "HEP3";
  put_network(packet, chunks.size() + 6, 2);
  return packet + chunks;
}

absl::StatusOr<HepSender> HepSender::to(const Endpoint& collector, uint32_t capture_id) {
  auto context = std::make_unique<asio::io_context>();
  asio::ip::udp::socket socket(*context);
  asio::error_code error;
  socket.connect({collector.address, collector.port}, error);  // opens it
  if (error) return absl::UnavailableError(collector.text() + ": " + error.message());
  return HepSender(std::move(context), std::move(socket), capture_id);
}

bool HepSender::send(const v1::TraceMessage& message) {
  const std::string packet = hep_packet(message, capture_id_);
  if (packet.empty() || packet.size() > packet_limit) return false;
  asio::error_code error;
  socket_.send(asio::buffer(packet), 0, error);
  if (error == asio::error::connection_refused) socket_.send(asio::buffer(packet), 0, error);  // of the one before
  return !error;
}

}  // namespace lapwing::cli
