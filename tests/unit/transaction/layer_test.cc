// Two workers' transaction layers over a fake transport, in virtual time: wire text in, wire text out.
#include "common/sip/transaction_layer.h"

#include <gmock/gmock.h>

#include "absl/strings/str_replace.h"
#include "common/sip/headers.h"

namespace lapwing::sip {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr auto second = std::chrono::seconds(1);

class FakeTransport final : public Transport {
 public:
  struct Sent {
    Flow flow;
    std::string bytes;
    Failed on_failure;
  };
  std::vector<Sent> sent;
  void send(const Flow& flow, std::string bytes, Failed on_failure) override {
    sent.push_back({flow, std::move(bytes), std::move(on_failure)});
  }
};

const Flow kUdp{
    Protocol::udp, {asio::ip::make_address("10.0.0.1"), 5060}, {asio::ip::make_address("10.0.0.9"), 40000}, 0};

Flow tcp() {
  Flow flow = kUdp;
  flow.protocol = Protocol::tcp;
  flow.connection = 7;
  return flow;
}

struct Layers {
  explicit Layers(size_t max_transactions = 1000) {
    for (uint32_t i = 0; i < 2; ++i) {
      TransactionLayer::Options options;
      options.max_transactions = max_transactions;
      options.ends_here = [](const Message& request) { return request.method() == Method::register_; };
      workers.push_back(std::make_unique<Worker>(i, clock));
      layers.push_back(std::make_unique<TransactionLayer>(*workers[i], transport[i], index, std::move(options)));
      layers[i]->on_request([this, i](std::shared_ptr<ServerTransaction> transaction) {
        delivered.push_back(transaction);
        on_worker.push_back(i);
      });
      layers[i]->on_ack([this](const Message& ack, const Flow&) { acks.emplace_back(ack.header(HeaderId::call_id)); });
    }
  }
  void in(const std::string& bytes, const Flow& flow = kUdp, size_t worker = 0) {
    layers[worker]->received(bytes, flow);
    run();
  }
  void run() {
    for (int i = 0; i < 2; ++i) {
      for (auto& worker : workers) worker->run_ready();
    }
  }
  void pass(Duration time) {
    TimePoint until = clock.now() + time;
    for (;;) {
      std::optional<TimePoint> next;
      for (auto& worker : workers) {
        if (auto due = worker->timers().next(); due && (!next || *due < *next)) next = due;
      }
      if (!next || *next > until) break;
      clock.advance(*next - clock.now());
      for (auto& worker : workers) worker->timers().run_due();
      run();
    }
    clock.advance(until - clock.now());
  }
  ClientRequest request(Method method, size_t worker = 0, const Flow& flow = kUdp) {
    ClientRequest out;
    out.method = method;
    out.branch = layers[worker]->new_branch();
    out.flow = flow;
    std::string name(method_text(method));
    out.wire =
        name + " sip:bob@h;x=1 SIP/2.0\r\nVia: " + TransactionLayer::via(flow.protocol, "10.0.0.1", out.branch) +
        "\r\nVia: SIP/2.0/UDP below;branch=z9hG4bKbelow\r\nRoute: <sip:p1;lr>, <sip:p2;lr>\r\nMax-Forwards: 9\r\n"
        "From: <sip:a@h>;tag=f\r\nTo: <sip:b@h>\r\nCall-ID: call\r\nCSeq: 5 " +
        name + "\r\nContent-Length: 0\r\n\r\n";
    return out;
  }
  void start(ClientRequest request, size_t worker = 0) {
    layers[worker]->start(std::move(request), [this](const Answer& answer) { answers.push_back(answer); });
  }
  LayerCounters counters(size_t worker = 0) { return layers[worker]->counters(); }

  ManualClock clock;
  std::vector<std::unique_ptr<Worker>> workers;
  FakeTransport transport[2];
  TransactionIndex index;
  std::vector<std::unique_ptr<TransactionLayer>> layers;
  std::vector<std::shared_ptr<ServerTransaction>> delivered;
  std::vector<size_t> on_worker;
  std::vector<std::string> acks;
  std::vector<Answer> answers;
};

std::string message(const std::string& method, const std::string& via, const std::string& call = "c1") {
  return method + " sip:h SIP/2.0\r\nVia: " + via + "\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: " + call +
         "\r\nCSeq: 1 " + method + "\r\nContent-Length: 0\r\n\r\n";
}

std::string response(const ClientRequest& request, int code, const std::string& method = {}) {
  return "SIP/2.0 " + std::to_string(code) + " X\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=" + request.branch +
         "\r\nFrom: <sip:a@h>;tag=f\r\nTo: <sip:b@h>;tag=t\r\nCall-ID: call\r\nCSeq: 5 " +
         (method.empty() ? std::string(method_text(request.method)) : method) + "\r\nContent-Length: 0\r\n\r\n";
}

constexpr char kVia[] = "SIP/2.0/UDP 10.0.0.9:40000;branch=z9hG4bKa";

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

TEST(Layer, when_cancel_comes_then_it_has_a_transaction_of_its_own) {
  Layers net;
  net.in(message("INVITE", kVia));
  net.in(message("CANCEL", kVia));
  ASSERT_THAT(net.delivered, SizeIs(2));
  EXPECT_EQ(net.delivered[1]->request().method(), Method::cancel);
  net.delivered[1]->reject(200);
  net.delivered[0]->reject(487);
  ASSERT_THAT(net.transport[0].sent, SizeIs(2));
  EXPECT_THAT(net.transport[0].sent[1].bytes, HasSubstr("CSeq: 1 INVITE"));
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
