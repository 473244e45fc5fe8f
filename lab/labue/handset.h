// One handset in software: registers with IMS AKA and sec-agree (TS 24.229 section 5.1.1, TS 33.203 section 7), keeps
// its own security associations, subscribes to its registration and answers what the network sends.
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
#include "lab/labue/challenge.h"
#include "lab/labue/event.h"
#include "lab/labue/identity.h"
#include "lab/labue/messages.h"
#include "lab/labue/misbehave.h"
#include "lab/labue/sim.h"
#include "pcscf/ipsec/kernel.h"

namespace lapwing::labue {

struct HandsetOptions {
  Identity who;
  asio::ip::address address;
  Endpoint pcscf;                                                 // its unprotected port
  uint16_t port = 5060;                                           // ours, unprotected
  uint16_t server_port = 6300;                                    // port-us
  std::vector<uint16_t> client_ports = {6301, 6302, 6303, 6304};  // port-uc, another for each authentication
  sip::Protocol first = sip::Protocol::udp;                       // of an unprotected REGISTER
  sip::Protocol protected_register = sip::Protocol::tcp;
  sip::Protocol protected_other = sip::Protocol::udp;  // SUBSCRIBE; beyond 1300 bytes TCP where both are in use
  std::vector<ipsec::Algorithms> algorithms;           // offered, in order
  uint32_t expires = 3600;
  sip::TimerValues timers = sip::TimerValues::handset();
  Duration linger = std::chrono::seconds(1);  // a set that is given up still lets the last answers pass
  std::string access_network = "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=001010001000019b";
  bool user_in_contact = false;  // many handsets behind one address and port
  Misbehave misbehave = Misbehave::none;
  Identity other;  // whom a spoofing handset claims to be
};

// What a handset needs of its host's sockets besides sending.
class Ports {
 public:
  virtual ~Ports() = default;
  // Listens; a port that is open already is no error.
  virtual absl::Status open(sip::Protocol protocol, const Endpoint& local) = 0;
  // Ends the stream connection between these endpoints, if any, and leaves the ports free for the next.
  virtual void reset(const sip::Flow& flow) = 0;
};

struct Outcome {
  bool ok = false;
  int code = 0;     // of the last final response; 0: none came
  std::string why;  // when not ok, a sentence
};

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

  // Ends every set and its connections, without a word to the network.
  Task<void> stop();
  // A request from the network that is for this handset.
  void request_in(std::shared_ptr<sip::ServerTransaction> transaction);

  const HandsetOptions& options() const { return options_; }
  const Sim& sim() const { return sim_; }
  bool registered() const { return registered_; }
  uint32_t granted_expires() const { return granted_; }
  size_t sets() const { return (current_ ? 1u : 0u) + (pending_ ? 1u : 0u) + old_.size(); }

 private:
  // One set of security associations and what Security-Verify repeats of it.
  struct Security {
    ipsec::SaSet set;
    std::string verify;
  };
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
  sip::Flow flow_over(const Security* security, sip::Protocol protocol) const;
  std::string sent_by(const Security* security) const;
  uint32_t granted_by(const sip::Message& response, uint32_t asked) const;
  bool port_in_use(uint16_t port_uc) const;
  void forget();
  void retire(std::shared_ptr<Security> security, Duration after);
  Task<void> remove_later(std::shared_ptr<Security> security, Duration after);

  void notify_in(sip::ServerTransaction& transaction);
  void read_reginfo(const sip::Message& notify);
  void reply(sip::ServerTransaction& transaction, int code);
  std::string default_impu() const { return associated_.empty() ? options_.who.impu : associated_.front(); }
  std::string contact_user() const { return options_.user_in_contact ? options_.who.imsi : user_of(default_impu()); }
  void tell(const Event& event) const {
    if (sink_) sink_(event);
  }

  Worker& worker_;
  sip::TransactionLayer& layer_;
  ipsec::Kernel* kernel_;
  Ports& ports_;
  Sim sim_;
  const HandsetOptions options_;
  EventSink sink_;

  // The registration.
  bool registered_ = false;
  std::string call_id_, from_tag_;
  uint32_t cseq_ = 0, granted_ = 0;
  std::optional<Challenge> challenge_;  // the last one answered with RES
  Secret res_;
  uint32_t nonce_count_ = 0;
  std::vector<std::string> service_route_, associated_;
  std::shared_ptr<Security> current_, pending_;
  std::vector<std::shared_ptr<Security>> old_;
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
