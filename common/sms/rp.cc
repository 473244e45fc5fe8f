#include "common/sms/rp.h"

#include <cstdlib>

namespace lapwing::sms {
namespace {

constexpr uint8_t user_data_tag = 0x41;
// Section 8.2.2: even from the mobile, odd from the network.
enum Type : uint8_t { data = 0, ack = 2, error = 4, smma = 6 };

absl::Status bad(std::string_view what) {
  return absl::InvalidArgumentError(std::string(what));
}

std::optional<uint8_t> take_octet(std::string_view& rest) {
  if (rest.empty()) return std::nullopt;
  auto octet = static_cast<uint8_t>(rest.front());
  rest.remove_prefix(1);
  return octet;
}

// Length and value.
std::optional<std::string_view> take_lv(std::string_view& rest) {
  std::optional<uint8_t> length = take_octet(rest);
  if (!length || *length > rest.size()) return std::nullopt;
  std::string_view value = rest.substr(0, *length);
  rest.remove_prefix(*length);
  return value;
}

void put_lv(std::string& out, std::string_view value) {
  out.push_back(static_cast<char>(value.size()));
  out.append(value);
}

std::string address_value(const Address& address) {
  if (address.text.size() > Address::most_digits) std::abort();
  return static_cast<char>(address.type) + pack_digits(address.text);
}

void put_user_data(std::string& out, const std::optional<std::string>& tpdu) {
  if (!tpdu) return;
  if (tpdu->size() > most_tpdu_octets) std::abort();
  out.push_back(static_cast<char>(user_data_tag));
  put_lv(out, *tpdu);
}

absl::StatusOr<std::optional<std::string>> take_user_data(std::string_view& rest) {
  if (rest.empty() || static_cast<uint8_t>(rest.front()) != user_data_tag) return std::nullopt;
  rest.remove_prefix(1);
  std::optional<std::string_view> value = take_lv(rest);
  if (!value) return bad("RP-User-Data is cut short");
  if (value->size() > most_tpdu_octets) return bad("RP-User-Data is too long");
  return std::string(*value);
}

absl::StatusOr<RpMessage> read_data(Side from, uint8_t reference, std::string_view rest) {
  std::optional<std::string_view> originator = take_lv(rest);
  std::optional<std::string_view> destination = originator ? take_lv(rest) : std::nullopt;
  if (!destination) return bad("an address of RP-DATA is cut short");
  std::string_view address = from == Side::mobile ? *destination : *originator;
  std::string_view other = from == Side::mobile ? *originator : *destination;
  if (!other.empty()) return bad("RP-DATA has an address where none may be");
  if (address.size() > 1 + Address::most_digits / 2) return bad("the address of RP-DATA is too long");
  RpData message{from, reference, {}, {}};
  if (!address.empty()) {
    message.address.type = static_cast<uint8_t>(address.front());
    message.address.text = unpack_digits(address.substr(1));
  } else if (from == Side::network) {
    return bad("RP-DATA has no originator address");
  }
  std::optional<std::string_view> tpdu = take_lv(rest);
  if (!tpdu || tpdu->empty()) return bad("RP-User-Data is cut short");
  if (tpdu->size() > most_tpdu_octets) return bad("RP-User-Data is too long");
  message.tpdu = *tpdu;
  return message;
}

struct Write {
  std::string out;
  void begin(uint8_t type, Side from, uint8_t reference) {
    out.push_back(static_cast<char>(type | static_cast<uint8_t>(from == Side::network ? 1 : 0)));
    out.push_back(static_cast<char>(reference));
  }
  void operator()(const RpData& message) {
    if (message.tpdu.size() > most_tpdu_octets) std::abort();
    begin(data, message.from, message.reference);
    if (message.from == Side::mobile) out.push_back('\0');
    put_lv(out, address_value(message.address));
    if (message.from == Side::network) out.push_back('\0');
    put_lv(out, message.tpdu);
  }
  void operator()(const RpAck& message) {
    begin(ack, message.from, message.reference);
    put_user_data(out, message.tpdu);
  }
  void operator()(const RpError& message) {
    begin(error, message.from, message.reference);
    put_lv(out, std::string(1, static_cast<char>(message.cause & 0x7f)));
    put_user_data(out, message.tpdu);
  }
  void operator()(const RpSmma& message) { begin(smma, Side::mobile, message.reference); }
};

}  // namespace

uint8_t reference_of(const RpMessage& message) {
  return std::visit([](const auto& one) { return one.reference; }, message);
}

absl::StatusOr<RpMessage> read_rp(std::string_view octets) {
  std::string_view rest = octets;
  std::optional<uint8_t> type = take_octet(rest);
  std::optional<uint8_t> reference = take_octet(rest);
  if (!type || !reference) return bad("no RP message: fewer than two octets");
  Side from = (*type & 1) != 0 ? Side::network : Side::mobile;
  switch (*type & 6) {
    case data:
      return read_data(from, *reference, rest);
    case ack: {
      absl::StatusOr<std::optional<std::string>> tpdu = take_user_data(rest);
      if (!tpdu.ok()) return tpdu.status();
      return RpAck{from, *reference, std::move(*tpdu)};
    }
    case error: {
      std::optional<std::string_view> cause = take_lv(rest);
      if (!cause || cause->empty()) return bad("RP-ERROR has no cause");
      absl::StatusOr<std::optional<std::string>> tpdu = take_user_data(rest);
      if (!tpdu.ok()) return tpdu.status();
      return RpError{from, *reference, static_cast<uint8_t>(cause->front() & 0x7f), std::move(*tpdu)};
    }
    default:
      if (from == Side::network) return bad("an RP message of a reserved type");
      return RpSmma{*reference};
  }
}

std::string write_rp(const RpMessage& message) {
  Write write;
  std::visit(write, message);
  return std::move(write.out);
}

}  // namespace lapwing::sms
