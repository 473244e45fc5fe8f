#include "common/diagnosis/doctor.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace lapwing::diagnosis {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const WallTime start = WallTime(std::chrono::hours(500'000));

google::protobuf::Timestamp stamp(int seconds) {
  const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(start.time_since_epoch()).count();
  return google::protobuf::util::TimeUtil::NanosecondsToTimestamp(since + seconds * 1'000'000'000LL);
}

struct DoctorTest : testing::Test {
  DoctorTest() {
    views[0].program = "pcscf";
    views[1].program = "scscf";
    for (View& view : views) view.answered = true;
  }
  View& pcscf() { return views[0]; }
  View& scscf() { return views[1]; }

  static void event(View& view, int at, const std::string& kind, Cause cause = Cause::none) {
    v1::Event& one = *view.shown.add_events();
    one.set_program(view.program);
    one.set_kind(kind);
    one.set_impi("1@h");
    one.set_code(std::string(code_of(cause)));
    one.set_text(kind + " happened");
    *one.mutable_time() = stamp(at);
  }
  static v1::Registration& registration(View& view, int since, const std::string& state = "registered") {
    v1::Registration& one = *view.shown.add_registrations();
    one.set_impi("1@h");
    one.add_impus("sip:+1@h");
    one.add_impus("tel:+1");
    one.set_state(state);
    *one.mutable_since() = stamp(since);
    return one;
  }
  void registered(int since = 0) {
    registration(pcscf(), since);
    registration(scscf(), since);
    v1::Subscription& own = *scscf().shown.add_subscriptions();
    own.set_watcher("sip:+1@h");
  }
  v1::Explanation told(int at = 100) { return explain("1", views, start + std::chrono::seconds(at)); }
  std::vector<std::string> codes(int at = 100) {
    std::vector<std::string> out;
    const v1::Explanation all = told(at);
    for (const v1::Finding& one : all.findings()) out.push_back(one.code());
    return out;
  }

  std::vector<View> views{2};
};

TEST(Causes, when_listed_then_each_has_its_own_code_and_advice_and_is_found_by_both) {
  std::set<std::string> codes;
  int last = 0;
  for (const Diagnosis& one : all()) {
    EXPECT_TRUE(codes.insert(std::string(one.code)).second) << one.code;
    EXPECT_EQ(static_cast<int>(one.cause), ++last) << one.code;
    EXPECT_EQ(find(one.cause), &one);
    EXPECT_EQ(find(one.code), &one);
    EXPECT_THAT(advice_of(one), testing::Each(testing::SizeIs(testing::Gt(20)))) << one.code;
    EXPECT_FALSE(one.title.empty() || one.seen.empty() || one.advice.empty()) << one.code;
  }
  EXPECT_EQ(find(Cause::none), nullptr);
  EXPECT_EQ(find("no-such-code"), nullptr);
  EXPECT_EQ(code_of(Cause::none), "");
}

TEST_F(DoctorTest, when_nobody_knows_the_user_then_no_packet_was_seen) {
  EXPECT_THAT(codes(), ElementsAre("no-packet"));
  EXPECT_EQ(told().missing(), "a REGISTER of the handset");
  EXPECT_FALSE(told().registered());
}

TEST_F(DoctorTest, when_the_P_CSCF_could_not_be_asked_then_nothing_follows_from_its_silence) {
  pcscf().answered = false;
  EXPECT_THAT(codes(), IsEmpty());
  registration(scscf(), 0);
  scscf().shown.add_subscriptions()->set_watcher("sip:+1@h");
  EXPECT_THAT(codes(), IsEmpty());
}

TEST_F(DoctorTest, when_all_is_well_then_nothing_is_found) {
  registered();
  event(pcscf(), 1, "register.accepted");
  EXPECT_THAT(codes(), IsEmpty());
  EXPECT_TRUE(told().registered());
  EXPECT_EQ(told().verdict(), "registered");
  EXPECT_EQ(told().missing(), "");
}

TEST_F(DoctorTest, when_a_later_registration_was_accepted_then_an_earlier_failure_is_over) {
  registered();
  event(scscf(), 1, "register.rejected", Cause::wrong_response);
  EXPECT_THAT(codes(), ElementsAre("wrong-response"));
  event(pcscf(), 2, "register.accepted");
  EXPECT_THAT(codes(), IsEmpty());
}

TEST_F(DoctorTest, when_one_daemon_refused_then_the_silence_that_the_other_saw_is_no_cause) {
  registration(pcscf(), 2, "rejected");
  registration(scscf(), 5, "challenge unanswered");
  event(scscf(), 1, "register.challenged");
  event(pcscf(), 2, "register.rejected", Cause::security_verify_differs);
  event(scscf(), 5, "register.unanswered", Cause::challenge_unanswered);
  EXPECT_THAT(codes(), ElementsAre("security-verify-differs"));
}

TEST_F(DoctorTest, when_a_later_attempt_was_unanswered_then_that_is_named_first) {
  registration(pcscf(), 9, "challenge unanswered");
  event(scscf(), 1, "register.challenged");
  event(scscf(), 2, "register.rejected", Cause::wrong_response);
  event(scscf(), 3, "register.challenged");
  event(scscf(), 9, "register.unanswered", Cause::challenge_unanswered);
  EXPECT_THAT(codes(), ElementsAre("challenge-unanswered", "wrong-response"));
}

TEST_F(DoctorTest, when_only_one_side_has_the_registration_then_the_other_forgot_it_after_a_while) {
  registration(pcscf(), 0);
  EXPECT_THAT(codes(1), IsEmpty());
  EXPECT_THAT(codes(60), ElementsAre("forgotten-by-scscf"));
  pcscf().shown.clear_registrations();
  registration(scscf(), 0);
  scscf().shown.add_subscriptions()->set_watcher("sip:+1@h");
  EXPECT_THAT(codes(60), ElementsAre("forgotten-by-pcscf"));
}

TEST_F(DoctorTest, when_only_the_P_CSCF_subscribed_then_the_handset_s_subscription_is_missing) {
  registered();
  scscf().shown.mutable_subscriptions(0)->set_watcher("sip:token@pcscf");
  EXPECT_THAT(codes(5), IsEmpty());
  EXPECT_THAT(codes(60), ElementsAre("no-reg-subscription"));
  EXPECT_TRUE(told(60).registered());
  EXPECT_EQ(told(60).missing(), "the handset's SUBSCRIBE to its reg event");
}

TEST_F(DoctorTest, when_the_kernel_lacks_the_valid_associations_then_that_is_a_failure) {
  registered();
  v1::SaSet& set = *pcscf().shown.add_sa_sets();
  set.set_state("valid");
  EXPECT_THAT(codes(), ElementsAre("sa-missing-in-kernel"));
  EXPECT_TRUE(told().findings(0).failure());
  set.add_kernel();
  EXPECT_THAT(codes(), IsEmpty());
}

TEST_F(DoctorTest, when_no_HSS_is_open_then_the_peer_s_reason_stands_there) {
  v1::HssPeerStatus& peer = *scscf().hss.add_peers();
  peer.set_host("hss.h");
  peer.set_state("closed");
  peer.set_why("connection refused");
  registration(scscf(), 0, "rejected");
  EXPECT_THAT(codes(), ElementsAre("hss-not-connected"));
  EXPECT_EQ(told().findings(0).text(), "hss.h: closed. connection refused");
  scscf().hss.add_peers()->set_state("open");
  EXPECT_THAT(codes(), IsEmpty());
}

TEST_F(DoctorTest, when_a_call_was_answered_later_then_earlier_failures_of_calls_are_over) {
  registered();
  event(scscf(), 1, "call.ended", Cause::callee_busy);
  event(scscf(), 2, "register.refreshed");
  EXPECT_THAT(codes(), ElementsAre("callee-busy"));
  event(scscf(), 3, "call.answered");
  EXPECT_THAT(codes(), IsEmpty());
}

TEST_F(DoctorTest, when_the_user_is_not_registered_then_that_comes_before_calls) {
  registration(scscf(), 4, "rejected");
  event(scscf(), 4, "register.rejected", Cause::hss_barred);
  event(scscf(), 9, "call.ended", Cause::callee_busy);
  EXPECT_THAT(codes(), ElementsAre("hss-barred", "callee-busy"));
}

TEST_F(DoctorTest, when_much_happened_then_the_last_steps_are_shown_oldest_first) {
  registered();
  for (int i = 0; i < 40; ++i) event(i % 2 == 0 ? pcscf() : scscf(), i, "step");
  const v1::Explanation all = told();
  ASSERT_EQ(all.steps_size(), 16);
  EXPECT_EQ(all.steps(0).time().seconds(), stamp(24).seconds());
  EXPECT_EQ(all.steps(15).time().seconds(), stamp(39).seconds());
}

}  // namespace
}  // namespace lapwing::diagnosis
