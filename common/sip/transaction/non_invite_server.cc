#include "common/sip/transaction/machines.h"

namespace lapwing::sip {

using Kind = Action::Kind;

Actions NonInviteServer::start() {
  return {{Kind::deliver}};
}

Actions NonInviteServer::on_request() {
  bool again = state_ == State::proceeding || state_ == State::completed;
  return again ? Actions{{Kind::send}} : Actions{};
}

Actions NonInviteServer::respond(int code) {
  if (state_ != State::trying && state_ != State::proceeding) return {};
  if (code < 200) {
    if (code != 100) return {};
    state_ = State::proceeding;
    return {{Kind::send}};
  }
  if (code == 408) {
    // By now the client has given up as well; the 408 would only find the next element's transaction gone.
    state_ = State::terminated;
    return {{Kind::end}};
  }
  if (reliable_) {
    state_ = State::terminated;
    return {{Kind::send}, {Kind::end}};
  }
  state_ = State::completed;
  return {{Kind::send}, {Kind::set_timer, Timer::j, 64 * values_.t1}};
}

Actions NonInviteServer::on_timer(Timer timer) {
  if (timer != Timer::j || state_ != State::completed) return {};
  state_ = State::terminated;
  return {{Kind::end}};
}

Actions NonInviteServer::on_transport_error() {
  if (state_ != State::proceeding && state_ != State::completed) return {};
  state_ = State::terminated;
  return {{Kind::transport_failed}, {Kind::end}};
}

}  // namespace lapwing::sip
