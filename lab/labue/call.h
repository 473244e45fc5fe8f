// One call of a handset, from INVITE to BYE, calling or called (TS 24.229 sections 5.1.3 and 5.1.4): reliable
// provisional responses (RFC 3262), preconditions (RFC 3312), UPDATE (RFC 3311), forked early dialogs, hold, session
// timer (RFC 4028), media.
//
//   auto call = std::make_shared<Call>(line);
//   call->dial("tel:+15550002");
//   Outcome outcome = co_await call->settled();       // answered, or why not
//   outcome = co_await call->hang_up();               // BYE; CANCEL while it rings
//
// Its files: call.cc (in-dialog requests, the end), call_out.cc (calling), call_in.cc (being called), call_change.cc
// (offers within a call, session timer).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/runtime/one_shot.h"
#include "lab/labue/audio.h"
#include "lab/labue/dialog.h"
#include "lab/labue/line.h"
#include "lab/labue/outcome.h"
#include "lab/labue/rtp.h"
#include "lab/labue/session_timer.h"

namespace lapwing::labue {

class Call : public std::enable_shared_from_this<Call> {
 public:
  explicit Call(Line& line) : line_(line) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // Calling: sends INVITE. Errors as the system gives them for a media port.
  absl::Status dial(std::string target);
  // Being called: answers this INVITE as the handset's options say.
  void take(std::shared_ptr<sip::ServerTransaction> invite);
  // Ends the ringing; harmless where nothing rings.
  void answer() { decide(200); }
  void reject(int code) { decide(code); }

  // Done when the call is answered, or is over without.
  Task<Outcome> settled();
  // BYE, CANCEL or a refusal, as the call is. Done when the peer has agreed.
  Task<Outcome> hang_up();
  // Puts the peer on hold, or takes it off.
  Task<Outcome> hold(bool on);

  bool over() const { return state_ == State::over; }
  bool ringing_here() const { return invite_ && state_ == State::setting_up; }
  bool up() const { return state_ == State::up; }
  // Is it a request of this call?
  bool has(const sip::Message& request) const { return leg_of(request) != nullptr; }
  void request_in(std::shared_ptr<sip::ServerTransaction> transaction);
  void ack_in(const sip::Message& ack);
  // Ends it without a word: the handset goes.
  void drop();

 private:
  enum class State : uint8_t { setting_up, up, ending, over };
  // One dialog of the call. A forked INVITE has several until one of them is answered.
  struct Leg {
    Dialog dialog;
    Audio audio;
    uint32_t rseq = 0;                           // of the peer's last reliable provisional response
    bool told_reserved = false;                  // UPDATE has gone
    bool offering = false;                       // an offer of ours, other than INVITE's first, waits for its answer
    std::pair<std::string, sip::Flow> ack = {};  // for copies of the 2xx
  };
  using LegPtr = std::shared_ptr<Leg>;
  using Transaction = std::shared_ptr<sip::ServerTransaction>;
  using Self = std::shared_ptr<Call>;

  // call.cc
  LegPtr leg_of(const sip::Message& request) const;
  absl::StatusOr<Audio> new_audio(bool preconditions);
  void established(LegPtr leg, const SessionTimer& timer);
  void finish(std::string_view by, int code, std::string_view reason);
  void settle(const Outcome& outcome);
  Task<Outcome> bye(Self self, LegPtr leg, std::string reason);
  void end_by_bye(std::string_view reason);
  void bye_in(Transaction transaction);
  Event event(std::string_view name) const;

  // call_out.cc
  void send_invite();
  void invite_answered(const sip::Answer& answer);
  void provisional(const sip::Message& response);
  void success(const sip::Message& response);
  void failed(int code, std::string why);
  LegPtr leg_to(const sip::Message& response);
  Task<void> acknowledge(Self self, LegPtr leg, uint32_t rseq);
  Task<void> end_extra(Self self, LegPtr leg);

  // call_in.cc
  Task<void> serve(Self self);
  Task<bool> progress(Self self);
  Task<bool> send_reliably(Self self, int code, Reply reply);
  Task<void> ring(Self self);
  Task<void> stirred(Duration longest);
  void stir();
  void decide(int code);
  void accept();
  void refuse(int code, std::string_view by, std::string_view reason);
  void cancelled(const sip::Message& cancel);
  Reply dialog_reply() const;
  void prack_in(Transaction transaction);
  Task<void> repeat_2xx(Self self, Transaction transaction, Reply reply, uint32_t cseq);

  // call_change.cc
  void update_in(Transaction transaction, const LegPtr& leg);
  void reinvite_in(Transaction transaction, const LegPtr& leg);
  Task<sip::Answer> send_update(Self self, LegPtr leg, std::string offer);
  Task<sip::Answer> send_reinvite(Self self, LegPtr leg, std::string offer);
  absl::Status changed(const sip::Message& response, const LegPtr& leg);
  void note_peers_hold();
  bool glares(sip::ServerTransaction& transaction, const LegPtr& leg);
  void set_session_timer(const SessionTimer& timer);
  void session_due();
  Task<void> refresh(Self self);
  // Our answer to what the request says of the session timer; nullopt: 422 has gone.
  std::optional<SessionTimer> negotiate_timer(sip::ServerTransaction& transaction);
  static void add_timer(const sip::Message& request, const SessionTimer& timer, Reply& reply);

  Line& line_;
  State state_ = State::setting_up;
  std::vector<LegPtr> legs_;
  LegPtr up_;  // the one that was answered
  std::unique_ptr<RtpStream> media_;
  std::string call_id_, peer_;
  std::vector<OneShot<Outcome>::Sink> waiting_;
  std::optional<Outcome> settled_;
  SessionTimer session_timer_;
  Timers::Id session_alarm_ = 0;
  std::optional<uint32_t> unacked_;  // CSeq of the INVITE whose 2xx of ours waits for ACK
  bool answer_in_ack_ = false;       // that 2xx had the offer
  bool held_by_peer_ = false;

  // Calling.
  RequestShape invite_out_;
  Line::Sent sent_;
  std::optional<Audio> offered_;  // what each leg begins with
  uint32_t session_expires_ = 0, min_se_ = 0;
  bool rang_ = false;

  // Being called.
  Transaction invite_;
  std::optional<uint32_t> unpracked_;  // RSeq that waits for PRACK
  uint32_t next_rseq_ = 0;
  bool answer_sent_ = false;  // in a reliable provisional response
  std::string answer_;        // to the offer of INVITE, or our offer where it had none
  std::optional<int> decision_;
  std::optional<OneShot<bool>::Sink> wake_;
};

}  // namespace lapwing::labue
