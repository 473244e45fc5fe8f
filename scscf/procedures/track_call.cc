#include "scscf/procedures/track_call.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/sip/body.h"
#include "common/sip/headers.h"
#include "scscf/procedures/release.h"
#include "scscf/session_timer.h"

namespace lapwing::scscf {
namespace {

using sip::HeaderId;

std::string callee_of(Call& call) {
  std::lock_guard lock(call.mutex);
  return call.callee.identity;
}

void report_both(Core& core, Call& call, std::string_view kind, const std::string& text, Cause cause = Cause::none) {
  std::string impi, identity;
  {
    std::lock_guard lock(call.mutex);
    impi = call.callee.impi;
    identity = call.callee.identity;
  }
  core.report(kind, call.caller.impi, call.caller.identity, text, cause);
  if (!impi.empty()) core.report(kind, impi, identity, text, cause);
}

std::string contact_of(const sip::Message& message) {
  auto contact = sip::NameAddr::parse(message.values(HeaderId::contact).front());
  return contact.ok() ? std::string(contact->uri.text) : std::string();
}

// The hops between us and the callee, nearest first: those above our own Record-Route, which the response has last
// first. The request may have been here several times, between its application servers: the first time counts.
std::vector<std::string> route_to_callee(const sip::Message& response, const std::string& token) {
  std::vector<std::string> route;
  size_t ours = 0;
  bool was_ours = false;
  for (std::string_view value : response.values(HeaderId::record_route)) {
    auto hop = sip::NameAddr::parse(value);
    bool is_ours = hop.ok() && hop->uri.user == token;
    if (is_ours && !was_ours) ours = route.size();
    was_ours = is_ours;
    route.push_back(sip::unfold(value));
  }
  route.resize(ours);
  std::reverse(route.begin(), route.end());
  return route;
}

void note_session(Call& call, const sip::Message& message, bool from_caller) {
  std::string_view body = sip::body_part(message, "application/sdp");
  if (body.empty()) return;
  bool open = !call.offer.empty() && call.answer.empty();
  if (open && from_caller != call.offered_by_caller) {
    call.answer = std::string(body);
  } else if (message.is_request()) {
    call.offer = std::string(body);
    call.answer.clear();
    call.offered_by_caller = from_caller;
  } else if (call.offer.empty()) {
    call.offer = std::string(body);
    call.offered_by_caller = from_caller;
  }
}

void watch_deadline(Core& core, Site& site, const std::shared_ptr<Call>& call);

void ring(Core& core, Site& site, const std::shared_ptr<Call>& call) {
  std::unique_lock lock(call->mutex);
  call->alarm.rang();
  if (call->state == CallState::ended) return;
  if (call->deadline > core.clock.now()) return watch_deadline(core, site, call);
  bool refreshed = call->interval > Duration::zero();
  lock.unlock();
  std::string why = refreshed ? "nobody refreshed the session" : "it lasted longer than calls may";
  report_both(core, *call, "call.expired", why, Cause::session_expired);
  release(core, site, call, "SIP;cause=408;text=\"Session expired\"", why);
}

// The caller holds the call's lock.
void watch_deadline(Core& core, Site& site, const std::shared_ptr<Call>& call) {
  call->alarm.by(site.worker, call->deadline, [&core, &site, call] { ring(core, site, call); });
}

// A 2xx to INVITE or UPDATE starts the session timer anew. The caller holds the call's lock.
void refresh(Core& core, Site& site, const std::shared_ptr<Call>& call, Duration interval) {
  call->interval = interval;
  Duration left = interval > Duration::zero() ? interval : core.settings().longest_call;
  call->deadline = core.clock.now() + left;
  call->ends = core.clock.wall() + std::chrono::duration_cast<WallTime::duration>(left);
  watch_deadline(core, site, call);
}

void note_callee(Call& call, const sip::Message& response) {
  auto to = sip::NameAddr::parse(response.header(HeaderId::to));
  if (!to.ok() || to->tag().empty()) return;
  call.callee.name_addr = sip::unfold(response.header(HeaderId::to));
  call.callee.tag = std::string(to->tag());
  if (std::string contact = contact_of(response); !contact.empty()) call.callee.target = std::move(contact);
  if (response.has(HeaderId::record_route)) call.callee.route = route_to_callee(response, call.id);
}

enum class Step { none, rings, answered };

Step note_invite_response(Core& core, Site& site, const std::shared_ptr<Call>& call, const sip::Message& response,
                          sip::Edits& edits) {
  std::lock_guard lock(call->mutex);
  int code = response.status();
  if (code == 100 || code >= 300) return Step::none;
  auto to = sip::NameAddr::parse(response.header(HeaderId::to));
  bool before = call->state == CallState::calling || call->state == CallState::ringing;
  // Another branch of the call accepted too: the caller ends it.
  if (!before && to.ok() && to->tag() != call->callee.tag) return Step::none;
  call->last_method = sip::Method::invite;
  call->last_code = code;
  if (before) note_callee(*call, response);
  note_session(*call, response, false);
  if (code < 200) {
    if (call->state != CallState::calling || code != 180) return Step::none;
    call->state = CallState::ringing;
    call->since = core.clock.wall();
    return Step::rings;
  }
  Duration interval = session_interval(core.settings(), response, call->caller_supports_timer, &edits);
  if (!before) return Step::none;  // the 2xx once more
  call->state = CallState::answered;
  call->since = call->answered = core.clock.wall();
  refresh(core, site, call, interval);
  return Step::answered;
}

// The network has ended the call, and the callee's 2xx has crossed our CANCEL.
void end_if_too_late(Core& core, Site& site, const std::shared_ptr<Call>& call) {
  std::string why;
  {
    std::lock_guard lock(call->mutex);
    why = std::exchange(call->reason, "");
  }
  if (why.empty()) return;
  // Behind the 2xx, which is on its way out now.
  site.worker.post([&core, &site, call, why] { release(core, site, call, "SIP;cause=480;text=\"Ended\"", why); });
}

// What a final response of the callee's side means.
Cause cause_of_answer(int code) {
  switch (code) {
    case 404:
    case 604:
      return Cause::callee_unknown;
    case 408:
      return Cause::callee_silent;
    case 486:
    case 600:
      return Cause::callee_busy;
    case 403:
    case 480:
    case 603:
      return Cause::callee_declined;
    case 415:
    case 488:
    case 606:
      return Cause::media_refused;
    default:
      return Cause::none;
  }
}

std::string seconds_text(WallTime from, WallTime to) {
  auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(to - from).count();
  return absl::StrFormat("%.1f s", static_cast<double>(ms) / 1000);
}

}  // namespace

void note_invite(Call& call, const sip::Message& invite, WallTime now) {
  call.call_id = std::string(invite.header(HeaderId::call_id));
  std::string text = "x;" + sip::unfold(invite.header(HeaderId::p_charging_vector));
  auto vector = sip::TokenParams::parse(text);
  if (vector.ok()) call.icid = vector->params.unquoted("icid-value");
  call.started = call.since = now;
  auto from = sip::NameAddr::parse(invite.header(HeaderId::from));
  if (from.ok()) {
    call.caller.tag = std::string(from->tag());
    call.caller.identity = std::string(from->uri.text);
  }
  call.caller.name_addr = sip::unfold(invite.header(HeaderId::from));
  call.caller.target = contact_of(invite);
  for (std::string_view hop : invite.values(HeaderId::record_route)) call.caller.route.push_back(sip::unfold(hop));
  auto cseq = sip::CSeq::parse(invite.header(HeaderId::cseq));
  call.caller.cseq = cseq.ok() ? cseq->number : 0;
  call.callee.identity = std::string(invite.request_uri());
  call.caller_supports_timer = sip::has_token(invite, HeaderId::supported, "timer");
  note_session(call, invite, true);
}

void call_started(Core& core, Call& call) {
  report_both(core, call, "call.started", absl::StrFormat("%s calls %s", call.caller.identity, callee_of(call)));
}

sip::Forwarding::EditResponse watch_responses(Core& core, Site& site, std::shared_ptr<Call> call) {
  if (!call) return {};
  return [&core, &site, call = std::move(call)](sip::Edits& edits, const sip::Message& response) {
    Step step = note_invite_response(core, site, call, response, edits);
    if (step == Step::rings) {
      core.call_times.ringing.observe(call->since - call->started);
      report_both(core, *call, "call.ringing", callee_of(*call) + " rings");
    }
    if (step != Step::answered) return;
    core.call_times.answered.observe(call->answered - call->started);
    std::string after = seconds_text(call->started, call->answered);
    report_both(core, *call, "call.answered", absl::StrFormat("%s answered after %s", callee_of(*call), after));
    end_if_too_late(core, site, call);
  };
}

void end_unanswered(Core& core, Call& call, const sip::Forwarding& context) {
  if (context.accepted()) return;
  if (context.best()) {
    int code = context.best()->status();
    const char* who = context.cancelled() ? "the caller gave up" : "it was not taken";
    return end_call(core, call, code, absl::StrFormat("%s: %d %s", who, code, context.best()->reason()),
                    context.cancelled() ? Cause::none : cause_of_answer(code));
  }
  if (context.cancelled()) return end_call(core, call, 487, "the caller gave up");
  if (context.unreachable()) return end_call(core, call, 500, "the next hop could not be reached");
  end_call(core, call, 408, "nobody answered", Cause::callee_silent);
}

void note_request(Call& call, const sip::Message& request) {
  auto from = sip::NameAddr::parse(request.header(HeaderId::from));
  if (!from.ok()) return;
  std::lock_guard lock(call.mutex);
  Party* sender = call.party_with_tag(from->tag());
  if (!sender) return;
  auto cseq = sip::CSeq::parse(request.header(HeaderId::cseq));
  if (cseq.ok()) sender->cseq = std::max(sender->cseq, cseq->number);
  call.last_method = request.method();
  call.last_code = 0;
  note_session(call, request, sender == &call.caller);
  // Target refresh (RFC 3261 section 12.2, RFC 3311).
  if (request.method() != sip::Method::invite && request.method() != sip::Method::update) return;
  if (std::string contact = contact_of(request); !contact.empty()) sender->target = std::move(contact);
}

void note_response(Core& core, Site& site, const std::shared_ptr<Call>& call, const sip::Message& response) {
  auto from = sip::NameAddr::parse(response.header(HeaderId::from));
  auto cseq = sip::CSeq::parse(response.header(HeaderId::cseq));
  if (!from.ok() || !cseq.ok()) return;
  std::lock_guard lock(call->mutex);
  Party* asked_by = call->party_with_tag(from->tag());
  if (!asked_by) return;
  bool from_caller = asked_by != &call->caller;
  call->last_method = sip::method_from(cseq->method);
  call->last_code = response.status();
  note_session(*call, response, from_caller);
  bool refreshes = call->last_method == sip::Method::invite || call->last_method == sip::Method::update;
  if (!refreshes || response.status() < 200 || response.status() >= 300) return;
  Party& answering = from_caller ? call->caller : call->callee;
  if (std::string contact = contact_of(response); !contact.empty()) answering.target = std::move(contact);
  if (call->state != CallState::answered) return;
  Duration interval = session_interval(core.settings(), response, false, nullptr);
  if (interval > Duration::zero()) refresh(core, site, call, interval);
}

void end_call(Core& core, Call& call, int code, const std::string& why, Cause cause) {
  std::string text;
  {
    std::lock_guard lock(call.mutex);
    if (call.state == CallState::ended) return;
    bool talked = call.state == CallState::answered;
    if (talked) cause = Cause::none;
    call.state = CallState::ended;
    call.since = call.ended = core.clock.wall();
    call.code = talked ? 200 : code;
    if (talked) core.call_times.lasted.observe(call.ended - call.answered);
    // Whoever set it before knew better: a release by the network ends in a response too.
    if (call.reason.empty()) call.reason = why;
    call.alarm.cancel();
    text = talked ? absl::StrFormat("over after %s: %s", seconds_text(call.answered, call.ended), call.reason)
                  : absl::StrFormat("not answered, %d: %s", code, call.reason);
  }
  core.calls.remove(call);
  report_both(core, call, "call.ended", text, cause);
  if (core.record_call) core.record_call(call);
}

}  // namespace lapwing::scscf
