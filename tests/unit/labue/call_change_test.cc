// What happens to a call while it is up: hold, offers of both sides at once, the session timer.
#include "tests/unit/labue/call_network.h"

namespace lapwing::labue {
namespace {

using sip::HeaderId;
using std::chrono::seconds;

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

class CallChange : public CallNetwork {
 protected:
  void be_up(const std::function<void(HandsetOptions&)>& change = {}) {
    make_phones(change);
    call();
    log_.clear();
    messages_.clear();
  }
  // What phone 2 hears within a second.
  uint64_t packets() {
    uint64_t before = heard_;
    pass(seconds(1));
    return heard_ - before;
  }
  uint64_t heard_ = 0;
};

using Log = std::vector<std::string>;

TEST_F(CallChange, when_put_on_hold_then_reinvite_says_sendonly_and_resume_sendrecv) {
  be_up();
  begin(phone(1).calls().hold(true));
  ASSERT_TRUE(outcome_ && outcome_->ok) << outcome_->why;
  EXPECT_EQ(log_, (Log{"1 INVITE", "2 200", "1 ACK"}));
  EXPECT_TRUE(contains(message("1 INVITE").body(), "a=sendonly\r\n"));
  EXPECT_TRUE(contains(message("2 200").body(), "a=recvonly\r\n"));
  EXPECT_TRUE(contains(phone(1).last("held"), R"("by":"us")"));
  EXPECT_TRUE(contains(phone(2).last("held"), R"("by":"them")"));
  begin(phone(1).calls().hold(false));
  ASSERT_TRUE(outcome_ && outcome_->ok);
  EXPECT_TRUE(contains(message("1 INVITE").body(), "a=sendrecv\r\n"));
  EXPECT_TRUE(contains(message("2 200").body(), "a=sendrecv\r\n"));
  EXPECT_TRUE(contains(phone(2).last("resumed"), R"("by":"them")"));
}

TEST_F(CallChange, when_hold_is_done_with_update_then_no_invite_goes) {
  be_up([](HandsetOptions& options) { options.hold_with_update = true; });
  begin(phone(2).calls().hold(true));
  ASSERT_TRUE(outcome_ && outcome_->ok);
  EXPECT_EQ(log_, (Log{"2 UPDATE", "1 200 UPDATE"}));
  EXPECT_TRUE(contains(phone(1).last("held"), R"("by":"them")"));
}

TEST_F(CallChange, when_both_hold_then_the_call_is_inactive_and_each_resumes_its_own) {
  be_up();
  begin(phone(1).calls().hold(true));
  begin(phone(2).calls().hold(true));
  ASSERT_TRUE(outcome_ && outcome_->ok);
  EXPECT_TRUE(contains(message("1 200").body(), "a=inactive\r\n"));
  begin(phone(1).calls().hold(false));
  ASSERT_TRUE(outcome_ && outcome_->ok);
  EXPECT_TRUE(contains(message("2 200").body(), "a=sendonly\r\n"));
}

TEST_F(CallChange, when_the_description_changes_then_its_version_counts_up) {
  be_up();
  begin(phone(1).calls().hold(true));
  auto first = sdp::parse(message("1 INVITE").body());
  begin(phone(1).calls().hold(false));
  auto second = sdp::parse(message("1 INVITE").body());
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->origin->session_id, second->origin->session_id);
  EXPECT_EQ(std::stoi(second->origin->version), std::stoi(first->origin->version) + 1);
}

TEST_F(CallChange, when_on_hold_then_only_the_holder_sends) {
  be_up();
  begin(phone(1).calls().hold(true));
  begin(phone(1).calls().hang_up());
  std::string before = phone(2).last("call_ended");
  call();
  begin(phone(2).calls().hold(true));
  pass(seconds(10));
  begin(phone(2).calls().hang_up());
  // 1 s of both, then 10 s of phone 2 alone.
  auto number = [](const std::string& event, std::string_view key) {
    return std::stoi(event.substr(event.find(key) + key.size() + 2));
  };
  EXPECT_LT(number(phone(1).last("call_ended"), "rtp_sent"), 60);
  EXPECT_GT(number(phone(2).last("call_ended"), "rtp_sent"), 500);
}

TEST_F(CallChange, when_both_offer_at_once_then_491_and_both_get_their_way_in_the_end) {
  be_up();
  std::optional<Outcome> other;
  worker_.spawn(keep(phone(2).calls().hold(true), &other));
  begin(phone(1).calls().hold(true));
  EXPECT_EQ(count("1 491") + count("2 491"), 2u);
  pass(seconds(6));
  ASSERT_TRUE(outcome_ && other);
  EXPECT_TRUE(outcome_->ok) << outcome_->why;
  EXPECT_TRUE(other->ok) << other->why;
}

TEST_F(CallChange, when_the_peers_change_takes_long_to_be_acknowledged_then_ours_waits_for_it) {
  be_up();
  keep_back_ = [](const std::string& what) { return what == "2 ACK"; };
  begin(phone(2).calls().hold(true));
  begin(phone(1).calls().hold(true));
  pass(seconds(5));
  EXPECT_FALSE(outcome_);
  keep_back_ = {};
  pass(seconds(20));
  ASSERT_TRUE(outcome_);
  EXPECT_TRUE(outcome_->ok) << outcome_->why;
}

TEST_F(CallChange, when_the_peer_knows_the_call_no_more_then_it_is_over) {
  be_up();
  phone(2).calls().drop();
  begin(phone(1).calls().hold(true));
  ASSERT_TRUE(outcome_);
  EXPECT_FALSE(outcome_->ok);
  EXPECT_FALSE(phone(1).calls().busy());
}

TEST_F(CallChange, when_half_of_the_interval_has_passed_then_the_caller_refreshes_with_update) {
  be_up([](HandsetOptions& options) {
    options.session_expires = 100;
    options.media = false;
  });
  pass(seconds(45), std::chrono::milliseconds(500));
  EXPECT_EQ(count("1 UPDATE"), 0u);
  pass(seconds(10), std::chrono::milliseconds(500));
  EXPECT_EQ(log_, (Log{"1 UPDATE", "2 200 UPDATE"}));
  EXPECT_EQ(message("1 UPDATE").header(HeaderId::session_expires), "100;refresher=uac");
  EXPECT_TRUE(message("1 UPDATE").body().empty());
  pass(seconds(200), std::chrono::milliseconds(500));
  EXPECT_EQ(count("1 UPDATE"), 5u);
  EXPECT_TRUE(phone(1).calls().busy() && phone(2).calls().busy());
}

TEST_F(CallChange, when_no_refresh_comes_then_the_other_side_ends_the_session) {
  be_up([](HandsetOptions& options) {
    options.session_expires = 100;
    options.media = false;
  });
  phone(1).calls().drop();
  pass(seconds(70), std::chrono::milliseconds(500));
  EXPECT_EQ(count("2 BYE"), 1u);
  EXPECT_TRUE(contains(message("2 BYE").header(HeaderId::reason), "Session timer expired"));
  EXPECT_FALSE(phone(2).calls().busy());
}

TEST_F(CallChange, when_a_refresh_meets_another_change_then_it_is_tried_again_after_a_while) {
  be_up([](HandsetOptions& options) {
    options.session_expires = 100;
    options.media = false;
  });
  keep_back_ = [](const std::string& what) { return what == "1 UPDATE"; };
  while (count("1 UPDATE") == 0) pass(std::chrono::milliseconds(500));
  keep_back_ = {};
  deliver(phone(1), sip::response_to(message("1 UPDATE"), 491, "Request Pending", "tag").finish());
  pass(seconds(5));
  EXPECT_EQ(count("2 200 UPDATE"), 1u);
  EXPECT_TRUE(phone(1).calls().busy() && phone(2).calls().busy());
}

TEST_F(CallChange, when_a_refresh_is_not_answered_then_bye) {
  be_up([](HandsetOptions& options) {
    options.session_expires = 100;
    options.media = false;
  });
  keep_back_ = [](const std::string& what) { return what == "1 UPDATE"; };
  pass(seconds(190), std::chrono::milliseconds(500));
  EXPECT_EQ(count("1 BYE") + count("2 BYE"), 1u);
}

}  // namespace
}  // namespace lapwing::labue
