#include <gmock/gmock.h>

#include "tests/unit/transport/net.h"

namespace lapwing::sip {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr auto second = std::chrono::seconds(1);

// A worker that listens for TCP, answers on demand, and one peer that is connected to it.
struct Connected : Net {
  explicit Connected(SocketTransport::Options options = {}) : Net(options) {
    at = listen(Protocol::tcp);
    peer = Peer(at);
    EXPECT_TRUE(until([&] { return connections() == 1; }));
  }
  bool come(size_t count) {
    return until([&] { return in[0].messages.size() >= count; });
  }
  bool peer_closed() {
    return until([&] { return peer.read(), peer.closed; });
  }
  Endpoint at;
  Peer peer;
};

TEST(Streams, when_bytes_come_one_by_one_then_one_message) {
  Connected net;
  for (char c : options("1", "body")) {
    net.peer.write(std::string_view(&c, 1));
    net.run();
  }
  ASSERT_TRUE(net.come(1));
  EXPECT_EQ(net.in[0].messages[0].bytes, options("1", "body"));
  Flow flow = net.in[0].messages[0].flow;
  EXPECT_EQ(flow.protocol, Protocol::tcp);
  EXPECT_EQ(flow.local, net.at);
  EXPECT_EQ(flow.remote, net.peer.local());
  EXPECT_NE(flow.connection, 0u);
}

TEST(Streams, when_several_messages_come_in_one_write_then_each_in_order) {
  Connected net;
  std::string all;
  for (int i = 0; i < 50; ++i) all += options(std::to_string(i), std::string(static_cast<size_t>(i), 'x'));
  net.peer.write(all);
  ASSERT_TRUE(net.come(50));
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(net.in[0].messages[static_cast<size_t>(i)].bytes,
              options(std::to_string(i), std::string(static_cast<size_t>(i), 'x')));
  }
}

TEST(Streams, when_pinged_then_pong_and_a_pong_is_ignored) {
  Connected net;
  net.peer.write("\r\n\r\n");
  ASSERT_TRUE(net.until([&] { return !net.peer.read().empty(); }));
  EXPECT_EQ(net.peer.text, "\r\n");
  net.peer.write("\r\n");
  net.peer.write(options("1"));
  ASSERT_TRUE(net.come(1));
  EXPECT_EQ(net.peer.read(), "\r\n");
}

TEST(Streams, when_content_length_is_wrong_then_answered_and_closed) {
  for (std::string length : {"", "Content-Length: -1\r\n", "Content-Length: 1\r\nl: 2\r\n", "l: 999999999\r\n"}) {
    Connected net;
    net.in[0].on_broken = [&](const Inbox::In& in) { net[0].send(in.flow, "SIP/2.0 400 No\r\n\r\n", net.failed()); };
    std::string text = options("1");
    text.replace(text.find("Content-Length: 0\r\n"), 19, length);
    net.peer.write(text + "and the rest of it, which nobody can read");
    ASSERT_TRUE(net.peer_closed()) << length;
    EXPECT_EQ(net.peer.text, "SIP/2.0 400 No\r\n\r\n") << length;
    EXPECT_FALSE(net.peer.reset) << length;
    EXPECT_THAT(net.in[0].broken, SizeIs(1));
    net.peer.close();
    EXPECT_TRUE(net.until([&] { return net.connections() == 0; })) << length;
  }
}

TEST(Streams, when_framing_is_lost_behind_a_good_message_then_both_are_answered) {
  Connected net;
  net.in[0].on_message = [&](const Inbox::In& in) { net[0].send(in.flow, answer("1"), net.failed()); };
  net.in[0].on_broken = [&](const Inbox::In& in) { net[0].send(in.flow, "SIP/2.0 400 No\r\n\r\n", net.failed()); };
  std::string bad = options("2");
  bad.replace(bad.find("Content-Length: 0"), 17, "Content-Length: x");
  net.peer.write(options("1") + bad + std::string(100'000, 'x'));
  ASSERT_TRUE(net.peer_closed());
  EXPECT_EQ(net.peer.text, answer("1") + "SIP/2.0 400 No\r\n\r\n");
  EXPECT_TRUE(net.failures.empty());
}

TEST(Streams, when_a_peer_keeps_sending_after_lost_framing_then_it_is_cut_off) {
  Connected net;
  net.peer.write("\x16\x03\x01 not SIP");
  ASSERT_TRUE(net.peer_closed());
  EXPECT_EQ(net.connections(), 1u) << "waits for the peer's end";
  net.pass(2 * second);
  EXPECT_EQ(net.connections(), 0u);
  EXPECT_TRUE(net.in[0].broken.empty());
}

TEST(Streams, when_answering_then_the_requests_connection_is_used) {
  Connected net;
  net.peer.write(options("1"));
  ASSERT_TRUE(net.come(1));
  Flow flow = net.in[0].messages[0].flow;
  flow.remote.port = 1;  // sent-by's; the connection decides
  net[0].send(flow, answer("1"), net.failed());
  ASSERT_TRUE(net.until([&] { return !net.peer.read().empty(); }));
  EXPECT_EQ(net.peer.text, answer("1"));
  EXPECT_EQ(net.connections(), 1u);
}

TEST(Streams, when_requests_go_to_one_place_then_over_one_connection) {
  Net net;
  Peer server = Peer::bound(endpoint("127.0.0.1"));
  Flow flow{Protocol::tcp, endpoint("127.0.0.1"), server.local(), 0};
  net[0].send(flow, "one", net.failed());
  net[0].send(flow, "two", net.failed());
  Peer peer;
  ASSERT_TRUE(net.until([&] { return (peer = server.accept()).valid(); }));
  net[0].send(flow, "three", net.failed());
  ASSERT_TRUE(net.until([&] { return peer.read().size() == 11; }));
  EXPECT_EQ(peer.text, "onetwothree");
  EXPECT_FALSE(server.accept().valid());
  // What comes back on it is received like anything else.
  peer.write(answer("1"));
  ASSERT_TRUE(net.until([&] { return net.in[0].messages.size() == 1; }));
  EXPECT_EQ(net.in[0].messages[0].flow.local, peer.remote());
}

TEST(Streams, when_a_connection_has_died_then_the_next_request_opens_another) {
  Net net;
  Peer server = Peer::bound(endpoint("127.0.0.1"));
  Flow flow{Protocol::tcp, endpoint("127.0.0.1"), server.local(), 0};
  for (int i = 0; i < 3; ++i) {
    net[0].send(flow, "request", net.failed());
    Peer peer;
    ASSERT_TRUE(net.until([&] { return (peer = server.accept()).valid(); }));
    ASSERT_TRUE(net.until([&] { return peer.read() == "request"; }));
    peer.close();
    ASSERT_TRUE(net.until([&] { return net.connections() == 0; })) << "a peer that closes leaves nothing behind";
  }
  EXPECT_TRUE(net.failures.empty());
}

TEST(Streams, when_an_answers_connection_has_died_then_another_goes_to_sent_by) {
  Net net;
  absl::StatusOr<Endpoint> at = net[0].listen(Protocol::tcp, endpoint("127.0.0.1"), true);
  ASSERT_TRUE(at.ok());
  Peer peer(*at);
  peer.write(options("1"));
  ASSERT_TRUE(net.until([&] { return net.in[0].messages.size() == 1; }));
  Flow flow = net.in[0].messages[0].flow;
  linger hard{1, 0};
  ::setsockopt(peer.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  peer.close();
  ASSERT_TRUE(net.until([&] { return net.connections() == 0; }));
  Peer server = Peer::bound(endpoint("127.0.0.1"));
  flow.remote = server.local();
  net[0].send(flow, answer("1"), net.failed());
  ASSERT_TRUE(net.until([&] { return (peer = server.accept()).valid(); }));
  EXPECT_TRUE(net.until([&] { return peer.read() == answer("1"); }));
}

TEST(Streams, when_the_peer_ends_its_side_then_it_still_gets_its_answers) {
  Connected net;
  net.peer.write(options("1") + options("2"));
  net.peer.finish();
  ASSERT_TRUE(net.come(2));
  for (int i = 0; i < 10; ++i) net.run();
  EXPECT_EQ(net.connections(), 1u);
  net[0].send(net.in[0].messages[0].flow, "SIP/2.0 100 Trying\r\n\r\n", net.failed());
  net[0].send(net.in[0].messages[0].flow, answer("1"), net.failed());
  for (int i = 0; i < 10; ++i) net.run();
  EXPECT_EQ(net.connections(), 1u) << "the second is not answered yet";
  net[0].send(net.in[0].messages[1].flow, answer("2"), net.failed());
  ASSERT_TRUE(net.peer_closed());
  EXPECT_EQ(net.peer.text, "SIP/2.0 100 Trying\r\n\r\n" + answer("1") + answer("2"));
  EXPECT_EQ(net.connections(), 0u);
  EXPECT_TRUE(net.failures.empty());
}

TEST(Streams, when_the_peer_ends_its_side_and_no_answer_comes_then_closed_in_time) {
  Connected net;
  net.peer.write(options("1"));
  net.peer.finish();
  ASSERT_TRUE(net.come(1));
  for (int i = 0; i < 10; ++i) net.run();
  net.pass(31 * second);
  EXPECT_EQ(net.connections(), 0u);
}

TEST(Streams, when_many_connections_come_and_go_then_none_counts_against_the_address) {
  Net net({}, 4);
  Endpoint at = net.listen(Protocol::tcp);
  for (size_t i = 1; i <= 20; ++i) {
    Peer peer(at);
    peer.write(options("1"));
    ASSERT_TRUE(net.until([&] { return net.in[0].messages.size() == i; }));
    net[0].send(net.in[0].messages.back().flow, answer("1"), {});
    ASSERT_TRUE(net.until([&] { return !peer.read().empty(); }));
    peer.close();
    ASSERT_TRUE(net.until([&] { return net.connections() == 0; }));
  }
  EXPECT_EQ(net[0].counters().connections_refused, 0u);
}

TEST(Streams, when_idle_for_two_hours_then_closed_and_traffic_keeps_open) {
  Connected net;
  net.pass(std::chrono::hours(1));
  net.peer.write("\r\n\r\n");
  ASSERT_TRUE(net.until([&] { return !net.peer.read().empty(); }));
  net.pass(std::chrono::minutes(90));
  EXPECT_EQ(net.connections(), 1u);
  net.pass(std::chrono::minutes(31));
  EXPECT_EQ(net.connections(), 0u);
  EXPECT_TRUE(net.peer_closed());
}

TEST(Streams, when_a_message_stays_unfinished_then_closed_however_slowly_it_goes_on) {
  Connected net;
  net.peer.write(options("1").substr(0, 40));
  for (int i = 0; i < 59; ++i) {
    net.peer.write("x");
    net.pass(second);
    net.until([] { return true; });
    if (net.connections() == 0) break;
  }
  net.pass(second);
  EXPECT_EQ(net.connections(), 0u);
  EXPECT_TRUE(net.peer_closed());
}

TEST(Streams, when_an_address_has_its_share_then_refused_and_others_are_not) {
  Net net({}, 2);
  Endpoint at = net.listen(Protocol::tcp);
  Peer one(at), two(at);
  ASSERT_TRUE(net.until([&] { return net.connections() == 2; }));
  Peer three(at);
  ASSERT_TRUE(net.until([&] { return three.read(), three.closed; }));
  EXPECT_EQ(net[0].counters().connections_refused, 1u);
  Peer other(at, endpoint("127.0.0.2"));
  ASSERT_TRUE(net.until([&] { return net.connections() == 3; }));
  one.close();
  ASSERT_TRUE(net.until([&] { return net.connections() == 2; }));
  Peer four(at);
  ASSERT_TRUE(net.until([&] { return net.connections() == 3; }));
}

TEST(Streams, when_the_peer_does_not_read_then_the_limit_closes_and_every_sender_hears_once) {
  SocketTransport::Options options;
  options.unsent_limit = 1 << 20;
  Connected net(options);
  net.peer.write(sip::options("1"));
  ASSERT_TRUE(net.come(1));
  Flow flow = net.in[0].messages[0].flow;
  size_t sent = 0;
  while (net.connections() == 1 && sent < 2000) {
    net[0].send(flow, std::string(64 * 1024, 'x'), net.failed());
    ++sent;
    net.run();
  }
  ASSERT_LT(sent, 2000u);
  ASSERT_TRUE(net.until([&] { return net.failures.size() >= 16; }));
  EXPECT_LE(net.failures.size(), 18u) << "one megabyte, and the message that was too much";
  EXPECT_THAT(net.failures[0], HasSubstr("takes no more bytes"));
  EXPECT_THAT(net.failures[1], HasSubstr("does not read"));
}

TEST(Streams, when_the_connection_is_refused_then_every_sender_hears_once) {
  Net net;
  Endpoint nobody;
  {
    Peer gone = Peer::bound(endpoint("127.0.0.1"));
    nobody = gone.local();
  }
  Flow flow{Protocol::tcp, endpoint("127.0.0.1"), nobody, 0};
  net[0].send(flow, "one", net.failed());
  net[0].send(flow, "two", net.failed());
  EXPECT_TRUE(net.failures.empty()) << "never inside send()";
  ASSERT_TRUE(net.until([&] { return net.failures.size() == 2; }));
  for (int i = 0; i < 10; ++i) net.run();
  EXPECT_THAT(net.failures, ElementsAre(HasSubstr("Connection refused"), HasSubstr("Connection refused")));
  EXPECT_EQ(net.connections(), 0u);
}

TEST(Streams, when_nobody_accepts_then_the_time_out_is_the_one_failure) {
  Net net;
  Peer server = Peer::bound(endpoint("127.0.0.1"), SOCK_STREAM, false);
  ::listen(server.fd, 0);
  Peer first(server.local());  // fills the queue: the next SYN is not answered
  Flow flow{Protocol::tcp, endpoint("127.0.0.1"), server.local(), 0};
  net[0].send(flow, "x", net.failed());
  for (int i = 0; i < 20; ++i) net.run();
  EXPECT_TRUE(net.failures.empty());
  net.pass(5 * second);
  ASSERT_TRUE(net.until([&] { return !net.failures.empty(); }));
  EXPECT_THAT(net.failures, ElementsAre("no connection to " + server.local().text()));
}

TEST(Streams, when_the_local_port_is_given_then_it_serves_several_peers_and_workers) {
  Net net;
  Endpoint from;
  {
    Peer free = Peer::bound(endpoint("127.0.0.1"), SOCK_STREAM, false);
    from = free.local();
  }
  Peer a = Peer::bound(endpoint("127.0.0.1")), b = Peer::bound(endpoint("127.0.0.1")), to_a, to_b;
  net[0].send({Protocol::tcp, from, a.local(), 0}, "to a", net.failed());
  net[1].send({Protocol::tcp, from, b.local(), 0}, "to b", net.failed());
  ASSERT_TRUE(net.until([&] { return (to_a.valid() || (to_a = a.accept()).valid()) && to_a.read() == "to a"; }));
  ASSERT_TRUE(net.until([&] { return (to_b.valid() || (to_b = b.accept()).valid()) && to_b.read() == "to b"; }));
  EXPECT_EQ(to_a.remote(), from);
  EXPECT_EQ(to_b.remote(), from);
  EXPECT_TRUE(net.failures.empty());
}

TEST(Streams, when_reset_then_the_same_ports_connect_again_at_once) {
  Net net;
  Endpoint from;
  {
    Peer free = Peer::bound(endpoint("127.0.0.1"), SOCK_STREAM, false);
    from = free.local();
  }
  Peer server = Peer::bound(endpoint("127.0.0.1"));
  Flow flow{Protocol::tcp, from, server.local(), 0};
  for (int i = 0; i < 3; ++i) {
    net[0].send(flow, "again", net.failed());
    Peer peer;
    ASSERT_TRUE(net.until([&] { return (peer.valid() || (peer = server.accept()).valid()) && !peer.read().empty(); }))
        << testing::PrintToString(net.failures);
    net[0].reset(flow);
    ASSERT_TRUE(net.until([&] { return peer.read(), peer.closed; }));
    EXPECT_TRUE(peer.reset);
  }
  EXPECT_TRUE(net.failures.empty());
}

TEST(Streams, when_a_connection_is_another_workers_then_it_is_reset_all_the_same) {
  Net net;
  Peer server = Peer::bound(endpoint("127.0.0.1")), peer;
  Flow flow{Protocol::tcp, endpoint("127.0.0.1"), server.local(), 0};
  {
    Peer free = Peer::bound(endpoint("127.0.0.1"), SOCK_STREAM, false);
    flow.local = free.local();
  }
  net[0].send(flow, "hello", net.failed());
  ASSERT_TRUE(net.until([&] { return (peer.valid() || (peer = server.accept()).valid()) && !peer.read().empty(); }));
  net[1].reset(flow);
  ASSERT_TRUE(net.until([&] { return peer.read(), peer.closed; }));
  EXPECT_TRUE(peer.reset);
}

TEST(Streams, when_the_peer_closed_then_the_same_local_port_connects_again) {
  Net net;
  Endpoint from;
  {
    Peer free = Peer::bound(endpoint("127.0.0.1"), SOCK_STREAM, false);
    from = free.local();
  }
  Peer server = Peer::bound(endpoint("127.0.0.1"));
  Flow flow{Protocol::tcp, from, server.local(), 0};
  for (int i = 0; i < 3; ++i) {
    net[0].send(flow, "again", net.failed());
    Peer peer;
    ASSERT_TRUE(net.until([&] { return (peer.valid() || (peer = server.accept()).valid()) && !peer.read().empty(); }))
        << testing::PrintToString(net.failures);
    peer.close();
    ASSERT_TRUE(net.until([&] { return net.connections() == 0; }));
  }
}

TEST(Streams, when_a_burst_is_sent_before_closing_then_all_of_it_is_received) {
  Connected net;
  std::string all;
  for (int i = 0; i < 500; ++i) all += options(std::to_string(i), std::string(100, 'x'));
  std::thread writer([&] {
    for (std::string_view rest = all; !rest.empty();) {
      ssize_t size = net.peer.write(rest);
      if (size <= 0) break;
      rest.remove_prefix(static_cast<size_t>(size));
    }
    net.peer.finish();
  });
  EXPECT_TRUE(net.come(500));
  writer.join();
  EXPECT_EQ(net.in[0].messages.size(), 500u);
  EXPECT_EQ(net.in[0].messages.back().bytes, options("499", std::string(100, 'x')));
}

TEST(Streams, when_another_worker_has_the_connection_then_it_writes) {
  Connected net;
  net.peer.write(options("1"));
  ASSERT_TRUE(net.come(1));
  Flow flow = net.in[0].messages[0].flow;
  net[1].send(flow, "from 1 by id;", net.failed());
  flow.connection = 0;
  net[1].send(flow, "by ends;", net.failed());
  flow.local.port = 0;
  net[1].send(flow, "by address", net.failed());
  ASSERT_TRUE(net.until([&] { return net.peer.read().size() == 31; })) << net.peer.text;
  EXPECT_EQ(net.peer.text, "from 1 by id;by ends;by address");
  EXPECT_EQ(net.connections(1), 0u);
  EXPECT_TRUE(net.failures.empty());
}

TEST(Streams, when_tls_is_not_configured_then_nothing_leaves_in_clear) {
  Net net;
  Peer server = Peer::bound(endpoint("127.0.0.1"));
  net[0].send({Protocol::tls, endpoint("127.0.0.1"), server.local(), 0}, "secret", net.failed());
  ASSERT_TRUE(net.until([&] { return !net.failures.empty(); }));
  EXPECT_THAT(net.failures, ElementsAre("TLS is not configured"));
  EXPECT_FALSE(server.accept().valid());
  EXPECT_EQ(net[0].listen(Protocol::tls, endpoint("127.0.0.1"), false).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(Streams, when_stopped_then_the_connections_asked_for_are_reset_and_others_are_finished) {
  Net net;
  Endpoint secret = net.listen(Protocol::tcp), open = net.listen(Protocol::tcp);
  Peer accepted(secret), unprotected(open), server = Peer::bound(endpoint("127.0.0.1")), to_server;
  Endpoint from;
  {
    Peer free = Peer::bound(endpoint("127.0.0.1"), SOCK_STREAM, false);
    from = free.local();
  }
  net[0].send({Protocol::tcp, from, server.local(), 0}, "hello", net.failed());
  ASSERT_TRUE(net.until([&] {
    return (to_server.valid() || (to_server = server.accept()).valid()) && to_server.read() == "hello" &&
           net.connections() == 3;
  }));
  net[0].close([&](const Flow& flow) { return flow.local.port == secret.port || flow.local.port == from.port; });
  for (Peer* peer : {&accepted, &unprotected, &to_server}) {
    ASSERT_TRUE(net.until([&] { return peer->read(), peer->closed; }));
  }
  EXPECT_TRUE(accepted.reset);
  EXPECT_TRUE(to_server.reset);
  EXPECT_FALSE(unprotected.reset);
}

TEST(Streams, when_nothing_may_linger_then_a_connection_that_the_peer_ended_is_reset) {
  for (bool linger : {true, false}) {
    Connected net({.limits = {}, .linger = linger});
    net.peer.finish();
    ASSERT_TRUE(net.until([&] { return net.peer.read(), net.peer.closed; }));
    EXPECT_EQ(net.peer.reset, !linger);
  }
}

TEST(Streams, when_stopped_then_open_connections_and_unsent_bytes_are_told) {
  auto net = std::make_unique<Connected>();
  net->peer.write(options("1"));
  ASSERT_TRUE(net->come(1));
  Peer server = Peer::bound(endpoint("127.0.0.1"), SOCK_STREAM, false);
  ::listen(server.fd, 0);
  Peer first(server.local());
  (*net)[0].send({Protocol::tcp, endpoint("127.0.0.1"), server.local(), 0}, "never", net->failed());
  net->run();
  (*net)[0].close();
  net->run();
  EXPECT_THAT(net->failures, ElementsAre("the program is stopping"));
  (*net)[0].send(net->in[0].messages[0].flow, "late", net->failed());
  net->run();
  EXPECT_THAT(net->failures, SizeIs(2));
  EXPECT_TRUE(net->peer_closed());
}

}  // namespace
}  // namespace lapwing::sip
