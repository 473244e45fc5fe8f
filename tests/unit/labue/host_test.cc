#include "lab/labue/host.h"

#include <gtest/gtest.h>

#include <array>

#include "pcscf/ipsec/fake_kernel.h"
#include "tests/unit/transport/net.h"

namespace lapwing::labue {
namespace {

using sip::endpoint;
using sip::Peer;

uint16_t free_port() {
  return Peer::bound(endpoint("127.0.0.1"), SOCK_STREAM, false).local().port;
}

// A peer's connection to the port: was it reset when the host closed?
bool reset_at_close(ipsec::Kernel* kernel, HandsetOptions options, uint16_t port) {
  ManualClock clock;
  Worker worker(0, clock);
  Host host(worker, sip::TimerValues::handset());
  const std::array<uint8_t, 16> key{};
  host.add(kernel, Sim::create("001010000000001", Secret(key), Secret(key)).value(), std::move(options), {});
  EXPECT_TRUE(host.open(sip::Protocol::tcp, endpoint("127.0.0.1", port)).ok());
  Peer peer(endpoint("127.0.0.1", port));
  EXPECT_TRUE(peer.connected);
  for (int i = 0; i < 3; ++i) worker.run_ready();
  host.close();
  auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (peer.read(), !peer.closed && std::chrono::steady_clock::now() < give_up) worker.run_ready();
  EXPECT_TRUE(peer.closed);
  return peer.reset;
}

HandsetOptions handset() {
  HandsetOptions options;
  options.who.imsi = "001010000000001";
  options.address = asio::ip::make_address("127.0.0.1");
  options.port = free_port();
  options.server_port = free_port();
  options.client_ports = {free_port()};
  return options;
}

// What the kernel still sent of it after the policies have gone would go in clear.
TEST(Host, when_closed_then_connections_are_reset) {
  ipsec::FakeKernel kernel;
  HandsetOptions options = handset();
  EXPECT_TRUE(reset_at_close(&kernel, options, options.server_port));
  EXPECT_TRUE(reset_at_close(&kernel, options, options.client_ports.front()));
}

}  // namespace
}  // namespace lapwing::labue
