// Calls over a network that loses, forks and delays: retransmissions, several early dialogs, late answers.
#include "tests/unit/labue/call_network.h"

namespace lapwing::labue {
namespace {

using sip::HeaderId;
using std::chrono::seconds;

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

class CallLost : public CallNetwork {
 protected:
  // A message of phone 2 as another branch of a fork would send it: other To tag, other Contact.
  std::string of_other_branch(std::string_view title, int code) {
    sip::Message original = message(title);
    sip::Edits edits;
    edits.remove_first_value(HeaderId::via);
    if (code != original.status()) edits.status(code, std::string(sip::reason_phrase(code)));
    std::string to(original.header(HeaderId::to));
    edits.set(HeaderId::to, to.substr(0, to.find(";tag=")) + ";tag=other");
    edits.set(HeaderId::contact, "<sip:other@192.168.101.9:5060>");
    return edits.write(original);
  }
  // A request within phone 1's call from its peer, as phone 2 would write it.
  std::string request_to_1(const char* method, uint32_t cseq, std::string_view body = {}) {
    sip::Message invite = message("1 INVITE"), ok = message("2 180");
    sip::Writer writer = sip::Writer::request(method, "sip:192.168.101.1:5060");
    writer.add(HeaderId::via, absl::StrFormat("SIP/2.0/UDP 10.4.128.21:5060;branch=z9hG4bK%s%d", method, cseq))
        .add(HeaderId::max_forwards, "70")
        .add(HeaderId::from, ok.header(HeaderId::to))
        .add(HeaderId::to, invite.header(HeaderId::from))
        .add(HeaderId::call_id, invite.header(HeaderId::call_id))
        .add(HeaderId::cseq, absl::StrFormat("%d %s", cseq, method));
    return std::move(writer).finish(body.empty() ? "" : "application/sdp", body);
  }
};

TEST_F(CallLost, when_the_183_is_lost_then_it_comes_again_until_prack) {
  make_phones();
  int lost = 0;
  keep_back_ = [&](const std::string& what) { return what == "2 183" && ++lost <= 2; };
  begin(phone(1).calls().call("+15550002"));
  pass(seconds(2));
  EXPECT_EQ(count("2 183"), 2u);
  pass(seconds(4));
  EXPECT_EQ(count("2 183"), 3u);
  pass(seconds(10));
  EXPECT_EQ(count("2 183"), 3u);
  EXPECT_TRUE(outcome_ && outcome_->ok);
}

TEST_F(CallLost, when_no_prack_comes_then_the_invite_is_refused_after_64_t1) {
  make_phones();
  keep_back_ = [&](const std::string& what) { return what == "1 PRACK"; };
  begin(phone(1).calls().call("+15550002"));
  pass(seconds(130), std::chrono::milliseconds(500));
  EXPECT_EQ(count("2 504"), 1u);
  EXPECT_EQ(count("2 183"), 7u);  // 0, 2, 6, 14, 30, 62, 126 s
  ASSERT_TRUE(outcome_);
  EXPECT_EQ(outcome_->code, 504);
}

TEST_F(CallLost, when_the_183_comes_twice_then_it_is_acknowledged_once) {
  make_phones([](HandsetOptions& options) { options.answering.mode = Answering::Mode::never; });
  begin(phone(1).calls().call("+15550002"));
  pass_on(phone(1), message("2 183"));
  settle();
  EXPECT_EQ(count("1 PRACK"), 1u);
  EXPECT_EQ(count("1 UPDATE"), 1u);
}

TEST_F(CallLost, when_no_update_comes_then_580) {
  make_phones();
  keep_back_ = [&](const std::string& what) { return what == "1 UPDATE"; };
  begin(phone(1).calls().call("+15550002"));
  pass(seconds(130), std::chrono::milliseconds(500));
  EXPECT_EQ(count("2 580"), 1u);
  EXPECT_EQ(count("2 180"), 0u);
}

TEST_F(CallLost, when_the_ack_is_lost_then_200_comes_again_and_each_has_its_ack) {
  make_phones();
  int lost = 0;
  keep_back_ = [&](const std::string& what) { return what == "1 ACK" && ++lost <= 2; };
  call();
  pass(seconds(60));
  EXPECT_EQ(count("2 200"), 3u);
  EXPECT_EQ(count("1 ACK"), 3u);
  EXPECT_TRUE(phone(2).calls().busy());
}

TEST_F(CallLost, when_no_ack_comes_at_all_then_bye) {
  make_phones();
  keep_back_ = [&](const std::string& what) { return what == "1 ACK"; };
  call();
  pass(seconds(135), std::chrono::milliseconds(500));
  EXPECT_EQ(count("2 BYE"), 1u);
  EXPECT_TRUE(contains(message("2 BYE").header(HeaderId::reason), "no ACK"));
  EXPECT_FALSE(phone(2).calls().busy());
  EXPECT_FALSE(phone(1).calls().busy());
}

TEST_F(CallLost, when_the_invite_is_forked_then_each_early_dialog_has_its_prack_and_update) {
  make_phones([](HandsetOptions& options) { options.answering.mode = Answering::Mode::manual; });
  begin(phone(1).calls().call("+15550002"));
  keep_back_ = [](const std::string& what) { return what.starts_with("1 "); };  // the other branch is the test
  deliver(phone(1), of_other_branch("2 183", 183));
  settle();
  EXPECT_TRUE(contains(phone(1).last("forked"), R"("dialogs":2)"));
  EXPECT_EQ(count("1 PRACK"), 2u);
  sip::Message prack = message("1 PRACK");
  EXPECT_EQ(prack.request_uri(), "sip:other@192.168.101.9:5060");
  EXPECT_EQ(tag_of(prack, HeaderId::to), "other");
}

TEST_F(CallLost, when_another_branch_answers_too_then_its_200_gets_ack_and_bye) {
  make_phones();
  call();
  keep_back_ = [](const std::string& what) { return what.starts_with("1 "); };
  deliver(phone(1), of_other_branch("2 200", 200));
  settle();
  EXPECT_EQ(count("1 ACK"), 2u);
  EXPECT_EQ(message("1 ACK").request_uri(), "sip:other@192.168.101.9:5060");
  EXPECT_EQ(message("1 BYE").request_uri(), "sip:other@192.168.101.9:5060");
  EXPECT_TRUE(phone(1).calls().busy());
  EXPECT_EQ(phone(1).last("call_ended"), "");
}

TEST_F(CallLost, when_the_session_interval_is_too_small_then_the_invite_goes_again_with_min_se) {
  make_phones([](HandsetOptions& options) { options.session_expires = 60; });
  call();
  EXPECT_EQ(count("2 422"), 1u);
  EXPECT_EQ(count("1 INVITE"), 2u);
  sip::Message invite = message("1 INVITE");
  EXPECT_EQ(invite.header(HeaderId::cseq), "2 INVITE");
  EXPECT_EQ(invite.header(HeaderId::session_expires), "90");
  EXPECT_EQ(invite.header(HeaderId::min_se), "90");
}

TEST_F(CallLost, when_a_request_is_of_no_dialog_then_481) {
  make_phones();
  call();
  sip::Message invite = message("1 INVITE");
  std::string bye = request_to_1("BYE", 7);
  bye.replace(bye.find("Call-ID: ") + 9, 4, "none");
  deliver(phone(1), bye);
  settle();
  EXPECT_EQ(log_.back(), "1 481 BYE");
  EXPECT_TRUE(phone(1).calls().busy());
}

TEST_F(CallLost, when_requests_within_the_call_come_then_each_has_its_answer) {
  make_phones();
  call();
  keep_back_ = [](const std::string& what) { return what.starts_with("1 "); };
  uint32_t cseq = 10;
  for (auto [method, code] : {std::pair("INFO", 200), std::pair("OPTIONS", 200), std::pair("REFER", 603),
                              std::pair("PRACK", 481), std::pair("PUBLISH", 405)}) {
    deliver(phone(1), request_to_1(method, cseq++));
    settle();
    EXPECT_EQ(log_.back(), absl::StrFormat("1 %d %s", code, method));
  }
  deliver(phone(1), request_to_1("INFO", 2));  // older than what was seen
  settle();
  EXPECT_EQ(log_.back(), "1 500 INFO");
}

TEST_F(CallLost, when_invite_requires_what_is_unknown_then_420) {
  make_phones();
  call();
  begin(phone(1).calls().hang_up());
  sip::Message first = message("1 INVITE");
  sip::Edits edits;
  edits.set(HeaderId::call_id, "another");
  edits.set(HeaderId::require, "recipient-list-invite");
  edits.replace_first_value(HeaderId::via, "SIP/2.0/UDP 10.4.128.21:5060;branch=z9hG4bKother");
  deliver(phone(2), edits.write(first));
  settle();
  EXPECT_EQ(log_.back(), "2 420");
  EXPECT_EQ(message("2 420").header(HeaderId::unsupported), "recipient-list-invite");
}

}  // namespace
}  // namespace lapwing::labue
