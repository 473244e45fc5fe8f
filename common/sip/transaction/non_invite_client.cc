#include <algorithm>

#include "common/sip/transaction/machines.h"

namespace lapwing::sip {

using Kind = Action::Kind;

Actions NonInviteClient::start() {
  e_ = values_.t1;
  Actions actions{{Kind::send}};
  if (!reliable_) actions.push_back({Kind::set_timer, Timer::e, e_});
  actions.push_back({Kind::set_timer, Timer::f, 64 * values_.t1});
  return actions;
}

Actions NonInviteClient::on_response(int code) {
  if (state_ == State::completed || state_ == State::terminated) return {};
  if (code < 200) {
    state_ = State::proceeding;
    return {{Kind::deliver}};
  }
  if (reliable_) {
    state_ = State::terminated;
    return {{Kind::cancel_timer, Timer::f}, {Kind::deliver}, {Kind::end}};
  }
  state_ = State::completed;
  return {{Kind::cancel_timer, Timer::e},
          {Kind::cancel_timer, Timer::f},
          {Kind::deliver},
          {Kind::set_timer, Timer::k, values_.t4}};
}

Actions NonInviteClient::on_timer(Timer timer) {
  bool waiting = state_ == State::trying || state_ == State::proceeding;
  if (timer == Timer::e && waiting) {
    e_ = state_ == State::proceeding ? values_.t2 : std::min(2 * e_, values_.t2);
    return {{Kind::send}, {Kind::set_timer, Timer::e, e_}};
  }
  if (timer == Timer::f && waiting) {
    state_ = State::terminated;
    return {{Kind::timed_out}, {Kind::end}};
  }
  if (timer == Timer::k && state_ == State::completed) {
    state_ = State::terminated;
    return {{Kind::end}};
  }
  return {};
}

Actions NonInviteClient::on_transport_error() {
  if (state_ == State::completed || state_ == State::terminated) return {};
  state_ = State::terminated;
  return {{Kind::transport_failed}, {Kind::end}};
}

}  // namespace lapwing::sip
