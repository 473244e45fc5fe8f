// The Hss port on a Diameter core: what the S-CSCF and I-CSCF use in production.
//
//   CxClient hss(core, CxClientOptions{.destination_realm = "ims.example"});
//   hss.serve(pushes, {&worker});            // before core.start()
//   auto outcome = co_await hss.authenticate(worker, std::move(request));
//
// A request has one deadline, counted from the call. When the chosen HSS answers 3xxx, is gone, or has not answered
// within part of the deadline, the request goes once more to another HSS, with the T flag. Late answers are dropped.
//
// At the end: stop the workers' threads, then end the core, then destroy the client and the workers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hss-client/cx_codec.h"
#include "hss-client/freediameter/core.h"
#include "hss-client/hss.h"
#include "hss-client/hss_peers.h"

namespace lapwing {

struct CxClientOptions {
  std::string destination_realm;
  Duration deadline = std::chrono::seconds(4);
  double first_share = 0.5;  // of the deadline, for the first HSS when there is another
  HssPeers::Options circuit;
  Duration push_deadline = std::chrono::seconds(5);  // for our answer to a RTR or PPR; then 5012 goes out
};

class CxClient final : public Hss {
 public:
  CxClient(DiameterCore& core, CxClientOptions options);

  // RTR and PPR run on these workers; one user's always on the same. Before core.start().
  void serve(HssPushes& pushes, std::vector<Worker*> workers);

  Task<HssOutcome<cx::UserAuthorizationAnswer>> authorize(Worker& worker,
                                                          cx::UserAuthorizationRequest request) override;
  Task<HssOutcome<cx::MultimediaAuthAnswer>> authenticate(Worker& worker, cx::MultimediaAuthRequest request) override;
  Task<HssOutcome<cx::ServerAssignmentAnswer>> assign(Worker& worker, cx::ServerAssignmentRequest request) override;
  Task<HssOutcome<cx::LocationInfoAnswer>> locate(Worker& worker, cx::LocationInfoRequest request) override;
  std::vector<HssPeerState> peers() const override;
  const metrics::HistogramSet* times() const override { return &times_; }

 private:
  struct Attempt {
    HssPeers::Choice choice;
    DiameterCore::Request request;
    Duration wait;
  };
  template <typename Request>
  Task<HssOutcome<typename cx::Exchange<Request>::Answer>> exchange(Worker& worker, Request request, std::string user);
  // The reply of one attempt; an expired one when none came in time, nullopt when our queue is full.
  Task<std::optional<DiameterCore::Reply>> attempt(Worker& worker, Attempt attempt);
  std::vector<HssPeers::Connection> connections() const;

  DiameterCore& core_;
  const CxClientOptions options_;
  HssPeers peers_;
  metrics::HistogramSet times_{metrics::seconds_bounds};
};

}  // namespace lapwing
