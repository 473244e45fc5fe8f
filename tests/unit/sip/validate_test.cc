#include "common/sip/validate.h"

#include <gtest/gtest.h>

#include "tests/unit/sip/messages.h"

namespace lapwing::sip {
namespace {

// The verdict on a REGISTER in which one row, or the Request-URI, is another.
int verdict(const std::string& rows, const std::string& uri = "sip:ims.example.org",
            const std::string& via = "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1",
            const std::string& from = "<sip:a@h>;tag=1", const std::string& to = "<sip:a@h>") {
  std::string text = "REGISTER " + uri + " SIP/2.0\r\nVia: " + via + "\r\nFrom: " + from + "\r\nTo: " + to +
                     "\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n" + rows + "\r\n";
  ParseResult result = Message::parse(text, Framing::datagram);
  EXPECT_TRUE(result.ok()) << text;
  return validate_request(*result.message).status;
}

TEST(Validate, when_request_is_right_then_ok) {
  EXPECT_EQ(verdict("Contact: <sip:a@10.0.0.1>\r\nRoute: <sip:p;lr>\r\nAuthorization: Digest username=\"a\"\r\n"), 0);
}

TEST(Validate, when_request_uri_cannot_be_used_then_400_or_416) {
  EXPECT_EQ(verdict("", "sip:a@h:99999"), 400);
  EXPECT_EQ(verdict("", "sip:"), 400);
  EXPECT_EQ(verdict("", "sip:h?Route=x"), 400);
  EXPECT_EQ(verdict("", "nonsense"), 400);
  EXPECT_EQ(verdict("", "http://h"), 416);
  EXPECT_EQ(verdict("", "tel:+4912345"), 0);
  EXPECT_EQ(verdict("", "urn:service:sos"), 0);
  EXPECT_EQ(verdict("", "sip:ims.example.org:5060"), 0) << "no user part (K#4886)";
}

TEST(Validate, when_top_via_cannot_be_used_then_400) {
  EXPECT_EQ(verdict("", "sip:h", "SIP/2.0/UDP"), 400);
  EXPECT_EQ(verdict("", "sip:h", "nonsense"), 400);
  EXPECT_EQ(verdict("", "sip:h", "SIP/2.0/UDP h:99999"), 400);
  EXPECT_EQ(verdict("", "sip:h", "SIP/2.0/UDP h;branch=Z9HG4BK"), 400);
  EXPECT_EQ(verdict("", "sip:h", "SIP/2.0/UDP h"), 0);
  EXPECT_EQ(verdict("", "sip:h", "SIP/2.0/UDP h;branch=" + std::string(8000, 'x')), 0) << "CVE-2018-8828";
}

TEST(Validate, when_from_or_to_cannot_be_read_then_400) {
  EXPECT_EQ(verdict("", "sip:h", "SIP/2.0/UDP h", "\"a <sip:a@h>;tag=1"), 400);
  EXPECT_EQ(verdict("", "sip:h", "SIP/2.0/UDP h", "<sip:a@h;tag=1"), 400);
  EXPECT_EQ(verdict("", "sip:h", "SIP/2.0/UDP h", "<sip:a@h>;tag=1", "\"\\"), 400);
  EXPECT_EQ(verdict("", "sip:h", "SIP/2.0/UDP h", "<sip:a@h>;tag=1", "x"), 400);
  EXPECT_EQ(verdict("", "sip:h", "SIP/2.0/UDP h", "<sip:a@h>;tag=" + std::string(8000, 'x')), 0) << "CVE-2018-8828";
}

TEST(Validate, when_contact_is_a_star_then_only_alone_and_with_expires_0) {
  EXPECT_EQ(verdict("Contact: *\r\nExpires: 0\r\n"), 0);
  EXPECT_EQ(verdict("Contact: *\r\nExpires: 1\r\n"), 400);
  EXPECT_EQ(verdict("Contact: *\r\n"), 400);
  EXPECT_EQ(verdict("Contact: *, <sip:a@h>\r\nExpires: 0\r\n"), 400);
  EXPECT_EQ(verdict("Contact: <sip:a@h>\r\nm: *\r\nExpires: 0\r\n"), 400);
  EXPECT_EQ(verdict("Contact: <sip:a@h\r\n"), 400);
}

TEST(Validate, when_route_has_no_brackets_then_400) {
  EXPECT_EQ(verdict("Route: sip:h;lr\r\n"), 400);
  EXPECT_EQ(verdict("Route: <sip:h;lr>, x\r\n"), 400);
}

TEST(Validate, when_credentials_are_malformed_then_400) {
  EXPECT_EQ(verdict("Authorization: Digest a a=\"\",real\r\n"), 400) << "CVE-2023-27598";
  EXPECT_EQ(verdict("Authorization: Digest\r\n"), 400);
  EXPECT_EQ(verdict("Authorization: Other x\r\nProxy-Authorization: Digest a=1,a=2\r\n"), 400);
}

std::string response(const std::string& vias) {
  return "SIP/2.0 200 OK\r\n" + vias + "From: <sip:a@h>;tag=1\r\nTo: <sip:a@h>\r\nCall-ID: c\r\nCSeq: 1 BYE\r\n\r\n";
}

bool good(const std::string& vias) {
  ParseResult result = Message::parse(response(vias), Framing::datagram);
  EXPECT_TRUE(result.ok()) << vias;
  return validate_response(*result.message).ok();
}

TEST(Validate, when_response_would_go_to_a_multicast_address_then_not_ok) {
  EXPECT_TRUE(good("Via: SIP/2.0/UDP 10.0.0.1\r\n"));
  EXPECT_TRUE(good("Via: SIP/2.0/UDP 10.0.0.1, SIP/2.0/UDP [2001:db8::1]\r\n"));
  EXPECT_FALSE(good("Via: SIP/2.0/UDP 10.0.0.1\r\nVia: SIP/2.0/UDP 255.255.255.255\r\n"));
  EXPECT_FALSE(good("Via: SIP/2.0/UDP 10.0.0.1, SIP/2.0/UDP 224.0.1.75\r\n"));
  EXPECT_FALSE(good("Via: SIP/2.0/UDP 10.0.0.1, SIP/2.0/UDP [ff02::1]\r\n"));
  EXPECT_FALSE(good("Via: SIP/2.0/UDP 10.0.0.1, nonsense\r\n"));
  EXPECT_FALSE(good("Via: nonsense\r\n"));
}

TEST(CheckForwarding, when_options_are_known_then_ok) {
  std::string text =
      "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:a@h>\r\nTo: <sip:a@h>\r\nCall-ID: c\r\n"
      "CSeq: 1 OPTIONS\r\nMax-Forwards: 1\r\nProxy-Require: Sec-Agree, foo\r\n\r\n";
  ParseResult result = Message::parse(text, Framing::datagram);
  constexpr std::string_view both[] = {"sec-agree", "foo"}, one[] = {"sec-agree"};
  EXPECT_TRUE(check_forwarding(*result.message, both).ok());
  EXPECT_EQ(check_forwarding(*result.message, one).unsupported, "foo");
}

}  // namespace
}  // namespace lapwing::sip
