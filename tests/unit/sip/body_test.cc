#include "common/sip/body.h"

#include <gtest/gtest.h>

namespace lapwing::sip {
namespace {

std::string part_of(const std::string& content_type, const std::string& body) {
  std::string wire =
      "INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n"
      "Call-ID: c\r\nCSeq: 1 INVITE\r\nContent-Type: " +
      content_type + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  ParseResult parsed = Message::parse(wire, Framing::datagram);
  EXPECT_TRUE(parsed.ok());
  return std::string(body_part(*parsed.message, "application/sdp"));
}

const std::string kMixed =
    "preamble\r\n--x1\r\nContent-Type: application/pidf+xml\r\n\r\n<a/>\r\n--x1 \r\n"
    "Content-ID: <1>\r\ncontent-TYPE : Application/SDP;charset=utf-8\r\n\r\nv=0\r\ns=-\r\n\r\n--x1--\r\nepilogue";

TEST(BodyPart, when_the_body_has_the_type_then_it_is_the_whole_body) {
  EXPECT_EQ(part_of("Application/SDP; charset=utf-8", "v=0\r\n"), "v=0\r\n");
}

TEST(BodyPart, when_the_body_has_another_type_then_empty) {
  EXPECT_EQ(part_of("text/plain", "v=0\r\n"), "");
  EXPECT_EQ(part_of("nonsense", "v=0\r\n"), "");
}

TEST(BodyPart, when_it_is_multipart_then_the_first_part_of_the_type) {
  EXPECT_EQ(part_of("multipart/mixed;boundary=x1", kMixed), "v=0\r\ns=-\r\n");
  EXPECT_EQ(part_of("multipart/mixed;boundary=\"x1\"", kMixed), "v=0\r\ns=-\r\n");
}

TEST(BodyPart, when_the_boundary_is_missing_or_another_then_empty) {
  EXPECT_EQ(part_of("multipart/mixed", kMixed), "");
  EXPECT_EQ(part_of("multipart/mixed;boundary=x", kMixed), "");
  EXPECT_EQ(part_of("multipart/mixed;boundary=x11", kMixed), "");
}

TEST(BodyPart, when_the_last_boundary_is_missing_then_an_open_part_does_not_count) {
  EXPECT_EQ(part_of("multipart/mixed;boundary=x1", "--x1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n"), "");
}

TEST(BodyPart, when_parts_are_broken_then_empty) {
  EXPECT_EQ(part_of("multipart/mixed;boundary=x1", "--x1\r\n:\r\nContent-Type\r\n\r\nv=0\r\n--x1--"), "");
  EXPECT_EQ(part_of("multipart/mixed;boundary=x1", "--x1\r\nv=0\r\n--x1--"), "");
  EXPECT_EQ(part_of("multipart/mixed;boundary=x1", "--x1"), "");
  EXPECT_EQ(part_of("multipart/mixed;boundary=x1", "--x1--"), "");
}

}  // namespace
}  // namespace lapwing::sip
