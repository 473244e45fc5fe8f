// The transfer layer of short messages (TS 23.040 section 9.2): SMS-SUBMIT from a mobile, SMS-DELIVER to one, and the
// reports of both ends.
//
//   absl::StatusOr<UserData> text = UserData::of_text("Hello");
//   Submit submit; submit.destination = *Address::from_number("+15550002"); submit.user_data = *text;
//   std::string tpdu = write_submit(submit);
//   absl::StatusOr<Deliver> deliver = read_deliver(tpdu);
//
// Errors of reading: InvalidArgument with what is wrong; octets after the message are ignored. What is too long to be
// written is a broken invariant: UserData::of_text() refuses it before.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/sms/address.h"
#include "common/sms/alphabet.h"

namespace lapwing::sms {

inline constexpr size_t most_user_data_octets = 140;
inline constexpr size_t most_user_data_septets = 160;

struct UserData {
  uint8_t data_coding = 0;  // TS 23.038 section 4
  std::string header = {};  // information elements, without their length; empty: none
  std::string text = {};    // UTF-8 of GSM 7 bit and UCS2; else the octets

  Alphabet alphabet() const { return alphabet_of(data_coding); }
  // GSM 7 bit where it will do, else UCS2. InvalidArgument: no UTF-8; ResourceExhausted: longer than 160 septets or 70
  // characters of UCS2.
  static absl::StatusOr<UserData> of_text(std::string_view utf8);
  bool operator==(const UserData&) const = default;
};

// Section 9.2.3.11.
struct Timestamp {
  uint8_t year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0;  // year of the century
  int8_t quarters = 0;                                                     // of an hour, east of Greenwich
  std::string text() const;                                                // "26-01-31 23:59:59 +01:00"
  static Timestamp of(std::chrono::system_clock::time_point time);         // in UTC
  bool operator==(const Timestamp&) const = default;
};

struct Submit {
  uint8_t reference = 0;
  Address destination = {};
  uint8_t protocol = 0;
  bool status_report = false;
  bool reject_duplicates = false;
  bool reply_path = false;
  uint8_t validity_format = 0;  // 0 none, 1 enhanced, 2 relative, 3 absolute
  std::string validity = {};    // 0, 7, 1, 7 octets
  UserData user_data = {};
  bool operator==(const Submit&) const = default;
};
absl::StatusOr<Submit> read_submit(std::string_view tpdu);
std::string write_submit(const Submit& submit);

struct Deliver {
  Address originator = {};
  uint8_t protocol = 0;
  bool more_to_send = false;
  bool status_report = false;
  bool reply_path = false;
  std::optional<Timestamp> sent = {};  // nullopt: the octets are no time
  UserData user_data = {};
  bool operator==(const Deliver&) const = default;
};
absl::StatusOr<Deliver> read_deliver(std::string_view tpdu);
std::string write_deliver(const Deliver& deliver);

// The SMS-DELIVER of an SMS-SUBMIT that read_submit() reads: its user data goes as it came, octet for octet.
std::string deliver_of(std::string_view submit_tpdu, const Address& originator, const Timestamp& now,
                       bool more_to_send);
// How long from now it may be kept (TP-VP, section 9.2.3.12); nullopt: it does not say.
std::optional<std::chrono::seconds> validity_of(const Submit& submit, std::chrono::system_clock::time_point now);

// SMS-SUBMIT-REPORT in an RP-ACK.
std::string write_submit_report(const Timestamp& now);
// SMS-STATUS-REPORT for a submit that asked for it (section 9.2.2.3).
struct StatusReport {
  uint8_t reference = 0;  // of the submit
  Address recipient = {};
  Timestamp sent = {}, done = {};
  uint8_t status = 0;  // TP-ST (section 9.2.3.15)
};
inline constexpr uint8_t status_delivered = 0x00, status_expired = 0x46, status_refused = 0x41;
std::string write_status_report(const StatusReport& report);

// SMS-DELIVER-REPORT in an RP-ACK, or with a failure cause (section 9.2.3.22) in an RP-ERROR.
std::string write_deliver_report(std::optional<uint8_t> failure);
inline constexpr uint8_t memory_capacity_exceeded = 0xd3, unspecified_failure = 0xff;

}  // namespace lapwing::sms
