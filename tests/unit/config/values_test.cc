#include "common/runtime/values.h"

#include <gtest/gtest.h>

namespace lapwing {
namespace {

using namespace std::chrono_literals;

TEST(DurationFrom, when_the_text_has_a_unit_then_it_is_read) {
  EXPECT_EQ(duration_from("500ms").value(), 500ms);
  EXPECT_EQ(duration_from("2s").value(), 2s);
  EXPECT_EQ(duration_from("4m").value(), 4min);
  EXPECT_EQ(duration_from("1h").value(), 1h);
  EXPECT_EQ(duration_from("1d").value(), 24h);
  EXPECT_EQ(duration_from("0s").value(), 0s);
  EXPECT_EQ(duration_from("3660d").value(), 24h * 3660);
}

TEST(DurationFrom, when_the_text_is_anything_else_then_it_is_refused) {
  for (std::string_view text :
       {"", "s", "2", "2 s", "-2s", "+2s", "1.5s", "2x", "2ss", "3661d", "99999999999999999999s", "1h30m"}) {
    EXPECT_FALSE(duration_from(text).ok()) << text;
  }
}

TEST(EndpointFrom, when_the_text_is_an_endpoint_then_it_survives_a_round_trip) {
  for (std::string_view text : {"10.0.0.1:5060", "[2001:db8::1]:5060", "[::]:1", "0.0.0.0:65535"}) {
    auto endpoint = endpoint_from(text);
    ASSERT_TRUE(endpoint.ok()) << text;
    EXPECT_EQ(endpoint->text(), text);
  }
  EXPECT_EQ(endpoint_from("10.0.0.1:5060")->udp().port(), 5060);
  EXPECT_TRUE(endpoint_from("[2001:db8::1]:5060")->tcp().address().is_v6());
}

TEST(EndpointFrom, when_the_text_is_anything_else_then_it_is_refused) {
  for (std::string_view text :
       {"", ":", "10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:x", "[10.0.0.1]:1",
        "2001:db8::1:5060", "[2001:db8::1]", "[]:1", "host:1", "10.0.0.256:1", " 10.0.0.1:1"}) {
    EXPECT_FALSE(endpoint_from(text).ok()) << text;
  }
}

TEST(PrefixFrom, when_addresses_are_compared_then_only_the_prefix_counts) {
  auto net = prefix_from("10.0.0.0/8").value();
  EXPECT_TRUE(net.contains(asio::ip::make_address("10.255.1.2")));
  EXPECT_TRUE(net.contains(asio::ip::make_address("::ffff:10.1.2.3")));
  EXPECT_FALSE(net.contains(asio::ip::make_address("11.0.0.1")));
  EXPECT_FALSE(net.contains(asio::ip::make_address("2001:db8::1")));
  EXPECT_TRUE(prefix_from("0.0.0.0/0")->contains(asio::ip::make_address("1.2.3.4")));
  EXPECT_TRUE(prefix_from("2001:db8::/33")->contains(asio::ip::make_address("2001:db8:7fff::1")));
  EXPECT_FALSE(prefix_from("2001:db8::/33")->contains(asio::ip::make_address("2001:db8:8000::1")));
  EXPECT_TRUE(prefix_from("10.0.0.1")->contains(asio::ip::make_address("10.0.0.1")));
  EXPECT_FALSE(prefix_from("10.0.0.1")->contains(asio::ip::make_address("10.0.0.2")));
}

TEST(PrefixFrom, when_the_text_is_no_prefix_then_it_is_refused) {
  for (std::string_view text :
       {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "2001:db8::/129", "10/8", "10.0.0.0/-1"}) {
    EXPECT_FALSE(prefix_from(text).ok()) << text;
  }
}

TEST(CheckFormat, when_names_are_checked_then_the_rules_of_host_names_hold) {
  for (std::string_view text : {"a", "ims.mnc001.mcc001.3gppnetwork.org", "a-b.c"}) {
    EXPECT_TRUE(check_format("domain", text).ok()) << text;
  }
  for (std::string_view text : {"", ".", "a.", ".a", "a..b", "-a", "a-", "a_b", "a b"}) {
    EXPECT_FALSE(check_format("domain", text).ok()) << text;
  }
  EXPECT_FALSE(check_format("domain", std::string(64, 'a')).ok());
  EXPECT_FALSE(check_format("domain", std::string(254, 'a')).ok());
}

TEST(CheckFormat, when_a_control_address_is_checked_then_the_length_of_a_socket_path_holds) {
  EXPECT_TRUE(check_format("control", "unix:/a").ok());
  EXPECT_TRUE(check_format("control", "unix:/" + std::string(106, 'a')).ok());
  EXPECT_FALSE(check_format("control", "unix:/" + std::string(107, 'a')).ok());
  EXPECT_FALSE(check_format("control", "unix:/").ok());
  EXPECT_FALSE(check_format("control", "unix:a").ok());
  EXPECT_TRUE(check_format("control", "[::1]:7070").ok());
}

}  // namespace
}  // namespace lapwing
