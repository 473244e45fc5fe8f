// Being called (TS 24.229 section 5.1.4): 183 with preconditions, 180, and the answer that the options or the user
// give.
#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/runtime/ids.h"
#include "common/sip/headers.h"
#include "lab/labue/call.h"

namespace lapwing::labue {
namespace {

using sip::HeaderId;

constexpr Duration for_ever = std::chrono::hours(24);
constexpr std::string_view no_ack = R"(RELEASE_CAUSE;cause=4;text="SIP timeout - no ACK")";

uint32_t cseq_of(const sip::Message& request) {
  absl::StatusOr<sip::CSeq> number = sip::CSeq::parse(request.header(HeaderId::cseq));
  return number.ok() ? number->number : 0;
}

bool supports(const sip::Message& request, std::string_view tag) {
  return sip::has_token(request, HeaderId::supported, tag) || sip::has_token(request, HeaderId::require, tag);
}

}  // namespace

void Call::take(Transaction invite) {
  invite_ = std::move(invite);
  const sip::Message& request = invite_->request();
  call_id_ = request.header(HeaderId::call_id);
  peer_ = uri_of(request, request.has(HeaderId::p_asserted_identity) ? HeaderId::p_asserted_identity : HeaderId::from);
  line_.tell(event("call_in").with("from", peer_).with("call_id", call_id_));
  invite_->on_cancel([weak = weak_from_this()](const sip::Message& cancel) {
    if (Self self = weak.lock()) self->cancelled(cancel);
  });
  line_.worker.spawn(serve(shared_from_this()));
}

void Call::cancelled(const sip::Message& cancel) {
  if (ringing_here()) refuse(487, "them", cancel.header(HeaderId::reason));
}

Task<void> Call::serve(Self self) {
  const sip::Message& request = invite_->request();
  line_.respond(*invite_, 100);
  const Answering& answering = line_.options.answering;
  if (answering.mode == Answering::Mode::busy) co_return refuse(486, "us", "busy");
  if (answering.mode == Answering::Mode::reject) co_return refuse(answering.code, "us", "rejected");
  std::optional<SessionTimer> timer = negotiate_timer(*invite_);
  if (!timer) co_return finish("us", 422, "the session would be too brief");
  session_timer_ = *timer;
  bool wants = request.body().find("a=des:qos") != std::string_view::npos && supports(request, "100rel") &&
               supports(request, "precondition");
  absl::StatusOr<Audio> audio = new_audio(line_.options.preconditions && wants);
  if (!audio.ok()) co_return refuse(500, "us", std::string(audio.status().message()));
  LegPtr leg = std::make_shared<Leg>(Leg{Dialog::of_request(request, invite_->to_tag()), std::move(*audio)});
  legs_.push_back(leg);
  absl::StatusOr<std::string> answer =
      request.body().empty() ? absl::StatusOr<std::string>(leg->audio.offer()) : leg->audio.answer(request.body());
  if (!answer.ok()) co_return refuse(488, "us", std::string(answer.status().message()));
  answer_ = std::move(*answer);
  if (leg->audio.preconditions()) {
    bool met = co_await progress(self);
    if (!met) co_return;
  }
  co_await ring(self);
}

// 183 with our answer, PRACK, and the peer's word that its resources are there. False: the call is over.
Task<bool> Call::progress(Self self) {
  Reply reply = dialog_reply();
  reply.headers.emplace_back(HeaderId::require, "100rel, precondition");
  reply.content_type = "application/sdp";
  reply.body = answer_;
  answer_sent_ = true;
  bool taken = co_await send_reliably(self, 183, std::move(reply));
  if (!taken) co_return false;
  LegPtr leg = legs_.front();
  TimePoint latest = line_.worker.clock().now() + line_.options.timers.t1 * 64;
  while (!leg->audio.peer_reserved() && line_.worker.clock().now() < latest) {
    co_await stirred(latest - line_.worker.clock().now());
    if (state_ != State::setting_up) co_return false;
  }
  if (!leg->audio.peer_reserved()) refuse(580, "us", "the preconditions were not met in time");
  co_return leg->audio.peer_reserved();
}

// RFC 3262 section 3. False: the call is over; without PRACK it is refused.
Task<bool> Call::send_reliably(Self self, int code, Reply reply) {
  if (next_rseq_ == 0) next_rseq_ = random_between(1, 1'000'000);
  unpracked_ = next_rseq_++;
  reply.headers.emplace_back(HeaderId::rseq, std::to_string(*unpracked_));
  Duration pause = line_.options.timers.t1;
  TimePoint now = line_.worker.clock().now(), again = now, latest = now + pause * 64;
  while (unpracked_ && now < latest) {
    if (now >= again) {
      line_.respond(*invite_, code, reply);
      again = now + pause;
      pause *= 2;
    }
    co_await stirred(std::min(again, latest) - now);
    if (state_ != State::setting_up) co_return false;
    now = line_.worker.clock().now();
  }
  if (unpracked_) refuse(504, "us", "no PRACK came");
  co_return !over();
}

Task<void> Call::ring(Self self) {
  bool reliable = sip::has_token(invite_->request(), HeaderId::require, "100rel");
  Reply reply = dialog_reply();
  line_.tell(event("ringing").with("call_id", call_id_));
  if (reliable) {
    reply.headers.emplace_back(HeaderId::require, "100rel");
    bool taken = co_await send_reliably(self, 180, std::move(reply));
    if (!taken) co_return;
  } else {
    line_.respond(*invite_, 180, reply);
  }
  const Answering& answering = line_.options.answering;
  bool automatic = answering.mode == Answering::Mode::automatic;
  TimePoint latest = line_.worker.clock().now() + (automatic ? answering.ring : for_ever);
  while (!decision_ && line_.worker.clock().now() < latest) {
    co_await stirred(latest - line_.worker.clock().now());
    if (state_ != State::setting_up) co_return;
  }
  int decision = decision_.value_or(200);
  if (decision == 200) {
    accept();
  } else {
    refuse(decision, "us", "rejected");
  }
}

// Until something happens to the call.
Task<void> Call::stirred(Duration longest) {
  OneShot<bool> woken(line_.worker);
  wake_ = woken.sink();
  co_await woken.wait(longest);
  wake_.reset();
}

void Call::stir() {
  if (wake_) wake_->set(true);
}

void Call::decide(int code) {
  if (!ringing_here()) return;
  decision_ = code;
  stir();
}

// Of responses that make the dialog.
Reply Call::dialog_reply() const {
  Reply reply;
  for (std::string_view value : invite_->request().values(HeaderId::record_route)) {
    reply.headers.emplace_back(HeaderId::record_route, sip::unfold(value));
  }
  reply.headers.emplace_back(HeaderId::supported, "timer, 100rel, precondition");
  return reply;
}

void Call::accept() {
  const sip::Message& request = invite_->request();
  Reply reply = dialog_reply();
  add_timer(request, session_timer_, reply);
  if (!answer_sent_) {
    reply.content_type = "application/sdp";
    reply.body = answer_;
    answer_in_ack_ = request.body().empty();
  }
  line_.respond(*invite_, 200, reply);
  LegPtr leg = legs_.front();
  unacked_ = cseq_of(request);
  established(leg, session_timer_);
  line_.worker.spawn(repeat_2xx(shared_from_this(), invite_, std::move(reply), *unacked_));
}

// RFC 3261 section 13.3.1.4.
Task<void> Call::repeat_2xx(Self self, Transaction transaction, Reply reply, uint32_t cseq) {
  const sip::TimerValues& timers = line_.options.timers;
  Duration pause = timers.t1;
  for (Duration waited = pause; waited <= timers.t1 * 64; waited += pause) {
    co_await line_.worker.sleep(pause);
    if (over() || unacked_ != cseq) co_return;
    line_.respond(*transaction, 200, reply);
    pause = std::min(pause * 2, timers.t2);
  }
  unacked_.reset();
  if (state_ != State::up) co_return;
  LegPtr leg = up_;
  co_await bye(self, leg, std::string(no_ack));
}

void Call::refuse(int code, std::string_view by, std::string_view reason) {
  std::string why(reason);  // of a message that may go
  line_.respond(*invite_, code);
  finish(by, code, why);
}

void Call::prack_in(Transaction transaction) {
  // "1 7 INVITE"
  std::string_view rest = transaction->request().header(HeaderId::rack);
  std::string_view rseq = rest.substr(0, rest.find(' '));
  bool wanted = ringing_here() && unpracked_ && sip::parse_seconds(rseq) == unpracked_;
  line_.respond(*transaction, wanted ? 200 : 481);
  if (!wanted) return;
  unpracked_.reset();
  legs_.front()->audio.reserve();  // at once; the answer to UPDATE says so
  stir();
}

}  // namespace lapwing::labue
