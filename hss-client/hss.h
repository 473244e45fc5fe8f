// The Hss port: four requests to the home subscriber server and two pushes from it (TS 29.228). Procedures see this
// interface only; CxClient (hss-client/freediameter/) stands behind it in the daemon, a fake in tests.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "common/metrics/distribution.h"
#include "common/runtime/worker.h"
#include "hss-client/cx.h"

namespace lapwing {

// No answer to use. A Diameter error answer is not this: it comes as the answer's result.
struct HssFailure {
  enum class Kind {
    no_peer,      // no HSS is connected, or every one's circuit is open
    overloaded,   // our own queue is full
    timeout,      // no answer within the deadline, counted from when the request was queued
    undelivered,  // a 3xxx answer from the Diameter layer or the HSS (unable to deliver, too busy, ...)
    malformed     // an answer that cannot be used: what is wrong is in the text
  };
  Kind kind;
  std::string text;  // names the HSS where one was chosen; fit for a log line and for imsctl
};

template <typename Answer>
using HssOutcome = std::variant<Answer, HssFailure>;

struct HssPeerState {
  std::string host, address;  // Diameter identity; "10.0.0.5:3868/tcp"
  std::string state;          // "open", "connecting", "suspect", "closed", "unusable" (it does not offer Cx)
  std::string why;            // in plain words, why it is not open; empty when it is
  bool circuit_open = false;  // we do not send to it for now
  uint64_t sent = 0, answered = 0, timeouts = 0, errors = 0, malformed = 0;
  double mean_answer_ms = 0;  // over the last answers
};

class Hss {
 public:
  virtual ~Hss() = default;
  // Each call is made on the worker that awaits it, and resumes there. Origin and Destination-Realm of the routing are
  // filled in by the client; destination_host is kept when it is given, so that a user stays with one HSS.
  virtual Task<HssOutcome<cx::UserAuthorizationAnswer>> authorize(Worker& worker,
                                                                  cx::UserAuthorizationRequest request) = 0;
  virtual Task<HssOutcome<cx::MultimediaAuthAnswer>> authenticate(Worker& worker,
                                                                  cx::MultimediaAuthRequest request) = 0;
  virtual Task<HssOutcome<cx::ServerAssignmentAnswer>> assign(Worker& worker, cx::ServerAssignmentRequest request) = 0;
  virtual Task<HssOutcome<cx::LocationInfoAnswer>> locate(Worker& worker, cx::LocationInfoRequest request) = 0;
  virtual std::vector<HssPeerState> peers() const = 0;  // any thread
  // How long answers took, by command ("MAR") and outcome ("success", "error", "timeout", "malformed"); null: not
  // counted.
  virtual const metrics::HistogramSet* times() const { return nullptr; }
};

// What the HSS asks of us. Called on a worker; the answer goes out when the task ends.
class HssPushes {
 public:
  virtual ~HssPushes() = default;
  virtual Task<cx::RegistrationTerminationAnswer> terminate(cx::RegistrationTerminationRequest request) = 0;
  virtual Task<cx::PushProfileAnswer> push_profile(cx::PushProfileRequest request) = 0;
};

}  // namespace lapwing
