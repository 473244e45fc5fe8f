#include "hss-client/freediameter/cx_client.h"

#include <functional>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/runtime/log.h"
#include "common/runtime/one_shot.h"
#include "hss-client/cx_text.h"
#include "hss-client/freediameter/cx_application.h"

namespace lapwing {
namespace {

using Reply = DiameterCore::Reply;

std::vector<std::pair<std::string, std::string>> hosts_of(const DiameterOptions& options) {
  std::vector<std::pair<std::string, std::string>> hosts;
  for (const DiameterOptions::Peer& peer : options.peers) hosts.emplace_back(peer.host, peer.address_text());
  return hosts;
}

template <typename Answer>
const char* word_for(const HssOutcome<Answer>& outcome) {
  if (const auto* answer = std::get_if<Answer>(&outcome)) return answer->result.code / 1000 == 2 ? "success" : "error";
  switch (std::get<HssFailure>(outcome).kind) {
    case HssFailure::Kind::timeout:
      return "timeout";
    case HssFailure::Kind::malformed:
      return "malformed";
    default:
      return "error";
  }
}

}  // namespace

CxClient::CxClient(DiameterCore& core, CxClientOptions options)
    : core_(core), options_(std::move(options)), peers_(hosts_of(core.options()), options_.circuit) {}

std::vector<HssPeers::Connection> CxClient::connections() const {
  std::vector<HssPeers::Connection> out;
  for (DiameterCore::PeerState& peer : core_.peers()) {
    out.push_back({std::move(peer.state), peer.open, peer.relay, std::move(peer.why)});
  }
  return out;
}

std::vector<HssPeerState> CxClient::peers() const {
  return peers_.states(connections());
}

Task<std::optional<Reply>> CxClient::attempt(Worker& worker, Attempt attempt) {
  OneShot<Reply> arrived(worker);
  attempt.request.on_reply = [sink = arrived.sink()](Reply reply) { sink.set(std::move(reply)); };
  TimePoint began = worker.clock().now();
  std::optional<uint64_t> id = core_.send(std::move(attempt.request));
  if (!id) co_return std::nullopt;
  const std::string& host = attempt.choice.peer;
  peers_.sent(host);
  std::optional<Reply> reply = co_await arrived.wait(attempt.wait);
  if (!reply) {
    core_.forget(*id);
    reply = Reply{Reply::Kind::expired, {}, absl::StrFormat("%s has not answered", host)};
  }
  TimePoint now = worker.clock().now();
  if (reply->kind == Reply::Kind::expired) {
    peers_.failed(host, HssPeers::Failure::timeout, now);
  } else if (reply->kind == Reply::Kind::malformed) {
    peers_.malformed(host);
  } else if (reply->kind == Reply::Kind::answer) {
    const diameter::Avp* code = diameter::find(reply->message.avps, 268, 0);
    if (code != nullptr && diameter::value32(*code).value_or(0) / 1000 == 3) {
      peers_.failed(host, HssPeers::Failure::error, now);
    } else {
      peers_.answered(host, now - began);
    }
  }
  co_return reply;
}

template <typename Request>
Task<HssOutcome<typename cx::Exchange<Request>::Answer>> CxClient::exchange(Worker& worker, Request request,
                                                                            std::string user) {
  using Kind = HssFailure::Kind;
  using Answer = typename cx::Exchange<Request>::Answer;
  constexpr auto command = cx::Exchange<Request>::command;
  request.routing.origin_host = core_.options().identity;
  request.routing.origin_realm = core_.options().realm;
  request.routing.destination_realm = options_.destination_realm;
  const std::string preferred = request.routing.destination_host;
  const std::string session = core_.new_session_id();
  const uint32_t end_to_end = core_.new_end_to_end();
  const TimePoint deadline = worker.clock().now() + options_.deadline;
  std::string avoid;
  std::optional<HssFailure> failure;
  for (bool retry : {false, true}) {
    const TimePoint now = worker.clock().now();
    if (now >= deadline) break;
    const auto open = connections();
    auto choice = peers_.choose(user, preferred, avoid, open, now);
    if (!choice) break;
    request.routing.destination_host = choice->destination_host;
    Attempt next{std::move(*choice), {}, deadline - now};
    if (!retry && peers_.other_usable(next.choice.peer, open, now)) {
      next.wait = std::chrono::duration_cast<Duration>(options_.deadline * options_.first_share);
    }
    next.request.message = cx::request_message(command, session, cx::encode(request));
    next.request.message.end_to_end = end_to_end;
    next.request.peer = next.choice.peer;
    next.request.retransmitted = retry;
    next.request.deadline = now + next.wait;
    avoid = next.choice.peer;
    std::optional<Reply> reply = co_await attempt(worker, std::move(next));
    if (!reply) co_return HssFailure{Kind::overloaded, absl::StrFormat("the queue to the HSS is full, for %s", avoid)};
    HssOutcome<Answer> outcome = outcome_of<Answer>(*reply, static_cast<uint32_t>(command), avoid);
    times_.observe({cx::name_of(static_cast<uint32_t>(command), true), word_for(outcome)}, worker.clock().now() - now);
    auto* failed = std::get_if<HssFailure>(&outcome);
    if (failed == nullptr) co_return outcome;
    // What the Diameter layer could not deliver, or nobody answered, another HSS may: anything else is final.
    if (failed->kind != Kind::undelivered && failed->kind != Kind::timeout) co_return outcome;
    failure = std::move(*failed);
  }
  if (!failure) failure = HssFailure{Kind::no_peer, "no HSS is connected and answering"};
  co_return std::move(*failure);
}

Task<HssOutcome<cx::UserAuthorizationAnswer>> CxClient::authorize(Worker& worker,
                                                                  cx::UserAuthorizationRequest request) {
  std::string user = request.impi;
  return exchange(worker, std::move(request), std::move(user));
}

Task<HssOutcome<cx::MultimediaAuthAnswer>> CxClient::authenticate(Worker& worker, cx::MultimediaAuthRequest request) {
  std::string user = request.impi;
  return exchange(worker, std::move(request), std::move(user));
}

Task<HssOutcome<cx::ServerAssignmentAnswer>> CxClient::assign(Worker& worker, cx::ServerAssignmentRequest request) {
  std::string user = request.impi.empty() && !request.impus.empty() ? request.impus.front() : request.impi;
  return exchange(worker, std::move(request), std::move(user));
}

Task<HssOutcome<cx::LocationInfoAnswer>> CxClient::locate(Worker& worker, cx::LocationInfoRequest request) {
  std::string user = request.impu;
  return exchange(worker, std::move(request), std::move(user));
}

namespace {

// What a push needs after its message is gone.
struct Pushes {
  DiameterCore& core;
  HssPushes& target;
  std::vector<Worker*> workers;
  Duration deadline;

  cx::Routing routing() const { return {core.options().identity, core.options().realm, {}, {}}; }
  void refuse(uint64_t id, const diameter::Fault& fault) const { core.answer(id, cx::encode_error(routing(), fault)); }
};
using SharedPushes = std::shared_ptr<const Pushes>;

Task<cx::RegistrationTerminationAnswer> run(HssPushes& target, cx::RegistrationTerminationRequest request) {
  return target.terminate(std::move(request));
}

Task<cx::PushProfileAnswer> run(HssPushes& target, cx::PushProfileRequest request) {
  return target.push_profile(std::move(request));
}

template <typename Request>
Task<void> answer_push(SharedPushes pushes, Worker& worker, uint64_t id, Request request) {
  Timers::Id limit = worker.timers().after(pushes->deadline, [pushes, id] {
    LW_LOG(warn, "%s from the HSS took too long: answered with 5012", cx::Exchange<Request>::name);
    pushes->refuse(id, {cx::base::unable_to_comply.code, "took too long", {}});
  });
  auto answer = co_await run(pushes->target, std::move(request));
  worker.timers().cancel(limit);
  answer.routing = pushes->routing();
  pushes->core.answer(id, cx::encode(answer));
}

template <typename Request>
void dispatch(const SharedPushes& pushes, DiameterCore::Incoming& incoming) {
  auto parsed = cx::decode<Request>(incoming.message.avps);
  cx::wipe_secrets(incoming.message.avps);
  if (auto* fault = std::get_if<diameter::Fault>(&parsed)) {
    LW_LOG(warn, "%s from %s refused with %d: %s", cx::Exchange<Request>::name, log::printable(incoming.from),
           fault->result_code, log::printable(fault->text));
    pushes->refuse(incoming.id, *fault);
    return;
  }
  auto& request = std::get<Request>(parsed);
  Worker* worker = pushes->workers[std::hash<std::string>()(request.impi) % pushes->workers.size()];
  worker->post([pushes, worker, id = incoming.id, request = std::move(request)]() mutable {
    worker->spawn(answer_push(pushes, *worker, id, std::move(request)));
  });
}

}  // namespace

void CxClient::serve(HssPushes& pushes, std::vector<Worker*> workers) {
  auto shared = std::make_shared<const Pushes>(Pushes{core_, pushes, std::move(workers), options_.push_deadline});
  core_.on_request(cx::application_id, [shared](DiameterCore::Incoming incoming) {
    switch (static_cast<cx::Command>(incoming.message.command)) {
      case cx::Command::registration_termination:
        return dispatch<cx::RegistrationTerminationRequest>(shared, incoming);
      case cx::Command::push_profile:
        return dispatch<cx::PushProfileRequest>(shared, incoming);
      default:
        return shared->refuse(incoming.id, {3001, "a CSCF does not serve this command", {}});
    }
  });
}

}  // namespace lapwing
