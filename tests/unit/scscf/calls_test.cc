#include "scscf/calls.h"

#include <gmock/gmock.h>

namespace lapwing::scscf {
namespace {

std::shared_ptr<Call> call(const std::string& id, const std::string& caller, const std::string& callee) {
  auto made = std::make_shared<Call>();
  made->id = id;
  made->caller.canonical = caller;
  made->callee.canonical = callee;
  return made;
}

TEST(Calls, when_a_call_is_added_then_it_is_found_by_token_and_by_both_parties) {
  Calls calls;
  auto one = call("t1", "sip:a@home", "sip:b@home");
  ASSERT_TRUE(calls.add(one));
  EXPECT_EQ(calls.find("t1"), one);
  EXPECT_EQ(calls.find("t2"), nullptr);
  EXPECT_THAT(calls.of("sip:a@home"), testing::ElementsAre(one));
  EXPECT_THAT(calls.of("sip:b@home"), testing::ElementsAre(one));
  EXPECT_TRUE(calls.of("sip:c@home").empty());
}

TEST(Calls, when_a_party_is_of_another_network_then_it_is_not_found_by_that) {
  Calls calls;
  ASSERT_TRUE(calls.add(call("t1", "sip:a@home", "")));
  EXPECT_TRUE(calls.of("").empty());
}

TEST(Calls, when_somebody_calls_himself_then_the_call_is_found_once) {
  Calls calls;
  ASSERT_TRUE(calls.add(call("t1", "sip:a@home", "sip:a@home")));
  EXPECT_EQ(calls.of("sip:a@home").size(), 1u);
}

TEST(Calls, when_a_call_is_removed_then_the_others_stay) {
  Calls calls;
  auto one = call("t1", "sip:a@home", "sip:b@home"), two = call("t2", "sip:a@home", "sip:c@home");
  ASSERT_TRUE(calls.add(one) && calls.add(two));
  calls.remove(*one);
  calls.remove(*one);
  EXPECT_EQ(calls.find("t1"), nullptr);
  EXPECT_THAT(calls.of("sip:a@home"), testing::ElementsAre(two));
  EXPECT_TRUE(calls.of("sip:b@home").empty());
  EXPECT_THAT(calls.all(), testing::ElementsAre(two));
}

TEST(Calls, when_the_limit_is_reached_then_no_more_until_one_ends) {
  Calls calls(1);
  auto one = call("t1", "sip:a@home", "sip:b@home");
  ASSERT_TRUE(calls.add(one));
  EXPECT_FALSE(calls.add(call("t2", "sip:c@home", "sip:d@home")));
  EXPECT_TRUE(calls.of("sip:c@home").empty());
  calls.remove(*one);
  EXPECT_TRUE(calls.add(call("t3", "sip:c@home", "sip:d@home")));
  EXPECT_EQ(calls.size(), 1u);
}

TEST(Call, when_a_tag_is_looked_up_then_the_party_of_it_and_nobody_before_there_is_an_answer) {
  Call one;
  one.caller.tag = "a";
  EXPECT_EQ(one.party_with_tag("a"), &one.caller);
  EXPECT_EQ(one.party_with_tag(""), nullptr);
  one.callee.tag = "b";
  EXPECT_EQ(one.party_with_tag("b"), &one.callee);
  EXPECT_EQ(one.party_with_tag("c"), nullptr);
}

TEST(CallState, when_it_is_shown_then_in_one_word) {
  EXPECT_EQ(state_text(CallState::calling), "calling");
  EXPECT_EQ(state_text(CallState::ringing), "ringing");
  EXPECT_EQ(state_text(CallState::answered), "answered");
  EXPECT_EQ(state_text(CallState::ended), "ended");
}

}  // namespace
}  // namespace lapwing::scscf
