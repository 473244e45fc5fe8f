// The response context over two workers' transaction layers, in virtual time: a request in, its branches out, and what
// goes back upstream. RFC 3261 sections 16.7 to 16.10.
#include "common/sip/forwarding.h"

#include <gmock/gmock.h>

#include "tests/unit/transaction/layers.h"

namespace lapwing::sip {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class ForwardingTest : public testing::Test {
 protected:
  // The request comes in and is sent to so many targets at once.
  void forward(const std::string& method, size_t targets) {
    net_.in(message(method, kVia));
    ASSERT_FALSE(net_.delivered.empty());
    context_ = Forwarding::make(*net_.layers[0], net_.delivered.back(), {});
    next_group(method, targets);
  }
  void next_group(const std::string& method, size_t targets) { send(method, std::vector<Target>(targets, target())); }
  static Target target() {
    Target target{.flow = kUdp, .sent_by = "10.0.0.1"};
    target.edits.append(HeaderId::route, "<sip:p1;lr>");
    target.edits.append(HeaderId::route, "<sip:p2;lr>");
    return target;
  }
  void send(const std::string& method, std::vector<Target> group) {
    size_t sent = net_.transport[0].sent.size();
    net_.workers[0]->spawn(run(std::move(group)));
    net_.run();
    for (; sent < net_.transport[0].sent.size(); ++sent) note_branch(method, net_.transport[0].sent[sent].bytes);
  }
  void note_branch(const std::string& method, const std::string& bytes) {
    if (!bytes.starts_with(method + " ")) return;
    size_t at = bytes.find("branch=") + 7;
    ClientRequest branch;
    branch.method = method_from(method);
    branch.branch = bytes.substr(at, bytes.find_first_of(";\r", at) - at);
    branches_.push_back(std::move(branch));
  }
  Task<void> run(std::vector<Target> group) {
    co_await context_->send(std::move(group));
    ++rounds_;
  }
  void answer(size_t branch, int code) { net_.in(response(branches_[branch], code)); }
  void cancel(const std::string& extra = "", const Flow& flow = kUdp) {
    std::string text = message("CANCEL", kVia);
    text.insert(text.find("Content-Length"), extra);
    net_.in(text, flow);
  }
  // What went to the previous hop, as "180" and so on, and to the next ones, as "INVITE" and so on; since the last
  // call.
  std::vector<std::string> upstream() { return lines(true); }
  std::vector<std::string> downstream() { return lines(false); }
  std::vector<std::string> lines(bool responses) {
    std::vector<std::string> found;
    size_t& from = responses ? seen_up_ : seen_down_;
    for (size_t i = from; i < net_.transport[0].sent.size(); ++i) {
      const std::string& bytes = net_.transport[0].sent[i].bytes;
      if (bytes.starts_with("SIP/2.0 ") != responses) continue;
      found.push_back(responses ? bytes.substr(8, 3) : bytes.substr(0, bytes.find(' ')));
    }
    from = net_.transport[0].sent.size();
    return found;
  }
  const std::string& last() { return net_.transport[0].sent.back().bytes; }

  Layers net_;
  std::shared_ptr<Forwarding> context_;
  std::vector<ClientRequest> branches_;
  int rounds_ = 0;
  size_t seen_up_ = 0, seen_down_ = 0;
};

TEST_F(ForwardingTest, when_provisional_responses_come_then_they_go_on_but_not_100) {
  forward("INVITE", 1);
  answer(0, 100);
  EXPECT_THAT(upstream(), IsEmpty());
  answer(0, 180);
  answer(0, 183);
  EXPECT_THAT(upstream(), ElementsAre("180", "183"));
  EXPECT_THAT(last(), Not(HasSubstr("z9hG4bKlw"))) << "our Via is gone";
}

TEST_F(ForwardingTest, when_nothing_comes_within_200_ms_then_100_goes_and_not_before) {
  forward("INVITE", 1);
  net_.pass(std::chrono::milliseconds(199));
  EXPECT_THAT(upstream(), IsEmpty());
  net_.pass(std::chrono::milliseconds(1));
  EXPECT_THAT(upstream(), ElementsAre("100"));
}

TEST_F(ForwardingTest, when_something_went_within_200_ms_then_no_100) {
  forward("INVITE", 1);
  answer(0, 180);
  upstream();
  net_.pass(second);
  EXPECT_THAT(upstream(), IsEmpty());
}

TEST_F(ForwardingTest, when_the_request_is_no_INVITE_then_no_100) {
  forward("MESSAGE", 1);
  net_.pass(second);
  EXPECT_THAT(upstream(), IsEmpty());
}

TEST_F(ForwardingTest, when_one_of_two_accepts_then_it_goes_on_and_the_other_is_cancelled_with_a_reason) {
  forward("INVITE", 2);
  EXPECT_THAT(downstream(), ElementsAre("INVITE", "INVITE"));
  answer(0, 180);
  answer(1, 180);
  answer(1, 200);
  EXPECT_THAT(upstream(), ElementsAre("180", "180", "200"));
  EXPECT_THAT(downstream(), ElementsAre("CANCEL"));
  EXPECT_THAT(last(), HasSubstr("branch=" + branches_[0].branch));
  EXPECT_THAT(last(), HasSubstr("Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n"));
  EXPECT_THAT(last(), HasSubstr("CSeq: 1 CANCEL\r\n"));
  EXPECT_THAT(last(), HasSubstr("Route: <sip:p1;lr>\r\nRoute: <sip:p2;lr>\r\n"));
  EXPECT_EQ(rounds_, 0) << "the other has not ended";
  answer(0, 487);
  EXPECT_EQ(rounds_, 1);
  context_->finish();
  EXPECT_THAT(upstream(), IsEmpty());
}

TEST_F(ForwardingTest, when_both_accept_then_both_200_go_on) {
  forward("INVITE", 2);
  answer(0, 200);
  answer(1, 200);
  answer(0, 200);
  EXPECT_THAT(upstream(), ElementsAre("200", "200", "200")) << "and the repetition";
}

TEST_F(ForwardingTest, when_the_branch_to_cancel_has_not_answered_then_CANCEL_waits_for_a_provisional_response) {
  forward("INVITE", 2);
  downstream();
  answer(0, 200);
  EXPECT_THAT(downstream(), IsEmpty());
  answer(1, 100);
  EXPECT_THAT(downstream(), ElementsAre("CANCEL"));
}

TEST_F(ForwardingTest, when_all_refuse_then_the_best_goes_on_when_finished) {
  forward("INVITE", 3);
  answer(0, 503);
  answer(1, 486);
  answer(2, 404);
  EXPECT_EQ(rounds_, 1);
  EXPECT_THAT(upstream(), IsEmpty());
  context_->finish();
  EXPECT_THAT(upstream(), ElementsAre("486"));
}

TEST_F(ForwardingTest, when_one_declines_for_all_then_the_others_are_cancelled_and_it_goes_on) {
  forward("INVITE", 2);
  answer(0, 180);
  downstream();
  answer(1, 603);
  EXPECT_THAT(downstream(), UnorderedElementsAre("ACK", "CANCEL"));
  EXPECT_TRUE(context_->over());
  answer(0, 487);
  context_->finish();
  EXPECT_THAT(upstream(), ElementsAre("180", "603"));
}

TEST_F(ForwardingTest, when_only_503_comes_then_500_goes_on) {
  forward("INVITE", 1);
  answer(0, 503);
  context_->finish();
  EXPECT_THAT(upstream(), ElementsAre("500"));
}

TEST_F(ForwardingTest, when_a_group_refuses_then_the_next_is_tried) {
  forward("INVITE", 1);
  answer(0, 486);
  EXPECT_FALSE(context_->over());
  next_group("INVITE", 1);
  answer(1, 200);
  EXPECT_THAT(upstream(), ElementsAre("200"));
}

TEST_F(ForwardingTest, when_the_caller_cancels_then_200_to_it_and_CANCEL_with_its_reason_to_all_branches) {
  forward("INVITE", 2);
  answer(0, 180);
  answer(1, 180);
  downstream();
  upstream();
  cancel("Reason: SIP;cause=487\r\n");
  EXPECT_THAT(upstream(), ElementsAre("200"));
  EXPECT_THAT(downstream(), ElementsAre("CANCEL", "CANCEL"));
  EXPECT_THAT(last(), HasSubstr("Reason: SIP;cause=487\r\n"));
  answer(0, 487);
  answer(1, 487);
  context_->finish();
  EXPECT_THAT(upstream(), ElementsAre("487"));
}

TEST_F(ForwardingTest, when_the_caller_cancels_and_the_callee_has_accepted_meanwhile_then_the_200_goes_on) {
  forward("INVITE", 1);
  answer(0, 180);
  cancel();
  upstream();
  answer(0, 200);
  EXPECT_THAT(upstream(), ElementsAre("200"));
}

TEST_F(ForwardingTest, when_CANCEL_comes_again_then_it_is_answered_again_and_nothing_else_happens) {
  forward("INVITE", 1);
  answer(0, 180);
  cancel();
  downstream();
  upstream();
  cancel();
  EXPECT_THAT(upstream(), ElementsAre("200"));
  EXPECT_THAT(downstream(), IsEmpty());
}

TEST_F(ForwardingTest, when_CANCEL_comes_from_another_address_then_481_and_the_call_goes_on) {
  forward("INVITE", 1);
  answer(0, 180);
  downstream();
  upstream();
  Flow other = kUdp;
  other.remote.address = asio::ip::make_address("10.0.0.8");
  cancel("", other);
  EXPECT_THAT(upstream(), ElementsAre("481"));
  EXPECT_THAT(downstream(), IsEmpty());
}

TEST_F(ForwardingTest, when_CANCEL_comes_to_another_worker_then_the_owner_of_the_INVITE_has_it) {
  forward("INVITE", 1);
  answer(0, 180);
  downstream();
  net_.in(message("CANCEL", kVia), kUdp, 1);
  EXPECT_THAT(downstream(), ElementsAre("CANCEL"));
}

TEST_F(ForwardingTest, when_the_cancelled_branch_never_ends_then_it_is_given_up_after_64_t1_and_487_goes_on) {
  forward("INVITE", 1);
  answer(0, 180);
  cancel();
  upstream();
  net_.pass(31 * second);
  EXPECT_EQ(rounds_, 0);
  net_.pass(second);
  EXPECT_EQ(rounds_, 1);
  context_->finish();
  EXPECT_THAT(upstream(), ElementsAre("487"));
  net_.pass(64 * second);
  EXPECT_EQ(net_.counters().client_transactions, 0u);
}

TEST_F(ForwardingTest, when_it_rings_longer_than_timer_C_then_CANCEL_and_each_provisional_response_starts_it_anew) {
  forward("INVITE", 1);
  answer(0, 180);
  downstream();
  net_.pass(180 * second);
  answer(0, 180);
  net_.pass(180 * second);
  EXPECT_THAT(downstream(), IsEmpty());
  net_.pass(5 * second);
  EXPECT_THAT(downstream(), ElementsAre("CANCEL"));
}

TEST_F(ForwardingTest, when_nobody_answers_an_INVITE_then_408) {
  forward("INVITE", 1);
  net_.pass(33 * second);
  EXPECT_EQ(rounds_, 1);
  context_->finish();
  EXPECT_THAT(upstream(), ElementsAre("100", "408"));
}

TEST_F(ForwardingTest, when_nobody_answers_another_request_then_silence) {
  forward("MESSAGE", 1);
  net_.pass(33 * second);
  EXPECT_EQ(rounds_, 1);
  context_->finish();
  EXPECT_THAT(upstream(), IsEmpty());
}

TEST_F(ForwardingTest, when_two_branches_challenge_then_both_challenges_go_on) {
  forward("MESSAGE", 2);
  for (size_t i : {size_t{0}, size_t{1}}) {
    std::string text = response(branches_[i], 407);
    std::string challenge = "Proxy-Authenticate: Digest realm=\"r" + std::to_string(i) + "\",nonce=\"n\"\r\n";
    net_.in(text.insert(text.find("Content-Length"), challenge));
  }
  context_->finish();
  EXPECT_THAT(upstream(), ElementsAre("407"));
  EXPECT_THAT(last(), HasSubstr("realm=\"r0\""));
  EXPECT_THAT(last(), HasSubstr("realm=\"r1\""));
}

class LargeRequestTest : public ForwardingTest {
 protected:
  // An INVITE comes in that is so many bytes long, and goes to a target that takes large ones by TCP.
  void forward_of(size_t size) {
    std::string text = message("INVITE", kVia);
    constexpr std::string_view header = "Subject: \r\n";
    text.insert(text.find("Content-Length"),
                "Subject: " + std::string(size - text.size() - header.size(), 'x') + "\r\n");
    net_.in(text);
    context_ = Forwarding::make(*net_.layers[0], net_.delivered.back(), {});
    Target both = target();
    both.large = tcp();
    send("INVITE", {both});
  }
  std::string way(size_t sent) { return std::string(protocol_text(net_.transport[0].sent.at(sent).flow.protocol)); }
  void fail(size_t sent) {
    net_.transport[0].sent.at(sent).on_failure(absl::UnavailableError("refused"));
    net_.run();
  }
};

// RFC 3261 section 18.1.1.
TEST_F(LargeRequestTest, when_a_request_is_over_1300_bytes_then_it_goes_by_TCP_and_a_smaller_one_by_UDP) {
  forward_of(1300);
  EXPECT_EQ(way(0), "UDP");
  EXPECT_THAT(last(), HasSubstr("Via: SIP/2.0/UDP 10.0.0.1;branch="));
}

TEST_F(LargeRequestTest, when_the_peer_takes_no_TCP_then_it_goes_by_UDP_on_another_branch) {
  forward_of(1301);
  EXPECT_EQ(way(0), "TCP");
  EXPECT_THAT(last(), HasSubstr("Via: SIP/2.0/TCP 10.0.0.1;branch=" + branches_[0].branch));
  size_t before = net_.transport[0].sent.size();
  fail(0);
  ASSERT_GT(net_.transport[0].sent.size(), before);
  EXPECT_EQ(way(before), "UDP");
  EXPECT_EQ(rounds_, 0);
  note_branch("INVITE", last());
  EXPECT_NE(branches_[0].branch, branches_[1].branch);
  answer(1, 486);
  EXPECT_EQ(rounds_, 1);
  context_->finish();
  EXPECT_THAT(upstream(), ElementsAre("486"));
}

TEST_F(LargeRequestTest, when_both_ways_fail_then_500) {
  forward_of(1301);
  size_t udp = net_.transport[0].sent.size();
  fail(0);
  fail(udp);
  EXPECT_EQ(rounds_, 1);
  EXPECT_TRUE(context_->unreachable());
  context_->finish();
  EXPECT_THAT(upstream(), ElementsAre("500"));
}

TEST_F(ForwardingTest, when_the_branch_is_marked_then_responses_find_it_and_the_mark_is_behind_it) {
  net_.in(message("INVITE", kVia));
  context_ = Forwarding::make(*net_.layers[0], net_.delivered.back(), {});
  Target marked = target();
  marked.mark = ".0123abcd";
  send("INVITE", {marked});
  EXPECT_TRUE(branches_[0].branch.ends_with(".0123abcd"));
  net_.in(response(branches_[0], 180), kUdp, 1);
  EXPECT_THAT(upstream(), ElementsAre("180"));
}

TEST(BetterResponse, when_responses_are_compared_then_6xx_then_the_lowest_class_then_what_helps) {
  EXPECT_TRUE(better_response(603, 302));
  EXPECT_TRUE(better_response(302, 404));
  EXPECT_TRUE(better_response(404, 500));
  EXPECT_TRUE(better_response(407, 404));
  EXPECT_FALSE(better_response(486, 404)) << "the first that came stays";
}

}  // namespace
}  // namespace lapwing::sip
