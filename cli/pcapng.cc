#include "cli/pcapng.h"

#include <cstdint>

#include "cli/wire_text.h"

namespace lapwing::cli {
namespace {

// draft-ietf-opsawg-pcapng; all in the order of this machine, which the section header tells.
constexpr uint32_t section_header = 0x0a0d0d0a, interface_description = 1, enhanced_packet = 6;
constexpr uint32_t byte_order_magic = 0x1a2b3c4d;
constexpr uint16_t link_type_upper_pdu = 252;
constexpr uint16_t option_user_application = 4, option_time_resolution = 9;

// Tags of an exported PDU, in network order (Wireshark's epan/exported_pdu.h).
enum Tag : uint16_t {
  dissector_name = 12,
  ip_source = 20,
  ip_target = 21,
  ip6_source = 22,
  ip6_target = 23,
  port_type = 24,
  source_port = 25,
  target_port = 26
};
constexpr uint32_t port_type_tcp = 2, port_type_udp = 3;

template <typename Number>
void put(std::string& out, Number number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}
void pad(std::string& out) {
  while (out.size() % 4 != 0) out += '\0';
}

void option(std::string& out, uint16_t code, std::string_view value) {
  put(out, code);
  put(out, static_cast<uint16_t>(value.size()));
  out.append(value);
  pad(out);
}

std::string block(uint32_t type, std::string body) {
  pad(body);
  std::string out;
  const auto length = static_cast<uint32_t>(body.size() + 12);
  put(out, type);
  put(out, length);
  out += body;
  put(out, length);
  return out;
}

void tag(std::string& out, Tag code, std::string_view value) {
  put_network(out, code, 2);
  std::string padded(value);
  pad(padded);
  put_network(out, static_cast<uint32_t>(padded.size()), 2);
  out += padded;
}
void tag(std::string& out, Tag code, uint32_t number) {
  std::string value;
  put_network(value, number, 4);
  tag(out, code, value);
}

// An end whose address is not known has no tags.
void tag_end(std::string& out, const std::string& text, bool source) {
  const End end = end_of(text);
  if (end.address.is_unspecified()) return;
  const bool ip4 = end.address.is_v4();
  tag(out, source ? (ip4 ? ip_source : ip6_source) : (ip4 ? ip_target : ip6_target), bytes_of(end.address));
  tag(out, source ? source_port : target_port, end.port);
}

}  // namespace

std::string pcapng_head(const std::string& program) {
  std::string section;
  put(section, byte_order_magic);
  put(section, uint16_t{1});
  put(section, uint16_t{0});
  put(section, int64_t{-1});
  option(section, option_user_application, program);
  option(section, 0, "");
  std::string interface;
  put(interface, link_type_upper_pdu);
  put(interface, uint16_t{0});
  put(interface, uint32_t{0});
  option(interface, option_time_resolution, std::string_view("\x09", 1));  // nanoseconds
  option(interface, 0, "");
  return block(section_header, std::move(section)) + block(interface_description, std::move(interface));
}

std::string pcapng_block(const v1::TraceMessage& message) {
  const bool diameter = message.carrier() == "diameter";
  std::string pdu;
  tag(pdu, dissector_name, diameter ? "diameter" : "sip");
  tag_end(pdu, message.incoming() ? message.remote() : message.local(), true);
  tag_end(pdu, message.incoming() ? message.local() : message.remote(), false);
  tag(pdu, port_type, message.carrier() == "udp" ? port_type_udp : port_type_tcp);
  put_network(pdu, 0, 4);  // the end of the tags
  pdu += message.message();

  const uint64_t time =
      static_cast<uint64_t>(message.time().seconds()) * 1'000'000'000 + static_cast<uint64_t>(message.time().nanos());
  std::string packet;
  put(packet, uint32_t{0});
  put(packet, static_cast<uint32_t>(time >> 32));
  put(packet, static_cast<uint32_t>(time));
  put(packet, static_cast<uint32_t>(pdu.size()));
  put(packet, static_cast<uint32_t>(pdu.size()));
  packet += pdu;
  return block(enhanced_packet, std::move(packet));
}

}  // namespace lapwing::cli
