// What the lab HSS answers on Cx (TS 29.228 section 6), on plain structs: subscribers in, answers out, and for each
// subscriber the state that the clause speaks of. One subscriber has one private identity and one implicit registration
// set, so that the state of any public identity is that of the subscriber.
//
//   user_authorization.cc  UAR    multimedia_auth.cc  MAR    server_assignment.cc  SAR
//   location_info.cc       LIR    push_requests.cc    RTR and PPR
//
// The state lives in memory. After a restart nobody is registered: the next SAR of an S-CSCF, a re-registration
// included, restores it, and calls to the user fail until then.
//
// Nothing here fails: what is wrong with a request is in the answer's result, and a line in the log says why. All calls
// may be made from any thread.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "common/aka/vector.h"
#include "hss-client/cx.h"
#include "hss-client/freediameter/cx_server.h"
#include "lab/labhss/sqn_store.h"
#include "lab/labhss/subscribers.h"

namespace lapwing::labhss {

enum class RegistrationState { not_registered, unregistered, registered };
std::string_view state_text(RegistrationState state);  // "not registered", ...

// A subscriber's state.
struct Assignment {
  std::vector<RegistrationState> sets;  // by implicit registration set; what is missing is not registered
  bool authentication_pending = false;
  bool reassignment_pending = false;                  // the next S-CSCF may take the user over
  std::string server_name;                            // of the S-CSCF; set also while authentication is pending
  std::string origin_host, origin_realm;              // of the Diameter node that set the name
  std::vector<cx::ScscfRestorationInfo> restoration;  // what the S-CSCF left for the one after it, by set

  RegistrationState of(size_t set) const { return set < sets.size() ? sets[set] : RegistrationState::not_registered; }
  void enter(size_t set, RegistrationState next);
  // The highest of all sets.
  RegistrationState state() const;
};

class CxService final : public CxHandler {
 public:
  struct Settings {
    std::string origin_host, origin_realm, home_domain;
    std::vector<std::string> visited_networks;  // empty: any
    bool pcscf_restoration = false;             // as if the MMEs had it
  };
  // sqns outlives the service and is used by it alone. make_rand: for tests.
  // It has no subscribers until replace().
  CxService(Settings settings, SqnStore& sqns, std::function<aka::Block()> make_rand = aka::random_rand);

  cx::UserAuthorizationAnswer authorize(const cx::UserAuthorizationRequest& request) override;
  cx::MultimediaAuthAnswer authenticate(const cx::MultimediaAuthRequest& request) override;
  cx::ServerAssignmentAnswer assign(const cx::ServerAssignmentRequest& request) override;
  cx::LocationInfoAnswer locate(const cx::LocationInfoRequest& request) override;

  // Where RTRs go that a request brings about: called after the answer is made, without a lock held. Set it before the
  // first request.
  using SendTermination = std::function<void(cx::RegistrationTerminationRequest)>;
  void send_terminations_to(SendTermination send) { send_termination_ = std::move(send); }

  // RTR and PPR on the operator's word, to the S-CSCF that serves the user; identity: IMSI, MSISDN, IMPI or IMPU.
  // NOT_FOUND: no such subscriber. FAILED_PRECONDITION: no S-CSCF serves it.
  absl::StatusOr<cx::RegistrationTerminationRequest> termination(std::string_view identity,
                                                                 cx::DeregistrationReason reason,
                                                                 std::string text) const;
  // The answer to an RTR of termination(): ends the registration here too, when the S-CSCF says that it is over.
  void terminated(const cx::RegistrationTerminationRequest& request, const cx::Result& result);
  // One for each implicit registration set that an S-CSCF has; of an IMPU, for its set.
  absl::StatusOr<std::vector<cx::PushProfileRequest>> profile_pushes(std::string_view identity) const;

  // As Subscribers::change(); the profiles as they are then, by set.
  absl::StatusOr<std::vector<std::string>> change(std::string_view identity, const Subscribers::Change& change);

  // The subscribers of a file read anew. States of those that stay are kept. Errors: of the SQN store; nothing changed.
  absl::Status replace(Subscribers subscribers);

  struct Listed {
    std::string imsi, impi;
    std::vector<std::string> impus;
    Assignment assignment;
    aka::Sqn sqn = 0;  // of the last vector
  };
  std::vector<Listed> list() const;
  size_t registered() const;
  size_t subscribers() const;
  // Since the start; refused: requests whose answer was no success.
  struct Counters {
    std::atomic<uint64_t> uar{0}, mar{0}, sar{0}, lir{0}, refused{0};
  };
  const Counters& counters() const { return counters_; }

 private:
  // Whom a request is about, or the result that ends it.
  struct Found {
    const Subscriber* subscriber = nullptr;
    cx::Result result;
    std::string why;
  };
  Found find(const std::string& impi, const std::string& impu) const;
  Found find(const cx::ServerAssignmentRequest& request) const;

  // What we support of what the other end says that it does (TS 29.229 section 7.1.1).
  std::vector<cx::SupportedFeatures> common_features(const std::vector<cx::SupportedFeatures>& offered) const;
  template <typename Answer>
  Answer begin(const cx::Routing& routing) const;
  bool may_visit(const std::string& network) const;
  static std::optional<cx::ServerCapabilities> capabilities(const Subscriber& subscriber);

  // Each makes its answer's result and says why in a few words for the log.
  std::string decide(const cx::UserAuthorizationRequest& request, cx::UserAuthorizationAnswer& answer);
  std::string decide(const cx::MultimediaAuthRequest& request, cx::MultimediaAuthAnswer& answer,
                     std::optional<cx::RegistrationTerminationRequest>& termination);
  std::string resynchronise(const cx::MultimediaAuthRequest& request, const Subscriber& subscriber, cx::Result& result);
  std::string make_vectors(uint32_t count, const Subscriber& subscriber, cx::MultimediaAuthAnswer& answer);
  std::string decide(const cx::ServerAssignmentRequest& request, cx::ServerAssignmentAnswer& answer);
  std::vector<size_t> sets_of(const cx::ServerAssignmentRequest& request, const Subscriber& subscriber) const;
  // A P-CSCF is down (TS 23.380 section 5.4): the user's handset must find another.
  std::string restore_pcscf(const cx::ServerAssignmentRequest& request, const Subscriber& subscriber,
                            cx::ServerAssignmentAnswer& answer);
  std::string end_registration(const cx::ServerAssignmentRequest& request, const Subscriber& subscriber,
                               cx::ServerAssignmentAnswer& answer);
  std::string decide(const cx::LocationInfoRequest& request, cx::LocationInfoAnswer& answer);

  cx::RegistrationTerminationRequest termination_of(const Subscriber& subscriber, const Assignment& assignment,
                                                    cx::DeregistrationReason reason) const;
  absl::StatusOr<const Subscriber*> served(std::string_view identity) const;
  Assignment& state_of(const Subscriber& subscriber) { return assignments_[subscriber.impi]; }
  const Assignment& state_of(const Subscriber& subscriber) const;

  void count(std::atomic<uint64_t>& command, const cx::Result& result);

  Counters counters_;
  const Settings settings_;
  const std::function<aka::Block()> make_rand_;
  SendTermination send_termination_;
  mutable std::mutex mutex_;  // guards what follows
  Subscribers subscribers_;
  SqnStore& sqns_;
  absl::flat_hash_map<std::string, Assignment> assignments_;  // by IMPI; absent: not registered
};

}  // namespace lapwing::labhss
