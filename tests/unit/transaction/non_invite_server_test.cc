#include <gtest/gtest.h>

#include "tests/unit/transaction/driver.h"

namespace lapwing::sip {
namespace {

using namespace std::chrono_literals;
using State = NonInviteServer::State;

NonInviteServer in(State state, bool reliable = false) {
  NonInviteServer machine(TimerValues::core(), reliable);
  machine.start();
  if (state == State::proceeding) machine.respond(100);
  if (state == State::completed) machine.respond(200);
  EXPECT_EQ(machine.state(), state);
  return machine;
}

TEST(NonInviteServer, when_started_then_the_request_is_delivered) {
  NonInviteServer machine(TimerValues::core(), false);
  EXPECT_EQ(machine.start(), (Actions{deliver()}));
  EXPECT_EQ(machine.state(), State::trying);
}

TEST(NonInviteServer, when_the_request_comes_again_in_trying_then_it_is_discarded) {
  NonInviteServer machine = in(State::trying);
  EXPECT_TRUE(machine.on_request().empty());
  EXPECT_EQ(machine.state(), State::trying);
}

TEST(NonInviteServer, when_100_is_given_in_trying_then_it_proceeds) {
  NonInviteServer machine = in(State::trying);
  EXPECT_EQ(machine.respond(100), (Actions{send()}));
  EXPECT_EQ(machine.state(), State::proceeding);
}

TEST(NonInviteServer, when_a_final_response_is_given_in_trying_then_it_is_completed) {
  for (int code : {200, 302, 401, 503, 699}) {
    NonInviteServer machine = in(State::trying);
    EXPECT_EQ(machine.respond(code), (Actions{send(), set(Timer::j, 32s)}));
    EXPECT_EQ(machine.state(), State::completed);
  }
}

TEST(NonInviteServer, when_the_request_comes_again_in_proceeding_then_the_response_is_sent) {
  NonInviteServer machine = in(State::proceeding);
  EXPECT_EQ(machine.on_request(), (Actions{send()}));
  EXPECT_EQ(machine.state(), State::proceeding);
}

TEST(NonInviteServer, when_100_is_given_in_proceeding_then_it_is_sent) {
  NonInviteServer machine = in(State::proceeding);
  EXPECT_EQ(machine.respond(100), (Actions{send()}));
  EXPECT_EQ(machine.state(), State::proceeding);
}

TEST(NonInviteServer, when_a_final_response_is_given_in_proceeding_then_it_is_completed) {
  NonInviteServer machine = in(State::proceeding);
  EXPECT_EQ(machine.respond(200), (Actions{send(), set(Timer::j, 32s)}));
  EXPECT_EQ(machine.state(), State::completed);
}

TEST(NonInviteServer, when_the_transport_fails_in_proceeding_then_the_user_is_told) {
  NonInviteServer machine = in(State::proceeding);
  EXPECT_EQ(machine.on_transport_error(), (Actions{transport_failed(), end()}));
  EXPECT_EQ(machine.state(), State::terminated);
}

TEST(NonInviteServer, when_the_request_comes_again_in_completed_then_the_response_is_sent) {
  NonInviteServer machine = in(State::completed);
  EXPECT_EQ(machine.on_request(), (Actions{send()}));
  EXPECT_EQ(machine.state(), State::completed);
}

TEST(NonInviteServer, when_another_response_is_given_in_completed_then_it_is_dropped) {
  NonInviteServer machine = in(State::completed);
  for (int code : {100, 200, 500}) EXPECT_TRUE(machine.respond(code).empty());
  EXPECT_EQ(machine.state(), State::completed);
}

TEST(NonInviteServer, when_the_transport_fails_in_completed_then_the_user_is_told) {
  NonInviteServer machine = in(State::completed);
  EXPECT_EQ(machine.on_transport_error(), (Actions{transport_failed(), end()}));
  EXPECT_EQ(machine.state(), State::terminated);
}

TEST(NonInviteServer, when_j_fires_in_completed_then_it_ends) {
  NonInviteServer machine = in(State::completed);
  EXPECT_EQ(machine.on_timer(Timer::j), (Actions{end()}));
  EXPECT_EQ(machine.state(), State::terminated);
}

TEST(NonInviteServer, when_the_transport_is_reliable_then_completed_ends_at_once) {
  NonInviteServer machine = in(State::trying, true);
  EXPECT_EQ(machine.respond(200), (Actions{send(), end()}));
  EXPECT_EQ(machine.state(), State::terminated);
}

TEST(NonInviteServer, when_408_is_given_then_it_ends_without_sending) {
  for (State state : {State::trying, State::proceeding}) {
    NonInviteServer machine = in(state);
    EXPECT_EQ(machine.respond(408), (Actions{end()}));
    EXPECT_EQ(machine.state(), State::terminated);
  }
}

TEST(NonInviteServer, when_another_provisional_response_than_100_is_given_then_it_is_dropped) {
  NonInviteServer machine = in(State::trying);
  EXPECT_TRUE(machine.respond(183).empty());
  EXPECT_EQ(machine.state(), State::trying);
}

TEST(NonInviteServer, when_terminated_then_nothing_happens_any_more) {
  NonInviteServer machine = in(State::completed);
  machine.on_timer(Timer::j);
  for (int code : {100, 200, 408}) EXPECT_TRUE(machine.respond(code).empty());
  EXPECT_TRUE(machine.on_request().empty());
  EXPECT_TRUE(machine.on_timer(Timer::j).empty());
  EXPECT_TRUE(machine.on_transport_error().empty());
}

TEST(NonInviteServerRun, when_the_response_is_lost_then_each_request_again_brings_it_again) {
  Driver<NonInviteServer> run(TimerValues::core(), false);
  run.input(&NonInviteServer::start);
  run.pass(500ms);
  run.input(&NonInviteServer::on_request);  // still in Trying
  run.pass(500ms);
  run.input(&NonInviteServer::respond, 200);
  run.pass(500ms);
  run.input(&NonInviteServer::on_request);
  run.pass(2s);
  run.input(&NonInviteServer::on_request);
  run.pass(100s);
  EXPECT_EQ(run.take(), "0 deliver, 1 send, 1.5 send, 3.5 send, 33 end");
  EXPECT_EQ(run.timers(), 0u);
}

TEST(NonInviteServerRun, when_answering_a_handset_then_j_is_128_s) {
  Driver<NonInviteServer> run(TimerValues::handset(), false);
  run.input(&NonInviteServer::start);
  run.input(&NonInviteServer::respond, 200);
  run.pass(200s);
  EXPECT_EQ(run.take(), "0 deliver, 0 send, 128 end");
}

TEST(NonInviteServerRun, when_the_transport_is_reliable_then_no_timer_is_ever_set) {
  Driver<NonInviteServer> run(TimerValues::core(), true);
  run.input(&NonInviteServer::start);
  run.input(&NonInviteServer::respond, 100);
  run.input(&NonInviteServer::respond, 200);
  EXPECT_EQ(run.take(), "0 deliver, 0 send, 0 send, 0 end");
  EXPECT_EQ(run.timers(), 0u);
}

}  // namespace
}  // namespace lapwing::sip
