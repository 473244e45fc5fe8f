#include "hss-client/freediameter/peer_trouble.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lapwing {
namespace {

using testing::HasSubstr;

class PeerTroubleTest : public testing::Test {
 protected:
  PeerTroubleTest() {
    options_.identity = "scscf.example";
    options_.identity_setting = "cx.origin_host";
    peer_ = {"hss.example", "2001:db8::5", 3868, "cx.peers[1].host"};
  }
  // A Capabilities-Exchange-Answer.
  std::string refusal(std::string_view origin, uint32_t result, std::vector<diameter::Avp> more = {}) {
    diameter::Message cea;
    cea.command = 257;
    cea.avps = {diameter::unsigned32(268, 0, true, result), diameter::octets(264, 0, true, origin)};
    cea.avps.insert(cea.avps.end(), more.begin(), more.end());
    return refusal_in_cea(cea, options_, peer_);
  }
  std::string text(PeerTrouble trouble, std::string_view detail = {}) {
    return trouble_text(trouble, options_, peer_, detail);
  }

  DiameterOptions options_;
  DiameterOptions::Peer peer_;
};

TEST_F(PeerTroubleTest, when_the_answer_is_success_by_the_right_host_then_nothing_is_refused) {
  EXPECT_EQ(refusal("hss.example", 2001), "");
  EXPECT_EQ(refusal("HSS.Example", 2001), "");  // names of hosts ignore case
}

TEST_F(PeerTroubleTest, when_the_host_is_another_then_both_names_and_the_setting_are_told) {
  EXPECT_EQ(refusal("hss.real", 2001),
            R"(refused: the HSS calls itself "hss.real", cx.peers[1].host says "hss.example")");
}

TEST_F(PeerTroubleTest, when_the_result_is_an_error_then_it_is_named_with_the_words_that_came_with_it) {
  EXPECT_EQ(refusal("hss.example", 5010, {diameter::octets(281, 0, false, "no Cx here")}),
            "refused: the HSS answered DIAMETER_NO_COMMON_APPLICATION (5010) \"no Cx here\"; it does not offer what we "
            "ask of it");
  EXPECT_EQ(
      refusal("hss.example", 3010),
      "refused: the HSS answered DIAMETER_UNKNOWN_PEER (3010); it does not know cx.origin_host \"scscf.example\"");
  EXPECT_EQ(refusal("hss.example", 5017), "refused: the HSS answered DIAMETER_NO_COMMON_SECURITY (5017)");
}

TEST_F(PeerTroubleTest, when_the_result_is_an_error_by_another_host_then_both_are_told) {
  EXPECT_EQ(refusal("hss.real", 5012),
            "refused: the HSS answered DIAMETER_UNABLE_TO_COMPLY (5012); the HSS calls itself \"hss.real\", "
            "cx.peers[1].host says \"hss.example\"");
}

TEST_F(PeerTroubleTest, when_the_answer_has_control_characters_then_they_are_shown_as_numbers) {
  EXPECT_THAT(refusal("hss\r\nx", 2001), HasSubstr(R"("hss\x0d\x0ax")"));
  EXPECT_LT(refusal(std::string(5000, 'h'), 2001).size(), 500);
}

TEST_F(PeerTroubleTest, when_the_connection_fails_then_the_address_is_told) {
  EXPECT_EQ(text(PeerTrouble::cannot_connect, "Connection refused"),
            "connection refused: nothing listens on [2001:db8::5]:3868/tcp");
  EXPECT_EQ(text(PeerTrouble::cannot_connect, "No route to host"),
            "cannot connect to [2001:db8::5]:3868/tcp: No route to host");
  EXPECT_EQ(text(PeerTrouble::cannot_connect), "cannot connect to [2001:db8::5]:3868/tcp");
  EXPECT_THAT(text(PeerTrouble::connect_timeout), HasSubstr("no answer from [2001:db8::5]:3868/tcp"));
}

TEST_F(PeerTroubleTest, when_a_connection_ends_then_it_is_told_how) {
  EXPECT_EQ(text(PeerTrouble::no_watchdog), "the HSS did not answer the watchdog");
  EXPECT_EQ(text(PeerTrouble::broken), "the connection broke");
  EXPECT_EQ(text(PeerTrouble::said_goodbye, disconnect_cause_text(0)), "the HSS ended the connection: it restarts");
  EXPECT_EQ(disconnect_cause_text(77), "it gave no reason");
}

}  // namespace
}  // namespace lapwing
