// The telephone numbers of TS 24.011 section 8.2.5 and TS 23.040 section 9.1.2.5: a type, and digits two to an octet.
//
//   Address a = Address::from_number("+15550001");
//   a.number() == "+15550001"; a.type == 0x91
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace lapwing::sms {

struct Address {
  static constexpr size_t most_digits = 20;
  static constexpr size_t most_letters = 11;
  static constexpr uint8_t international = 0x91, unknown = 0x81, alphanumeric = 0xd0;

  uint8_t type = unknown;  // 1, type of number in 3 bits, numbering plan in 4
  std::string text;        // digits, '*', '#', 'a', 'b', 'c'; UTF-8 when alphanumeric

  // With '+' in front an international number. InvalidArgument: not such digits, none, or more than 20.
  static absl::StatusOr<Address> from_number(std::string_view number);
  // A name in letters: as many characters as 11 septets take; "?" where it is not of the GSM 7 bit alphabet.
  static Address from_name(std::string_view utf8);
  // The digits, with '+' when international; letters as they are.
  std::string number() const;
  bool is_alphanumeric() const { return (type & 0x70) == 0x50; }
  bool operator==(const Address&) const = default;
};

// Digits as octets, the first in the low half, a last odd one filled up with 0xf; and back. A digit that is none ends
// the number, as the fill does.
std::string pack_digits(std::string_view digits);
std::string unpack_digits(std::string_view octets);

}  // namespace lapwing::sms
