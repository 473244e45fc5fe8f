#include "hss-client/hss_peers.h"

#include <gtest/gtest.h>

#include <map>

namespace lapwing {
namespace {

using namespace std::chrono_literals;
using Connections = std::vector<HssPeers::Connection>;

class HssPeersTest : public ::testing::Test {
 protected:
  std::string chosen(std::string_view user, std::string_view preferred = {}, std::string_view avoid = {}) {
    auto choice = peers_.choose(user, preferred, avoid, connections_, clock_.now());
    return choice ? choice->peer : "none";
  }
  void fail(std::string_view host, int times) {
    for (int i = 0; i < times; ++i) peers_.failed(host, HssPeers::Failure::timeout, clock_.now());
  }

  ManualClock clock_;
  HssPeers peers_{{{"a", "10.0.0.1:3868/tcp"}, {"b", "10.0.0.2:3868/tcp"}, {"c", "10.0.0.3:3868/tcp"}},
                  {.failures_to_open = 3, .open_for = 5s}};
  Connections connections_ = {{"open", true, false}, {"open", true, false}, {"open", true, false}};
};

TEST_F(HssPeersTest, when_a_user_comes_again_then_the_same_hss_is_chosen) {
  for (int i = 0; i < 100; ++i) {
    std::string user = std::to_string(i);
    EXPECT_EQ(chosen(user), chosen(user));
  }
}

TEST_F(HssPeersTest, when_there_are_many_users_then_they_are_spread_evenly) {
  std::map<std::string, int> users;
  for (int i = 0; i < 3000; ++i) ++users[chosen("00101" + std::to_string(i) + "@ims.example")];
  for (const char* host : {"a", "b", "c"}) {
    EXPECT_GT(users[host], 850);
    EXPECT_LT(users[host], 1150);
  }
}

TEST_F(HssPeersTest, when_an_hss_goes_then_only_its_users_move) {
  std::map<std::string, std::string> before;
  for (int i = 0; i < 300; ++i) before[std::to_string(i)] = chosen(std::to_string(i));
  connections_[1].open = false;
  for (const auto& [user, host] : before) {
    if (host != "b") EXPECT_EQ(chosen(user), host);
    if (host == "b") EXPECT_NE(chosen(user), "b");
  }
}

TEST_F(HssPeersTest, when_an_hss_is_preferred_then_it_is_kept_while_usable) {
  EXPECT_EQ(chosen("u", "b"), "b");
  EXPECT_EQ(chosen("u", "c"), "c");
  connections_[1].open = false;
  EXPECT_NE(chosen("u", "b"), "b");
  EXPECT_NE(chosen("u", "b"), "none");
}

TEST_F(HssPeersTest, when_the_preferred_hss_is_no_peer_then_it_stays_the_destination) {
  auto choice = peers_.choose("u", "behind.an.agent", "", connections_, clock_.now());
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->destination_host, "behind.an.agent");
}

TEST_F(HssPeersTest, when_the_peer_is_an_agent_then_there_is_no_destination_host) {
  for (auto& c : connections_) c.relay = true;
  EXPECT_EQ(peers_.choose("u", "", "", connections_, clock_.now())->destination_host, "");
}

TEST_F(HssPeersTest, when_one_is_avoided_then_another_is_chosen) {
  std::string first = chosen("u");
  EXPECT_NE(chosen("u", first, first), first);
  connections_ = {{"closed", false, false}, {"open", true, false}, {"closed", false, false}};
  EXPECT_EQ(chosen("u", "", "b"), "none");
  EXPECT_FALSE(peers_.other_usable("b", connections_, clock_.now()));
}

TEST_F(HssPeersTest, when_failures_follow_each_other_then_the_circuit_opens) {
  fail("a", 2);
  EXPECT_EQ(chosen("u", "a"), "a");
  fail("a", 1);
  EXPECT_NE(chosen("u", "a"), "a");
  EXPECT_TRUE(peers_.states(connections_)[0].circuit_open);
  EXPECT_EQ(peers_.states(connections_)[0].timeouts, 3u);
}

TEST_F(HssPeersTest, when_an_answer_comes_between_then_the_circuit_stays_closed) {
  fail("a", 2);
  peers_.answered("a", 1ms);
  fail("a", 2);
  EXPECT_EQ(chosen("u", "a"), "a");
}

TEST_F(HssPeersTest, when_the_pause_is_over_then_one_probe_goes_and_its_success_closes_the_circuit) {
  fail("a", 3);
  clock_.advance(5s);
  EXPECT_EQ(chosen("u", "a"), "a");
  EXPECT_NE(chosen("u", "a"), "a");  // one probe at a time
  peers_.answered("a", 1ms);
  EXPECT_EQ(chosen("u", "a"), "a");
  EXPECT_FALSE(peers_.states(connections_)[0].circuit_open);
}

TEST_F(HssPeersTest, when_the_probe_fails_then_the_circuit_stays_open_for_another_pause) {
  fail("a", 3);
  clock_.advance(5s);
  EXPECT_EQ(chosen("u", "a"), "a");
  fail("a", 1);
  clock_.advance(4s);
  EXPECT_NE(chosen("u", "a"), "a");
  clock_.advance(1s);
  EXPECT_EQ(chosen("u", "a"), "a");
}

TEST_F(HssPeersTest, when_every_circuit_is_open_then_none_is_chosen) {
  for (const char* host : {"a", "b", "c"}) fail(host, 3);
  EXPECT_EQ(chosen("u"), "none");
}

TEST_F(HssPeersTest, when_answers_come_then_the_mean_follows_them) {
  peers_.sent("a");
  peers_.answered("a", 10ms);
  EXPECT_DOUBLE_EQ(peers_.states(connections_)[0].mean_answer_ms, 10.0);
  for (int i = 0; i < 200; ++i) peers_.answered("a", 2ms);
  EXPECT_NEAR(peers_.states(connections_)[0].mean_answer_ms, 2.0, 0.1);
  EXPECT_EQ(peers_.states(connections_)[0].sent, 1u);
  EXPECT_EQ(peers_.states(connections_)[0].answered, 201u);
  EXPECT_EQ(peers_.states(connections_)[0].state, "open");
}

}  // namespace
}  // namespace lapwing
