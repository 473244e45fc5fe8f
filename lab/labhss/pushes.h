// Sends RTR and PPR to S-CSCFs. What the operator asks for is waited for; what a MAR brings about is sent by a thread,
// since the one that answers requests must not wait.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "hss-client/freediameter/cx_server.h"

namespace lapwing::labhss {

class Pushes {
 public:
  static constexpr Duration deadline = std::chrono::seconds(3);
  static constexpr size_t waiting_limit = 1024;

  // The Diameter core ends before this does: what waits for an answer then gets a failure.
  explicit Pushes(CxServer& server);
  ~Pushes();
  Pushes(const Pushes&) = delete;
  Pushes& operator=(const Pushes&) = delete;

  // Returns at once; the outcome goes to the log. Beyond the limit the request is dropped, with a line in the log.
  void terminate_later(cx::RegistrationTerminationRequest request);
  // Each blocks until the answer or the deadline.
  HssOutcome<cx::RegistrationTerminationAnswer> terminate(cx::RegistrationTerminationRequest request);
  HssOutcome<cx::PushProfileAnswer> push_profile(cx::PushProfileRequest request);

 private:
  void run();

  CxServer& server_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<cx::RegistrationTerminationRequest> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace lapwing::labhss
