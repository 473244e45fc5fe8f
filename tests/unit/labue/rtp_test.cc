#include "lab/labue/rtp.h"

#include <gtest/gtest.h>

namespace lapwing::labue {
namespace {

TEST(Rtp, when_a_packet_is_written_then_it_has_the_header_of_rfc_3550) {
  std::string packet = rtp_packet({true, 116, 0x1234, 0x01020304, 0xa0b0c0d0}, "xy");
  EXPECT_EQ(packet, std::string("\x80\xf4\x12\x34\x01\x02\x03\x04\xa0\xb0\xc0\xd0xy", 14));
  EXPECT_EQ(read_rtp(packet), (RtpHeader{true, 116, 0x1234, 0x01020304, 0xa0b0c0d0}));
}

TEST(Rtp, when_a_packet_is_cut_short_or_of_another_version_then_it_is_none) {
  std::string packet = rtp_packet({}, "");
  EXPECT_TRUE(read_rtp(packet));
  EXPECT_FALSE(read_rtp(packet.substr(0, 11)));
  packet[0] = '\x40';
  EXPECT_FALSE(read_rtp(packet));
}

}  // namespace
}  // namespace lapwing::labue
