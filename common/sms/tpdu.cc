#include "common/sms/tpdu.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_format.h"

namespace lapwing::sms {
namespace {

constexpr uint8_t ucs2_coding = 8;
// TP-MTI, by direction (section 9.2.3.1).
constexpr uint8_t type_mask = 3, deliver_type = 0, submit_type = 1, status_report_type = 2;
// Bits of the first octet.
constexpr uint8_t no_more = 4, reject_duplicates = 4, status_report = 0x20, has_header = 0x40, reply_path = 0x80;
constexpr size_t timestamp_octets = 7;

absl::Status bad(std::string_view what) {
  return absl::InvalidArgumentError(std::string(what));
}

std::optional<std::string_view> take(std::string_view& rest, size_t octets) {
  if (rest.size() < octets) return std::nullopt;
  std::string_view taken = rest.substr(0, octets);
  rest.remove_prefix(octets);
  return taken;
}

std::optional<uint8_t> take_octet(std::string_view& rest) {
  std::optional<std::string_view> octet = take(rest, 1);
  if (!octet) return std::nullopt;
  return static_cast<uint8_t>(octet->front());
}

void put(std::string& out, unsigned octet) {
  out.push_back(static_cast<char>(octet));
}

// Section 9.1.2.5: its length counts half octets.
absl::StatusOr<Address> take_address(std::string_view& rest) {
  std::optional<uint8_t> length = take_octet(rest), type = take_octet(rest);
  if (!length || !type) return bad("an address is cut short");
  if (*length > Address::most_digits) return bad("an address is too long");
  std::optional<std::string_view> octets = take(rest, (*length + 1u) / 2);
  if (!octets) return bad("an address is cut short");
  Address address{*type, {}};
  if (address.is_alphanumeric()) {
    address.text = from_gsm7(unpack_septets(*octets, *length * 4u / 7, 0));
  } else {
    address.text = unpack_digits(*octets).substr(0, *length);
  }
  return address;
}

void put_address(std::string& out, const Address& address) {
  std::string octets;
  size_t length = address.text.size();
  if (address.is_alphanumeric()) {
    std::string septets = to_gsm7(address.text).value_or("?");
    if (septets.size() > Address::most_letters) std::abort();
    octets = pack_septets(septets, 0);
    length = (septets.size() * 7 + 3) / 4;
  } else {
    if (length > Address::most_digits) std::abort();
    octets = pack_digits(address.text);
  }
  put(out, static_cast<unsigned>(length));
  put(out, address.type);
  out += octets;
}

// Section 9.2.3.24. TP-UDL counts septets, or octets.
absl::StatusOr<UserData> take_user_data(std::string_view& rest, uint8_t data_coding, bool with_header) {
  std::optional<uint8_t> length = take_octet(rest);
  if (!length) return bad("TP-UDL is missing");
  bool septets = alphabet_of(data_coding) == Alphabet::gsm7;
  size_t octets = septets ? (*length * 7u + 7) / 8 : *length;
  if (octets > most_user_data_octets) return bad("TP-User-Data is too long");
  std::optional<std::string_view> data = take(rest, octets);
  if (!data) return bad("TP-User-Data is cut short");
  UserData user_data{.data_coding = data_coding, .header = {}, .text = {}};
  size_t header_octets = 0;
  if (with_header) {
    header_octets = data->empty() ? 1 : 1u + static_cast<uint8_t>(data->front());
    if (header_octets > data->size()) return bad("TP-User-Data-Header is cut short");
    user_data.header = data->substr(1, header_octets - 1);
  }
  std::string_view text = data->substr(header_octets);
  if (septets) {
    size_t header_septets = (header_octets * 8 + 6) / 7;
    auto fill = static_cast<unsigned>(header_septets * 7 - header_octets * 8);
    size_t count = *length > header_septets ? *length - header_septets : 0;
    user_data.text = from_gsm7(unpack_septets(text, count, fill));
  } else {
    user_data.text = user_data.alphabet() == Alphabet::ucs2 ? from_ucs2(text) : std::string(text);
  }
  return user_data;
}

void put_user_data(std::string& out, const UserData& user_data) {
  std::string header;
  if (!user_data.header.empty()) header = static_cast<char>(user_data.header.size()) + user_data.header;
  std::string body;
  size_t length = 0;
  if (user_data.alphabet() == Alphabet::gsm7) {
    size_t header_septets = (header.size() * 8 + 6) / 7;
    std::string septets = to_gsm7(user_data.text).value_or("?");
    body = pack_septets(septets, static_cast<unsigned>(header_septets * 7 - header.size() * 8));
    length = header_septets + septets.size();
  } else {
    body = user_data.alphabet() == Alphabet::ucs2 ? to_ucs2(user_data.text).value_or("") : user_data.text;
    length = header.size() + body.size();
  }
  if (header.size() + body.size() > most_user_data_octets) std::abort();
  put(out, static_cast<unsigned>(length));
  out += header + body;
}

// Two decimal digits, the first in the low half.
unsigned turned_bcd(unsigned value) {
  return value % 10 << 4 | value / 10;
}

std::optional<Timestamp> read_timestamp(std::string_view octets) {
  unsigned fields[timestamp_octets] = {};
  for (size_t i = 0; i < timestamp_octets; ++i) {
    auto octet = static_cast<uint8_t>(octets[i]);
    unsigned high = octet & 0xfu;
    if (i == 6) high &= 7;  // its high bit is the sign of the time zone
    if (high > 9 || octet >> 4 > 9) return std::nullopt;
    fields[i] = high * 10 + (octet >> 4);
  }
  bool real = fields[1] >= 1 && fields[1] <= 12 && fields[2] >= 1 && fields[2] <= 31 && fields[3] < 24 &&
              fields[4] < 60 && fields[5] < 60;
  if (!real) return std::nullopt;
  auto small = [&fields](size_t i) { return static_cast<uint8_t>(fields[i]); };
  bool west = (octets[6] & 8) != 0;
  auto quarters = static_cast<int8_t>(west ? -static_cast<int>(fields[6]) : static_cast<int>(fields[6]));
  return Timestamp{small(0), small(1), small(2), small(3), small(4), small(5), quarters};
}

void put_timestamp(std::string& out, const Timestamp& time) {
  for (unsigned field : {time.year, time.month, time.day, time.hour, time.minute, time.second}) {
    put(out, turned_bcd(field % 100));
  }
  put(out, turned_bcd(static_cast<unsigned>(std::abs(time.quarters)) % 80) | (time.quarters < 0 ? 8u : 0u));
}

// Section 9.2.3.12.1.
std::chrono::seconds relative_validity(uint8_t value) {
  using std::chrono::minutes, std::chrono::hours;
  if (value <= 143) return minutes((value + 1) * 5);
  if (value <= 167) return hours(12) + minutes((value - 143) * 30);
  if (value <= 196) return hours((value - 166) * 24);
  return hours((value - 192) * 24 * 7);
}

// Section 9.2.3.12.3: an indicator that says what follows, and 6 octets.
std::optional<std::chrono::seconds> enhanced_validity(std::string_view octets) {
  auto octet = [octets](size_t i) { return static_cast<uint8_t>(octets[i]); };
  auto decimal = [&octet](size_t i) { return (octet(i) & 0xf) * 10 + (octet(i) >> 4); };
  switch (octet(0) & 7) {
    case 1:
      return relative_validity(octet(1));
    case 2:
      return std::chrono::seconds(octet(1));
    case 3:
      return std::chrono::seconds(decimal(1) * 3600 + decimal(2) * 60 + decimal(3));
    default:
      return std::nullopt;
  }
}

std::optional<std::chrono::seconds> absolute_validity(std::string_view octets,
                                                      std::chrono::system_clock::time_point now) {
  using namespace std::chrono;
  std::optional<Timestamp> until = read_timestamp(octets);
  if (!until) return std::nullopt;
  year_month_day date{year(2000 + until->year), month(until->month), day(until->day)};
  if (!date.ok()) return std::nullopt;
  auto end = sys_days(date) + hours(until->hour) + minutes(until->minute) + seconds(until->second) -
             minutes(until->quarters * 15);
  return std::max(seconds(0), duration_cast<seconds>(end - now));
}

}  // namespace

absl::StatusOr<UserData> UserData::of_text(std::string_view utf8) {
  UserData user_data;
  user_data.text = utf8;
  std::optional<std::string> septets = to_gsm7(utf8);
  if (septets && septets->size() <= most_user_data_septets) return user_data;
  std::optional<std::string> units = to_ucs2(utf8);
  if (!units) return absl::InvalidArgumentError("the text is no UTF-8");
  if (septets || units->size() > most_user_data_octets) {
    return absl::ResourceExhaustedError("the text is longer than one short message: 160 characters, or 70 of UCS2");
  }
  user_data.data_coding = ucs2_coding;
  return user_data;
}

std::string Timestamp::text() const {
  int minutes = std::abs(quarters) * 15;
  return absl::StrFormat("%02d-%02d-%02d %02d:%02d:%02d %c%02d:%02d", year, month, day, hour, minute, second,
                         quarters < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

Timestamp Timestamp::of(std::chrono::system_clock::time_point time) {
  using namespace std::chrono;
  auto midnight = floor<days>(time);
  year_month_day date(midnight);
  hh_mm_ss clock(floor<seconds>(time - midnight));
  auto small = [](auto value) { return static_cast<uint8_t>(value); };
  return Timestamp{small(static_cast<int>(date.year()) % 100),
                   small(static_cast<unsigned>(date.month())),
                   small(static_cast<unsigned>(date.day())),
                   small(clock.hours().count()),
                   small(clock.minutes().count()),
                   small(clock.seconds().count()),
                   0};
}

absl::StatusOr<Submit> read_submit(std::string_view tpdu) {
  std::string_view rest = tpdu;
  std::optional<uint8_t> first = take_octet(rest), reference = take_octet(rest);
  if (!first || !reference) return bad("no SMS-SUBMIT: fewer than two octets");
  if ((*first & type_mask) != submit_type) return bad("no SMS-SUBMIT");
  absl::StatusOr<Address> destination = take_address(rest);
  if (!destination.ok()) return destination.status();
  std::optional<uint8_t> protocol = take_octet(rest), data_coding = take_octet(rest);
  uint8_t format = *first >> 3 & 3;
  std::optional<std::string_view> validity = take(rest, format == 0 ? 0 : format == 2 ? 1 : 7);
  if (!data_coding || !validity) return bad("SMS-SUBMIT is cut short");
  absl::StatusOr<UserData> user_data = take_user_data(rest, *data_coding, (*first & has_header) != 0);
  if (!user_data.ok()) return user_data.status();
  return Submit{.reference = *reference,
                .destination = std::move(*destination),
                .protocol = *protocol,
                .status_report = (*first & status_report) != 0,
                .reject_duplicates = (*first & reject_duplicates) != 0,
                .reply_path = (*first & reply_path) != 0,
                .validity_format = format,
                .validity = std::string(*validity),
                .user_data = std::move(*user_data)};
}

std::string write_submit(const Submit& submit) {
  std::string out;
  put(out,
      static_cast<unsigned>(submit_type | (submit.reject_duplicates ? reject_duplicates : 0) |
                            (submit.validity_format & 3) << 3 | (submit.status_report ? status_report : 0) |
                            (submit.user_data.header.empty() ? 0 : has_header) | (submit.reply_path ? reply_path : 0)));
  put(out, submit.reference);
  put_address(out, submit.destination);
  put(out, submit.protocol);
  put(out, submit.user_data.data_coding);
  out += submit.validity;
  put_user_data(out, submit.user_data);
  return out;
}

absl::StatusOr<Deliver> read_deliver(std::string_view tpdu) {
  std::string_view rest = tpdu;
  std::optional<uint8_t> first = take_octet(rest);
  if (!first || (*first & type_mask) != deliver_type) return bad("no SMS-DELIVER");
  absl::StatusOr<Address> originator = take_address(rest);
  if (!originator.ok()) return originator.status();
  std::optional<uint8_t> protocol = take_octet(rest), data_coding = take_octet(rest);
  std::optional<std::string_view> time = take(rest, timestamp_octets);
  if (!data_coding || !time) return bad("SMS-DELIVER is cut short");
  absl::StatusOr<UserData> user_data = take_user_data(rest, *data_coding, (*first & has_header) != 0);
  if (!user_data.ok()) return user_data.status();
  return Deliver{.originator = std::move(*originator),
                 .protocol = *protocol,
                 .more_to_send = (*first & no_more) == 0,
                 .status_report = (*first & status_report) != 0,
                 .reply_path = (*first & reply_path) != 0,
                 .sent = read_timestamp(*time),
                 .user_data = std::move(*user_data)};
}

std::string write_deliver(const Deliver& deliver) {
  std::string out;
  put(out, static_cast<unsigned>(
               deliver_type | (deliver.more_to_send ? 0 : no_more) | (deliver.status_report ? status_report : 0) |
               (deliver.user_data.header.empty() ? 0 : has_header) | (deliver.reply_path ? reply_path : 0)));
  put_address(out, deliver.originator);
  put(out, deliver.protocol);
  put(out, deliver.user_data.data_coding);
  put_timestamp(out, deliver.sent.value_or(Timestamp{}));
  put_user_data(out, deliver.user_data);
  return out;
}

std::string deliver_of(std::string_view submit_tpdu, const Address& originator, const Timestamp& now,
                       bool more_to_send) {
  std::string_view rest = submit_tpdu;
  uint8_t first = take_octet(rest).value_or(0);
  take(rest, 1);  // TP-MR
  if (!take_address(rest).ok()) std::abort();
  std::optional<std::string_view> protocol_and_coding = take(rest, 2);
  uint8_t format = first >> 3 & 3;
  std::optional<std::string_view> validity = take(rest, format == 0 ? 0 : format == 2 ? 1 : 7);
  if (!protocol_and_coding || !validity) std::abort();
  std::string out;
  put(out, static_cast<unsigned>(deliver_type | (more_to_send ? 0 : no_more) | (first & (has_header | reply_path))));
  put_address(out, originator);
  out += *protocol_and_coding;
  put_timestamp(out, now);
  // TP-UDL and the user data; what may follow is no part of it.
  bool septets = alphabet_of(static_cast<uint8_t>((*protocol_and_coding)[1])) == Alphabet::gsm7;
  size_t length = rest.empty() ? 0 : static_cast<uint8_t>(rest.front());
  out += rest.substr(0, 1 + (septets ? (length * 7 + 7) / 8 : length));
  return out;
}

std::optional<std::chrono::seconds> validity_of(const Submit& submit, std::chrono::system_clock::time_point now) {
  switch (submit.validity_format) {
    case 1:
      return enhanced_validity(submit.validity);
    case 2:
      return relative_validity(static_cast<uint8_t>(submit.validity.front()));
    case 3:
      return absolute_validity(submit.validity, now);
    default:
      return std::nullopt;
  }
}

std::string write_submit_report(const Timestamp& now) {
  std::string out(1, static_cast<char>(submit_type));
  put(out, 0);  // TP-PI: nothing follows the time
  put_timestamp(out, now);
  return out;
}

std::string write_status_report(const StatusReport& report) {
  std::string out;
  put(out, status_report_type | no_more);
  put(out, report.reference);
  put_address(out, report.recipient);
  put_timestamp(out, report.sent);
  put_timestamp(out, report.done);
  put(out, report.status);
  return out;
}

std::string write_deliver_report(std::optional<uint8_t> failure) {
  std::string out(1, static_cast<char>(deliver_type));
  if (failure) put(out, *failure);
  put(out, 0);  // TP-PI: nothing follows
  return out;
}

}  // namespace lapwing::sms
