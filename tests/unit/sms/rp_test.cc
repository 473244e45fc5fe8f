#include "common/sms/rp.h"

#include <gtest/gtest.h>

#include "common/runtime/ids.h"

namespace lapwing::sms {
namespace {

// "00 01 ..." as octets.
std::string octets(std::string hex) {
  std::erase(hex, ' ');
  return from_hex(hex);
}

TEST(Rp, when_data_comes_from_a_mobile_then_the_destination_is_the_service_centre) {
  std::string wire = octets("00 2a 00 07 91 72 83 01 00 10 f5 03 01 02 03");
  absl::StatusOr<RpMessage> message = read_rp(wire);
  ASSERT_TRUE(message.ok()) << message.status();
  const RpData& data = std::get<RpData>(*message);
  EXPECT_EQ(data.from, Side::mobile);
  EXPECT_EQ(data.reference, 0x2a);
  EXPECT_EQ(data.address.number(), "+27381000015");
  EXPECT_EQ(data.tpdu, octets("01 02 03"));
  EXPECT_EQ(write_rp(*message), wire);
}

TEST(Rp, when_data_comes_from_the_network_then_the_originator_is_the_service_centre) {
  std::string wire = octets("01 ff 07 91 72 83 01 00 10 f5 00 02 04 00");
  absl::StatusOr<RpMessage> message = read_rp(wire);
  ASSERT_TRUE(message.ok()) << message.status();
  EXPECT_EQ(std::get<RpData>(*message).from, Side::network);
  EXPECT_EQ(std::get<RpData>(*message).address.number(), "+27381000015");
  EXPECT_EQ(write_rp(*message), wire);
}

TEST(Rp, when_reports_are_written_then_they_are_read_alike) {
  const RpMessage messages[] = {RpAck{Side::mobile, 1, std::nullopt},
                                RpAck{Side::network, 2, std::string("\x01\x00", 2)},
                                RpError{Side::mobile, 3, 22, std::string("\x00\xd3\x00", 3)},
                                RpError{Side::network, 4, 1, std::nullopt}, RpSmma{5}};
  const char* wires[] = {"02 01", "03 02 41 02 01 00", "04 03 01 16 41 03 00 d3 00", "05 04 01 01", "06 05"};
  for (size_t i = 0; i < std::size(messages); ++i) {
    EXPECT_EQ(write_rp(messages[i]), octets(wires[i]));
    absl::StatusOr<RpMessage> again = read_rp(octets(wires[i]));
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(*again, messages[i]);
  }
}

TEST(Rp, when_it_is_cut_short_anywhere_then_it_is_refused_or_a_shorter_message) {
  for (const char* wire : {"00 2a 00 07 91 72 83 01 00 10 f5 03 01 02 03", "04 03 01 16 41 03 00 d3 00"}) {
    std::string whole = octets(wire);
    for (size_t size = 0; size < whole.size(); ++size) {
      absl::StatusOr<RpMessage> message = read_rp(whole.substr(0, size));
      if (message.ok()) {
        EXPECT_EQ(size, 4u) << "an RP-ERROR may end after its cause";
      }
    }
  }
}

TEST(Rp, when_something_is_wrong_then_the_error_names_it) {
  auto error = [](const char* wire) {
    absl::StatusOr<RpMessage> message = read_rp(octets(wire));
    return message.ok() ? std::string() : std::string(message.status().message());
  };
  EXPECT_NE(error("07 01"), "");                                                         // reserved
  EXPECT_NE(error("00 01 02 91 01 02 91 01 01 00").find("address"), std::string::npos);  // an originator from a mobile
  EXPECT_NE(error("01 01 00 00 01 00").find("originator"), std::string::npos);
  EXPECT_NE(error("01 01 0c 91 11 11 11 11 11 11 11 11 11 11 11 00 01 00").find("too long"), std::string::npos);
  EXPECT_NE(error("04 01 00").find("cause"), std::string::npos);
}

TEST(Rp, when_the_tpdu_is_longer_than_232_octets_then_it_is_refused) {
  std::string fits = octets("01 01 02 91 11 00") + '\xe8' + std::string(232, 'x');
  std::string too_long = octets("01 01 02 91 11 00") + '\xe9' + std::string(233, 'x');
  EXPECT_TRUE(read_rp(fits).ok());
  EXPECT_FALSE(read_rp(too_long).ok());
}

TEST(Address, when_numbers_are_made_then_only_digits_count) {
  EXPECT_EQ(Address::from_number("+15550001")->type, Address::international);
  EXPECT_EQ(Address::from_number("112")->number(), "112");
  EXPECT_EQ(to_hex(pack_digits("15550")), "5155f0");
  EXPECT_EQ(unpack_digits(from_hex("5155f0")), "15550");
  EXPECT_EQ(unpack_digits(pack_digits("*#abc")), "*#abc");
  EXPECT_TRUE(Address::from_number(std::string(20, '1')).ok());
  for (const std::string& wrong : {std::string(), std::string("+"), std::string("12x"), std::string(21, '1')}) {
    EXPECT_FALSE(Address::from_number(wrong).ok()) << wrong;
  }
}

}  // namespace
}  // namespace lapwing::sms
