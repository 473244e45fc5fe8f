#include "common/sms/tpdu.h"

#include <gtest/gtest.h>

#include "common/runtime/ids.h"

namespace lapwing::sms {
namespace {

// The two messages that every introduction to PDU mode has.
const std::string known_submit = from_hex("11000b916407281553f80000aa0ae8329bfd4697d9ec37");
const std::string known_deliver = from_hex("040bc87238880900f10000993092516195800ae8329bfd4697d9ec37");

TEST(Submit, when_a_known_one_is_read_then_every_field_is_right) {
  absl::StatusOr<Submit> submit = read_submit(known_submit);
  ASSERT_TRUE(submit.ok()) << submit.status();
  EXPECT_EQ(submit->destination.number(), "+46708251358");
  EXPECT_EQ(submit->reference, 0);
  EXPECT_EQ(submit->validity_format, 2);
  EXPECT_EQ(submit->validity, "\xaa");
  EXPECT_EQ(submit->user_data.text, "hellohello");
  EXPECT_FALSE(submit->status_report);
  EXPECT_EQ(write_submit(*submit), known_submit);
}

TEST(Deliver, when_a_known_one_is_read_then_every_field_is_right) {
  absl::StatusOr<Deliver> deliver = read_deliver(known_deliver);
  ASSERT_TRUE(deliver.ok()) << deliver.status();
  EXPECT_EQ(deliver->originator.text, "27838890001");
  EXPECT_EQ(deliver->originator.type, 0xc8);
  EXPECT_FALSE(deliver->more_to_send);
  EXPECT_EQ(deliver->user_data.text, "hellohello");
  ASSERT_TRUE(deliver->sent);
  EXPECT_EQ(deliver->sent->text(), "99-03-29 15:16:59 +02:00");
  EXPECT_EQ(write_deliver(*deliver), known_deliver);
}

TEST(Deliver, when_the_originator_is_a_name_then_it_is_read_as_text) {
  Deliver deliver;
  deliver.originator = {Address::alphanumeric, "Lapwing"};
  deliver.sent = Timestamp{26, 1, 31, 23, 59, 59, -14};
  deliver.user_data = *UserData::of_text("hi");
  std::string tpdu = write_deliver(deliver);
  EXPECT_EQ(to_hex(tpdu.substr(0, 3)), "040dd0");  // 13 half octets for 7 septets
  absl::StatusOr<Deliver> again = read_deliver(tpdu);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, deliver);
  EXPECT_EQ(again->sent->text(), "26-01-31 23:59:59 -03:30");
}

TEST(UserData, when_text_is_not_of_gsm7_then_it_is_ucs2) {
  EXPECT_EQ(UserData::of_text("Grüße, 5 €")->alphabet(), Alphabet::gsm7);
  absl::StatusOr<UserData> cyrillic = UserData::of_text("Привет");
  ASSERT_TRUE(cyrillic.ok());
  EXPECT_EQ(cyrillic->alphabet(), Alphabet::ucs2);
  Submit submit;
  submit.destination = *Address::from_number("112");
  submit.user_data = *cyrillic;
  absl::StatusOr<Submit> again = read_submit(write_submit(submit));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->user_data.text, "Привет");
}

TEST(UserData, when_text_is_longer_than_one_message_then_it_is_refused) {
  EXPECT_TRUE(UserData::of_text(std::string(160, 'a')).ok());
  EXPECT_EQ(UserData::of_text(std::string(161, 'a')).status().code(), absl::StatusCode::kResourceExhausted);
  std::string cyrillic;
  for (int i = 0; i < 70; ++i) cyrillic += "ж";
  EXPECT_TRUE(UserData::of_text(cyrillic).ok());
  EXPECT_EQ(UserData::of_text(cyrillic + "a").status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(UserData::of_text("\xff").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(UserData, when_it_has_a_header_then_the_text_begins_at_the_next_septet) {
  for (size_t size : {1u, 3u, 5u, 6u, 7u}) {
    Submit submit;
    submit.destination = *Address::from_number("+15550002");
    submit.user_data.header = std::string(size, '\x01');
    submit.user_data.text = "hellohello";
    std::string tpdu = write_submit(submit);
    EXPECT_EQ(tpdu[0] & 0x40, 0x40);
    absl::StatusOr<Submit> again = read_submit(tpdu);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(*again, submit) << size;
  }
}

TEST(UserData, when_it_is_octets_then_every_value_passes) {
  Deliver deliver;
  deliver.originator = *Address::from_number("+15550002");
  deliver.sent = Timestamp{};
  deliver.user_data.data_coding = 4;
  for (int i = 0; i < 140; ++i) deliver.user_data.text.push_back(static_cast<char>(i * 3));
  absl::StatusOr<Deliver> again = read_deliver(write_deliver(deliver));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, deliver);
}

TEST(Tpdu, when_it_is_cut_short_anywhere_then_it_is_refused) {
  for (size_t size = 0; size < known_submit.size(); ++size) {
    EXPECT_FALSE(read_submit(known_submit.substr(0, size)).ok()) << size;
  }
  for (size_t size = 0; size < known_deliver.size(); ++size) {
    EXPECT_FALSE(read_deliver(known_deliver.substr(0, size)).ok()) << size;
  }
}

TEST(Tpdu, when_limits_are_passed_then_it_is_refused) {
  std::string long_address = known_submit;
  long_address[2] = 21;
  EXPECT_FALSE(read_submit(long_address).ok());
  std::string too_long = known_submit.substr(0, known_submit.size() - 10) + '\xa1' + std::string(141, 'x');
  EXPECT_FALSE(read_submit(too_long).ok());
  too_long[known_submit.size() - 10] = '\xa0';
  EXPECT_TRUE(read_submit(too_long).ok());
  EXPECT_FALSE(read_submit(known_deliver).ok());
  EXPECT_FALSE(read_deliver(known_submit).ok());
}

TEST(Tpdu, when_the_time_is_none_then_the_message_is_read_without_it) {
  std::string odd = known_deliver;
  odd[13] = '\x0f';
  absl::StatusOr<Deliver> deliver = read_deliver(odd);
  ASSERT_TRUE(deliver.ok());
  EXPECT_FALSE(deliver->sent);
}

TEST(DeliverReport, when_written_then_it_is_two_octets_or_three_with_a_cause) {
  EXPECT_EQ(to_hex(write_deliver_report(std::nullopt)), "0000");
  EXPECT_EQ(to_hex(write_deliver_report(memory_capacity_exceeded)), "00d300");
}

}  // namespace
}  // namespace lapwing::sms
