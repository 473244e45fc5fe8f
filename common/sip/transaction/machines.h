// The four transaction state machines of RFC 3261 section 17 with the corrections of RFC 6026 (states Accepted, timers
// L and M) and RFC 4320 (no late 408). Pure: input goes in, a list of actions comes out; no I/O, no clock, no message.
//
//   NonInviteClient machine(timers, /*reliable=*/false);
//   Actions actions = machine.start();                 // send, set E, set F
//   actions = machine.on_timer(Timer::e);              // send, set E again
//   actions = machine.on_response(200);                // cancel E and F, deliver, set K
//
// The owner (TransactionLayer) carries actions out in order. "send" means: transmit the request (client) or the latest
// response (server) once more or for the first time. Input that means nothing in the present state (a timer that fired
// while it was being cancelled, a stray ACK, a response after the end) yields no action.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "common/runtime/clock.h"

namespace lapwing::sip {

// RFC 3261 section 17.1.1.1; toward handsets T1 = 2 s, T2 = 16 s, T4 = 17 s (TS 24.229 table 7.7.1).
struct TimerValues {
  Duration t1 = std::chrono::milliseconds(500);
  Duration t2 = std::chrono::seconds(4);
  Duration t4 = std::chrono::seconds(5);
  Duration d = std::chrono::seconds(32);  // at least 32 s on unreliable transports; 64*T1 where that is longer
  static TimerValues of(Duration t1, Duration t2, Duration t4) {
    return {t1, t2, t4, std::max<Duration>(std::chrono::seconds(32), t1 * 64)};
  }
  static TimerValues core() { return {}; }
  static TimerValues handset() {
    return of(std::chrono::seconds(2), std::chrono::seconds(16), std::chrono::seconds(17));
  }
};

enum class Timer : uint8_t { a, b, d, e, f, g, h, i, j, k, l, m };

struct Action {
  enum class Kind : uint8_t {
    send,              // the request, or the latest response
    send_ack,          // INVITE client: the ACK for the non-2xx final response (built by the owner)
    deliver,           // pass what was just received up to the transaction user
    set_timer,         // timer, after
    cancel_timer,      // timer
    timed_out,         // tell the transaction user (as 408)
    transport_failed,  // tell the transaction user (as 503)
    end                // the transaction is over: destroy it and the timers it still has
  };
  Kind kind;
  Timer timer = Timer::a;
  Duration after{};
  bool operator==(const Action&) const = default;
};
using Actions = absl::InlinedVector<Action, 6>;

// Figure 5 of RFC 3261 with RFC 6026 section 7.2 (Accepted, timer M). After a provisional response it waits for ever:
// the transaction user has timer C, or its own patience and CANCEL.
class InviteClient {
 public:
  enum class State : uint8_t { calling, proceeding, completed, accepted, terminated };
  InviteClient(const TimerValues& values, bool reliable) : values_(values), reliable_(reliable) {}
  Actions start();
  Actions on_response(int code);  // 100..699, already matched to this transaction
  Actions on_timer(Timer timer);
  Actions on_transport_error();
  State state() const { return state_; }

 private:
  TimerValues values_;
  bool reliable_;
  State state_ = State::calling;
  Duration a_{};
};

// Figure 6.
class NonInviteClient {
 public:
  enum class State : uint8_t { trying, proceeding, completed, terminated };
  NonInviteClient(const TimerValues& values, bool reliable) : values_(values), reliable_(reliable) {}
  Actions start();
  Actions on_response(int code);
  Actions on_timer(Timer timer);
  Actions on_transport_error();
  State state() const { return state_; }

 private:
  TimerValues values_;
  bool reliable_;
  State state_ = State::trying;
  Duration e_{};
};

// Figure 7 with RFC 6026 section 7.1 (Accepted, timer L). The 100 within 200 ms is the transaction user's to send.
// A transport error does not end it (RFC 6026 section 7.1): the INVITE may come again, over a path that works.
class InviteServer {
 public:
  enum class State : uint8_t { proceeding, completed, confirmed, accepted, terminated };
  InviteServer(const TimerValues& values, bool reliable) : values_(values), reliable_(reliable) {}
  Actions start();       // delivers the INVITE
  Actions on_request();  // the INVITE again: the latest response, if there was one
  Actions on_ack();
  // From the transaction user. The owner stores the response as the latest when the actions say send.
  Actions respond(int code);
  Actions on_timer(Timer timer);
  Actions on_transport_error();
  State state() const { return state_; }

 private:
  TimerValues values_;
  bool reliable_;
  State state_ = State::proceeding;
  bool responded_ = false;
  Duration g_{};
};

// Figure 8. RFC 4320 section 4: a 408, and a provisional response but 100, are never sent; responding 408 ends the
// transaction in silence.
class NonInviteServer {
 public:
  enum class State : uint8_t { trying, proceeding, completed, terminated };
  NonInviteServer(const TimerValues& values, bool reliable) : values_(values), reliable_(reliable) {}
  Actions start();
  Actions on_request();
  Actions respond(int code);
  Actions on_timer(Timer timer);
  Actions on_transport_error();
  State state() const { return state_; }

 private:
  TimerValues values_;
  bool reliable_;
  State state_ = State::trying;
};

}  // namespace lapwing::sip
