#include <algorithm>

#include "common/sip/transaction/machines.h"

namespace lapwing::sip {

using Kind = Action::Kind;

Actions InviteServer::start() {
  return {{Kind::deliver}};
}

Actions InviteServer::on_request() {
  bool again = (state_ == State::proceeding && responded_) || state_ == State::completed;
  return again ? Actions{{Kind::send}} : Actions{};
}

Actions InviteServer::on_ack() {
  if (state_ == State::accepted) return {{Kind::deliver}};
  if (state_ != State::completed) return {};
  if (reliable_) {
    state_ = State::terminated;
    return {{Kind::cancel_timer, Timer::h}, {Kind::end}};
  }
  state_ = State::confirmed;
  return {{Kind::cancel_timer, Timer::g}, {Kind::cancel_timer, Timer::h}, {Kind::set_timer, Timer::i, values_.t4}};
}

Actions InviteServer::respond(int code) {
  bool success = code >= 200 && code < 300;
  if (state_ == State::accepted && success) return {{Kind::send}};
  if (state_ != State::proceeding) return {};
  responded_ = true;
  Actions actions{{Kind::send}};
  if (success) {
    state_ = State::accepted;
    actions.push_back({Kind::set_timer, Timer::l, 64 * values_.t1});
  } else if (code >= 300) {
    state_ = State::completed;
    g_ = values_.t1;
    if (!reliable_) actions.push_back({Kind::set_timer, Timer::g, g_});
    actions.push_back({Kind::set_timer, Timer::h, 64 * values_.t1});
  }
  return actions;
}

Actions InviteServer::on_timer(Timer timer) {
  if (timer == Timer::g && state_ == State::completed) {
    g_ = std::min(2 * g_, values_.t2);
    return {{Kind::send}, {Kind::set_timer, Timer::g, g_}};
  }
  if (timer == Timer::h && state_ == State::completed) {
    state_ = State::terminated;
    return {{Kind::timed_out}, {Kind::end}};
  }
  if ((timer == Timer::i && state_ == State::confirmed) || (timer == Timer::l && state_ == State::accepted)) {
    state_ = State::terminated;
    return {{Kind::end}};
  }
  return {};
}

Actions InviteServer::on_transport_error() {
  if (state_ == State::confirmed || state_ == State::terminated) return {};
  return {{Kind::transport_failed}};
}

}  // namespace lapwing::sip
