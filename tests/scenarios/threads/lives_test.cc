// Registrations, calls and messages with every thread that a deployment has: a P-CSCF and an S-CSCF of four workers
// each and many handsets, joined by a network in memory that gives each datagram to any worker, as the kernel's hash
// does. For the thread sanitizer: the outcome is checked, but what counts is what the threads touch on the way.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_format.h"
#include "common/runtime/ids.h"
#include "common/runtime/one_shot.h"
#include "lab/labue/handset.h"
#include "lab/labue/settings.h"
#include "pcscf/core.h"
#include "pcscf/ipsec/fake_kernel.h"
#include "scscf/call_records.h"
#include "scscf/core.h"
#include "scscf/procedures/deregister.h"

namespace lapwing {
namespace {

constexpr uint32_t workers = 4;
constexpr size_t handset_count = 24;
constexpr int rounds = 3;
constexpr std::string_view k_hex = "465b5ce8b199b49faa5f0a2ee238a6bc", opc_hex = "cd63cb71954a9f4e48a5994e37a02baf";

Secret secret(std::string_view hex) {
  std::string raw = from_hex(hex);
  return Secret(std::span(reinterpret_cast<const uint8_t*>(raw.data()), raw.size()));
}

sip::Endpoint at(std::string_view text) {
  return *endpoint_from(text);
}

// Three homes of datagrams, each with its workers. A stream's bytes go whole, message by message.
class Network {
 public:
  enum Home { pcscf, scscf, handsets };

  void join(Home home, Worker& worker, sip::TransactionLayer& layer) { homes_[home].push_back({&worker, &layer}); }
  void carry(const sip::Flow& flow, std::string bytes) {
    const std::vector<Member>& members = homes_[home_of(flow.remote)];
    const Member& member = members[random_between(0, static_cast<uint32_t>(members.size() - 1))];
    sip::Flow there{flow.protocol, flow.remote, flow.local, flow.connection};
    if (sip::reliable(flow.protocol)) there.connection = 1;
    member.worker->post([layer = member.layer, there, bytes = std::move(bytes)]() mutable {
      layer->received(std::move(bytes), there);
    });
  }

 private:
  struct Member {
    Worker* worker;
    sip::TransactionLayer* layer;
  };
  static Home home_of(const sip::Endpoint& to) {
    if (to == at("10.4.128.22:6060")) return scscf;
    return to.address == at("10.4.128.21:1").address ? pcscf : handsets;
  }
  std::array<std::vector<Member>, 3> homes_;
};

class LoopTransport final : public sip::Transport {
 public:
  explicit LoopTransport(Network& network) : network_(network) {}
  void send(const sip::Flow& flow, std::string_view bytes, Failed) override {
    network_.carry(flow, std::string(bytes));
  }
  void reset(const sip::Flow&) override {}

 private:
  Network& network_;
};

// Answers at once, from any thread, for any user.
class QuickHss final : public Hss {
 public:
  Task<HssOutcome<cx::UserAuthorizationAnswer>> authorize(Worker&, cx::UserAuthorizationRequest) override {
    cx::UserAuthorizationAnswer uaa;
    uaa.result = cx::experimental::first_registration;
    co_return uaa;
  }
  Task<HssOutcome<cx::MultimediaAuthAnswer>> authenticate(Worker&, cx::MultimediaAuthRequest) override {
    auto milenage = aka::Milenage::create(secret(k_hex), secret(opc_hex));
    aka::AuthVector made = aka::make_vector(*milenage, aka::random_rand(), sqn_ += 32, 0x8000);
    cx::MultimediaAuthAnswer maa;
    maa.result = cx::base::success;
    cx::AuthDataItem item;
    item.scheme = "Digest-AKAv1-MD5";
    item.authenticate = made.authenticate();
    item.authorization = made.xres;
    item.confidentiality_key = made.ck;
    item.integrity_key = made.ik;
    maa.vectors.push_back(std::move(item));
    co_return maa;
  }
  Task<HssOutcome<cx::ServerAssignmentAnswer>> assign(Worker&, cx::ServerAssignmentRequest request) override {
    cx::ServerAssignmentAnswer saa;
    saa.result = cx::base::success;
    std::string imsi = request.impi.substr(0, request.impi.find('@'));
    saa.user_data = absl::StrFormat(
        "<IMSSubscription><PrivateID>%s</PrivateID><ServiceProfile><PublicIdentity><BarringIndication>1"
        "</BarringIndication><Identity>sip:%s</Identity></PublicIdentity><PublicIdentity><Identity>tel:+1%s</Identity>"
        "</PublicIdentity></ServiceProfile></IMSSubscription>",
        request.impi, request.impi, imsi);
    co_return saa;
  }
  Task<HssOutcome<cx::LocationInfoAnswer>> locate(Worker&, cx::LocationInfoRequest) override {
    co_return HssFailure{HssFailure::Kind::no_peer, "nobody asks"};
  }
  std::vector<HssPeerState> peers() const override { return {}; }

 private:
  std::atomic<uint64_t> sqn_{32};
};

class NoPorts final : public labue::Ports {
 public:
  absl::Status open(sip::Protocol, const Endpoint&) override { return absl::OkStatus(); }
  void reset(const sip::Flow&) override {}
  absl::StatusOr<std::unique_ptr<labue::MediaPort>> open_media(const asio::ip::address&) override {
    return absl::UnimplementedError("no media here");
  }
};

// A daemon's workers with their layers.
struct Stack {
  Stack(Network& network, Network::Home home, uint32_t count, const Clock& clock,
        const sip::TransactionLayer::Options& options)
      : pool(count, clock), transport(network) {
    for (uint32_t i = 0; i < count; ++i) {
      layers.push_back(std::make_unique<sip::TransactionLayer>(pool.at(i), transport, index, options));
      network.join(home, pool.at(i), *layers.back());
    }
  }
  WorkerPool pool;
  LoopTransport transport;
  sip::TransactionIndex index;
  std::vector<std::unique_ptr<sip::TransactionLayer>> layers;
};

scscf::Settings scscf_settings() {
  scscf::Settings s;
  s.home_domain = labue::domain_of("001010000000000", 2);
  s.name = "sip:scscf." + s.home_domain + ":6060";
  s.listen = {at("10.4.128.22:6060")};
  s.accept_unprotected_aka = true;
  s.short_messages = {
      .enabled = true, .uri = "tel:+15550000000", .address = *sms::Address::from_number("+15550000000")};
  return s;
}

pcscf::Settings pcscf_settings() {
  pcscf::Settings s;
  s.name = "pcscf.example.org";
  s.home_domain = labue::domain_of("001010000000000", 2);
  s.gm = {at("10.4.128.21:5060")};
  s.ps = {6100};
  s.pc = {{6101}, {6102}, {6103}, {6104}};
  s.mw = at("10.4.128.21:4060");
  s.entry = {sip::Protocol::udp, s.mw, at("10.4.128.22:6060"), 0};
  s.policy = pcscf::IpsecPolicy::optional;
  s.algorithms = labue::default_algorithms();
  s.reqid = 7;
  s.grace = std::chrono::milliseconds(200);
  return s;
}

// Where those of one worker wait for each other.
class Meeting {
 public:
  Meeting(Worker& worker, size_t size) : worker_(worker), size_(size) {}
  Task<void> all() {
    if (waiting_.size() + 1 == size_) {
      for (auto& sink : std::exchange(waiting_, {})) sink.set(true);
      co_return;
    }
    OneShot<bool> complete(worker_);
    waiting_.push_back(complete.sink());
    co_await complete.wait(std::chrono::seconds(60));
  }

 private:
  Worker& worker_;
  const size_t size_;
  std::vector<OneShot<bool>::Sink> waiting_;
};

// Calls the other, which registers again meanwhile, and hangs up; sends it a message and a short message.
Task<labue::Outcome> talk(labue::Handset& handset, labue::Handset& other) {
  labue::Outcome outcome = co_await handset.calls().call(other.default_impu());
  if (outcome.ok) outcome = co_await handset.reregister();
  if (outcome.ok) outcome = co_await handset.calls().hang_up();
  if (outcome.ok) outcome = co_await handset.texts().message(other.default_impu(), "hello");
  std::string number = other.default_impu().substr(4);
  if (outcome.ok) outcome = co_await handset.texts().sms(number, "hello");
  co_return outcome;
}

// Registers, subscribes, one of two calls the other, all register again, and leave; then once more.
Task<void> live(labue::Handset& handset, labue::Handset& other, bool calls, Meeting& meeting,
                std::atomic<int>& failures, std::atomic<size_t>& left, std::promise<void>& all_done) {
  for (int round = 0; round < rounds; ++round) {
    labue::Outcome outcome = co_await handset.register_();
    if (outcome.ok) outcome = co_await handset.subscribe_reg();
    co_await meeting.all();
    if (outcome.ok && calls) outcome = co_await talk(handset, other);
    if (outcome.ok) outcome = co_await handset.reregister();
    co_await meeting.all();
    if (outcome.ok) outcome = co_await handset.deregister(round % 2 == 1);
    if (!outcome.ok) {
      ++failures;
      ADD_FAILURE() << handset.options().who.impi << ": " << outcome.code << " " << outcome.why;
    }
  }
  if (--left == 0) all_done.set_value();
}

TEST(Lives, when_many_handsets_live_on_four_workers_of_each_daemon_then_all_succeed_and_nothing_is_left) {
  SystemClock clock;
  Network network;
  QuickHss hss;
  ipsec::FakeKernel kernel(7);
  std::atomic<uint64_t> reports{0};
  control::Report report([&reports](auto, auto, auto, auto, auto) { ++reports; });

  Stack s_stack(network, Network::scscf, workers, clock, {});
  scscf::Core s_core(scscf_settings(), hss, clock, report);
  Stack p_stack(network, Network::pcscf, workers, clock, {});
  pcscf::Core p_core(pcscf_settings(), kernel, clock, report, 1000, 100'000);
  for (uint32_t i = 0; i < workers; ++i) {
    s_core.sites.push_back({s_stack.pool.at(i), *s_stack.layers[i]});
    p_core.sites.push_back({p_stack.pool.at(i), *p_stack.layers[i]});
  }
  for (uint32_t i = 0; i < workers; ++i) {
    scscf::serve(s_core, s_core.sites[i]);
    pcscf::serve(p_core, p_core.sites[i]);
  }
  ASSERT_TRUE(kernel
                  .prepare(ipsec::End::pcscf, {p_core.settings().gm[0].address}, p_core.settings().ps,
                           p_core.settings().pc, p_core.settings().algorithms)
                  .ok());

  Stack u_stack(network, Network::handsets, 1, clock, {});
  NoPorts ports;
  std::vector<std::unique_ptr<ipsec::FakeKernel>> kernels;
  std::vector<std::unique_ptr<labue::Handset>> handsets;
  labue::Settings settings;
  settings.pcscf = "10.4.128.21:5060";
  settings.no_media = true;
  settings.ring = "0";
  for (size_t i = 0; i < handset_count; ++i) {
    std::string imsi = absl::StrFormat("0010100000%05d", i + 1);
    auto address = asio::ip::make_address(absl::StrFormat("10.9.%d.%d", i / 200, i % 200 + 1));
    auto options = labue::options_of(settings, imsi, 2, address);
    ASSERT_TRUE(options.ok());
    options->linger = std::chrono::milliseconds(50);
    kernels.push_back(std::make_unique<ipsec::FakeKernel>(8));
    // Every third has no IPsec.
    handsets.push_back(std::make_unique<labue::Handset>(
        u_stack.pool.at(0), *u_stack.layers[0], i % 3 == 2 ? nullptr : kernels.back().get(), ports,
        *labue::Sim::create(imsi, secret(k_hex), secret(opc_hex)), *options, labue::EventSink{}));
  }
  u_stack.layers[0]->on_request([&handsets](std::shared_ptr<sip::ServerTransaction> transaction) {
    for (auto& handset : handsets) {
      if (handset->options().address == transaction->flow().local.address) {
        return handset->request_in(std::move(transaction));
      }
    }
    transaction->reject(404);
  });

  u_stack.layers[0]->on_ack([&handsets](const sip::Message& ack, const sip::Flow& flow) {
    for (auto& handset : handsets) {
      if (handset->options().address == flow.local.address) handset->ack_in(ack);
    }
  });
  std::atomic<uint64_t> records{0};
  s_core.record_call = [&records](scscf::Call&) { ++records; };

  std::atomic<int> failures{0};
  Meeting meeting(u_stack.pool.at(0), handset_count);
  std::atomic<size_t> left{handset_count};
  std::promise<void> all_done;
  for (size_t i = 0; i < handset_count; ++i) {
    u_stack.pool.at(0).post([&, i] {
      ASSERT_TRUE(handsets[i]->start().ok());
      u_stack.pool.at(0).spawn(live(*handsets[i], *handsets[i ^ 1], i % 2 == 0, meeting, failures, left, all_done));
    });
  }
  s_stack.pool.start();
  p_stack.pool.start();
  u_stack.pool.start();
  // Meanwhile somebody looks on, as an operator does.
  std::future<void> done = all_done.get_future();
  while (done.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready) {
    s_core.registrar.each([](const scscf::User&) {});
    s_core.registrar.sweep();
    for (auto& call : s_core.calls.all()) scscf::to_message(*call);
    for (auto& handset : p_core.handsets.all()) std::lock_guard lock(handset->mutex);
    p_core.handsets.sweep();
    if (failures > 0) break;
  }
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!kernel.installed().empty() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  u_stack.pool.stop();
  p_stack.pool.stop();
  s_stack.pool.stop();

  EXPECT_EQ(failures, 0);
  EXPECT_EQ(kernel.installed().size(), 0u);
  EXPECT_EQ(s_core.registrar.counts().contacts, 0u);
  EXPECT_EQ(s_core.calls.size(), 0u);
  EXPECT_EQ(records, handset_count / 2 * rounds);
  EXPECT_EQ(s_core.registrar.counts().challenges, 0u);
  EXPECT_EQ(p_core.spis.in_use(), 0u);
  EXPECT_GT(reports, handset_count * rounds * 3);
}

}  // namespace
}  // namespace lapwing
