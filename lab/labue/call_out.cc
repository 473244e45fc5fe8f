// Calling (TS 24.229 section 5.1.3): INVITE and what comes back, over as many early dialogs as the network makes of it.
#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/sip/headers.h"
#include "common/sip/register_anew.h"
#include "lab/labue/call.h"

namespace lapwing::labue {
namespace {

using sip::HeaderId;

constexpr std::string_view mmtel = "urn:urn-7:3gpp-service.ims.icsi.mmtel";
constexpr std::string_view mmtel_feature = R"(*;+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel")";
constexpr std::string_view elsewhere = R"(SIP;cause=200;text="Call completed elsewhere")";

}  // namespace

absl::Status Call::dial(std::string target) {
  peer_ = std::move(target);
  absl::StatusOr<Audio> audio = new_audio(line_.options.preconditions);
  if (!audio.ok()) return audio.status();
  offered_.emplace(std::move(*audio));
  session_expires_ = line_.options.session_expires;
  invite_out_ = line_.outside_dialog(sip::Method::invite, peer_);
  call_id_ = invite_out_.call_id;
  line_.tell(event("call_out").with("to", peer_).with("call_id", call_id_));
  send_invite();
  return absl::OkStatus();
}

void Call::send_invite() {
  RequestShape& shape = invite_out_;
  shape.has_contact = true;
  shape.supported = line_.options.preconditions ? "timer, 100rel, precondition, gruu" : "timer, gruu";
  shape.more.clear();
  if (session_expires_ > 0) shape.more.emplace_back(HeaderId::session_expires, std::to_string(session_expires_));
  if (min_se_ > 0) shape.more.emplace_back(HeaderId::min_se, std::to_string(min_se_));
  shape.more.emplace_back(HeaderId::accept, "application/sdp, application/3gpp-ims+xml");
  shape.more.emplace_back(HeaderId::accept_contact, mmtel_feature);
  shape.more.emplace_back(HeaderId::p_early_media, "supported");
  shape.more.emplace_back(HeaderId::p_preferred_service, mmtel);
  shape.content_type = "application/sdp";
  shape.body = offered_->offer();
  sent_ = line_.send(shape, [self = shared_from_this()](const sip::Answer& answer) { self->invite_answered(answer); });
}

void Call::invite_answered(const sip::Answer& answer) {
  if (answer.outcome != sip::Answer::Outcome::answered) {
    bool late = answer.outcome == sip::Answer::Outcome::timed_out;
    return failed(0, late ? "no answer came" : "not sent: " + answer.why);
  }
  const sip::Message& response = *answer.response;
  if (response.status() < 200) return provisional(response);
  if (response.status() < 300) return success(response);
  if (response.status() == 422 && min_se_ == 0 && state_ == State::setting_up) {  // RFC 4028 section 7.3
    min_se_ = sip::parse_seconds(response.header(HeaderId::min_se)).value_or(0);
    session_expires_ = std::max(session_expires_, min_se_);
    ++invite_out_.cseq;
    if (min_se_ > 0) return send_invite();
  }
  if (sip::tells_to_register_anew(response)) line_.tell(event("told_to_register_anew").with("call_id", call_id_));
  failed(response.status(), absl::StrFormat("the network answered %d %s", response.status(), response.reason()));
}

Call::LegPtr Call::leg_to(const sip::Message& response) {
  std::string tag = tag_of(response, HeaderId::to);
  auto same = [&](const LegPtr& leg) { return leg->dialog.remote_tag == tag; };
  auto found = std::find_if(legs_.begin(), legs_.end(), same);
  if (found != legs_.end()) return *found;
  legs_.push_back(std::make_shared<Leg>(Leg{Dialog::of_response(invite_out_, response), *offered_}));
  if (legs_.size() > 1) {
    line_.tell(event("forked").with("call_id", call_id_).with("dialogs", static_cast<int64_t>(legs_.size())));
  }
  return legs_.back();
}

void Call::provisional(const sip::Message& response) {
  if (response.status() == 100 || state_ != State::setting_up) return;
  if (response.status() == 180 && !std::exchange(rang_, true)) {
    line_.tell(event("ringing").with("call_id", call_id_));
  }
  if (tag_of(response, HeaderId::to).empty()) return;
  LegPtr leg = leg_to(response);
  std::optional<uint32_t> rseq = sip::parse_seconds(response.header(HeaderId::rseq));
  if (!rseq || !sip::has_token(response, HeaderId::require, "100rel")) return;
  // RFC 3262 section 4: in order; a copy is acknowledged already.
  if (leg->rseq != 0 && *rseq != leg->rseq + 1) return;
  leg->rseq = *rseq;
  if (!response.body().empty() && !leg->audio.agreed()) {
    absl::Status read = leg->audio.read_answer(response.body());
    if (!read.ok()) line_.tell(event("warning").with("why", std::string(read.message())));
  }
  line_.worker.spawn(acknowledge(shared_from_this(), leg, *rseq));
}

// PRACK, and then UPDATE: our resources are there at once.
Task<void> Call::acknowledge(Self self, LegPtr leg, uint32_t rseq) {
  RequestShape shape = leg->dialog.request(sip::Method::prack);
  shape.more.emplace_back(HeaderId::rack, absl::StrFormat("%d %d INVITE", rseq, invite_out_.cseq));
  sip::Answer answer = co_await line_.request(std::move(shape));
  bool taken = answer.response && answer.response->status() / 100 == 2;
  if (!taken || state_ != State::setting_up || !leg->audio.preconditions() || leg->told_reserved) co_return;
  leg->told_reserved = true;
  leg->audio.reserve();
  std::string offer = leg->audio.offer();
  leg->offering = true;
  sip::Answer updated = co_await send_update(self, leg, std::move(offer));
  leg->offering = false;
  if (state_ != State::setting_up) co_return;
  int code = updated.response ? updated.response->status() : 0;
  absl::Status status = code / 100 == 2 ? changed(*updated.response, leg)
                                        : absl::UnavailableError(absl::StrFormat("UPDATE was answered %d", code));
  if (!status.ok()) line_.tell(event("warning").with("why", std::string(status.message())));
}

void Call::success(const sip::Message& response) {
  LegPtr leg = leg_to(response);
  bool copy = !leg->ack.first.empty();
  if (!copy) {
    leg->dialog.refresh_target(response);
    RequestShape shape = leg->dialog.request(sip::Method::ack);
    shape.cseq = invite_out_.cseq;
    leg->ack = line_.ack(std::move(shape));
  }
  line_.layer.send_ack(leg->ack.second, leg->ack.first);
  if (copy) return;
  // Another branch answered too, or the call was cancelled while it was being answered.
  if (state_ != State::setting_up) {
    line_.worker.spawn(end_extra(shared_from_this(), leg));
    return;
  }
  absl::Status read = leg->audio.agreed() ? absl::OkStatus() : leg->audio.read_answer(response.body());
  if (!read.ok()) {
    line_.tell(event("warning").with("why", std::string(read.message())));
    state_ = State::ending;
    line_.worker.spawn(end_extra(shared_from_this(), leg));
    return;
  }
  established(leg, SessionTimer::of_response(response));
}

Task<void> Call::end_extra(Self self, LegPtr leg) {
  RequestShape shape = leg->dialog.request(sip::Method::bye);
  shape.more.emplace_back(HeaderId::reason, elsewhere);
  sip::Answer answer = co_await line_.request(std::move(shape));
  if (state_ == State::ending && !up_) finish("us", answer.response ? answer.response->status() : 0, {});
}

void Call::failed(int code, std::string why) {
  if (over() || up_) return;
  if (state_ == State::ending) return finish("us", code, "cancelled");
  drop();
  line_.tell(event("call_failed").with("call_id", call_id_).with("code", code).with("why", why));
  settle({false, code, std::move(why)});
}

}  // namespace lapwing::labue
