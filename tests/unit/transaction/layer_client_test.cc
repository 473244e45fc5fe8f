// The layer and requests of ours: matching responses, the ACK of an INVITE, failures, awaiting an answer.
#include <gmock/gmock.h>

#include "absl/strings/str_replace.h"
#include "tests/unit/transaction/layers.h"

namespace lapwing::sip {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST(Layer, when_our_own_are_too_many_then_the_next_fails) {
  Layers net(1);
  net.start(net.request(Method::options));
  net.start(net.request(Method::options));
  EXPECT_THAT(net.answers, IsEmpty()) << "never inside start()";
  net.run();
  ASSERT_THAT(net.answers, SizeIs(1));
  EXPECT_EQ(net.answers[0].outcome, Answer::Outcome::transport_failed);
  EXPECT_EQ(net.answers[0].why, "too many transactions");
}

TEST(Layer, when_a_response_matches_then_delivered_once) {
  Layers net;
  ClientRequest request = net.request(Method::options);
  net.start(request);
  ASSERT_THAT(net.transport[0].sent, SizeIs(1));
  EXPECT_EQ(net.transport[0].sent[0].bytes, request.wire);
  net.in(response(request, 100));
  net.in(response(request, 200));
  net.in(response(request, 200));
  ASSERT_THAT(net.answers, SizeIs(2));
  EXPECT_EQ(net.answers[0].response->status(), 100);
  EXPECT_EQ(net.answers[1].response->status(), 200);
  EXPECT_EQ(net.answers[1].flow, kUdp);
  net.pass(6 * second);
  EXPECT_EQ(net.counters().client_transactions, 0u);
  EXPECT_EQ(net.counters().responses, 3u);
}

TEST(Layer, when_an_invite_with_security_verify_is_cancelled_then_cancel_has_it_too_and_requires_nothing) {
  Layers net;
  ClientRequest invite = net.request(Method::invite);
  const std::string verify = "Security-Verify: ipsec-3gpp;alg=hmac-sha-1-96;spi-c=1;spi-s=2;port-c=3;port-s=4\r\n";
  invite.wire.insert(invite.wire.find("\r\n") + 2, verify + "Require: sec-agree\r\nProxy-Require: sec-agree\r\n");
  net.start(invite);
  net.in(response(invite, 180));
  net.layers[0]->cancel(invite.branch, "");
  ASSERT_THAT(net.transport[0].sent, SizeIs(2));
  const std::string& cancel = net.transport[0].sent[1].bytes;
  EXPECT_THAT(cancel, StartsWith("CANCEL "));
  EXPECT_THAT(cancel, HasSubstr(verify));
  EXPECT_THAT(cancel, Not(HasSubstr("Require")));
}

TEST(Layer, when_a_response_is_stray_then_dropped_and_counted) {
  Layers net;
  ClientRequest request = net.request(Method::options);
  net.start(request);
  net.in(response(net.request(Method::options), 200));
  net.in(response(request, 200, "INVITE"));
  std::string text = response(request, 200);
  net.in(absl::StrReplaceAll(text, {{absl::string_view(request.branch), "z9hG4bKforeign"}}));
  net.in(absl::StrReplaceAll(text, {{absl::string_view(request.branch), request.branch + "0"}}));
  net.in(absl::StrReplaceAll(text, {{"z9hG4bKlw00", "z9hG4bKlwzz"}}));
  net.in(absl::StrReplaceAll(text, {{"z9hG4bKlw00", "z9hG4bKlw7f"}}));
  net.in(absl::StrReplaceAll(text, {{"Via: SIP/2.0/UDP", "Via: SIP"}}));
  EXPECT_THAT(net.answers, IsEmpty());
  EXPECT_EQ(net.counters().stray_responses, 7u);
  net.in(text);
  EXPECT_THAT(net.answers, SizeIs(1));
}

TEST(Layer, when_a_response_comes_to_another_worker_then_its_owner_gets_it) {
  Layers net;
  ClientRequest request = net.request(Method::options, 1);
  net.start(request, 1);
  EXPECT_THAT(request.branch, StartsWith("z9hG4bKlw01"));
  net.in(response(request, 200), kUdp, 0);
  ASSERT_THAT(net.answers, SizeIs(1));
  EXPECT_EQ(net.counters(0).responses, 1u);
  EXPECT_EQ(net.counters(1).responses, 0u) << "counted where it came";
  EXPECT_EQ(net.counters(0).stray_responses, 0u);
}

TEST(Layer, when_an_invite_is_refused_then_the_ack_is_built_from_it) {
  Layers net;
  ClientRequest request = net.request(Method::invite);
  net.start(request);
  net.in(response(request, 486));
  ASSERT_THAT(net.transport[0].sent, SizeIs(2));
  EXPECT_EQ(net.transport[0].sent[1].bytes,
            "ACK sip:bob@h;x=1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=" + request.branch +
                ";rport\r\nRoute: <sip:p1;lr>\r\nRoute: <sip:p2;lr>\r\nMax-Forwards: 70\r\nFrom: <sip:a@h>;tag=f\r\n"
                "To: <sip:b@h>;tag=t\r\nCall-ID: call\r\nCSeq: 5 ACK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(net.transport[0].sent[1].flow, request.flow);
  net.in(response(request, 486));
  ASSERT_THAT(net.transport[0].sent, SizeIs(3));
  EXPECT_EQ(net.transport[0].sent[2].bytes, net.transport[0].sent[1].bytes) << "again for a retransmission";
  EXPECT_THAT(net.answers, SizeIs(1));
  net.pass(33 * second);
  EXPECT_EQ(net.counters().client_transactions, 0u);
}

TEST(Layer, when_an_invite_succeeds_then_no_ack_of_ours_and_every_2xx_is_delivered) {
  Layers net;
  ClientRequest request = net.request(Method::invite);
  net.start(request);
  net.in(response(request, 180));
  net.in(response(request, 200));
  net.in(response(request, 200));
  EXPECT_THAT(net.transport[0].sent, SizeIs(1));
  EXPECT_THAT(net.answers, SizeIs(3));
}

TEST(Layer, when_nobody_answers_then_retransmitted_and_timed_out_after_64_t1) {
  Layers net;
  net.start(net.request(Method::options));
  net.pass(std::chrono::milliseconds(31999));
  EXPECT_THAT(net.answers, IsEmpty());
  EXPECT_THAT(net.transport[0].sent, SizeIs(11));
  net.pass(std::chrono::milliseconds(1));
  ASSERT_THAT(net.answers, SizeIs(1));
  EXPECT_EQ(net.answers[0].outcome, Answer::Outcome::timed_out);
  EXPECT_EQ(net.counters().client_transactions, 0u);
}

TEST(Layer, when_the_transport_fails_then_the_user_hears_why_once) {
  for (Method method : {Method::options, Method::invite}) {
    Layers net;
    net.start(net.request(method, 0, tcp()));
    ASSERT_THAT(net.transport[0].sent, SizeIs(1));
    net.transport[0].sent[0].on_failure(absl::UnavailableError("connection refused"));
    ASSERT_THAT(net.answers, SizeIs(1));
    EXPECT_EQ(net.answers[0].outcome, Answer::Outcome::transport_failed);
    EXPECT_EQ(net.answers[0].why, "connection refused");
    net.pass(40 * second);
    EXPECT_THAT(net.answers, SizeIs(1));
    EXPECT_EQ(net.counters().client_transactions, 0u);
  }
}

TEST(Layer, when_a_failure_is_told_after_the_answer_then_nobody_minds) {
  Layers net;
  ClientRequest request = net.request(Method::options, 0, tcp());
  net.start(request);
  net.in(response(request, 200), tcp());
  net.transport[0].sent[0].on_failure(absl::UnavailableError("late"));
  EXPECT_THAT(net.answers, SizeIs(1));
  net.in(message("OPTIONS", kVia), tcp());
  net.delivered[0]->reject(200);
  net.transport[0].sent.back().on_failure(absl::UnavailableError("gone"));
  EXPECT_EQ(net.counters().server_transactions, 0u);
}

Task<void> ask(TransactionLayer& layer, ClientRequest request, std::optional<Answer>& out) {
  out = co_await layer.request(std::move(request));
}

TEST(Layer, when_awaited_then_provisional_responses_are_passed_over) {
  Layers net;
  std::optional<Answer> answer;
  ClientRequest request = net.request(Method::options);
  net.workers[0]->spawn(ask(*net.layers[0], request, answer));
  net.run();
  net.in(response(request, 100));
  EXPECT_FALSE(answer);
  net.in(response(request, 404));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->response->status(), 404);
}

TEST(Layer, when_awaited_and_only_provisional_responses_come_then_it_ends_in_time) {
  for (Method method : {Method::options, Method::invite}) {
    Layers net;
    std::optional<Answer> answer;
    ClientRequest request = net.request(method);
    net.workers[0]->spawn(ask(*net.layers[0], request, answer));
    net.run();
    net.in(response(request, 100));
    net.pass(31 * second);
    EXPECT_FALSE(answer);
    net.pass(7 * second);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->outcome, Answer::Outcome::timed_out);
  }
}

TEST(TransactionLayer, when_branches_are_made_then_unlike_and_with_the_worker_in_them) {
  Layers net;
  std::string a = net.layers[1]->new_branch(), b = net.layers[1]->new_branch();
  EXPECT_NE(a, b);
  EXPECT_EQ(a.size(), 27u);
  EXPECT_THAT(a, StartsWith("z9hG4bKlw01"));
  EXPECT_EQ(TransactionLayer::via(Protocol::udp, "h:5060", "z9hG4bKx"), "SIP/2.0/UDP h:5060;branch=z9hG4bKx;rport");
  EXPECT_EQ(TransactionLayer::via(Protocol::tls, "h", "z9hG4bKx"), "SIP/2.0/TLS h;branch=z9hG4bKx");
}

}  // namespace
}  // namespace lapwing::sip
