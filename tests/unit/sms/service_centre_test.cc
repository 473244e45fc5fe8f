// What a service centre makes of messages: how long one may wait, the SMS-DELIVER of an SMS-SUBMIT, and its reports.
#include <gtest/gtest.h>

#include "common/runtime/ids.h"
#include "common/sms/tpdu.h"

namespace lapwing::sms {
namespace {

using std::chrono::days, std::chrono::hours, std::chrono::minutes, std::chrono::seconds;

std::string octets(std::string hex) {
  std::erase(hex, ' ');
  return from_hex(hex);
}

const std::chrono::system_clock::time_point now{seconds(1'700'000'000)};  // 2023-11-14 22:13:20
const Timestamp sent{23, 11, 14, 22, 13, 20, 0};
const std::string sent_octets = "32114122310200";
const Address alice = *Address::from_number("+15550100042");
const std::string alice_octets = "0b915155100040f2";

std::optional<seconds> validity(uint8_t format, const std::string& hex) {
  return validity_of(Submit{.validity_format = format, .validity = octets(hex)}, now);
}

TEST(Validity, when_none_is_given_then_there_is_none) {
  EXPECT_EQ(validity(0, ""), std::nullopt);
}

TEST(Validity, when_it_is_relative_then_each_range_has_its_unit) {
  EXPECT_EQ(validity(2, "00"), minutes(5));
  EXPECT_EQ(validity(2, "8f"), hours(12));                // 143: the last of 5 minutes each
  EXPECT_EQ(validity(2, "90"), hours(12) + minutes(30));  // 144: the first of half an hour each
  EXPECT_EQ(validity(2, "a7"), hours(24));                // 167
  EXPECT_EQ(validity(2, "a8"), days(2));                  // 168: the first of a day each
  EXPECT_EQ(validity(2, "c4"), days(30));                 // 196
  EXPECT_EQ(validity(2, "c5"), days(35));                 // 197: the first of a week each
  EXPECT_EQ(validity(2, "ff"), days(63 * 7));
}

TEST(Validity, when_it_is_relative_then_a_larger_value_is_never_shorter) {
  for (int value = 1; value < 256; ++value) {
    auto one = validity_of(Submit{.validity_format = 2, .validity = std::string(1, static_cast<char>(value))}, now);
    auto less =
        validity_of(Submit{.validity_format = 2, .validity = std::string(1, static_cast<char>(value - 1))}, now);
    EXPECT_GT(*one, *less) << value;
  }
}

TEST(Validity, when_it_is_absolute_then_it_lasts_until_then_in_its_time_zone) {
  EXPECT_EQ(validity(3, "32114122412200"), minutes(1) + seconds(2));
  EXPECT_EQ(validity(3, "32114132310240"), minutes(0));            // an hour later, an hour east: now
  EXPECT_EQ(validity(3, "3211412231024a"), minutes(24 * 15 + 0));  // 24 quarters west
  EXPECT_EQ(validity(3, "32114132310280"), seconds(0));            // in the past: not below none
  EXPECT_EQ(validity(3, "42209200000000"), days(107) - hours(22) - minutes(13) - seconds(20));  // 29 February 2024
}

TEST(Validity, when_it_is_an_absolute_time_that_does_not_exist_then_there_is_none) {
  EXPECT_EQ(validity(3, "32209200000000"), std::nullopt);  // 29 February 2023
  EXPECT_EQ(validity(3, "32111300000000"), std::nullopt);  // 31 November
  EXPECT_EQ(validity(3, "32311100000000"), std::nullopt);  // month 13
  EXPECT_EQ(validity(3, "32001100000000"), std::nullopt);
  EXPECT_EQ(validity(3, "32110000000000"), std::nullopt);
  EXPECT_EQ(validity(3, "32111142000000"), std::nullopt);  // 24 o'clock
  EXPECT_EQ(validity(3, "32111100060000"), std::nullopt);
  EXPECT_EQ(validity(3, "32111100000600"), std::nullopt);
  EXPECT_EQ(validity(3, "3f111100000000"), std::nullopt);  // no digit
  EXPECT_EQ(validity(3, "f3111100000000"), std::nullopt);
}

TEST(Validity, when_it_is_enhanced_then_its_format_says_what_it_is) {
  EXPECT_EQ(validity(1, "00000000000000"), std::nullopt);  // none
  EXPECT_EQ(validity(1, "01000000000000"), minutes(5));    // relative
  EXPECT_EQ(validity(1, "41ff0000000000"), days(63 * 7));  // relative, one attempt
  EXPECT_EQ(validity(1, "02ff0000000000"), seconds(255));
  EXPECT_EQ(validity(1, "03219543000000"), hours(12) + minutes(59) + seconds(34));
  EXPECT_EQ(validity(1, "07000000000000"), std::nullopt);  // reserved
}

TEST(Timestamp, when_it_is_made_of_a_time_then_it_is_in_UTC) {
  EXPECT_EQ(Timestamp::of(now), sent);
  EXPECT_EQ(Timestamp::of(now).text(), "23-11-14 22:13:20 +00:00");
  EXPECT_EQ(Timestamp::of(now + std::chrono::milliseconds(999)).second, 20);
  EXPECT_EQ(Timestamp::of(std::chrono::sys_days(std::chrono::year(2024) / 2 / 29)).text(), "24-02-29 00:00:00 +00:00");
  EXPECT_EQ(Timestamp::of(std::chrono::sys_days(std::chrono::year(2100) / 3 / 1) - seconds(1)).text(),
            "00-02-28 23:59:59 +00:00");
}

std::string delivered(const std::string& submit, bool more = false) {
  EXPECT_TRUE(read_submit(octets(submit)).ok()) << read_submit(octets(submit)).status();
  return to_hex(deliver_of(octets(submit), alice, sent, more));
}

TEST(DeliverOf, when_a_text_is_submitted_then_it_goes_with_originator_and_time) {
  EXPECT_EQ(delivered("01 2a 0b915155100040f3 00 00 0a e8329bfd4697d9ec37"),
            "04" + alice_octets + "0000" + sent_octets + "0ae8329bfd4697d9ec37");
  EXPECT_EQ(delivered("01 2a 0b915155100040f3 00 00 00", true), "00" + alice_octets + "0000" + sent_octets + "00");
}

TEST(DeliverOf, when_validity_and_wishes_are_of_the_submit_only_then_they_stay_behind) {
  // Status report, duplicates to be rejected; reply path goes on. Relative, enhanced and absolute validity.
  EXPECT_EQ(delivered("b5 2a 0b915155100040f3 00 00 aa 01 31"), "84" + alice_octets + "0000" + sent_octets + "0131");
  EXPECT_EQ(delivered("09 2a 0b915155100040f3 00 00 02ff0000000000 01 31"),
            "04" + alice_octets + "0000" + sent_octets + "0131");
  EXPECT_EQ(delivered("19 2a 0b915155100040f3 00 00 32114122412200 01 31"),
            "04" + alice_octets + "0000" + sent_octets + "0131");
}

TEST(DeliverOf, when_there_is_a_header_then_it_goes_octet_for_octet) {
  // Part 1 of 2, GSM 7 bit: 7 septets of header, and "abc".
  std::string part = "0a050003cc0201c2e231";
  EXPECT_EQ(delivered("41 2a 0b915155100040f3 00 00" + part), "44" + alice_octets + "0000" + sent_octets + part);
  // The same as octets and as UCS2: TP-UDL counts octets.
  std::string wide = "08050003cc02010416";
  EXPECT_EQ(delivered("41 2a 0b915155100040f3 00 08" + wide), "44" + alice_octets + "0008" + sent_octets + wide);
  EXPECT_EQ(delivered("41 2a 0b915155100040f3 7f f5" + wide), "44" + alice_octets + "7ff5" + sent_octets + wide);
}

TEST(DeliverOf, when_it_is_octets_then_every_value_passes_wherever_it_stands) {
  std::string all;
  for (int i = 0; i < 140; ++i) all.push_back(static_cast<char>(i * 7 + 120));
  std::string wire = octets("01 2a 0b915155100040f3 00 04 8c") + all;
  ASSERT_TRUE(read_submit(wire).ok());
  std::string tpdu = deliver_of(wire, alice, sent, false);
  EXPECT_EQ(tpdu.substr(tpdu.size() - 140), all);
  EXPECT_EQ(read_deliver(tpdu)->user_data.text, all);
}

TEST(DeliverOf, when_octets_follow_the_user_data_then_they_are_dropped) {
  EXPECT_EQ(delivered("01 2a 0b915155100040f3 00 00 0a e8329bfd4697d9ec37 deadbeef"),
            "04" + alice_octets + "0000" + sent_octets + "0ae8329bfd4697d9ec37");
  EXPECT_EQ(delivered("01 2a 0b915155100040f3 00 08 02 0416 00"),
            "04" + alice_octets + "0008" + sent_octets + "020416");
}

TEST(DeliverOf, when_the_originator_is_a_name_then_it_is_written_in_letters) {
  std::string submit = octets("01 2a 0b915155100040f3 00 00 0131");
  for (const char* name : {"Lapwing", "a", "", "hello-world", "[x]"}) {
    absl::StatusOr<Deliver> deliver = read_deliver(deliver_of(submit, Address::from_name(name), sent, false));
    ASSERT_TRUE(deliver.ok()) << name << ' ' << deliver.status();
    EXPECT_EQ(deliver->originator, (Address{Address::alphanumeric, name}));
    EXPECT_EQ(deliver->originator.number(), name);
  }
}

TEST(Address, when_a_name_is_too_long_or_of_another_alphabet_then_what_fits_is_taken) {
  EXPECT_EQ(Address::from_name("twelve-chars").text, "twelve-char");
  EXPECT_EQ(Address::from_name("{{{{{{").text, "{{{{{");              // two septets each: no half of the sixth
  EXPECT_EQ(Address::from_name("ääääääääääää").text, "äääääääääää");  // no half of a character either
  EXPECT_EQ(Address::from_name("жук").text, "?");
  EXPECT_EQ(Address::from_name("\xff").text, "?");
}

TEST(SubmitReport, when_written_then_it_tells_the_time) {
  EXPECT_EQ(to_hex(write_submit_report(sent)), "0100" + sent_octets);
}

TEST(StatusReport, when_written_then_it_names_the_submit_and_what_became_of_it) {
  Timestamp done{23, 11, 15, 0, 0, 1, -14};
  EXPECT_EQ(to_hex(write_status_report({.reference = 0x2a,
                                        .recipient = *Address::from_number("+15550100043"),
                                        .sent = sent,
                                        .done = done,
                                        .status = status_expired})),
            "062a0b915155100040f3" + sent_octets + "3211510000104946");
  EXPECT_EQ(to_hex(write_status_report({.reference = 1, .recipient = *Address::from_number("112"), .sent = sent})),
            "0601038111f2" + sent_octets + "00101000000000" + "00");
}

}  // namespace
}  // namespace lapwing::sms
