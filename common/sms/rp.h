// The relay layer of short messages (TS 24.011 section 7.3 and 8.2), as SIP MESSAGE carries it in a body of type
// application/vnd.3gpp.sms (TS 24.341).
//
//   std::string body = write_rp(RpData{Side::mobile, 7, *Address::from_number("+15550000"), tpdu});
//   absl::StatusOr<RpMessage> message = read_rp(body);
//   if (const auto* ack = std::get_if<RpAck>(&*message)) ...
//
// Errors of read_rp: InvalidArgument with what is wrong. Octets after the message are ignored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"
#include "common/sms/address.h"

namespace lapwing::sms {

inline constexpr std::string_view rp_content_type = "application/vnd.3gpp.sms";
inline constexpr size_t most_tpdu_octets = 232;  // in RP-DATA

// Who sends it.
enum class Side : uint8_t { mobile, network };

// RP causes of section 8.2.5.4 that are used here.
enum class RpCause : uint8_t {
  unassigned_number = 1,
  short_message_transfer_rejected = 21,
  memory_capacity_exceeded = 22,
  destination_out_of_order = 27,
  network_out_of_order = 38,
  invalid_mandatory_information = 96,
  message_not_compatible = 98,
  protocol_error = 111
};

struct RpData {
  Side from = Side::mobile;
  uint8_t reference = 0;
  Address address;   // of the service centre: the destination from a mobile, the originator from the network
  std::string tpdu;  // SMS-SUBMIT or SMS-DELIVER, see tpdu.h
  bool operator==(const RpData&) const = default;
};
struct RpAck {
  Side from = Side::mobile;
  uint8_t reference = 0;
  std::optional<std::string> tpdu;  // SMS-DELIVER-REPORT or SMS-SUBMIT-REPORT
  bool operator==(const RpAck&) const = default;
};
struct RpError {
  Side from = Side::mobile;
  uint8_t reference = 0;
  uint8_t cause = 0;  // an RpCause, or another value to 127
  std::optional<std::string> tpdu;
  bool operator==(const RpError&) const = default;
};
// The mobile has memory again.
struct RpSmma {
  uint8_t reference = 0;
  bool operator==(const RpSmma&) const = default;
};
using RpMessage = std::variant<RpData, RpAck, RpError, RpSmma>;

uint8_t reference_of(const RpMessage& message);
absl::StatusOr<RpMessage> read_rp(std::string_view octets);
// A number of more than 20 digits, or a TPDU of more than 232 octets, is a broken invariant: the program stops.
std::string write_rp(const RpMessage& message);

}  // namespace lapwing::sms
