#include <gmock/gmock.h>

#include "tests/unit/transport/net.h"

namespace lapwing::sip {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Datagrams, when_v4_and_v6_then_each_arrives_with_its_flow_and_is_answered) {
  Net net;
  for (std::string address : {"127.0.0.1", "::1"}) {
    Endpoint at = net.listen(Protocol::udp, address);
    Peer peer(at, endpoint(address), SOCK_DGRAM);
    net.in[0].messages.clear();
    peer.write(options("1"));
    ASSERT_TRUE(net.until([&] { return net.in[0].messages.size() == 1; }));
    Flow flow = net.in[0].messages[0].flow;
    EXPECT_EQ(flow, (Flow{Protocol::udp, at, peer.local(), 0}));
    net[0].send(flow, answer("1"), net.failed());
    ASSERT_TRUE(net.until([&] { return !peer.read().empty(); }));
    EXPECT_EQ(peer.text, answer("1"));
  }
  EXPECT_TRUE(net.failures.empty());
  EXPECT_EQ(net[0].counters().datagrams_in, 2u);
  EXPECT_EQ(net[0].counters().datagrams_out, 2u);
}

TEST(Datagrams, when_several_addresses_listen_then_each_answers_from_its_own) {
  Net net;
  Endpoint one = net.listen(Protocol::udp, "127.0.0.1"), two = net.listen(Protocol::udp, "127.0.0.2");
  Peer peer = Peer::bound(endpoint("127.0.0.1"), SOCK_DGRAM);
  for (const Endpoint& from : {one, two}) {
    net[0].send({Protocol::udp, from, peer.local(), 0}, "x", net.failed());
    ASSERT_TRUE(net.until([&] { return !peer.text.empty() || !peer.read().empty(); }));
    peer.text.clear();
  }
  net[0].send({Protocol::udp, one, peer.local(), 0}, "from one", {});
  char buffer[16];
  sockaddr_in from;
  socklen_t size = sizeof from;
  ASSERT_EQ(::recvfrom(peer.fd, buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &size), 8);
  EXPECT_EQ(ntohs(from.sin_port), one.port);
  EXPECT_TRUE(net.failures.empty());
}

TEST(Datagrams, when_keep_alive_or_sigcomp_then_nobody_hears_of_it) {
  Net net;
  Endpoint at = net.listen(Protocol::udp);
  Peer peer(at, endpoint("127.0.0.1"), SOCK_DGRAM);
  for (std::string_view bytes : {"\r\n", "\r\n\r\n", "", "\xf8 compressed"}) peer.write(bytes);
  peer.write(std::string(4, '\0'));
  peer.write(options("last"));
  ASSERT_TRUE(net.until([&] { return !net.in[0].messages.empty(); }));
  EXPECT_EQ(net.in[0].messages.size(), 1u);
  EXPECT_EQ(net.in[0].messages[0].bytes, options("last"));
}

TEST(Datagrams, when_larger_than_udp_carries_then_one_failure) {
  Net net;
  Endpoint at = net.listen(Protocol::udp);
  Peer peer(at, endpoint("127.0.0.1"), SOCK_DGRAM);
  net[0].send({Protocol::udp, at, peer.local(), 0}, std::string(65508, 'x'), net.failed());
  EXPECT_TRUE(net.failures.empty()) << "never inside send()";
  ASSERT_TRUE(net.until([&] { return !net.failures.empty(); }));
  EXPECT_THAT(net.failures, ElementsAre(HasSubstr("Message too long")));
}

TEST(Datagrams, when_the_largest_datagram_comes_then_whole) {
  Net net;
  Endpoint at = net.listen(Protocol::udp);
  Peer peer(at, endpoint("127.0.0.1"), SOCK_DGRAM);
  peer.write(std::string(65507, 'x'));
  ASSERT_TRUE(net.until([&] { return !net.in[0].messages.empty(); }));
  EXPECT_EQ(net.in[0].messages[0].bytes.size(), 65507u);
}

TEST(Datagrams, when_nothing_listens_on_the_flows_local_end_then_failure) {
  Net net;
  net[0].send({Protocol::udp, endpoint("127.0.0.1", 9), endpoint("127.0.0.1", 9), 0}, "x", net.failed());
  ASSERT_TRUE(net.until([&] { return !net.failures.empty(); }));
  EXPECT_THAT(net.failures, ElementsAre("no UDP socket on 127.0.0.1:9"));
}

TEST(Datagrams, when_an_earlier_one_was_refused_then_the_next_still_leaves) {
  Net net;
  Endpoint at = net.listen(Protocol::udp);
  Endpoint nobody;
  {
    Peer gone = Peer::bound(endpoint("127.0.0.1"), SOCK_DGRAM);
    nobody = gone.local();
  }
  Peer peer(at, endpoint("127.0.0.1"), SOCK_DGRAM);
  net[0].send({Protocol::udp, at, nobody, 0}, "to nobody", net.failed());
  net[0].send({Protocol::udp, at, peer.local(), 0}, "to somebody", net.failed());
  ASSERT_TRUE(net.until([&] { return !peer.read().empty(); }));
  peer.write(options("1"));
  ASSERT_TRUE(net.until([&] { return !net.in[0].messages.empty(); }));
  EXPECT_TRUE(net.failures.empty());
}

TEST(Listen, when_the_port_is_taken_then_already_exists_says_so) {
  Net net;
  for (Protocol protocol : {Protocol::udp, Protocol::tcp}) {
    for (bool shared : {false, true}) {
      Peer other;
      other.fd = ::socket(AF_INET, protocol == Protocol::udp ? SOCK_DGRAM : SOCK_STREAM, 0);
      int on = 1;
      if (shared) ::setsockopt(other.fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
      sockaddr_in any{};
      any.sin_family = AF_INET;
      any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      ASSERT_EQ(::bind(other.fd, reinterpret_cast<sockaddr*>(&any), sizeof any), 0);
      if (protocol == Protocol::tcp) ::listen(other.fd, 1);
      absl::Status taken = probe_bind(protocol, other.local());
      EXPECT_EQ(taken.code(), absl::StatusCode::kAlreadyExists) << taken;
      EXPECT_THAT(std::string(taken.message()), HasSubstr("cannot listen on " + other.local().text()));
      EXPECT_THAT(std::string(taken.message()), HasSubstr("another program has this port"));
      absl::StatusOr<Endpoint> bound = net[0].listen(protocol, other.local(), false);
      EXPECT_EQ(bound.status().code(), absl::StatusCode::kAlreadyExists) << bound.status();
      other.close();
    }
  }
}

TEST(Listen, when_the_port_was_closed_with_connections_a_moment_ago_then_it_is_free) {
  Endpoint at;
  Peer peer;
  {
    Net net;
    at = net.listen(Protocol::tcp);
    peer = Peer(at);
    ASSERT_TRUE(net.until([&] { return net.connections() == 1; }));
  }
  EXPECT_TRUE(probe_bind(Protocol::tcp, at).ok()) << "TIME_WAIT is no other program";
}

TEST(Listen, when_the_address_is_not_here_then_failed_precondition) {
  Net net;
  absl::StatusOr<Endpoint> bound = net[0].listen(Protocol::udp, endpoint("192.0.2.1"), false);
  EXPECT_EQ(bound.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(bound.status().message()), HasSubstr("no interface has this address"));
}

}  // namespace
}  // namespace lapwing::sip
