#include <gtest/gtest.h>

#include "tests/unit/transaction/driver.h"

namespace lapwing::sip {
namespace {

using namespace std::chrono_literals;
using State = InviteServer::State;

InviteServer in(State state, bool reliable = false) {
  InviteServer machine(TimerValues::core(), reliable);
  machine.start();
  if (state == State::completed || state == State::confirmed) machine.respond(486);
  if (state == State::confirmed) machine.on_ack();
  if (state == State::accepted) machine.respond(200);
  EXPECT_EQ(machine.state(), state);
  return machine;
}

TEST(InviteServer, when_started_then_the_invite_is_delivered) {
  InviteServer machine(TimerValues::core(), false);
  EXPECT_EQ(machine.start(), (Actions{deliver()}));
  EXPECT_EQ(machine.state(), State::proceeding);
}

TEST(InviteServer, when_the_invite_comes_again_before_any_response_then_it_is_absorbed) {
  InviteServer machine = in(State::proceeding);
  EXPECT_TRUE(machine.on_request().empty());
}

TEST(InviteServer, when_1xx_is_given_in_proceeding_then_it_is_sent) {
  InviteServer machine = in(State::proceeding);
  EXPECT_EQ(machine.respond(100), (Actions{send()}));
  EXPECT_EQ(machine.respond(183), (Actions{send()}));
  EXPECT_EQ(machine.state(), State::proceeding);
}

TEST(InviteServer, when_the_invite_comes_again_in_proceeding_then_the_latest_response_is_sent) {
  InviteServer machine = in(State::proceeding);
  machine.respond(100);
  EXPECT_EQ(machine.on_request(), (Actions{send()}));
  EXPECT_EQ(machine.state(), State::proceeding);
}

TEST(InviteServer, when_2xx_is_given_in_proceeding_then_it_is_accepted) {
  InviteServer machine = in(State::proceeding);
  EXPECT_EQ(machine.respond(200), (Actions{send(), set(Timer::l, 32s)}));
  EXPECT_EQ(machine.state(), State::accepted);
}

TEST(InviteServer, when_300_to_699_is_given_in_proceeding_then_it_is_completed) {
  for (int code : {300, 486, 503, 699}) {
    InviteServer machine = in(State::proceeding);
    EXPECT_EQ(machine.respond(code), (Actions{send(), set(Timer::g, 500ms), set(Timer::h, 32s)}));
    EXPECT_EQ(machine.state(), State::completed);
  }
}

TEST(InviteServer, when_the_transport_is_reliable_then_g_is_not_set) {
  InviteServer machine = in(State::proceeding, true);
  EXPECT_EQ(machine.respond(486), (Actions{send(), set(Timer::h, 32s)}));
}

TEST(InviteServer, when_the_transport_fails_in_proceeding_then_the_user_is_told_and_it_goes_on) {
  InviteServer machine = in(State::proceeding);
  EXPECT_EQ(machine.on_transport_error(), (Actions{transport_failed()}));
  EXPECT_EQ(machine.state(), State::proceeding);
}

TEST(InviteServer, when_an_ack_comes_in_proceeding_then_it_is_dropped) {
  InviteServer machine = in(State::proceeding);
  EXPECT_TRUE(machine.on_ack().empty());
  EXPECT_EQ(machine.state(), State::proceeding);
}

TEST(InviteServer, when_the_invite_comes_again_in_completed_then_the_response_is_sent) {
  InviteServer machine = in(State::completed);
  EXPECT_EQ(machine.on_request(), (Actions{send()}));
  EXPECT_EQ(machine.state(), State::completed);
}

TEST(InviteServer, when_g_fires_in_completed_then_the_response_is_sent_and_g_doubles_up_to_t2) {
  InviteServer machine = in(State::completed);
  EXPECT_EQ(machine.on_timer(Timer::g), (Actions{send(), set(Timer::g, 1s)}));
  EXPECT_EQ(machine.on_timer(Timer::g), (Actions{send(), set(Timer::g, 2s)}));
  EXPECT_EQ(machine.on_timer(Timer::g), (Actions{send(), set(Timer::g, 4s)}));
  EXPECT_EQ(machine.on_timer(Timer::g), (Actions{send(), set(Timer::g, 4s)}));
}

TEST(InviteServer, when_another_response_is_given_in_completed_then_it_is_dropped) {
  InviteServer machine = in(State::completed);
  for (int code : {180, 200, 503}) EXPECT_TRUE(machine.respond(code).empty());
  EXPECT_EQ(machine.state(), State::completed);
}

TEST(InviteServer, when_the_transport_fails_in_completed_then_the_user_is_told_and_it_goes_on) {
  InviteServer machine = in(State::completed);
  EXPECT_EQ(machine.on_transport_error(), (Actions{transport_failed()}));
  EXPECT_EQ(machine.state(), State::completed);
}

TEST(InviteServer, when_h_fires_in_completed_then_the_user_learns_that_no_ack_came) {
  InviteServer machine = in(State::completed);
  EXPECT_EQ(machine.on_timer(Timer::h), (Actions{timed_out(), end()}));
  EXPECT_EQ(machine.state(), State::terminated);
}

TEST(InviteServer, when_the_ack_comes_in_completed_then_it_is_confirmed) {
  InviteServer machine = in(State::completed);
  EXPECT_EQ(machine.on_ack(), (Actions{cancel(Timer::g), cancel(Timer::h), set(Timer::i, 5s)}));
  EXPECT_EQ(machine.state(), State::confirmed);
}

TEST(InviteServer, when_the_ack_comes_over_a_reliable_transport_then_it_ends_at_once) {
  InviteServer machine = in(State::completed, true);
  EXPECT_EQ(machine.on_ack(), (Actions{cancel(Timer::h), end()}));
  EXPECT_EQ(machine.state(), State::terminated);
}

TEST(InviteServer, when_anything_comes_in_confirmed_then_it_is_absorbed) {
  InviteServer machine = in(State::confirmed);
  EXPECT_TRUE(machine.on_ack().empty());
  EXPECT_TRUE(machine.on_request().empty());
  EXPECT_TRUE(machine.on_timer(Timer::g).empty());
  EXPECT_TRUE(machine.on_timer(Timer::h).empty());
  EXPECT_TRUE(machine.on_transport_error().empty());
  EXPECT_EQ(machine.state(), State::confirmed);
}

TEST(InviteServer, when_i_fires_in_confirmed_then_it_ends) {
  InviteServer machine = in(State::confirmed);
  EXPECT_EQ(machine.on_timer(Timer::i), (Actions{end()}));
  EXPECT_EQ(machine.state(), State::terminated);
}

TEST(InviteServer, when_the_invite_comes_again_in_accepted_then_it_is_absorbed) {
  InviteServer machine = in(State::accepted);
  EXPECT_TRUE(machine.on_request().empty());
  EXPECT_EQ(machine.state(), State::accepted);
}

TEST(InviteServer, when_an_ack_comes_in_accepted_then_it_is_delivered) {
  InviteServer machine = in(State::accepted);
  EXPECT_EQ(machine.on_ack(), (Actions{deliver()}));
  EXPECT_EQ(machine.state(), State::accepted);
}

TEST(InviteServer, when_2xx_is_given_in_accepted_then_it_is_sent) {
  InviteServer machine = in(State::accepted);
  EXPECT_EQ(machine.respond(200), (Actions{send()}));
  EXPECT_EQ(machine.state(), State::accepted);
}

TEST(InviteServer, when_another_class_is_given_in_accepted_then_it_is_dropped) {
  InviteServer machine = in(State::accepted);
  for (int code : {180, 302, 500}) EXPECT_TRUE(machine.respond(code).empty());
}

TEST(InviteServer, when_the_transport_fails_in_accepted_then_the_user_is_told_and_it_goes_on) {
  InviteServer machine = in(State::accepted);
  EXPECT_EQ(machine.on_transport_error(), (Actions{transport_failed()}));
  EXPECT_EQ(machine.state(), State::accepted);
}

TEST(InviteServer, when_l_fires_in_accepted_then_it_ends) {
  InviteServer machine = in(State::accepted);
  EXPECT_EQ(machine.on_timer(Timer::l), (Actions{end()}));
  EXPECT_EQ(machine.state(), State::terminated);
}

TEST(InviteServer, when_terminated_then_nothing_happens_any_more) {
  InviteServer machine = in(State::accepted);
  machine.on_timer(Timer::l);
  for (int code : {180, 200, 486}) EXPECT_TRUE(machine.respond(code).empty());
  for (Timer timer : {Timer::g, Timer::h, Timer::i, Timer::l}) EXPECT_TRUE(machine.on_timer(timer).empty());
  EXPECT_TRUE(machine.on_request().empty());
  EXPECT_TRUE(machine.on_ack().empty());
  EXPECT_TRUE(machine.on_transport_error().empty());
}

TEST(InviteServerRun, when_no_ack_comes_then_the_response_is_sent_until_h) {
  Driver<InviteServer> run(TimerValues::core(), false);
  run.input(&InviteServer::start);
  run.input(&InviteServer::respond, 486);
  run.pass(100s);
  EXPECT_EQ(run.take(),
            "0 deliver, 0 send, 0.5 send, 1.5 send, 3.5 send, 7.5 send, 11.5 send, 15.5 send, 19.5 send, 23.5 send, "
            "27.5 send, 31.5 send, 32 timed out, 32 end");
  EXPECT_EQ(run.timers(), 0u);
}

TEST(InviteServerRun, when_a_handset_sends_no_ack_then_t1_is_2_s_and_t2_16_s) {
  Driver<InviteServer> run(TimerValues::handset(), false);
  run.input(&InviteServer::start);
  run.input(&InviteServer::respond, 486);
  run.pass(200s);
  EXPECT_EQ(run.take(),
            "0 deliver, 0 send, 2 send, 6 send, 14 send, 30 send, 46 send, 62 send, 78 send, 94 send, 110 send, "
            "126 send, 128 timed out, 128 end");
}

TEST(InviteServerRun, when_the_transport_is_reliable_then_the_response_is_sent_once) {
  Driver<InviteServer> run(TimerValues::core(), true);
  run.input(&InviteServer::start);
  run.input(&InviteServer::respond, 486);
  run.pass(100s);
  EXPECT_EQ(run.take(), "0 deliver, 0 send, 32 timed out, 32 end");
}

TEST(InviteServerRun, when_the_first_ack_is_lost_then_the_second_confirms) {
  Driver<InviteServer> run(TimerValues::core(), false);
  run.input(&InviteServer::start);
  run.input(&InviteServer::respond, 100);
  run.pass(10s);
  run.input(&InviteServer::respond, 486);
  run.pass(600ms);
  run.input(&InviteServer::on_ack);
  run.pass(4s);
  run.input(&InviteServer::on_ack);
  run.pass(100s);
  EXPECT_EQ(run.take(), "0 deliver, 0 send, 10 send, 10.5 send, 15.6 end") << "I runs from the first ACK";
}

TEST(InviteServerRun, when_the_100_is_lost_then_the_invite_again_brings_it_again) {
  Driver<InviteServer> run(TimerValues::core(), false);
  run.input(&InviteServer::start);
  run.input(&InviteServer::respond, 100);
  run.pass(500ms);
  run.input(&InviteServer::on_request);
  EXPECT_EQ(run.take(), "0 deliver, 0 send, 0.5 send");
}

TEST(InviteServerRun, when_accepted_then_it_absorbs_invites_for_64_t1) {
  for (bool reliable : {false, true}) {
    Driver<InviteServer> run(TimerValues::core(), reliable);
    run.input(&InviteServer::start);
    run.input(&InviteServer::respond, 200);
    run.pass(1s);
    run.input(&InviteServer::on_request);
    run.input(&InviteServer::respond, 200);  // the transaction user repeats it: the ACK has not come
    run.pass(1s);
    run.input(&InviteServer::on_ack);
    run.pass(100s);
    EXPECT_EQ(run.take(), "0 deliver, 0 send, 1 send, 2 deliver, 32 end");
  }
}

TEST(InviteServerRun, when_the_response_cannot_be_sent_then_the_next_invite_gets_it) {
  Driver<InviteServer> run(TimerValues::core(), false);
  run.input(&InviteServer::start);
  run.input(&InviteServer::respond, 486);
  run.input(&InviteServer::on_transport_error);
  run.pass(500ms);
  run.input(&InviteServer::on_ack);
  run.pass(100s);
  EXPECT_EQ(run.take(), "0 deliver, 0 send, 0 transport failed, 0.5 send, 5.5 end");
}

}  // namespace
}  // namespace lapwing::sip
