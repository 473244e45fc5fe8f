#include "lab/labue/call.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/sip/headers.h"

namespace lapwing::labue {
namespace {

using sip::HeaderId;

constexpr Duration for_ever = std::chrono::hours(24);
constexpr uint16_t no_media_port = 40000;  // named in descriptions while nobody listens there
constexpr std::string_view user_ends_call = R"(RELEASE_CAUSE;cause=1;text="User ends call")";  // TS 24.229 7.2A.18.11

}  // namespace

Event Call::event(std::string_view name) const {
  return Event(name, line_.options.who.imsi);
}

Call::LegPtr Call::leg_of(const sip::Message& request) const {
  auto found = std::find_if(legs_.begin(), legs_.end(), [&](const LegPtr& leg) { return leg->dialog.has(request); });
  return found == legs_.end() ? nullptr : *found;
}

absl::StatusOr<Audio> Call::new_audio(bool preconditions) {
  uint16_t port = no_media_port;
  if (line_.options.media && !media_) {
    absl::StatusOr<std::unique_ptr<MediaPort>> opened = line_.ports.open_media(line_.options.address);
    if (!opened.ok()) return opened.status();
    media_ = std::make_unique<RtpStream>(line_.worker, std::move(*opened));
  }
  if (media_) port = media_->port();
  return Audio({.address = line_.options.address, .port = port, .preconditions = preconditions});
}

void Call::established(LegPtr leg, const SessionTimer& timer) {
  state_ = State::up;
  up_ = std::move(leg);
  set_session_timer(timer);
  line_.tell(event("answered")
                 .with("call_id", call_id_)
                 .with("codec", up_->audio.codec())
                 .with("precondition", up_->audio.preconditions() ? "yes" : "no"));
  if (media_) {
    media_->start(up_->audio, [this] {
      line_.tell(event("media").with("call_id", call_id_).with("received", static_cast<int64_t>(media_->received())));
    });
  }
  settle({true, 200, {}});
}

void Call::settle(const Outcome& outcome) {
  if (settled_) return;
  settled_ = outcome;
  for (const OneShot<Outcome>::Sink& sink : waiting_) sink.set(outcome);
  waiting_.clear();
}

Task<Outcome> Call::settled() {
  Self self = shared_from_this();
  if (settled_) co_return *settled_;
  OneShot<Outcome> outcome(line_.worker);
  waiting_.push_back(outcome.sink());
  std::optional<Outcome> came = co_await outcome.wait(for_ever);
  co_return came.value_or(Outcome{false, 0, "the call was neither answered nor refused"});
}

// by: "us", "them" or "network".
void Call::finish(std::string_view by, int code, std::string_view reason) {
  if (over()) return;
  drop();
  Event ended = event("call_ended");
  ended.with("call_id", call_id_).with("by", by).with("code", code);
  if (!reason.empty()) ended.with("reason", reason);
  if (media_) {
    ended.with("rtp_sent", static_cast<int64_t>(media_->sent()))
        .with("rtp_received", static_cast<int64_t>(media_->received()));
  }
  line_.tell(ended);
  settle({false, code, std::string(reason)});
}

void Call::drop() {
  state_ = State::over;
  line_.worker.timers().cancel(std::exchange(session_alarm_, 0));
  if (media_) media_->close();
  unacked_.reset();
  stir();
}

Task<Outcome> Call::hang_up() {
  Self self = shared_from_this();
  if (state_ == State::up) {
    LegPtr leg = up_;
    co_return co_await bye(self, leg, std::string(user_ends_call));
  }
  if (state_ != State::setting_up) co_return Outcome{false, 0, "there is no call to end"};
  if (invite_) {
    reject(603);
    co_return Outcome{true, 603, {}};
  }
  state_ = State::ending;
  line_.layer.cancel(sent_.branch, std::string(user_ends_call));
  Outcome outcome = co_await settled();
  co_return Outcome{true, outcome.code, {}};
}

// RFC 3261 section 15.1.1: the dialog is over whatever the answer is.
Task<Outcome> Call::bye(Self self, LegPtr leg, std::string reason) {
  state_ = State::ending;
  if (media_) media_->stop();
  RequestShape shape = leg->dialog.request(sip::Method::bye);
  shape.more.emplace_back(HeaderId::reason, reason);
  sip::Answer answer = co_await line_.request(std::move(shape));
  int code = answer.response ? answer.response->status() : 0;
  finish("us", code, reason);
  if (code / 100 == 2 || code == 481) co_return Outcome{true, code, {}};
  co_return Outcome{false, code, code == 0 ? "no answer came to BYE" : absl::StrFormat("BYE was answered %d", code)};
}

void Call::end_by_bye(std::string_view reason) {
  auto ending = [](Self self, LegPtr leg, std::string why) -> Task<void> {
    co_await self->bye(self, std::move(leg), std::move(why));
  };
  line_.worker.spawn(ending(shared_from_this(), up_, std::string(reason)));
}

void Call::bye_in(Transaction transaction) {
  std::string reason(transaction->request().header(HeaderId::reason));
  line_.respond(*transaction, 200);
  if (state_ == State::ending) return;  // both hang up at once: the answer to ours ends the call
  if (ringing_here()) return refuse(487, "them", reason);
  finish("them", 200, reason);
}

void Call::request_in(Transaction transaction) {
  const sip::Message& request = transaction->request();
  LegPtr leg = leg_of(request);
  if (!leg || over()) return line_.respond(*transaction, 481);
  if (!leg->dialog.in_order(request)) return line_.respond(*transaction, 500);  // RFC 3261 section 12.2.2
  switch (request.method()) {
    case sip::Method::bye:
      // A branch of a forked INVITE that was not answered, or the call itself.
      if (up_ && leg != up_) return line_.respond(*transaction, 200);
      return bye_in(std::move(transaction));
    case sip::Method::prack:
      return prack_in(std::move(transaction));
    case sip::Method::update:
      return update_in(std::move(transaction), leg);
    case sip::Method::invite:
      return reinvite_in(std::move(transaction), leg);
    case sip::Method::info:
    case sip::Method::options:
      return line_.respond(*transaction, 200);
    case sip::Method::refer:
      return line_.respond(*transaction, 603);
    default:
      return line_.respond(*transaction, 405);
  }
}

void Call::ack_in(const sip::Message& ack) {
  absl::StatusOr<sip::CSeq> number = sip::CSeq::parse(ack.header(HeaderId::cseq));
  if (!number.ok() || unacked_ != number->number || !up_) return;
  unacked_.reset();
  if (!std::exchange(answer_in_ack_, false)) return;
  if (absl::Status read = up_->audio.read_answer(ack.body()); !read.ok()) {
    line_.tell(event("warning").with("why", std::string(read.message())));
  }
}

}  // namespace lapwing::labue
