// One handset in software: registers with IMS AKA and sec-agree (TS 24.229 section 5.1.1, TS 33.203 section 7), keeps
// its own security associations, subscribes to its registration, calls and texts, and answers what the network sends.
//
//   Handset handset(worker, layer, &kernel, ports, std::move(sim), options, sink);
//   Outcome outcome = co_await handset.register_();      // outcome.code: the final response, 0 for none
//
// The procedures of one handset run one after the other, on the worker. A Handset outlives what it started: keep it
// until the worker has stopped. Without a kernel it registers without IPsec.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/runtime/one_shot.h"
#include "common/sip/transaction_layer.h"
#include "lab/labue/calls.h"
#include "lab/labue/challenge.h"
#include "lab/labue/line.h"
#include "lab/labue/outcome.h"
#include "lab/labue/sim.h"
#include "lab/labue/texts.h"
#include "pcscf/ipsec/kernel.h"

namespace lapwing::labue {

class Handset {
 public:
  // kernel: null for registration without IPsec. sink may be empty.
  Handset(Worker& worker, sip::TransactionLayer& layer, ipsec::Kernel* kernel, Ports& ports, Sim sim,
          HandsetOptions options, EventSink sink);
  Handset(const Handset&) = delete;
  Handset& operator=(const Handset&) = delete;

  // Opens the unprotected port. Errors as the system gives them.
  absl::Status start();

  // TS 24.229 section 5.1.1.2, 5.1.1.4 and 5.1.1.6.
  Task<Outcome> register_();
  Task<Outcome> reregister();
  Task<Outcome> deregister(bool any_contact);
  // Section 5.1.1.3: done when the 200 and the first NOTIFY have come.
  Task<Outcome> subscribe_reg();

  // Ends calls, every set and its connections, without a word to the network.
  Task<void> stop();
  // A request from the network that is for this handset.
  void request_in(std::shared_ptr<sip::ServerTransaction> transaction);
  // An ACK for a 2xx.
  void ack_in(const sip::Message& ack) { calls_.ack_in(ack); }

  Calls& calls() { return calls_; }
  Texts& texts() { return texts_; }
  // What others call it by; the first of P-Associated-URI.
  std::string default_impu() const { return line_.default_impu(); }
  const HandsetOptions& options() const { return line_.options; }
  const Sim& sim() const { return sim_; }
  bool registered() const { return registered_; }
  uint32_t granted_expires() const { return granted_; }
  size_t sets() const { return line_.sets.size(); }

 private:
  struct Offer {  // of Security-Client
    ipsec::Spi uc, us;
    uint16_t port_uc = 0;
  };
  // One REGISTER to send.
  struct Step {
    std::shared_ptr<Security> over;        // null: unprotected
    std::shared_ptr<Security> asked_over;  // how the REGISTER went that was challenged
    Offer offer;
    std::string authorization;
    bool answers_challenge = false;
  };
  struct Plan {
    uint32_t expires = 0;
    bool any_contact = false;
    bool unprotected = false;
    bool spoof = false;
  };

  Task<Outcome> registration(Plan plan);
  Task<sip::Answer> send_register(Plan plan, Step step);
  Task<sip::Answer> transact(sip::Method method, std::string branch, std::string wire, sip::Flow flow);
  Task<absl::StatusOr<Step>> answer_challenge(Step last, std::shared_ptr<const sip::Message> response);
  Task<absl::StatusOr<std::shared_ptr<Security>>> agree(Offer offer, std::shared_ptr<const sip::Message> response,
                                                        Secret ck, Secret ik);
  Task<Outcome> accepted(Plan plan, Step step, std::shared_ptr<const sip::Message> response);
  Task<void> keep_sets(Step step);
  Outcome refused(const Plan& plan, int code, std::string why);
  Task<Outcome> send_clear_text();

  Step first_step(const Plan& plan);
  Offer new_offer();
  std::string security_client(const Step& step) const;
  std::string security_verify(const Step& step) const;
  const Identity& claimed(const Plan& plan, const Step& step) const;
  uint32_t granted_by(const sip::Message& response, uint32_t asked) const;
  bool port_in_use(uint16_t port_uc) const;
  void forget();
  void retire(std::shared_ptr<Security> security, Duration after);
  Task<void> remove_later(std::shared_ptr<Security> security, Duration after);

  void notify_in(sip::ServerTransaction& transaction);
  void read_reginfo(const sip::Message& notify);
  void tell(const Event& event) const { line_.tell(event); }

  Worker& worker_;
  sip::TransactionLayer& layer_;
  ipsec::Kernel* kernel_;
  Ports& ports_;
  Sim sim_;
  Line line_;
  const HandsetOptions& options_;  // the line's
  Calls calls_;
  Texts texts_;

  // The registration.
  bool registered_ = false;
  std::string call_id_, from_tag_;
  uint32_t cseq_ = 0, granted_ = 0;
  std::optional<Challenge> challenge_;  // the last one answered with RES
  Secret res_;
  uint32_t nonce_count_ = 0;
  size_t next_port_ = 0;

  // The reg subscription.
  struct Subscription {
    std::string impu, call_id, from_tag, to_tag;
    uint32_t cseq = 0;
    std::optional<OneShot<bool>::Sink> first_notify;
  };
  std::optional<Subscription> subscription_;
};

}  // namespace lapwing::labue
