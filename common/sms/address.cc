#include "common/sms/address.h"

#include "common/sms/alphabet.h"

namespace lapwing::sms {
namespace {

constexpr std::string_view digit_letters = "0123456789*#abc";
constexpr unsigned fill = 0xf;

}  // namespace

absl::StatusOr<Address> Address::from_number(std::string_view number) {
  Address address;
  if (number.starts_with('+')) {
    address.type = international;
    number.remove_prefix(1);
  }
  if (number.empty() || number.size() > most_digits ||
      number.find_first_not_of(digit_letters) != std::string_view::npos) {
    return absl::InvalidArgumentError("a number is 1 to 20 digits, with + in front when it is international");
  }
  address.text = number;
  return address;
}

Address Address::from_name(std::string_view utf8) {
  std::string septets = to_gsm7(utf8).value_or("?");
  return Address{alphanumeric, from_gsm7(std::string_view(septets).substr(0, most_letters))};
}

std::string Address::number() const {
  return (type & 0x70) == 0x10 ? '+' + text : text;
}

std::string pack_digits(std::string_view digits) {
  std::string out;
  auto value = [](char c) { return static_cast<unsigned>(digit_letters.find(c)) & 0xf; };
  for (size_t i = 0; i < digits.size(); i += 2) {
    unsigned high = i + 1 < digits.size() ? value(digits[i + 1]) : fill;
    out.push_back(static_cast<char>(high << 4 | value(digits[i])));
  }
  return out;
}

std::string unpack_digits(std::string_view octets) {
  std::string out;
  for (char c : octets) {
    unsigned octet = static_cast<uint8_t>(c);
    for (unsigned digit : {octet & 0xfu, octet >> 4}) {
      if (digit == fill) return out;
      out.push_back(digit_letters[digit]);
    }
  }
  return out;
}

}  // namespace lapwing::sms
