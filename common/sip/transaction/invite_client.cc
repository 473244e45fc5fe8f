#include "common/sip/transaction/machines.h"

namespace lapwing::sip {

using Kind = Action::Kind;

Actions InviteClient::start() {
  a_ = values_.t1;
  Actions actions{{Kind::send}};
  if (!reliable_) actions.push_back({Kind::set_timer, Timer::a, a_});
  actions.push_back({Kind::set_timer, Timer::b, 64 * values_.t1});
  return actions;
}

Actions InviteClient::on_response(int code) {
  if (state_ == State::terminated) return {};
  if (state_ == State::completed) return code >= 300 ? Actions{{Kind::send_ack}} : Actions{};
  if (state_ == State::accepted) return code >= 200 && code < 300 ? Actions{{Kind::deliver}} : Actions{};

  Actions actions;
  if (state_ == State::calling) {
    if (!reliable_) actions.push_back({Kind::cancel_timer, Timer::a});
    actions.push_back({Kind::cancel_timer, Timer::b});
  }
  actions.push_back({Kind::deliver});
  if (code < 200) {
    state_ = State::proceeding;
  } else if (code < 300) {
    state_ = State::accepted;
    actions.push_back({Kind::set_timer, Timer::m, 64 * values_.t1});
  } else {
    actions.push_back({Kind::send_ack});
    state_ = reliable_ ? State::terminated : State::completed;
    actions.push_back(reliable_ ? Action{Kind::end} : Action{Kind::set_timer, Timer::d, values_.d});
  }
  return actions;
}

Actions InviteClient::on_timer(Timer timer) {
  if (timer == Timer::a && state_ == State::calling) {
    a_ *= 2;
    return {{Kind::send}, {Kind::set_timer, Timer::a, a_}};
  }
  if (timer == Timer::b && state_ == State::calling) {
    state_ = State::terminated;
    return {{Kind::timed_out}, {Kind::end}};
  }
  if ((timer == Timer::d && state_ == State::completed) || (timer == Timer::m && state_ == State::accepted)) {
    state_ = State::terminated;
    return {{Kind::end}};
  }
  return {};
}

Actions InviteClient::on_transport_error() {
  // In Accepted the transaction sends nothing: the ACK is the transaction user's.
  if (state_ == State::accepted || state_ == State::terminated) return {};
  state_ = State::terminated;
  return {{Kind::transport_failed}, {Kind::end}};
}

}  // namespace lapwing::sip
