// The HSS's end of Cx, for the lab's HSS: requests come to a handler as plain structs, its answers go back.
//
//   CxServer server(core, handler);          // before core.start(); core.options().accept_any_peer set
//   auto rta = server.terminate(request, std::chrono::seconds(3));   // request.routing.destination_host: the S-CSCF
//   HssOutcome<cx::RegistrationTerminationAnswer> outcome = rta.get();
//
// The handler runs on a thread of the server's own, one request at a time; it must not wait for a push there.
// The core and the handler must outlive the server, or stop() be called before they go.
#pragma once

#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>

#include "hss-client/cx_codec.h"
#include "hss-client/freediameter/core.h"
#include "hss-client/hss.h"

namespace lapwing {

class CxHandler {
 public:
  virtual ~CxHandler() = default;
  // The server fills in the answer's routing.
  virtual cx::UserAuthorizationAnswer authorize(const cx::UserAuthorizationRequest& request) = 0;
  virtual cx::MultimediaAuthAnswer authenticate(const cx::MultimediaAuthRequest& request) = 0;
  virtual cx::ServerAssignmentAnswer assign(const cx::ServerAssignmentRequest& request) = 0;
  virtual cx::LocationInfoAnswer locate(const cx::LocationInfoRequest& request) = 0;
};

class CxServer {
 public:
  CxServer(DiameterCore& core, CxHandler& handler);
  ~CxServer();  // stop()
  CxServer(const CxServer&) = delete;
  CxServer& operator=(const CxServer&) = delete;

  // Stops the core, and ends the request in hand; the handler is not called after it. A second call does nothing.
  void stop();

  // To the directly connected S-CSCF of destination_host. Origin and an empty destination_realm are filled in.
  std::future<HssOutcome<cx::RegistrationTerminationAnswer>> terminate(cx::RegistrationTerminationRequest request,
                                                                       Duration deadline);
  std::future<HssOutcome<cx::PushProfileAnswer>> push_profile(cx::PushProfileRequest request, Duration deadline);

 private:
  void run();
  void handle(DiameterCore::Incoming& incoming);
  template <typename Request, typename F>
  void answer(DiameterCore::Incoming& incoming, F&& call);
  template <typename Request>
  std::future<HssOutcome<typename cx::Exchange<Request>::Answer>> push(Request request, Duration deadline);
  cx::Routing routing() const { return {core_.options().identity, core_.options().realm, {}, {}}; }

  DiameterCore& core_;
  CxHandler& handler_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<DiameterCore::Incoming> waiting_;  // at most as many as the core holds
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace lapwing
