// Offers within a call (RFC 3261 section 14, RFC 3311) and the session timer (RFC 4028).
#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/runtime/ids.h"
#include "common/sip/headers.h"
#include "lab/labue/call.h"

namespace lapwing::labue {
namespace {

using sip::HeaderId;

constexpr int most_tries = 4;  // of a change that glares
constexpr Duration longest_change = std::chrono::minutes(5);
constexpr std::string_view no_refresh = R"(SIP;cause=408;text="Session timer expired")";

// RFC 3261 section 14.1: the one whose Call-ID it is waits longer.
Duration after_glare(bool our_call_id) {
  return std::chrono::milliseconds(our_call_id ? random_between(210, 400) : random_between(0, 200)) * 10;
}

bool is_offer(const sip::Message& request) {
  return !request.body().empty();
}

}  // namespace

Task<Outcome> Call::hold(bool on) {
  Self self = shared_from_this();
  TimePoint latest = line_.worker.clock().now() + line_.options.timers.t1 * 64;
  for (int tries = 0; tries < most_tries;) {
    if (state_ != State::up) co_return Outcome{false, 0, "there is no call that is up"};
    LegPtr leg = up_;
    if (leg->offering || unacked_) {  // another change is under way
      if (line_.worker.clock().now() >= latest) break;
      co_await line_.worker.sleep(line_.options.timers.t1 / 4);
      continue;
    }
    ++tries;
    leg->audio.want(on ? sdp::Direction::sendonly : sdp::Direction::sendrecv);
    std::string offer = leg->audio.offer();
    leg->offering = true;
    sip::Answer answer;
    if (line_.options.hold_with_update) {
      answer = co_await send_update(self, leg, std::move(offer));
    } else {
      answer = co_await send_reinvite(self, leg, std::move(offer));
    }
    leg->offering = false;
    int code = answer.response ? answer.response->status() : 0;
    if (code / 100 == 2) {
      if (absl::Status status = changed(*answer.response, leg); !status.ok()) {
        co_return Outcome{false, code, std::string(status.message())};
      }
      line_.tell(event(on ? "held" : "resumed").with("call_id", call_id_).with("by", "us"));
      co_return Outcome{true, code, {}};
    }
    leg->audio.want(on ? sdp::Direction::sendrecv : sdp::Direction::sendonly);
    if (code == 481 || code == 408 || code == 0) {  // section 12.2.1.2
      if (state_ == State::up) co_await bye(self, leg, "SIP;cause=408");
      co_return Outcome{false, code, "the call was lost"};
    }
    if (code != 491) co_return Outcome{false, code, absl::StrFormat("the change was answered %d", code)};
    co_await line_.worker.sleep(after_glare(invite_ == nullptr));
  }
  co_return Outcome{false, 491, "the call was being changed all the time"};
}

// With an offer, or with the session timer only.
Task<sip::Answer> Call::send_update(Self self, LegPtr leg, std::string offer) {
  RequestShape shape = leg->dialog.request(sip::Method::update);
  shape.has_contact = true;
  shape.supported = "timer, 100rel, precondition";
  if (state_ == State::setting_up) shape.require = "precondition";
  uint32_t seconds = session_timer_.seconds != 0 ? session_timer_.seconds : session_expires_;
  SessionTimer timer{seconds, state_ == State::setting_up || session_timer_.ours};
  if (seconds != 0) shape.more.emplace_back(HeaderId::session_expires, timer.request_value());
  if (!offer.empty()) shape.content_type = "application/sdp";
  shape.body = std::move(offer);
  co_return co_await line_.request(std::move(shape));
}

// Done with its final response; each copy of a 2xx gets its ACK.
Task<sip::Answer> Call::send_reinvite(Self self, LegPtr leg, std::string offer) {
  RequestShape shape = leg->dialog.request(sip::Method::invite);
  shape.has_contact = true;
  shape.supported = "timer, 100rel, precondition";
  if (session_timer_.seconds != 0) shape.more.emplace_back(HeaderId::session_expires, session_timer_.request_value());
  shape.content_type = "application/sdp";
  shape.body = std::move(offer);
  OneShot<sip::Answer> final_answer(line_.worker);
  auto answered = [self, leg, cseq = shape.cseq, sink = final_answer.sink(),
                   ack = std::pair<std::string, sip::Flow>()](const sip::Answer& answer) mutable {
    int code = answer.response ? answer.response->status() : 0;
    if (code != 0 && code < 200) return;
    if (code / 100 == 2) {
      if (ack.first.empty()) {
        leg->dialog.refresh_target(*answer.response);
        RequestShape shape = leg->dialog.request(sip::Method::ack);
        shape.cseq = cseq;
        ack = self->line_.ack(std::move(shape));
      }
      self->line_.layer.send_ack(ack.second, ack.first);
    }
    sink.set(answer);
  };
  line_.send(std::move(shape), std::move(answered));
  std::optional<sip::Answer> answer = co_await final_answer.wait(longest_change);
  co_return answer.value_or(sip::Answer{});
}

// A 2xx to an offer of ours.
absl::Status Call::changed(const sip::Message& response, const LegPtr& leg) {
  leg->dialog.refresh_target(response);
  if (state_ == State::up) set_session_timer(SessionTimer::of_response(response));
  return leg->audio.read_answer(response.body());
}

// RFC 3311 section 5.2, RFC 3261 section 14.2: an offer meets one of ours, or comes before the last was done with.
bool Call::glares(sip::ServerTransaction& transaction, const LegPtr& leg) {
  bool invite_unanswered = state_ == State::setting_up && (invite_ ? !answer_sent_ : !leg->audio.agreed());
  if (leg->offering || (invite_unanswered && !invite_)) {
    line_.respond(transaction, 491);
    return true;
  }
  bool unanswered = unacked_ || unpracked_ || invite_unanswered;
  if (unanswered) line_.respond(transaction, 500, {.headers = {{HeaderId::retry_after, "5"}}});
  return unanswered;
}

void Call::update_in(Transaction transaction, const LegPtr& leg) {
  const sip::Message& request = transaction->request();
  Reply reply;
  if (is_offer(request)) {
    if (glares(*transaction, leg)) return;
    absl::StatusOr<std::string> answer = leg->audio.answer(request.body());
    if (!answer.ok()) return line_.respond(*transaction, 488);
    reply.content_type = "application/sdp";
    reply.body = std::move(*answer);
  }
  std::optional<SessionTimer> timer = negotiate_timer(*transaction);
  if (!timer) return;
  leg->dialog.refresh_target(request);
  add_timer(request, *timer, reply);
  line_.respond(*transaction, 200, reply);
  if (state_ == State::up) set_session_timer(*timer);
  note_peers_hold();
  stir();
}

void Call::reinvite_in(Transaction transaction, const LegPtr& leg) {
  if (state_ != State::up) return line_.respond(*transaction, 500, {.headers = {{HeaderId::retry_after, "5"}}});
  if (glares(*transaction, leg)) return;
  const sip::Message& request = transaction->request();
  absl::StatusOr<std::string> description =
      is_offer(request) ? leg->audio.answer(request.body()) : absl::StatusOr<std::string>(leg->audio.offer());
  if (!description.ok()) return line_.respond(*transaction, 488);
  std::optional<SessionTimer> timer = negotiate_timer(*transaction);
  if (!timer) return;
  leg->dialog.refresh_target(request);
  Reply reply{.content_type = "application/sdp", .body = std::move(*description)};
  add_timer(request, *timer, reply);
  line_.respond(*transaction, 200, reply);
  unacked_ = leg->dialog.remote_cseq;
  answer_in_ack_ = !is_offer(request);
  set_session_timer(*timer);
  note_peers_hold();
  line_.worker.spawn(repeat_2xx(shared_from_this(), std::move(transaction), std::move(reply), *unacked_));
}

void Call::note_peers_hold() {
  if (!up_ || up_->audio.held_by_peer() == held_by_peer_) return;
  held_by_peer_ = !held_by_peer_;
  line_.tell(event(held_by_peer_ ? "held" : "resumed").with("call_id", call_id_).with("by", "them"));
}

std::optional<SessionTimer> Call::negotiate_timer(sip::ServerTransaction& transaction) {
  if (!SessionTimer::too_brief(transaction.request())) return SessionTimer::of_request(transaction.request());
  line_.respond(transaction, 422, {.headers = {{HeaderId::min_se, std::to_string(least_session_expires)}}});
  return std::nullopt;
}

void Call::add_timer(const sip::Message& request, const SessionTimer& timer, Reply& reply) {
  if (timer.seconds == 0) return;
  if (sip::has_token(request, HeaderId::supported, "timer")) reply.headers.emplace_back(HeaderId::require, "timer");
  reply.headers.emplace_back(HeaderId::session_expires, timer.response_value());
}

void Call::set_session_timer(const SessionTimer& timer) {
  session_timer_ = timer;
  line_.worker.timers().cancel(std::exchange(session_alarm_, 0));
  if (timer.seconds == 0 || over()) return;
  session_alarm_ = line_.worker.timers().after(timer.due(), [weak = weak_from_this()] {
    if (Self self = weak.lock()) self->session_due();
  });
}

void Call::session_due() {
  session_alarm_ = 0;
  if (state_ != State::up) return;
  if (session_timer_.ours) {
    line_.worker.spawn(refresh(shared_from_this()));
  } else {
    end_by_bye(no_refresh);
  }
}

// Section 7.4.
Task<void> Call::refresh(Self self) {
  LegPtr leg = up_;
  for (int tries = 0; tries < most_tries; ++tries) {
    sip::Answer answer = co_await send_update(self, leg, {});
    if (state_ != State::up) co_return;
    int code = answer.response ? answer.response->status() : 0;
    if (code / 100 == 2) {
      leg->dialog.refresh_target(*answer.response);
      SessionTimer timer = SessionTimer::of_response(*answer.response);
      set_session_timer(timer);
      line_.tell(event("refreshed").with("call_id", call_id_).with("seconds", timer.seconds));
      co_return;
    }
    if (code != 491) break;
    co_await line_.worker.sleep(after_glare(invite_ == nullptr));
    if (state_ != State::up) co_return;
  }
  end_by_bye(no_refresh);
}

}  // namespace lapwing::labue
