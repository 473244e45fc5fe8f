// The layer and requests that come: matching, repeating responses, ACK, where an answer goes, what is refused.
#include <gmock/gmock.h>

#include "absl/strings/str_replace.h"
#include "tests/unit/transaction/layers.h"

namespace lapwing::sip {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST(Layer, when_branch_sent_by_and_method_agree_then_one_transaction_else_another) {
  Layers net;
  net.in(message("OPTIONS", kVia));
  net.in(message("OPTIONS", kVia));
  EXPECT_THAT(net.delivered, SizeIs(1));
  net.in(message("OPTIONS", "SIP/2.0/UDP 10.0.0.9:40001;branch=z9hG4bKa"));
  EXPECT_THAT(net.delivered, SizeIs(2)) << "another sent-by";
  net.in(message("MESSAGE", kVia));
  EXPECT_THAT(net.delivered, SizeIs(3)) << "another method";
  net.in(message("OPTIONS", "SIP/2.0/UDP 10.0.0.9:40000;branch=z9hG4bKb"));
  EXPECT_THAT(net.delivered, SizeIs(4)) << "another branch";
  EXPECT_EQ(net.counters().requests, 5u);
  EXPECT_EQ(net.counters().retransmissions, 1u);
  EXPECT_EQ(net.counters().server_transactions, 4u);
}

TEST(Layer, when_a_request_comes_again_then_the_latest_response_goes_out_without_a_second_delivery) {
  Layers net;
  net.in(message("OPTIONS", kVia));
  net.in(message("OPTIONS", kVia));
  EXPECT_THAT(net.transport[0].sent, IsEmpty()) << "nothing to repeat yet";
  net.delivered[0]->reject(404);
  ASSERT_THAT(net.transport[0].sent, SizeIs(1));
  net.delivered[0]->reject(500);
  EXPECT_THAT(net.transport[0].sent, SizeIs(1)) << "a second final response is dropped";
  net.delivered.clear();
  net.in(message("OPTIONS", kVia));
  ASSERT_THAT(net.transport[0].sent, SizeIs(2));
  EXPECT_EQ(net.transport[0].sent[1].bytes, net.transport[0].sent[0].bytes);
  EXPECT_THAT(net.transport[0].sent[0].bytes, StartsWith("SIP/2.0 404 "));
  EXPECT_THAT(net.delivered, IsEmpty());
  net.pass(32 * second);
  EXPECT_EQ(net.counters().server_transactions, 0u);
  net.in(message("OPTIONS", kVia));
  EXPECT_THAT(net.delivered, SizeIs(1)) << "after timer J it is a new one";
}

TEST(Layer, when_a_provisional_response_is_not_for_its_kind_then_it_is_neither_sent_nor_repeated) {
  Layers net;
  net.in(message("OPTIONS", kVia));
  net.delivered[0]->reject(100);
  net.delivered[0]->reject(180);  // RFC 4320
  net.in(message("OPTIONS", kVia));
  ASSERT_THAT(net.transport[0].sent, SizeIs(2));
  EXPECT_THAT(net.transport[0].sent[1].bytes, StartsWith("SIP/2.0 100 "));
}

TEST(Layer, when_cancel_comes_then_it_is_answered_and_the_invite_hears_of_it_once) {
  Layers net;
  net.in(message("INVITE", kVia));
  int heard = 0;
  net.delivered[0]->on_cancel([&heard](const Message& cancel) {
    EXPECT_EQ(cancel.method(), Method::cancel);
    ++heard;
  });
  net.in(message("CANCEL", kVia));
  net.in(message("CANCEL", kVia));
  EXPECT_THAT(net.delivered, SizeIs(1));
  EXPECT_EQ(heard, 1);
  net.delivered[0]->reject(487);
  ASSERT_THAT(net.transport[0].sent, SizeIs(3));
  EXPECT_THAT(net.transport[0].sent[0].bytes, StartsWith("SIP/2.0 200 "));
  EXPECT_THAT(net.transport[0].sent[0].bytes, HasSubstr("CSeq: 1 CANCEL"));
  EXPECT_THAT(net.transport[0].sent[2].bytes, HasSubstr("CSeq: 1 INVITE"));
}

TEST(Layer, when_cancel_comes_for_nothing_then_481) {
  Layers net;
  net.in(message("CANCEL", kVia));
  ASSERT_THAT(net.transport[0].sent, SizeIs(1));
  EXPECT_THAT(net.transport[0].sent[0].bytes, StartsWith("SIP/2.0 481 "));
}

TEST(Layer, when_ack_comes_for_a_non_2xx_then_it_ends_retransmissions_and_nobody_hears_of_it) {
  Layers net;
  net.in(message("INVITE", kVia));
  net.delivered[0]->reject(486);
  net.pass(second);
  size_t before = net.transport[0].sent.size();
  EXPECT_EQ(before, 2u) << "timer G";
  net.in(message("ACK", kVia));
  net.pass(4 * second);
  EXPECT_THAT(net.transport[0].sent, SizeIs(before));
  EXPECT_THAT(net.acks, IsEmpty());
  net.pass(2 * second);
  EXPECT_EQ(net.counters().server_transactions, 0u);
}

TEST(Layer, when_ack_comes_for_a_2xx_then_the_user_gets_it) {
  Layers net;
  net.in(message("INVITE", kVia));
  net.delivered[0]->reject(200);
  net.in(message("ACK", "SIP/2.0/UDP 10.0.0.9:40000;branch=z9hG4bKother"));
  EXPECT_THAT(net.acks, ElementsAre("c1"));
  net.in(message("ACK", kVia));
  EXPECT_THAT(net.acks, ElementsAre("c1", "c1")) << "an old client gives it the INVITE's branch";
  EXPECT_THAT(net.delivered, SizeIs(1));
}

TEST(Layer, when_there_is_no_branch_then_rfc_2543_matches) {
  Layers net;
  const std::string via = "SIP/2.0/UDP 10.0.0.9:40000";
  net.in(message("INVITE", via));
  net.in(message("INVITE", via));
  net.in(message("INVITE", via + ";branch=1"));
  EXPECT_THAT(net.delivered, SizeIs(1)) << "a branch without the cookie says nothing";
  net.in(message("INVITE", via, "c2"));
  EXPECT_THAT(net.delivered, SizeIs(2));
  net.delivered[0]->reject(486);
  net.in(message("ACK", via));
  net.pass(6 * second);
  EXPECT_EQ(net.counters().server_transactions, 1u);
  EXPECT_THAT(net.acks, IsEmpty());
}

// The top Via of what was delivered, and where the answer goes.
std::string via_and_reply(const std::string& via, const Flow& flow = kUdp) {
  Layers net;
  net.in(message("OPTIONS", via), flow);
  if (net.delivered.empty()) return "nothing delivered";
  net.delivered[0]->reject(200);
  const FakeTransport::Sent& sent = net.transport[0].sent.at(0);
  std::string top(net.delivered[0]->request().values(HeaderId::via).front());
  EXPECT_THAT(sent.bytes, HasSubstr("Via: " + top + "\r\n"));
  return top + " -> " + sent.flow.remote.text();
}

TEST(Layer, when_via_needs_received_or_rport_then_added_and_the_answer_goes_there) {
  EXPECT_EQ(via_and_reply("SIP/2.0/UDP 10.0.0.9:5062;branch=z9hG4bKa"),
            "SIP/2.0/UDP 10.0.0.9:5062;branch=z9hG4bKa -> 10.0.0.9:5062");
  EXPECT_EQ(via_and_reply("SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKa"),
            "SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKa -> 10.0.0.9:5060");
  EXPECT_EQ(via_and_reply("SIP/2.0/UDP 192.168.1.1:5062;branch=z9hG4bKa"),
            "SIP/2.0/UDP 192.168.1.1:5062;branch=z9hG4bKa;received=10.0.0.9 -> 10.0.0.9:5062");
  EXPECT_EQ(via_and_reply("SIP/2.0/UDP host.example;branch=z9hG4bKa"),
            "SIP/2.0/UDP host.example;branch=z9hG4bKa;received=10.0.0.9 -> 10.0.0.9:5060");
  EXPECT_EQ(via_and_reply("SIP/2.0/UDP 192.168.1.1:5062;rport;branch=z9hG4bKa;x"),
            "SIP/2.0/UDP 192.168.1.1:5062;branch=z9hG4bKa;x;received=10.0.0.9;rport=40000 -> 10.0.0.9:40000");
  EXPECT_EQ(via_and_reply("SIP/2.0/UDP 10.0.0.9:5062;branch=z9hG4bKa;rport=1;received=1.2.3.4"),
            "SIP/2.0/UDP 10.0.0.9:5062;branch=z9hG4bKa;received=10.0.0.9;rport=40000 -> 10.0.0.9:40000")
      << "what the sender says of itself does not count";
  EXPECT_EQ(via_and_reply("SIP/2.0/TCP 10.0.0.9:5062;branch=z9hG4bKa;rport", tcp()),
            "SIP/2.0/TCP 10.0.0.9:5062;branch=z9hG4bKa;received=10.0.0.9;rport=40000 -> 10.0.0.9:5062")
      << "on its connection; where that has died, to sent-by";
  Flow v6 = kUdp;
  v6.local.address = asio::ip::make_address("2001:db8::1");
  v6.remote.address = asio::ip::make_address("2001:db8::9");
  EXPECT_EQ(via_and_reply("SIP/2.0/UDP [2001:DB8:0::9]:5062;branch=z9hG4bKa", v6),
            "SIP/2.0/UDP [2001:DB8:0::9]:5062;branch=z9hG4bKa -> [2001:db8::9]:5062");
  EXPECT_EQ(via_and_reply("SIP/2.0/UDP [2001:db8::8]:5062;branch=z9hG4bKa", v6),
            "SIP/2.0/UDP [2001:db8::8]:5062;branch=z9hG4bKa;received=2001:db8::9 -> [2001:db8::9]:5062");
}

TEST(Layer, when_the_user_says_another_way_then_all_responses_take_it) {
  Layers net;
  net.in(message("OPTIONS", kVia));
  Flow other = kUdp;
  other.remote.port = 7777;
  net.delivered[0]->reply_by(other);
  net.delivered[0]->reject(200);
  net.in(message("OPTIONS", kVia));
  ASSERT_THAT(net.transport[0].sent, SizeIs(2));
  EXPECT_EQ(net.transport[0].sent[1].flow, other);
}

TEST(Layer, when_a_request_that_ends_here_comes_by_two_ways_then_the_second_gets_482) {
  Layers net;
  net.in(message("REGISTER", "SIP/2.0/UDP 10.0.0.9:40000;branch=z9hG4bK1"));
  net.in(message("REGISTER", "SIP/2.0/UDP 10.0.0.9:40000;branch=z9hG4bK2"), kUdp, 1);
  ASSERT_THAT(net.delivered, SizeIs(1));
  ASSERT_THAT(net.transport[1].sent, SizeIs(1));
  EXPECT_THAT(net.transport[1].sent[0].bytes, StartsWith("SIP/2.0 482 "));
  net.in(message("REGISTER", "SIP/2.0/UDP 10.0.0.9:40000;branch=z9hG4bK3", "c2"));
  EXPECT_THAT(net.delivered, SizeIs(2)) << "another Call-ID";
  net.in(message("OPTIONS", "SIP/2.0/UDP 10.0.0.9:40000;branch=z9hG4bK4"));
  net.in(message("OPTIONS", "SIP/2.0/UDP 10.0.0.9:40000;branch=z9hG4bK5"));
  EXPECT_THAT(net.delivered, SizeIs(4)) << "a proxy may get a request by several ways";
  net.delivered[0]->reject(401);
  net.in(message("REGISTER", "SIP/2.0/UDP 10.0.0.9:40000;branch=z9hG4bK6"));
  EXPECT_THAT(net.delivered, SizeIs(5)) << "answered: it may come from a hop that lost its transactions";
  net.delivered.clear();
  net.in(message("REGISTER", "SIP/2.0/UDP 10.0.0.9:40000;branch=z9hG4bK7"));
  EXPECT_THAT(net.delivered, SizeIs(1)) << "let go of without an answer";
}

TEST(Layer, when_there_are_too_many_transactions_then_503_with_retry_after) {
  Layers net(2);
  for (std::string branch : {"1", "2", "3"}) {
    net.in(message("INVITE", "SIP/2.0/UDP 192.168.1.1;rport;branch=z9hG4bK" + branch));
  }
  EXPECT_THAT(net.delivered, SizeIs(2));
  ASSERT_THAT(net.transport[0].sent, SizeIs(1));
  const FakeTransport::Sent& sent = net.transport[0].sent[0];
  EXPECT_THAT(sent.bytes, StartsWith("SIP/2.0 503 "));
  EXPECT_THAT(sent.bytes, HasSubstr("Retry-After: 5\r\n"));
  EXPECT_THAT(sent.bytes, HasSubstr("branch=z9hG4bK3;received=10.0.0.9;rport=40000\r\n"));
  EXPECT_EQ(sent.flow.remote.port, 40000);
  EXPECT_EQ(net.counters().refused, 1u);
  net.delivered[0]->reject(408);
  net.delivered[1]->reject(486);
  net.pass(40 * second);
  net.in(message("INVITE", "SIP/2.0/UDP 192.168.1.1;rport;branch=z9hG4bK3"));
  EXPECT_THAT(net.delivered, SizeIs(3)) << "room again";
}

TEST(Layer, when_a_request_is_malformed_then_answered_without_a_transaction_but_never_an_ack) {
  Layers net;
  std::string no_cseq_match = absl::StrReplaceAll(message("OPTIONS", kVia), {{"CSeq: 1 OPTIONS", "CSeq: 1 BYE"}});
  net.in(no_cseq_match);
  ASSERT_THAT(net.transport[0].sent, SizeIs(1));
  EXPECT_THAT(net.transport[0].sent[0].bytes, StartsWith("SIP/2.0 400 "));
  EXPECT_THAT(net.transport[0].sent[0].bytes, HasSubstr("Warning: 399 "));
  net.in(absl::StrReplaceAll(message("OPTIONS", kVia), {{"sip:h ", "http://h "}}));
  ASSERT_THAT(net.transport[0].sent, SizeIs(2));
  EXPECT_THAT(net.transport[0].sent[1].bytes, StartsWith("SIP/2.0 416 "));
  net.in(absl::StrReplaceAll(message("ACK", kVia), {{"CSeq: 1 ACK", "CSeq: 1 BYE"}}));
  net.in(absl::StrReplaceAll(message("ACK", kVia), {{"sip:h ", "http://h "}}));
  net.in("OPTIONS sip:h SIP/2.0\r\n\r\n");
  net.in("nonsense");
  EXPECT_THAT(net.transport[0].sent, SizeIs(2));
  EXPECT_THAT(net.delivered, IsEmpty());
  EXPECT_THAT(net.acks, IsEmpty());
  EXPECT_EQ(net.counters().malformed, 6u);
  EXPECT_EQ(net.counters().server_transactions, 0u);
}

TEST(Layer, when_a_stream_lost_its_framing_then_the_headers_are_answered_but_never_an_ack) {
  Layers net;
  std::string headers = absl::StrReplaceAll(message("OPTIONS", "SIP/2.0/TCP 10.0.0.9;branch=z9hG4bKa"),
                                            {{"Content-Length: 0", "Content-Length: x"}});
  net.layers[0]->received_broken(headers, 400, "Content-Length is not a number", tcp());
  ASSERT_THAT(net.transport[0].sent, SizeIs(1));
  EXPECT_THAT(net.transport[0].sent[0].bytes, StartsWith("SIP/2.0 400 "));
  EXPECT_EQ(net.transport[0].sent[0].flow.connection, 7u);
  net.layers[0]->received_broken(absl::StrReplaceAll(headers, {{"OPTIONS", "ACK"}}), 400, "no", tcp());
  net.layers[0]->received_broken("", 400, "no", tcp());
  net.layers[0]->received_broken(response(net.request(Method::options), 200), 400, "no", tcp());
  EXPECT_THAT(net.transport[0].sent, SizeIs(1));
}

TEST(Layer, when_a_request_comes_again_to_another_worker_then_the_first_answers_it) {
  Layers net;
  net.in(message("INVITE", kVia), kUdp, 0);
  net.in(message("INVITE", kVia), kUdp, 1);
  ASSERT_THAT(net.delivered, SizeIs(1));
  net.delivered[0]->reject(486);
  net.in(message("INVITE", kVia), kUdp, 1);
  EXPECT_THAT(net.transport[0].sent, SizeIs(2));
  EXPECT_THAT(net.transport[1].sent, IsEmpty());
  net.in(message("ACK", kVia), kUdp, 1);
  net.pass(6 * second);
  EXPECT_EQ(net.counters(0).server_transactions, 0u) << "the ACK found it";
  EXPECT_THAT(net.acks, IsEmpty());
  net.in(message("INVITE", kVia), kUdp, 1);
  EXPECT_THAT(net.on_worker, ElementsAre(0, 1)) << "once it has ended, whoever sees it first has it";
}

TEST(Layer, when_a_response_cannot_be_sent_over_udp_then_the_transaction_ends_and_an_invite_waits) {
  Layers net;
  net.in(message("OPTIONS", kVia));
  net.delivered[0]->reject(200);
  net.transport[0].sent[0].on_failure(absl::UnavailableError("unreachable"));
  EXPECT_EQ(net.counters().server_transactions, 0u);
  net.in(message("INVITE", kVia));
  net.delivered[1]->reject(486);
  net.transport[0].sent[1].on_failure(absl::UnavailableError("unreachable"));
  EXPECT_EQ(net.counters().server_transactions, 1u) << "RFC 6026 section 7.1";
  net.pass(33 * second);
  EXPECT_EQ(net.counters().server_transactions, 0u);
}

TEST(Layer, when_a_transaction_lasts_longer_than_its_layers_traffic_then_the_user_may_still_hold_it) {
  Layers net;
  net.in(message("OPTIONS", kVia));
  std::shared_ptr<ServerTransaction> held = net.delivered[0];
  net.delivered.clear();
  held->reject(200);
  net.pass(40 * second);
  EXPECT_EQ(net.counters().server_transactions, 0u);
  held->reject(500);
  EXPECT_EQ(held->request().header(HeaderId::call_id), "c1");
  EXPECT_TRUE(held->answered());
  EXPECT_THAT(net.transport[0].sent, SizeIs(1));
}

TEST(Layer, when_dropped_unanswered_then_nothing_is_left) {
  Layers net;
  net.in(message("OPTIONS", kVia));
  net.in(message("INVITE", kVia));
  EXPECT_EQ(net.counters().server_transactions, 2u);
  net.delivered.clear();
  net.run();
  EXPECT_EQ(net.counters().server_transactions, 0u);
  net.in(message("OPTIONS", kVia), kUdp, 1);
  EXPECT_THAT(net.on_worker, ElementsAre(0, 0, 1)) << "the index has let go too";
}

}  // namespace
}  // namespace lapwing::sip
