// Runs one transaction machine in virtual time and notes what it did, and when.
//
//   Driver<NonInviteClient> run(TimerValues::core(), /*reliable=*/false);
//   run.input(&NonInviteClient::start);
//   run.pass(std::chrono::seconds(2));
//   run.take();   // "0 send, 0.5 send, 1.5 send"
#pragma once

#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/runtime/timers.h"
#include "common/sip/transaction/machines.h"

namespace lapwing::sip {

template <typename Machine>
class Driver {
 public:
  Driver(const TimerValues& values, bool reliable) : machine_(values, reliable), start_(clock_.now()) {}

  template <typename... Parameters, typename... Arguments>
  void input(Actions (Machine::*member)(Parameters...), Arguments... arguments) {
    carry_out((machine_.*member)(arguments...));
  }

  // Moves the clock from deadline to deadline, so that everything happens at its instant.
  void pass(Duration time) {
    TimePoint until = clock_.now() + time;
    while (timers_.next() && *timers_.next() <= until) {
      clock_.advance(*timers_.next() - clock_.now());
      timers_.run_due();
    }
    clock_.advance(until - clock_.now());
  }

  // What happened since the last call: seconds and action, timers left out.
  std::string take() { return std::exchange(events_, {}); }
  typename Machine::State state() const { return machine_.state(); }
  size_t timers() const { return timers_.size(); }
  bool ended() const { return ended_; }

 private:
  void carry_out(const Actions& actions) {
    for (const Action& action : actions) {
      switch (action.kind) {
        case Action::Kind::set_timer:
          timers_.cancel(set_[action.timer]);
          set_[action.timer] =
              timers_.after(action.after, [this, timer = action.timer] { carry_out(machine_.on_timer(timer)); });
          break;
        case Action::Kind::cancel_timer:
          timers_.cancel(set_[action.timer]);
          break;
        case Action::Kind::end:
          for (auto& [timer, id] : set_) timers_.cancel(id);
          ended_ = true;
          note("end");
          break;
        case Action::Kind::send:
          note("send");
          break;
        case Action::Kind::send_ack:
          note("ack");
          break;
        case Action::Kind::deliver:
          note("deliver");
          break;
        case Action::Kind::timed_out:
          note("timed out");
          break;
        case Action::Kind::transport_failed:
          note("transport failed");
          break;
      }
    }
  }

  void note(const char* what) {
    double seconds = std::chrono::duration<double>(clock_.now() - start_).count();
    absl::StrAppend(&events_, events_.empty() ? "" : ", ", seconds, " ", what);
  }

  ManualClock clock_;
  Timers timers_{clock_};
  Machine machine_;
  TimePoint start_;
  std::map<Timer, Timers::Id> set_;
  std::string events_;
  bool ended_ = false;
};

// Short spellings of actions for expectations.
inline Action send() {
  return {Action::Kind::send};
}
inline Action ack() {
  return {Action::Kind::send_ack};
}
inline Action deliver() {
  return {Action::Kind::deliver};
}
inline Action timed_out() {
  return {Action::Kind::timed_out};
}
inline Action transport_failed() {
  return {Action::Kind::transport_failed};
}
inline Action end() {
  return {Action::Kind::end};
}
inline Action set(Timer timer, Duration after) {
  return {Action::Kind::set_timer, timer, after};
}
inline Action cancel(Timer timer) {
  return {Action::Kind::cancel_timer, timer};
}

}  // namespace lapwing::sip
