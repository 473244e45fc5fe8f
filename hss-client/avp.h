// Diameter messages (RFC 6733) as trees of AVPs, and their bytes. Knows no application: which AVPs are groups is told
// by the caller (see cx_dictionary.h).
//
//   diameter::Parsed<diameter::Message> parsed = diameter::decode(bytes, cx::is_group);
//   if (auto* fault = std::get_if<diameter::Fault>(&parsed)) ...fault->result_code, fault->text
//   std::string bytes = diameter::encode(std::get<diameter::Message>(parsed));
//
// A message that breaks a length, version or limit gives a Fault with the Result-Code of RFC 6733 section 7.1 that
// answers it: 5014 INVALID_AVP_LENGTH, 5015 INVALID_MESSAGE_LENGTH, 5011 UNSUPPORTED_VERSION, 3009 INVALID_AVP_BITS,
// 5009 AVP_OCCURS_TOO_MANY_TIMES (too many AVPs), 5004 INVALID_AVP_VALUE (groups too deep).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace lapwing::diameter {

inline constexpr size_t header_size = 20;
inline constexpr size_t max_message = 256 * 1024;  // bytes; a user profile has never been seen above 64 KiB
inline constexpr size_t max_avps = 4096;           // in a whole message, members of groups included
inline constexpr size_t max_depth = 8;             // groups inside groups

namespace command_flag {
inline constexpr uint8_t request = 0x80, proxiable = 0x40, error = 0x20, retransmitted = 0x10;
}
namespace avp_flag {
inline constexpr uint8_t vendor = 0x80, mandatory = 0x40;
}

struct Avp {
  uint32_t code = 0;
  uint32_t vendor = 0;  // 0: IETF; else the V flag is on
  bool mandatory = false;
  bool group = false;
  std::string data;           // of an AVP that is no group
  std::vector<Avp> children;  // of a group
  bool operator==(const Avp&) const = default;
};

Avp octets(uint32_t code, uint32_t vendor, bool mandatory, std::string_view data);
Avp unsigned32(uint32_t code, uint32_t vendor, bool mandatory, uint32_t value);
Avp grouped(uint32_t code, uint32_t vendor, bool mandatory, std::vector<Avp> children);

// The value of an Unsigned32, Integer32, Enumerated or Time AVP; nullopt when it is not exactly 4 bytes.
std::optional<uint32_t> value32(const Avp& avp);
// The first AVP of this code and vendor, or null. The two name one AVP: 621, 623 and 650 exist in two vendors.
const Avp* find(const std::vector<Avp>& avps, uint32_t code, uint32_t vendor);

struct Message {
  uint8_t flags = 0;  // command_flag
  uint32_t command = 0, application = 0, hop_by_hop = 0, end_to_end = 0;
  std::vector<Avp> avps;
  bool request() const { return (flags & command_flag::request) != 0; }
};

// Why a message is refused: the Result-Code that says so to the peer, and a sentence for our log.
struct Fault {
  uint32_t result_code = 0;
  std::string text;
  std::optional<Avp> failed;  // what Failed-AVP holds
};

template <typename T>
using Parsed = std::variant<T, Fault>;

using IsGroup = bool (*)(uint32_t code, uint32_t vendor);

// The length a message claims, from its first 4 bytes, for a reader of a stream: a Fault when it can be no message.
Parsed<size_t> message_length(std::string_view first_bytes);
Parsed<Message> decode(std::string_view bytes, IsGroup is_group);
// AVPs alone: the data of a group.
Parsed<std::vector<Avp>> decode_avps(std::string_view bytes, IsGroup is_group);

std::string encode(const Message& message);
std::string encode_avps(const std::vector<Avp>& avps);

// What an application's dictionary says of one AVP.
enum class AvpType : uint8_t { octets, text, identity, unsigned32, integer32, unsigned64, time, address, group };

struct AvpDefinition {
  uint32_t code, vendor;
  const char* name;
  AvpType type;
  bool mandatory;  // the M flag we send; a receiver takes either
};

}  // namespace lapwing::diameter
