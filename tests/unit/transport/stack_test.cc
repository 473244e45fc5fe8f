// The whole of SIP on two real threads: WorkerPool, Stack, sockets.
#include "common/sip/stack.h"

#include <gmock/gmock.h>

#include "common/sip/next_hop.h"
#include "tests/unit/transport/net.h"

namespace lapwing::sip {
namespace {

using ::testing::HasSubstr;

// A daemon of two workers that answers everything with 200.
struct Daemon {
  Daemon() : pool(2, clock), stack(pool, {}) {
    for (uint32_t i = 0; i < 2; ++i) {
      stack.layer(i).on_request([](const std::shared_ptr<ServerTransaction>& request) { request->reject(200); });
    }
    Peer free = Peer::bound(endpoint("127.0.0.1"), SOCK_STREAM, false);
    at = free.local();
  }
  ~Daemon() {
    pool.stop();
    stack.close();
  }
  SystemClock clock;
  WorkerPool pool;
  Stack stack;
  Endpoint at;
};

bool answered(Peer& peer, size_t count) {
  auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  auto seen = [&] {
    size_t found = 0;
    for (size_t at = 0; (at = peer.text.find("SIP/2.0 200 ", at)) != std::string::npos; ++at) ++found;
    return found;
  };
  for (peer.read(); seen() < count; peer.read()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  return true;
}

TEST(Stack, when_peers_ask_over_udp_and_tcp_then_all_are_answered_and_stopping_leaves_nothing) {
  std::vector<Peer> peers;
  Daemon daemon;
  ASSERT_TRUE(daemon.stack.listen(Protocol::udp, daemon.at).ok());
  ASSERT_TRUE(daemon.stack.listen(Protocol::tcp, daemon.at).ok());
  daemon.pool.start();
  for (int i = 0; i < 16; ++i) {
    peers.emplace_back(daemon.at);
    peers.emplace_back(daemon.at, endpoint("127.0.0.1"), SOCK_DGRAM);
  }
  int id = 0;
  for (int round = 1; round <= 4; ++round) {
    for (Peer& peer : peers) {
      std::string text = options(std::to_string(++id));
      peer.write(text.replace(text.find("h;branch"), 1, "h;rport"));
    }
    for (size_t i = 0; i < peers.size(); ++i) {
      ASSERT_TRUE(answered(peers[i], static_cast<size_t>(round)))
          << "round " << round << ", " << (i % 2 == 0 ? "TCP" : "UDP") << " peer " << i << ": " << peers[i].text;
    }
  }
  daemon.pool.stop();
  uint64_t requests = 0;
  for (uint32_t i = 0; i < 2; ++i) requests += daemon.stack.counters(i).layer.requests;
  EXPECT_EQ(requests, 4u * 32u);
}

TEST(Stack, when_a_second_daemon_wants_the_port_then_already_exists) {
  Daemon one, two;
  for (Protocol protocol : {Protocol::udp, Protocol::tcp}) {
    ASSERT_TRUE(one.stack.listen(protocol, one.at).ok());
    absl::Status taken = two.stack.listen(protocol, one.at);
    EXPECT_EQ(taken.code(), absl::StatusCode::kAlreadyExists) << taken;
    EXPECT_THAT(std::string(taken.message()), HasSubstr("another program has this port"));
  }
}

// "TCP 10.0.0.1:0 -> 10.0.0.2:5060", or why there is none.
std::string hop(const std::string& text, Protocol otherwise = Protocol::udp) {
  absl::StatusOr<Uri> uri = Uri::parse(text);
  EXPECT_TRUE(uri.ok()) << text;
  absl::StatusOr<Flow> flow =
      next_hop(*uri, {endpoint("10.0.0.1", 5060), endpoint("10.0.0.7", 5060), endpoint("2001:db8::1", 5070)}, otherwise,
               {{"tas.example.org", endpoint("10.0.0.9", 5065)}});
  return flow.ok() ? flow->text() : std::string(flow.status().message());
}

TEST(NextHop, when_the_host_is_an_address_then_the_flow_to_it) {
  EXPECT_EQ(hop("sip:10.0.0.2"), "UDP 10.0.0.1:5060 -> 10.0.0.2:5060");
  EXPECT_EQ(hop("sip:u@10.0.0.2:5062;lr"), "UDP 10.0.0.1:5060 -> 10.0.0.2:5062");
  EXPECT_EQ(hop("sip:10.0.0.2", Protocol::tcp), "TCP 10.0.0.1:0 -> 10.0.0.2:5060");
  EXPECT_EQ(hop("sip:10.0.0.2;transport=TCP"), "TCP 10.0.0.1:0 -> 10.0.0.2:5060");
  EXPECT_EQ(hop("sip:10.0.0.2;transport=udp", Protocol::tcp), "UDP 10.0.0.1:5060 -> 10.0.0.2:5060");
  EXPECT_EQ(hop("sip:10.0.0.2;transport=tls"), "TLS 10.0.0.1:0 -> 10.0.0.2:5061");
  EXPECT_EQ(hop("sips:10.0.0.2:5099"), "TLS 10.0.0.1:0 -> 10.0.0.2:5099");
  EXPECT_EQ(hop("sip:[2001:db8::2]"), "UDP [2001:db8::1]:5070 -> [2001:db8::2]:5060");
}

TEST(NextHop, when_the_host_is_a_name_of_the_table_then_the_flow_to_its_address) {
  EXPECT_EQ(hop("sip:tas.example.org"), "UDP 10.0.0.1:5060 -> 10.0.0.9:5065");
  EXPECT_EQ(hop("sip:TAS.Example.org:5070;transport=tcp"), "TCP 10.0.0.1:0 -> 10.0.0.9:5070");
}

TEST(NextHop, when_there_is_no_way_then_the_reason) {
  EXPECT_THAT(hop("tel:+49123"), HasSubstr("not sip"));
  EXPECT_THAT(hop("sip:example.org"), HasSubstr("example.org is a name that is not in `hosts`"));
  absl::StatusOr<Uri> uri = Uri::parse("sip:[2001:db8::2]");
  EXPECT_EQ(next_hop(*uri, {endpoint("10.0.0.1", 5060)}, Protocol::udp, {}).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace lapwing::sip
