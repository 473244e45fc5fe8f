// A network made of a script: a handset on virtual time, what it sends as parsed messages, and answers written by the
// test. Its home network has the keys of 3GPP test set 1.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "common/aka/digest.h"
#include "common/runtime/ids.h"
#include "common/sip/edits.h"
#include "common/sip/headers.h"
#include "lab/labue/handset.h"
#include "lab/labue/settings.h"
#include "lab/labue/subscribers.h"
#include "pcscf/ipsec/fake_kernel.h"
#include "pcscf/ipsec/sec_agree.h"

namespace lapwing::labue {

inline Keys test_keys() {
  Keys keys;
  keys.k = *key_from_hex("465b5ce8b199b49faa5f0a2ee238a6bc", "K");
  keys.opc = *key_from_hex("cd63cb71954a9f4e48a5994e37a02baf", "OPc");
  return keys;
}

inline constexpr std::string_view test_imsi = "001010000000001";
inline constexpr std::string_view test_domain = "ims.mnc001.mcc001.3gppnetwork.org";

class FakeNetwork final : public sip::Transport, public Ports {
 public:
  struct Sent {
    sip::Flow flow;
    sip::Message message;
    // "UDP 10.0.0.2:5060 -> 10.0.0.1:5060"
    std::string way() const {
      return absl::StrFormat("%s %s -> %s", sip::protocol_text(flow.protocol), flow.local.text(), flow.remote.text());
    }
  };
  void send(const sip::Flow& flow, std::string_view bytes, Failed) override {
    sip::ParseResult parsed = sip::Message::parse(std::string(bytes), sip::Framing::stream);
    ASSERT_TRUE(parsed.ok()) << parsed.failure->why;
    sent.push_back({flow, std::move(*parsed.message)});
  }
  absl::Status open(sip::Protocol protocol, const Endpoint& local) override {
    opened.push_back(std::string(sip::protocol_text(protocol)) + " " + local.text());
    return absl::OkStatus();
  }
  void reset(const sip::Flow& flow) override { resets.push_back(flow); }

  absl::StatusOr<std::unique_ptr<MediaPort>> open_media(const asio::ip::address&) override {
    auto port = std::make_unique<FakeMediaPort>(*this, static_cast<uint16_t>(40000 + 2 * media.size()));
    media[port->port()] = port.get();
    return port;
  }

  // Carries packets to the port they are for, whatever the address.
  class FakeMediaPort final : public MediaPort {
   public:
    FakeMediaPort(FakeNetwork& network, uint16_t port) : network_(network), port_(port) {}
    ~FakeMediaPort() override { network_.media[port_] = nullptr; }
    uint16_t port() const override { return port_; }
    void send(const Endpoint& to, std::string packet) override {
      auto found = network_.media.find(to.port);
      if (found != network_.media.end() && found->second && found->second->handler_) found->second->handler_(packet);
    }
    void on_packet(std::function<void(std::string_view)> handler) override { handler_ = std::move(handler); }

   private:
    FakeNetwork& network_;
    const uint16_t port_;
    std::function<void(std::string_view)> handler_;
  };
  std::map<uint16_t, FakeMediaPort*> media;

  std::deque<Sent> sent;
  std::vector<std::string> opened;
  std::vector<sip::Flow> resets;
};

class ScriptedNetwork : public testing::Test {
 protected:
  ScriptedNetwork() : layer_(worker_, network_, index_, {}) {
    layer_.on_request([this](std::shared_ptr<sip::ServerTransaction> t) { handset_->request_in(std::move(t)); });
    layer_.on_ack([this](const sip::Message& ack, const sip::Flow&) { handset_->ack_in(ack); });
    Keys keys = test_keys();
    home_ = std::make_unique<aka::Milenage>(*aka::Milenage::create(keys.k, keys.opc));
    settings_.pcscf = "10.4.128.21:5060";
  }

  void make_handset(bool ipsec, Misbehave misbehave = Misbehave::none) {
    Keys keys = test_keys();
    absl::StatusOr<HandsetOptions> options =
        options_of(settings_, test_imsi, 2, asio::ip::make_address("192.168.101.5"));
    ASSERT_TRUE(options.ok()) << options.status();
    options->misbehave = misbehave;
    options->other = Identity::from_imsi("001010000000002", 2);
    handset_ = std::make_unique<Handset>(worker_, layer_, ipsec ? &kernel_ : nullptr, network_,
                                         *Sim::create(std::string(test_imsi), keys.k, keys.opc), *options,
                                         [this](const Event& event) { events_.push_back(event.json()); });
    ASSERT_TRUE(handset_->start().ok());
  }

  static Task<void> keep(Task<Outcome> procedure, std::optional<Outcome>* outcome) {
    *outcome = co_await std::move(procedure);
  }
  void begin(Task<Outcome> procedure) {
    outcome_.reset();
    worker_.spawn(keep(std::move(procedure), &outcome_));
    settle();
  }
  void settle() {
    for (int i = 0; i < 4; ++i) {
      worker_.run_ready();
      worker_.timers().run_due();
    }
    worker_.run_ready();
  }
  void pass(Duration time) {
    constexpr Duration step = std::chrono::milliseconds(100);
    for (; time > Duration::zero(); time -= step) {
      clock_.advance(std::min(step, time));
      settle();
    }
  }

  // The next message that the handset sent; retransmissions are the test's own concern.
  FakeNetwork::Sent next() {
    EXPECT_FALSE(network_.sent.empty()) << "the handset sent nothing";
    if (network_.sent.empty()) std::abort();
    FakeNetwork::Sent first = std::move(network_.sent.front());
    network_.sent.pop_front();
    return first;
  }
  void answer(const FakeNetwork::Sent& request, int code, const Headers& headers = {}) {
    sip::Writer writer = sip::response_to(request.message, code, sip::reason_phrase(code), "net1");
    for (const auto& [id, value] : headers) writer.add(id, value);
    sip::Flow back{request.flow.protocol, request.flow.local, request.flow.remote, 0};
    layer_.received(std::move(writer).finish(), back);
    settle();
  }
  // A request of the network to the handset.
  void deliver(std::string wire, const sip::Flow& flow) {
    layer_.received(std::move(wire), flow);
    settle();
  }

  std::string challenge(std::string_view qop = "auth,auth-int") {
    vector_ = aka::make_vector(*home_, aka::random_rand(), *sqn_.next(), 0x8000);
    aka::Block rand = vector_.rand, autn = vector_.autn;
    std::string out = absl::StrFormat(R"(Digest realm="%s", nonce="%s", algorithm=AKAv1-MD5)", test_domain,
                                      aka::encode_nonce(rand, autn));
    if (!qop.empty()) absl::StrAppendFormat(&out, R"(, qop="%s")", qop);
    return out;
  }
  // A 401 with the P-CSCF's offer: port-pc counts up with each.
  void challenge_with_ipsec(const FakeNetwork::Sent& request, std::string_view qop = "auth,auth-int") {
    ++challenges_;
    security_server_ =
        ipsec::security_server(network_algorithms_, {100u * challenges_ + 1000}, {100u * challenges_ + 1001},
                               {static_cast<uint16_t>(5099 + challenges_)}, {6100});
    answer(request, 401,
           {{sip::HeaderId::www_authenticate, challenge(qop)}, {sip::HeaderId::security_server, security_server_}});
  }
  Headers registered_headers(uint32_t expires = 3600) const {
    return {{sip::HeaderId::contact, absl::StrFormat("<sip:192.168.101.5:6300>;expires=%d", expires)},
            {sip::HeaderId::p_associated_uri, "<tel:+15550001>, <sip:+15550001@ims.mnc001.mcc001.3gppnetwork.org>"},
            {sip::HeaderId::service_route, "<sip:orig@scscf.example:6060;lr>"}};
  }
  // Registers with the network's best will; with IPsec when the handset has a kernel.
  void register_well(bool ipsec) {
    begin(handset_->register_());
    FakeNetwork::Sent first = next();
    if (ipsec) {
      challenge_with_ipsec(first);
    } else {
      answer(first, 401, {{sip::HeaderId::www_authenticate, challenge()}});
    }
    answer(next(), 200, registered_headers());
    ASSERT_TRUE(outcome_ && outcome_->ok);
  }
  // Is the digest in the request's Authorization right for the last challenge?
  bool answers_right(const sip::Message& request) const {
    auto credentials = sip::Credentials::parse(request.header(sip::HeaderId::authorization));
    if (!credentials.ok()) return false;
    std::string user = credentials->get("username"), realm = credentials->get("realm"),
                nonce = credentials->get("nonce"), uri = credentials->get("uri"), nc = credentials->get("nc"),
                cnonce = credentials->get("cnonce"), qop = credentials->get("qop");
    aka::DigestInput input{.username = user, .realm = realm, .nonce = nonce, .uri = uri, .method = "REGISTER"};
    input.nc = nc;
    input.cnonce = cnonce;
    input.qop = qop;
    return aka::same_response(credentials->get("response"), aka::digest_response(input, vector_.xres));
  }
  size_t count_events(std::string_view name) const {
    std::string start = "{\"event\":\"" + std::string(name) + "\"";
    return static_cast<size_t>(
        std::count_if(events_.begin(), events_.end(), [&](const std::string& e) { return e.starts_with(start); }));
  }

  ManualClock clock_;
  Worker worker_{0, clock_};
  FakeNetwork network_;
  sip::TransactionIndex index_;
  sip::TransactionLayer layer_;
  ipsec::FakeKernel kernel_;
  std::unique_ptr<aka::Milenage> home_;
  aka::NetworkSqn sqn_{4};
  aka::AuthVector vector_;
  std::vector<ipsec::Algorithms> network_algorithms_{{ipsec::Integrity::hmac_sha1_96, ipsec::Encryption::aes_cbc},
                                                     {ipsec::Integrity::hmac_sha1_96, ipsec::Encryption::null}};
  std::string security_server_;
  uint32_t challenges_ = 0;
  Settings settings_;
  std::unique_ptr<Handset> handset_;
  std::vector<std::string> events_;
  std::optional<Outcome> outcome_;
};

}  // namespace lapwing::labue
