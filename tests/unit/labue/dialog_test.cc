#include "lab/labue/dialog.h"

#include <gtest/gtest.h>

#include "common/sip/edits.h"
#include "lab/labue/session_timer.h"

namespace lapwing::labue {
namespace {

using sip::HeaderId;

sip::Message parsed(std::string text) {
  sip::ParseResult result = sip::Message::parse(std::move(text), sip::Framing::stream);
  if (!result.ok()) std::abort();
  return std::move(*result.message);
}

sip::Message invite(std::string_view extra = {}) {
  return parsed(
      "INVITE sip:bob@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
      "Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\nFrom: \"A\" <sip:alice@a.example>;tag=a\r\n"
      "To: <tel:+1555>\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\nContact: <sip:alice@10.0.0.1:5062>;+x=\"y\"\r\n" +
      std::string(extra) + "Content-Length: 0\r\n\r\n");
}

TEST(Dialog, when_made_of_a_request_then_the_route_set_is_in_its_order) {
  Dialog dialog = Dialog::of_request(invite(), "b");
  RequestShape bye = dialog.request(sip::Method::bye);
  EXPECT_EQ(bye.uri, "sip:alice@10.0.0.1:5062");
  EXPECT_EQ(bye.routes, (std::vector<std::string>{"<sip:p2;lr>", "<sip:p1;lr>"}));
  EXPECT_EQ(bye.from, "<tel:+1555>;tag=b");
  EXPECT_EQ(bye.to, "<sip:alice@a.example>;tag=a");
  EXPECT_EQ(bye.cseq, 1u);
}

TEST(Dialog, when_made_of_a_response_then_the_route_set_is_turned_round) {
  RequestShape request;
  request.from = "<sip:alice@a.example>;tag=a";
  request.to = "<tel:+1555>";
  request.call_id = "c";
  request.cseq = 7;
  sip::Writer writer = sip::response_to(invite(), 183, "Session Progress", "b");
  writer.add(HeaderId::record_route, "<sip:p2;lr>, <sip:p1;lr>").add(HeaderId::contact, "<sip:bob@10.0.0.2:5063>");
  Dialog dialog = Dialog::of_response(request, parsed(std::move(writer).finish()));
  RequestShape prack = dialog.request(sip::Method::prack);
  EXPECT_EQ(prack.uri, "sip:bob@10.0.0.2:5063");
  EXPECT_EQ(prack.routes, (std::vector<std::string>{"<sip:p1;lr>", "<sip:p2;lr>"}));
  EXPECT_EQ(prack.to, "<tel:+1555>;tag=b");
  EXPECT_EQ(prack.cseq, 8u);
}

TEST(Dialog, when_a_request_is_older_than_the_last_then_it_is_out_of_order) {
  Dialog dialog = Dialog::of_request(invite(), "b");
  sip::Edits edits;
  edits.set(HeaderId::cseq, "6 INVITE");
  EXPECT_FALSE(dialog.in_order(parsed(edits.write(invite()))));
  EXPECT_TRUE(dialog.in_order(invite()));
}

TEST(SessionTimer, when_a_request_names_nobody_then_who_supports_timers_refreshes_himself) {
  SessionTimer timer = SessionTimer::of_request(invite("Session-Expires: 1800\r\nSupported: timer\r\n"));
  EXPECT_FALSE(timer.ours);
  EXPECT_EQ(timer.response_value(), "1800;refresher=uac");
  EXPECT_EQ(timer.due(), std::chrono::seconds(1768));
  timer = SessionTimer::of_request(invite("Session-Expires: 600\r\n"));  // put in by a proxy
  EXPECT_TRUE(timer.ours);
  EXPECT_EQ(timer.response_value(), "600;refresher=uas");
  EXPECT_EQ(timer.due(), std::chrono::seconds(300));
  EXPECT_EQ(SessionTimer::of_request(invite()).seconds, 0u);
}

TEST(SessionTimer, when_the_interval_is_below_90_s_then_it_is_too_brief_for_who_can_hear_it) {
  EXPECT_TRUE(SessionTimer::too_brief(invite("Session-Expires: 89\r\nSupported: timer\r\n")));
  EXPECT_FALSE(SessionTimer::too_brief(invite("Session-Expires: 89\r\n")));
  EXPECT_FALSE(SessionTimer::too_brief(invite("Session-Expires: 90\r\nSupported: timer\r\n")));
}

}  // namespace
}  // namespace lapwing::labue
