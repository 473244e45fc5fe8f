// What one registration costs in the kernel: the four SAs of a set, installed and removed over netlink, awaited by a
// worker. Needs a kernel with ESP: lab/esp-kernel -- build/release/bin/bench_ipsec
#include <benchmark/benchmark.h>

#include <array>

#include "pcscf/ipsec/netlink_kernel.h"
#include "pcscf/ipsec/sec_agree.h"

namespace {

using namespace lapwing;
using namespace lapwing::ipsec;

const std::vector<Algorithms> kPairs = {{Integrity::hmac_sha1_96, Encryption::aes_cbc},
                                        {Integrity::hmac_sha1_96, Encryption::null},
                                        {Integrity::null, Encryption::aes_gcm}};

SaSet set_of(Algorithms algorithms, uint32_t handset) {
  SaSet set;
  set.ue = asio::ip::address_v4(0x0a090000u + 2 + handset);
  set.pcscf = asio::ip::make_address("10.8.0.1");
  set.uc = Port{6301};
  set.us = Port{6300};
  set.pc = Port{5101};
  set.ps = Port{5100};
  set.spi_uc = Spi{1001};
  set.spi_us = Spi{1002};
  set.spi_pc = Spi{100000 + 2 * handset};
  set.spi_ps = Spi{100001 + 2 * handset};
  set.algorithms = algorithms;
  std::array<uint8_t, 16> key{1, 2, 3};
  set.ck = Secret(key);
  key[15] = 4;
  set.ik = Secret(key);
  return set;
}

Task<void> cycle(benchmark::State* state, NetlinkKernel* kernel, Worker* worker, Algorithms algorithms) {
  // A P-CSCF in the middle of its day: other handsets' SAs are there.
  const auto others = static_cast<uint32_t>(state->range(1));
  absl::Status status;
  for (uint32_t i = 1; i <= others && status.ok(); ++i)
    status = co_await kernel->install(*worker, set_of(algorithms, i), std::chrono::hours(1));
  SaSet set = set_of(algorithms, 0);
  for (auto _ : *state) {
    if (status.ok()) status = co_await kernel->install(*worker, set, std::chrono::hours(1));
    if (status.ok()) status = co_await kernel->remove(*worker, set);
    if (!status.ok()) {
      state->SkipWithError(status.ToString().c_str());
      break;
    }
  }
  worker->stop();
}

void install_and_remove(benchmark::State& state) {
  Algorithms algorithms = kPairs[static_cast<size_t>(state.range(0))];
  SystemClock clock;
  Worker worker(0, clock);
  NetlinkKernel kernel({.reqid = 0x6c617077});
  state.SetLabel(text(algorithms));
  absl::Status ready =
      kernel.prepare(End::pcscf, {asio::ip::make_address("10.8.0.1")}, Port{5100}, {Port{5101}}, {algorithms});
  if (!ready.ok()) {
    state.SkipWithError(("run it by lab/esp-kernel: " + ready.ToString()).c_str());
    kernel.clear();
    return;
  }
  worker.post([&] { worker.spawn(cycle(&state, &kernel, &worker, algorithms)); });
  worker.run();
  kernel.clear();
}
BENCHMARK(install_and_remove)->ArgsProduct({{0, 1, 2}, {0}})->Args({0, 2000})->UseRealTime();

void parse_eight_and_choose(benchmark::State& state) {
  std::vector<Algorithms> all;
  for (Integrity integrity : {Integrity::hmac_md5_96, Integrity::hmac_sha1_96})
    for (Encryption encryption : {Encryption::des_ede3_cbc, Encryption::aes_cbc, Encryption::null})
      all.push_back({integrity, encryption});
  all.push_back({Integrity::aes_gmac, Encryption::null});
  all.push_back({Integrity::null, Encryption::aes_gcm});
  std::string request =
      "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@a>;tag=1\r\nTo: <sip:a@a>\r\n"
      "Call-ID: 1\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\nSecurity-Client: " +
      security_client(all, Spi{1001}, Spi{1002}, Port{6301}, Port{6300}) + "\r\nContent-Length: 0\r\n\r\n";
  sip::ParseResult parsed = sip::Message::parse(request, sip::Framing::datagram);
  for (auto _ : state) {
    auto offer = parse_offer(*parsed.message, sip::HeaderId::security_client);
    benchmark::DoNotOptimize(choose(kPairs, *offer));
  }
}
BENCHMARK(parse_eight_and_choose);

}  // namespace
