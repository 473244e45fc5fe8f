#include "lab/labhss/pushes.h"

#include <utility>

#include "common/runtime/log.h"

namespace lapwing::labhss {

Pushes::Pushes(CxServer& server) : server_(server), thread_([this] { run(); }) {}

Pushes::~Pushes() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Pushes::terminate_later(cx::RegistrationTerminationRequest request) {
  {
    std::lock_guard lock(mutex_);
    if (waiting_.size() < waiting_limit) {
      waiting_.push_back(std::move(request));
      wake_.notify_one();
      return;
    }
  }
  LW_LOG(warn, "RTR for %s dropped: too many wait", log::printable(request.impi));
}

HssOutcome<cx::RegistrationTerminationAnswer> Pushes::terminate(cx::RegistrationTerminationRequest request) {
  return server_.terminate(std::move(request), deadline).get();
}

HssOutcome<cx::PushProfileAnswer> Pushes::push_profile(cx::PushProfileRequest request) {
  return server_.push_profile(std::move(request), deadline).get();
}

void Pushes::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    cx::RegistrationTerminationRequest request = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    const std::string impi = log::printable(request.impi), host = log::printable(request.routing.destination_host);
    const HssOutcome<cx::RegistrationTerminationAnswer> outcome = terminate(std::move(request));
    if (const auto* failure = std::get_if<HssFailure>(&outcome)) {
      LW_LOG(warn, "%s was not told that %s has another S-CSCF now: %s", host, impi, log::printable(failure->text));
    } else {
      LW_LOG(info, "%s was told that %s has another S-CSCF now: %s", host, impi,
             cx::result_text(std::get<cx::RegistrationTerminationAnswer>(outcome).result));
    }
    lock.lock();
  }
}

}  // namespace lapwing::labhss
