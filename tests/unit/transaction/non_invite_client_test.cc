#include <gtest/gtest.h>

#include "tests/unit/transaction/driver.h"

namespace lapwing::sip {
namespace {

using namespace std::chrono_literals;
using State = NonInviteClient::State;

NonInviteClient in(State state, bool reliable = false) {
  NonInviteClient machine(TimerValues::core(), reliable);
  machine.start();
  if (state == State::proceeding) machine.on_response(100);
  if (state == State::completed) machine.on_response(200);
  EXPECT_EQ(machine.state(), state);
  return machine;
}

TEST(NonInviteClient, when_started_then_the_request_is_sent_and_e_and_f_are_set) {
  NonInviteClient machine(TimerValues::core(), false);
  EXPECT_EQ(machine.start(), (Actions{send(), set(Timer::e, 500ms), set(Timer::f, 32s)}));
  EXPECT_EQ(machine.state(), State::trying);
}

TEST(NonInviteClient, when_started_over_a_reliable_transport_then_e_is_not_set) {
  NonInviteClient machine(TimerValues::core(), true);
  EXPECT_EQ(machine.start(), (Actions{send(), set(Timer::f, 32s)}));
}

TEST(NonInviteClient, when_e_fires_in_trying_then_it_is_sent_and_e_doubles_up_to_t2) {
  NonInviteClient machine = in(State::trying);
  EXPECT_EQ(machine.on_timer(Timer::e), (Actions{send(), set(Timer::e, 1s)}));
  EXPECT_EQ(machine.on_timer(Timer::e), (Actions{send(), set(Timer::e, 2s)}));
  EXPECT_EQ(machine.on_timer(Timer::e), (Actions{send(), set(Timer::e, 4s)}));
  EXPECT_EQ(machine.on_timer(Timer::e), (Actions{send(), set(Timer::e, 4s)}));
}

TEST(NonInviteClient, when_f_fires_in_trying_then_it_timed_out) {
  NonInviteClient machine = in(State::trying);
  EXPECT_EQ(machine.on_timer(Timer::f), (Actions{timed_out(), end()}));
  EXPECT_EQ(machine.state(), State::terminated);
}

TEST(NonInviteClient, when_the_transport_fails_in_trying_then_the_user_is_told) {
  NonInviteClient machine = in(State::trying);
  EXPECT_EQ(machine.on_transport_error(), (Actions{transport_failed(), end()}));
  EXPECT_EQ(machine.state(), State::terminated);
}

TEST(NonInviteClient, when_1xx_comes_in_trying_then_it_proceeds) {
  NonInviteClient machine = in(State::trying);
  EXPECT_EQ(machine.on_response(100), (Actions{deliver()}));
  EXPECT_EQ(machine.state(), State::proceeding);
}

TEST(NonInviteClient, when_a_final_response_comes_in_trying_then_it_is_completed) {
  for (int code : {200, 302, 401, 503, 699}) {
    NonInviteClient machine = in(State::trying);
    EXPECT_EQ(machine.on_response(code), (Actions{cancel(Timer::e), cancel(Timer::f), deliver(), set(Timer::k, 5s)}));
    EXPECT_EQ(machine.state(), State::completed);
  }
}

TEST(NonInviteClient, when_e_fires_in_proceeding_then_it_is_sent_every_t2) {
  NonInviteClient machine = in(State::proceeding);
  EXPECT_EQ(machine.on_timer(Timer::e), (Actions{send(), set(Timer::e, 4s)}));
  EXPECT_EQ(machine.state(), State::proceeding);
}

TEST(NonInviteClient, when_f_fires_in_proceeding_then_it_timed_out) {
  NonInviteClient machine = in(State::proceeding);
  EXPECT_EQ(machine.on_timer(Timer::f), (Actions{timed_out(), end()}));
  EXPECT_EQ(machine.state(), State::terminated);
}

TEST(NonInviteClient, when_the_transport_fails_in_proceeding_then_the_user_is_told) {
  NonInviteClient machine = in(State::proceeding);
  EXPECT_EQ(machine.on_transport_error(), (Actions{transport_failed(), end()}));
  EXPECT_EQ(machine.state(), State::terminated);
}

TEST(NonInviteClient, when_1xx_comes_in_proceeding_then_it_is_delivered) {
  NonInviteClient machine = in(State::proceeding);
  EXPECT_EQ(machine.on_response(100), (Actions{deliver()}));
  EXPECT_EQ(machine.state(), State::proceeding);
}

TEST(NonInviteClient, when_a_final_response_comes_in_proceeding_then_it_is_completed) {
  NonInviteClient machine = in(State::proceeding);
  EXPECT_EQ(machine.on_response(200), (Actions{cancel(Timer::e), cancel(Timer::f), deliver(), set(Timer::k, 5s)}));
  EXPECT_EQ(machine.state(), State::completed);
}

TEST(NonInviteClient, when_a_response_comes_again_in_completed_then_it_is_absorbed) {
  NonInviteClient machine = in(State::completed);
  EXPECT_TRUE(machine.on_response(200).empty());
  EXPECT_TRUE(machine.on_timer(Timer::e).empty());
  EXPECT_TRUE(machine.on_timer(Timer::f).empty());
  EXPECT_TRUE(machine.on_transport_error().empty());
  EXPECT_EQ(machine.state(), State::completed);
}

TEST(NonInviteClient, when_k_fires_in_completed_then_it_ends) {
  NonInviteClient machine = in(State::completed);
  EXPECT_EQ(machine.on_timer(Timer::k), (Actions{end()}));
  EXPECT_EQ(machine.state(), State::terminated);
}

TEST(NonInviteClient, when_the_transport_is_reliable_then_completed_ends_at_once) {
  NonInviteClient machine = in(State::trying, true);
  EXPECT_EQ(machine.on_response(200), (Actions{cancel(Timer::f), deliver(), end()}));
  EXPECT_EQ(machine.state(), State::terminated);
}

TEST(NonInviteClient, when_terminated_then_nothing_happens_any_more) {
  NonInviteClient machine = in(State::trying);
  machine.on_timer(Timer::f);
  for (int code : {100, 200}) EXPECT_TRUE(machine.on_response(code).empty());
  for (Timer timer : {Timer::e, Timer::f, Timer::k}) EXPECT_TRUE(machine.on_timer(timer).empty());
  EXPECT_TRUE(machine.on_transport_error().empty());
}

TEST(NonInviteClientRun, when_nobody_answers_then_it_is_sent_eleven_times) {
  Driver<NonInviteClient> run(TimerValues::core(), false);
  run.input(&NonInviteClient::start);
  run.pass(100s);
  EXPECT_EQ(run.take(),
            "0 send, 0.5 send, 1.5 send, 3.5 send, 7.5 send, 11.5 send, 15.5 send, 19.5 send, 23.5 send, 27.5 send, "
            "31.5 send, 32 timed out, 32 end");
  EXPECT_EQ(run.timers(), 0u);
}

TEST(NonInviteClientRun, when_nobody_answers_toward_a_handset_then_t1_is_2_s_and_t2_16_s) {
  Driver<NonInviteClient> run(TimerValues::handset(), false);
  run.input(&NonInviteClient::start);
  run.pass(200s);
  EXPECT_EQ(run.take(),
            "0 send, 2 send, 6 send, 14 send, 30 send, 46 send, 62 send, 78 send, 94 send, 110 send, 126 send, "
            "128 timed out, 128 end");
}

TEST(NonInviteClientRun, when_the_transport_is_reliable_then_it_is_sent_once) {
  Driver<NonInviteClient> run(TimerValues::core(), true);
  run.input(&NonInviteClient::start);
  run.pass(100s);
  EXPECT_EQ(run.take(), "0 send, 32 timed out, 32 end");
}

TEST(NonInviteClientRun, when_100_comes_then_it_is_sent_every_t2_until_f) {
  Driver<NonInviteClient> run(TimerValues::core(), false);
  run.input(&NonInviteClient::start);
  run.pass(600ms);
  run.input(&NonInviteClient::on_response, 100);
  run.pass(100s);
  EXPECT_EQ(run.take(),
            "0 send, 0.5 send, 0.6 deliver, 1.5 send, 5.5 send, 9.5 send, 13.5 send, 17.5 send, 21.5 send, 25.5 send, "
            "29.5 send, 32 timed out, 32 end");
}

TEST(NonInviteClientRun, when_the_first_response_is_lost_then_the_second_completes) {
  Driver<NonInviteClient> run(TimerValues::core(), false);
  run.input(&NonInviteClient::start);
  run.pass(700ms);
  run.input(&NonInviteClient::on_response, 200);
  run.pass(1s);
  run.input(&NonInviteClient::on_response, 200);  // the first one, late
  run.pass(100s);
  EXPECT_EQ(run.take(), "0 send, 0.5 send, 0.7 deliver, 5.7 end");
}

TEST(NonInviteClientRun, when_a_handset_answers_then_k_is_17_s) {
  Driver<NonInviteClient> run(TimerValues::handset(), false);
  run.input(&NonInviteClient::start);
  run.input(&NonInviteClient::on_response, 200);
  run.pass(100s);
  EXPECT_EQ(run.take(), "0 send, 0 deliver, 17 end");
}

TEST(NonInviteClientRun, when_the_transport_fails_then_no_timer_is_left) {
  Driver<NonInviteClient> run(TimerValues::core(), false);
  run.input(&NonInviteClient::start);
  run.input(&NonInviteClient::on_transport_error);
  run.pass(100s);
  EXPECT_EQ(run.take(), "0 send, 0 transport failed, 0 end");
  EXPECT_EQ(run.timers(), 0u);
}

}  // namespace
}  // namespace lapwing::sip
