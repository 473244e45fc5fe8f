#include "hss-client/freediameter/cx_server.h"

#include <utility>

#include "common/runtime/log.h"
#include "hss-client/freediameter/cx_application.h"

namespace lapwing {

CxServer::CxServer(DiameterCore& core, CxHandler& handler) : core_(core), handler_(handler) {
  core_.on_request(cx::application_id, [this](DiameterCore::Incoming incoming) {
    std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(incoming));
    wake_.notify_one();
  });
  thread_ = std::thread([this] { run(); });
}

CxServer::~CxServer() {
  stop();
}

void CxServer::stop() {
  if (!thread_.joinable()) return;
  core_.stop();
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void CxServer::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    DiameterCore::Incoming incoming = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    handle(incoming);
    lock.lock();
  }
}

template <typename Request, typename F>
void CxServer::answer(DiameterCore::Incoming& incoming, F&& call) {
  auto parsed = cx::decode<Request>(incoming.message.avps);
  if (auto* fault = std::get_if<diameter::Fault>(&parsed)) {
    LW_LOG(warn, "%s from %s refused with %d: %s", cx::Exchange<Request>::name, log::printable(incoming.from),
           fault->result_code, log::printable(fault->text));
    core_.answer(incoming.id, cx::encode_error(routing(), *fault));
    return;
  }
  auto result = call(std::get<Request>(parsed));
  result.routing = routing();
  core_.answer(incoming.id, cx::encode(result));
}

void CxServer::handle(DiameterCore::Incoming& incoming) {
  switch (static_cast<cx::Command>(incoming.message.command)) {
    case cx::Command::user_authorization:
      return answer<cx::UserAuthorizationRequest>(incoming, [this](const auto& r) { return handler_.authorize(r); });
    case cx::Command::multimedia_auth:
      return answer<cx::MultimediaAuthRequest>(incoming, [this](const auto& r) { return handler_.authenticate(r); });
    case cx::Command::server_assignment:
      return answer<cx::ServerAssignmentRequest>(incoming, [this](const auto& r) { return handler_.assign(r); });
    case cx::Command::location_info:
      return answer<cx::LocationInfoRequest>(incoming, [this](const auto& r) { return handler_.locate(r); });
    default:
      core_.answer(incoming.id, cx::encode_error(routing(), {3001, "an HSS does not serve this command", {}}));
  }
}

template <typename Request>
std::future<HssOutcome<typename cx::Exchange<Request>::Answer>> CxServer::push(Request request, Duration deadline) {
  using Answer = typename cx::Exchange<Request>::Answer;
  constexpr auto command = cx::Exchange<Request>::command;
  request.routing.origin_host = core_.options().identity;
  request.routing.origin_realm = core_.options().realm;
  if (request.routing.destination_realm.empty()) request.routing.destination_realm = core_.options().realm;
  auto promise = std::make_shared<std::promise<HssOutcome<Answer>>>();
  auto future = promise->get_future();
  DiameterCore::Request out;
  out.peer = request.routing.destination_host;
  out.message = cx::request_message(command, core_.new_session_id(), cx::encode(request));
  out.message.end_to_end = core_.new_end_to_end();
  out.deadline = std::chrono::steady_clock::now() + deadline;
  out.on_reply = [promise, peer = out.peer](DiameterCore::Reply reply) {
    promise->set_value(outcome_of<Answer>(reply, static_cast<uint32_t>(command), peer));
  };
  if (!core_.send(std::move(out))) {
    promise->set_value(HssFailure{HssFailure::Kind::overloaded, "the Diameter queue is full, or ended"});
  }
  return future;
}

std::future<HssOutcome<cx::RegistrationTerminationAnswer>> CxServer::terminate(
    cx::RegistrationTerminationRequest request, Duration deadline) {
  return push(std::move(request), deadline);
}

std::future<HssOutcome<cx::PushProfileAnswer>> CxServer::push_profile(cx::PushProfileRequest request,
                                                                      Duration deadline) {
  return push(std::move(request), deadline);
}

}  // namespace lapwing
