// Handsets that call each other through a relay, on virtual time: it record-routes, asserts identities and passes on
// what the handsets send, as a P-CSCF would. Tests read what went by, keep messages back and write some of their own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/labue/scripted_network.h"

namespace lapwing::labue {

inline const Endpoint relay_endpoint{asio::ip::make_address("10.4.128.21"), 5060};

class CallNetwork : public testing::Test {
 protected:
  struct Phone {
    Phone(Worker& worker, const HandsetOptions& options, const std::string& name_, const std::string& imsi)
        : name(name_), layer(worker, network, index, {}) {
      Keys keys = test_keys();
      handset = std::make_unique<Handset>(worker, layer, nullptr, network, *Sim::create(imsi, keys.k, keys.opc),
                                          options, [this](const Event& event) { events.push_back(event.json()); });
      layer.on_request([this](std::shared_ptr<sip::ServerTransaction> t) { handset->request_in(std::move(t)); });
      layer.on_ack([this](const sip::Message& ack, const sip::Flow&) { handset->ack_in(ack); });
    }
    Calls& calls() { return handset->calls(); }
    std::string number() const { return "+1555000" + name; }
    // Of the events with this name the last, or an empty text.
    std::string last(std::string_view event) const {
      std::string found;
      for (const std::string& one : events) {
        if (one.starts_with("{\"event\":\"" + std::string(event) + "\"")) found = one;
      }
      return found;
    }

    std::string name;
    FakeNetwork network;
    sip::TransactionIndex index;
    sip::TransactionLayer layer;
    std::unique_ptr<Handset> handset;
    std::vector<std::string> events;
  };

  // Phones "1" and "2", registered. change: to the options of both.
  void make_phones(const std::function<void(HandsetOptions&)>& change = {}) {
    for (const char* name : {"1", "2"}) {
      Settings settings;
      settings.pcscf = relay_endpoint.text();
      std::string imsi = std::string("00101000000000") + name;
      auto options = options_of(settings, imsi, 2, asio::ip::make_address(std::string("192.168.101.") + name));
      ASSERT_TRUE(options.ok()) << options.status();
      if (change) change(*options);
      phones_.push_back(std::make_unique<Phone>(worker_, *options, name, imsi));
      register_phone(*phones_.back());
    }
  }
  Phone& phone(int number) { return *phones_[static_cast<size_t>(number - 1)]; }

  void register_phone(Phone& phone) {
    ASSERT_TRUE(phone.handset->start().ok());
    Keys keys = test_keys();
    auto home = aka::Milenage::create(keys.k, keys.opc);
    outcome_.reset();
    worker_.spawn(keep(phone.handset->register_(), &outcome_));
    worker_.run_ready();
    aka::AuthVector vector = aka::make_vector(*home, aka::random_rand(), *sqn_.next(), 0x8000);
    aka::Block rand = vector.rand, autn = vector.autn;
    answer_register(
        phone, 401,
        {{sip::HeaderId::www_authenticate, absl::StrFormat(R"(Digest realm="%s", nonce="%s", algorithm=AKAv1-MD5)",
                                                           test_domain, aka::encode_nonce(rand, autn))}});
    answer_register(phone, 200,
                    {{sip::HeaderId::contact, "<sip:x>;expires=3600"},
                     {sip::HeaderId::p_associated_uri, absl::StrFormat("<tel:%s>", phone.number())},
                     {sip::HeaderId::service_route, "<sip:orig@scscf.example;lr>"}});
    ASSERT_TRUE(outcome_ && outcome_->ok);
  }
  void answer_register(Phone& phone, int code, const Headers& headers) {
    FakeNetwork::Sent request = std::move(phone.network.sent.front());
    phone.network.sent.pop_front();
    sip::Writer writer = sip::response_to(request.message, code, sip::reason_phrase(code), "net1");
    for (const auto& [id, value] : headers) writer.add(id, value);
    phone.layer.received(std::move(writer).finish(), {request.flow.protocol, request.flow.local, relay_endpoint, 0});
    worker_.run_ready();
  }

  static Task<void> keep(Task<Outcome> procedure, std::optional<Outcome>* outcome) {
    *outcome = co_await std::move(procedure);
  }
  void begin(Task<Outcome> procedure) {
    outcome_.reset();
    worker_.spawn(keep(std::move(procedure), &outcome_));
    settle();
  }
  // Lets everything that is ready happen, messages between the phones included.
  void settle() {
    for (bool moved = true; moved;) {
      worker_.run_ready();
      moved = worker_.timers().run_due() > 0;
      for (const auto& one : phones_) {
        while (!one->network.sent.empty()) {
          FakeNetwork::Sent sent = std::move(one->network.sent.front());
          one->network.sent.pop_front();
          relay(*one, sent);
          moved = true;
        }
      }
    }
  }
  void pass(Duration time, Duration step = std::chrono::milliseconds(20)) {
    for (; time > Duration::zero(); time -= step) {
      clock_.advance(std::min(step, time));
      settle();
    }
  }

  // "1 INVITE", "2 183", "2 200 PRACK": who sent what. Responses to INVITE go without its name.
  static std::string title(const Phone& from, const sip::Message& message) {
    if (message.is_request()) return absl::StrFormat("%s %s", from.name, message.method_text());
    auto cseq = sip::CSeq::parse(message.header(sip::HeaderId::cseq));
    std::string out = absl::StrFormat("%s %d", from.name, message.status());
    return cseq->method == "INVITE" ? out : absl::StrFormat("%s %s", out, cseq->method);
  }
  void relay(Phone& from, const FakeNetwork::Sent& sent) {
    std::string what = title(from, sent.message);
    log_.push_back(what);
    messages_.emplace_back(sent.message.buffer());
    if (keep_back_ && keep_back_(what)) return;
    Phone& to = from.name == "1" ? phone(2) : phone(1);
    pass_on(to, sent.message);
  }
  void pass_on(Phone& to, const sip::Message& message) {
    sip::Edits edits;
    if (message.is_request()) {
      auto via = sip::Via::parse(message.values(sip::HeaderId::via).front());
      edits.prepend(sip::HeaderId::via,
                    absl::StrFormat("SIP/2.0/UDP %s;branch=z9hG4bKr%s", relay_endpoint.text(), via->branch()));
      edits.remove(sip::HeaderId::route);
      if (message.method() == sip::Method::invite) {
        edits.prepend(sip::HeaderId::record_route, absl::StrFormat("<sip:%s;lr>", relay_endpoint.text()));
      }
      if (std::string impu = uri_of(message, sip::HeaderId::p_preferred_identity); !impu.empty()) {
        edits.remove(sip::HeaderId::p_preferred_identity);
        edits.append(sip::HeaderId::p_asserted_identity, absl::StrFormat("<%s>", impu));
      }
      const HandsetOptions& options = to.handset->options();
      if (tag_of(message, sip::HeaderId::to).empty()) {
        edits.request_uri(absl::StrFormat("sip:%s@%s:%d", options.who.imsi, options.address.to_string(), options.port));
      }
    } else {
      edits.remove_first_value(sip::HeaderId::via);
    }
    deliver(to, edits.write(message));
  }
  void deliver(Phone& to, std::string wire) {
    const HandsetOptions& options = to.handset->options();
    to.layer.received(std::move(wire), {sip::Protocol::udp, {options.address, options.port}, relay_endpoint, 0});
    worker_.run_ready();
  }

  // Of the messages with this title the last.
  sip::Message message(std::string_view what) const {
    for (size_t i = log_.size(); i-- > 0;) {
      if (log_[i] == what) return std::move(*sip::Message::parse(messages_[i], sip::Framing::stream).message);
    }
    ADD_FAILURE() << "no message " << what;
    std::abort();
  }
  size_t count(std::string_view what) const {
    return static_cast<size_t>(std::count(log_.begin(), log_.end(), std::string(what)));
  }
  // Phone 1 calls phone 2, which answers.
  void call() {
    begin(phone(1).calls().call(phone(2).number()));
    pass(std::chrono::seconds(2));
    ASSERT_TRUE(outcome_ && outcome_->ok) << outcome_->why;
  }

  ManualClock clock_;
  Worker worker_{0, clock_};
  aka::NetworkSqn sqn_{4};
  std::vector<std::unique_ptr<Phone>> phones_;
  std::optional<Outcome> outcome_;
  std::vector<std::string> log_, messages_;
  std::function<bool(const std::string& what)> keep_back_;  // true: the message is lost
};

}  // namespace lapwing::labue
