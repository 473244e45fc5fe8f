#include "hss-client/avp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hss-client/cx_dictionary.h"

namespace lapwing::diameter {
namespace {

using ::testing::HasSubstr;

std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (int v : values) out.push_back(static_cast<char>(v));
  return out;
}

std::string message_of(std::string avps) {
  std::string out = bytes({1, 0, 0, 0, 0xc0, 0, 1, 0x2f, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2}) + avps;
  out[1] = static_cast<char>(out.size() >> 16);
  out[2] = static_cast<char>(out.size() >> 8);
  out[3] = static_cast<char>(out.size());
  return out;
}

Fault fault_of(const std::string& input) {
  auto parsed = decode(input, cx::is_group);
  if (auto* fault = std::get_if<Fault>(&parsed)) return *fault;
  return Fault{0, "no fault", {}};
}

TEST(Avp, when_a_message_is_encoded_then_it_decodes_to_the_same) {
  Message message;
  message.flags = 0xc0;
  message.command = 303;
  message.application = 16777216;
  message.hop_by_hop = 7;
  message.end_to_end = 0xfffffffe;
  message.avps = {
      octets(263, 0, true, "a;1;2"), unsigned32(607, 10415, true, 0xdeadbeef),
      grouped(612, 10415, true, {octets(609, 10415, true, std::string("\0\1\2", 3)), octets(608, 10415, true, "")})};
  auto parsed = decode(encode(message), cx::is_group);
  ASSERT_TRUE(std::holds_alternative<Message>(parsed));
  const Message& back = std::get<Message>(parsed);
  EXPECT_EQ(back.avps, message.avps);
  EXPECT_EQ(back.command, 303u);
  EXPECT_EQ(back.end_to_end, 0xfffffffe);
  EXPECT_EQ(value32(back.avps[1]), 0xdeadbeef);
  EXPECT_EQ(encode(message).size() % 4, 0u);
}

TEST(Avp, when_the_message_length_is_under_20_then_5015) {
  EXPECT_EQ(fault_of(bytes({1, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})).result_code, 5015u);
  EXPECT_EQ(fault_of(bytes({1, 0, 0})).result_code, 5015u);
  EXPECT_EQ(fault_of("").result_code, 5015u);
}

TEST(Avp, when_the_message_length_is_no_multiple_of_4_or_differs_then_5015) {
  std::string message = message_of("");
  message[3] = 21;
  EXPECT_EQ(fault_of(message + "x").result_code, 5015u);
  EXPECT_EQ(fault_of(message_of("") + "more").result_code, 5015u);
}

TEST(Avp, when_the_message_is_over_the_limit_then_5015) {
  EXPECT_TRUE(std::holds_alternative<size_t>(message_length(bytes({1, 4, 0, 0}))));
  EXPECT_TRUE(std::holds_alternative<Fault>(message_length(bytes({1, 4, 0, 4}))));
  EXPECT_TRUE(std::holds_alternative<Fault>(message_length(bytes({1, 0xff, 0xff, 0xfc}))));
}

TEST(Avp, when_the_version_is_not_1_then_5011) {
  std::string message = message_of("");
  message[0] = 2;
  EXPECT_EQ(fault_of(message).result_code, 5011u);
}

TEST(Avp, when_an_avp_is_shorter_than_its_header_then_5014_names_it) {
  for (int length : {0, 7}) {
    Fault fault = fault_of(message_of(bytes({0, 0, 1, 8, 0x40, 0, 0, length})));
    EXPECT_EQ(fault.result_code, 5014u);
    ASSERT_TRUE(fault.failed);
    EXPECT_EQ(fault.failed->code, 264u);
  }
  // With the V flag the header is 12 bytes.
  EXPECT_EQ(fault_of(message_of(bytes({0, 0, 2, 0x59, 0xc0, 0, 0, 11, 0, 0, 0x28, 0xaf}))).result_code, 5014u);
  EXPECT_EQ(fault_of(message_of(bytes({0, 0, 2, 0x59, 0xc0, 0, 0, 8}))).result_code, 5014u);
}

TEST(Avp, when_an_avp_goes_beyond_its_message_then_5014) {
  EXPECT_EQ(fault_of(message_of(bytes({0, 0, 1, 8, 0x40, 0, 0, 13, 'a', 'b', 'c', 'd'}))).result_code, 5014u);
  EXPECT_EQ(fault_of(message_of(bytes({0, 0, 1, 8, 0x40, 0xff, 0xff, 0xff, 'a', 'b', 'c', 'd'}))).result_code, 5014u);
  EXPECT_EQ(fault_of(message_of(bytes({0, 0, 1, 8}))).result_code, 5014u);
}

TEST(Avp, when_a_member_goes_beyond_its_group_then_5014) {
  std::string member = bytes({0, 0, 1, 10, 0x40, 0, 0, 16, 0, 0, 0x28, 0xaf});
  EXPECT_EQ(fault_of(message_of(bytes({0, 0, 1, 4, 0x40, 0, 0, 20}) + member)).result_code, 5014u);
}

TEST(Avp, when_the_last_avp_lacks_its_padding_then_it_is_taken) {
  auto parsed = decode_avps(bytes({0, 0, 0, 1, 0x40, 0, 0, 9, 'x'}), cx::is_group);
  ASSERT_TRUE(std::holds_alternative<std::vector<Avp>>(parsed));
  EXPECT_EQ(std::get<std::vector<Avp>>(parsed)[0].data, "x");
}

TEST(Avp, when_the_v_flag_has_vendor_0_then_3009) {
  EXPECT_EQ(fault_of(message_of(bytes({0, 0, 2, 0x59, 0xc0, 0, 0, 12, 0, 0, 0, 0}))).result_code, 3009u);
}

TEST(Avp, when_groups_nest_beyond_the_limit_then_5004_and_no_deep_recursion) {
  auto nested = [](size_t depth) {
    Avp avp = octets(1, 0, true, "x");
    for (size_t i = 0; i < depth; ++i) avp = grouped(260, 0, true, {avp});
    return encode_avps({avp});
  };
  EXPECT_TRUE(std::holds_alternative<std::vector<Avp>>(decode_avps(nested(max_depth - 1), cx::is_group)));
  auto deep = decode_avps(nested(1000), cx::is_group);
  ASSERT_TRUE(std::holds_alternative<Fault>(deep));
  EXPECT_EQ(std::get<Fault>(deep).result_code, 5004u);
}

TEST(Avp, when_there_are_more_avps_than_the_limit_then_5009) {
  std::vector<Avp> many(max_avps, octets(264, 0, true, ""));
  EXPECT_TRUE(std::holds_alternative<std::vector<Avp>>(decode_avps(encode_avps(many), cx::is_group)));
  many.push_back(octets(264, 0, true, ""));
  auto parsed = decode_avps(encode_avps(many), cx::is_group);
  ASSERT_TRUE(std::holds_alternative<Fault>(parsed));
  EXPECT_EQ(std::get<Fault>(parsed).result_code, 5009u);
}

TEST(Avp, when_32_bit_data_is_not_4_bytes_then_it_has_no_value) {
  EXPECT_EQ(value32(octets(607, 10415, true, "abc")), std::nullopt);
  EXPECT_EQ(value32(octets(607, 10415, true, "abcde")), std::nullopt);
  EXPECT_EQ(value32(octets(607, 10415, true, "")), std::nullopt);
}

TEST(Avp, when_codes_are_equal_then_the_vendor_tells_them_apart) {
  std::vector<Avp> avps = {octets(650, 0, false, "load"), unsigned32(650, 10415, false, 3)};
  EXPECT_EQ(value32(*find(avps, 650, 10415)), 3u);
  EXPECT_EQ(find(avps, 650, 0)->data, "load");
  EXPECT_EQ(find(avps, 650, 13019), nullptr);
}

}  // namespace
}  // namespace lapwing::diameter
