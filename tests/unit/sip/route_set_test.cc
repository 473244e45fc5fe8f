#include "common/sip/route_set.h"

#include <gmock/gmock.h>

namespace lapwing::sip {
namespace {

using testing::ElementsAre;

Message request(const std::string& uri, const std::string& routes) {
  ParseResult parsed =
      Message::parse("INFO " + uri + " SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\n" + routes +
                         "From: <sip:a@home>;tag=a\r\nTo: <sip:b@home>;tag=b\r\nCall-ID: c\r\n"
                         "CSeq: 1 INFO\r\nContent-Length: 0\r\n\r\n",
                     Framing::stream);
  EXPECT_TRUE(parsed.ok());
  return std::move(*parsed.message);
}

bool is_ours(const Uri& uri) {
  return uri.host == "us";
}

// The Request-URI and Route of what goes on.
std::string written(const Message& message) {
  Edits edits;
  write_route_set(edits, message, read_route_set(message, is_ours));
  ParseResult out = Message::parse(edits.write(message), Framing::stream);
  EXPECT_TRUE(out.ok());
  std::string text(out.message->request_uri());
  for (std::string_view hop : out.message->values(HeaderId::route)) text += " " + std::string(hop);
  return text;
}

TEST(RouteSet, when_hops_of_ours_are_on_top_then_they_are_counted_and_the_first_says_who) {
  RouteSet routes =
      read_route_set(request("sip:b@x", "Route: <sip:t1@us;lr>, <sip:t2@us;lr>\r\nRoute: <sip:next;lr>\r\n"), is_ours);
  EXPECT_EQ(routes.own, 2u);
  EXPECT_EQ(routes.user, "t1");
  EXPECT_EQ(routes.request_uri, "sip:b@x");
  EXPECT_THAT(routes.rest, ElementsAre("<sip:next;lr>"));
}

TEST(RouteSet, when_a_hop_of_ours_comes_behind_another_then_it_stays) {
  RouteSet routes = read_route_set(request("sip:b@x", "Route: <sip:next;lr>, <sip:t1@us;lr>\r\n"), is_ours);
  EXPECT_EQ(routes.own, 0u);
  EXPECT_THAT(routes.rest, ElementsAre("<sip:next;lr>", "<sip:t1@us;lr>"));
}

TEST(RouteSet, when_it_goes_on_loosely_then_without_ours) {
  EXPECT_EQ(written(request("sip:b@x", "Route: <sip:t1@us;lr>, <sip:n1;lr>, <sip:n2;lr>\r\n")),
            "sip:b@x <sip:n1;lr> <sip:n2;lr>");
  EXPECT_EQ(written(request("sip:b@x", "")), "sip:b@x");
}

TEST(RouteSet, when_a_strict_router_was_before_us_then_the_last_Route_is_whom_it_is_for) {
  RouteSet routes = read_route_set(request("sip:t1@us;lr", "Route: <sip:n1;lr>, <sip:b@x>\r\n"), is_ours);
  EXPECT_EQ(routes.own, 1u);
  EXPECT_EQ(routes.user, "t1");
  EXPECT_EQ(written(request("sip:t1@us;lr", "Route: <sip:n1;lr>, <sip:b@x>\r\n")), "sip:b@x <sip:n1;lr>");
}

TEST(RouteSet, when_the_Request_URI_is_ours_but_no_Record_Route_of_ours_then_it_stays) {
  EXPECT_EQ(written(request("sip:reg@us", "Route: <sip:n1;lr>, <sip:b@x>\r\n")), "sip:reg@us <sip:n1;lr> <sip:b@x>");
}

TEST(RouteSet, when_a_strict_router_is_behind_us_then_it_becomes_the_Request_URI) {
  EXPECT_EQ(written(request("sip:b@x", "Route: <sip:t1@us;lr>, <sip:n1>, <sip:n2;lr>\r\n")),
            "sip:n1 <sip:n2;lr> <sip:b@x>");
}

}  // namespace
}  // namespace lapwing::sip
