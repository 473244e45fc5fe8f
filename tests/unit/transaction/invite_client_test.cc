#include <gtest/gtest.h>

#include "tests/unit/transaction/driver.h"

namespace lapwing::sip {
namespace {

using namespace std::chrono_literals;
using State = InviteClient::State;

class InviteClientTest : public testing::Test {
 protected:
  static InviteClient in(State state, bool reliable = false) {
    InviteClient machine(TimerValues::core(), reliable);
    machine.start();
    if (state == State::proceeding) machine.on_response(180);
    if (state == State::completed) machine.on_response(486);
    if (state == State::accepted) machine.on_response(200);
    EXPECT_EQ(machine.state(), state);
    return machine;
  }
};

TEST_F(InviteClientTest, when_started_then_the_invite_is_sent_and_a_and_b_are_set) {
  InviteClient machine(TimerValues::core(), false);
  EXPECT_EQ(machine.start(), (Actions{send(), set(Timer::a, 500ms), set(Timer::b, 32s)}));
  EXPECT_EQ(machine.state(), State::calling);
}

TEST_F(InviteClientTest, when_started_over_a_reliable_transport_then_a_is_not_set) {
  InviteClient machine(TimerValues::core(), true);
  EXPECT_EQ(machine.start(), (Actions{send(), set(Timer::b, 32s)}));
}

TEST_F(InviteClientTest, when_a_fires_in_calling_then_the_invite_is_sent_and_a_doubles) {
  InviteClient machine = in(State::calling);
  EXPECT_EQ(machine.on_timer(Timer::a), (Actions{send(), set(Timer::a, 1s)}));
  EXPECT_EQ(machine.on_timer(Timer::a), (Actions{send(), set(Timer::a, 2s)}));
}

TEST_F(InviteClientTest, when_b_fires_in_calling_then_it_timed_out) {
  InviteClient machine = in(State::calling);
  EXPECT_EQ(machine.on_timer(Timer::b), (Actions{timed_out(), end()}));
  EXPECT_EQ(machine.state(), State::terminated);
}

TEST_F(InviteClientTest, when_the_transport_fails_in_calling_then_the_user_is_told) {
  InviteClient machine = in(State::calling);
  EXPECT_EQ(machine.on_transport_error(), (Actions{transport_failed(), end()}));
  EXPECT_EQ(machine.state(), State::terminated);
}

TEST_F(InviteClientTest, when_1xx_comes_in_calling_then_retransmission_stops) {
  InviteClient machine = in(State::calling);
  EXPECT_EQ(machine.on_response(100), (Actions{cancel(Timer::a), cancel(Timer::b), deliver()}));
  EXPECT_EQ(machine.state(), State::proceeding);
}

TEST_F(InviteClientTest, when_2xx_comes_in_calling_then_it_is_accepted) {
  InviteClient machine = in(State::calling);
  EXPECT_EQ(machine.on_response(200), (Actions{cancel(Timer::a), cancel(Timer::b), deliver(), set(Timer::m, 32s)}));
  EXPECT_EQ(machine.state(), State::accepted);
}

TEST_F(InviteClientTest, when_300_to_699_comes_in_calling_then_it_is_acknowledged) {
  for (int code : {300, 486, 503, 699}) {
    InviteClient machine = in(State::calling);
    EXPECT_EQ(machine.on_response(code),
              (Actions{cancel(Timer::a), cancel(Timer::b), deliver(), ack(), set(Timer::d, 32s)}));
    EXPECT_EQ(machine.state(), State::completed);
  }
}

TEST_F(InviteClientTest, when_1xx_comes_in_proceeding_then_it_is_delivered) {
  InviteClient machine = in(State::proceeding);
  EXPECT_EQ(machine.on_response(183), (Actions{deliver()}));
  EXPECT_EQ(machine.state(), State::proceeding);
}

TEST_F(InviteClientTest, when_2xx_comes_in_proceeding_then_it_is_accepted) {
  InviteClient machine = in(State::proceeding);
  EXPECT_EQ(machine.on_response(200), (Actions{deliver(), set(Timer::m, 32s)}));
  EXPECT_EQ(machine.state(), State::accepted);
}

TEST_F(InviteClientTest, when_300_to_699_comes_in_proceeding_then_it_is_acknowledged) {
  InviteClient machine = in(State::proceeding);
  EXPECT_EQ(machine.on_response(486), (Actions{deliver(), ack(), set(Timer::d, 32s)}));
  EXPECT_EQ(machine.state(), State::completed);
}

TEST_F(InviteClientTest, when_the_transport_fails_in_proceeding_then_the_user_is_told) {
  InviteClient machine = in(State::proceeding);
  EXPECT_EQ(machine.on_transport_error(), (Actions{transport_failed(), end()}));
}

TEST_F(InviteClientTest, when_a_or_b_fires_late_in_proceeding_then_nothing_happens) {
  InviteClient machine = in(State::proceeding);
  EXPECT_TRUE(machine.on_timer(Timer::a).empty());
  EXPECT_TRUE(machine.on_timer(Timer::b).empty());
  EXPECT_EQ(machine.state(), State::proceeding);
}

TEST_F(InviteClientTest, when_the_final_response_comes_again_in_completed_then_it_is_only_acknowledged) {
  InviteClient machine = in(State::completed);
  EXPECT_EQ(machine.on_response(486), (Actions{ack()}));
  EXPECT_EQ(machine.state(), State::completed);
}

TEST_F(InviteClientTest, when_another_class_comes_in_completed_then_it_is_dropped) {
  InviteClient machine = in(State::completed);
  EXPECT_TRUE(machine.on_response(180).empty());
  EXPECT_TRUE(machine.on_response(200).empty());
}

TEST_F(InviteClientTest, when_the_transport_fails_in_completed_then_the_user_is_told) {
  InviteClient machine = in(State::completed);
  EXPECT_EQ(machine.on_transport_error(), (Actions{transport_failed(), end()}));
  EXPECT_EQ(machine.state(), State::terminated);
}

TEST_F(InviteClientTest, when_d_fires_in_completed_then_it_ends) {
  InviteClient machine = in(State::completed);
  EXPECT_EQ(machine.on_timer(Timer::d), (Actions{end()}));
  EXPECT_EQ(machine.state(), State::terminated);
}

TEST_F(InviteClientTest, when_the_transport_is_reliable_then_completed_ends_at_once) {
  InviteClient machine = in(State::calling, true);
  EXPECT_EQ(machine.on_response(486), (Actions{cancel(Timer::b), deliver(), ack(), end()}));
  EXPECT_EQ(machine.state(), State::terminated);
}

TEST_F(InviteClientTest, when_2xx_comes_in_accepted_then_it_is_delivered) {
  InviteClient machine = in(State::accepted);
  EXPECT_EQ(machine.on_response(200), (Actions{deliver()}));
  EXPECT_EQ(machine.state(), State::accepted);
}

TEST_F(InviteClientTest, when_anything_else_comes_in_accepted_then_it_is_dropped) {
  InviteClient machine = in(State::accepted);
  EXPECT_TRUE(machine.on_response(180).empty());
  EXPECT_TRUE(machine.on_response(486).empty());
  EXPECT_TRUE(machine.on_transport_error().empty());
  EXPECT_EQ(machine.state(), State::accepted);
}

TEST_F(InviteClientTest, when_m_fires_in_accepted_then_it_ends) {
  InviteClient machine = in(State::accepted);
  EXPECT_EQ(machine.on_timer(Timer::m), (Actions{end()}));
  EXPECT_EQ(machine.state(), State::terminated);
}

TEST_F(InviteClientTest, when_terminated_then_nothing_happens_any_more) {
  InviteClient machine = in(State::calling);
  machine.on_timer(Timer::b);
  for (int code : {100, 200, 486}) EXPECT_TRUE(machine.on_response(code).empty());
  for (Timer timer : {Timer::a, Timer::b, Timer::d, Timer::m}) EXPECT_TRUE(machine.on_timer(timer).empty());
  EXPECT_TRUE(machine.on_transport_error().empty());
}

TEST(InviteClientRun, when_nobody_answers_then_it_is_sent_seven_times_and_times_out_after_64_t1) {
  Driver<InviteClient> run(TimerValues::core(), false);
  run.input(&InviteClient::start);
  run.pass(100s);
  EXPECT_EQ(run.take(), "0 send, 0.5 send, 1.5 send, 3.5 send, 7.5 send, 15.5 send, 31.5 send, 32 timed out, 32 end");
  EXPECT_EQ(run.timers(), 0u);
}

TEST(InviteClientRun, when_nobody_answers_toward_a_handset_then_t1_is_2_s) {
  Driver<InviteClient> run(TimerValues::handset(), false);
  run.input(&InviteClient::start);
  run.pass(200s);
  EXPECT_EQ(run.take(), "0 send, 2 send, 6 send, 14 send, 30 send, 62 send, 126 send, 128 timed out, 128 end");
}

TEST(InviteClientRun, when_the_transport_is_reliable_then_it_is_sent_once) {
  Driver<InviteClient> run(TimerValues::core(), true);
  run.input(&InviteClient::start);
  run.pass(100s);
  EXPECT_EQ(run.take(), "0 send, 32 timed out, 32 end");
  EXPECT_EQ(run.timers(), 0u);
}

TEST(InviteClientRun, when_the_first_two_invites_are_lost_then_the_third_is_answered) {
  Driver<InviteClient> run(TimerValues::core(), false);
  run.input(&InviteClient::start);
  run.pass(1600ms);
  run.input(&InviteClient::on_response, 100);
  run.pass(200s);  // ringing for long: nothing is sent, nothing times out
  run.input(&InviteClient::on_response, 180);
  run.input(&InviteClient::on_response, 200);
  EXPECT_EQ(run.take(), "0 send, 0.5 send, 1.5 send, 1.6 deliver, 201.6 deliver, 201.6 deliver");
  run.pass(31s);
  run.input(&InviteClient::on_response, 200);  // our ACK was lost, or another branch of the fork
  EXPECT_EQ(run.take(), "232.6 deliver");
  run.pass(1s);
  EXPECT_EQ(run.take(), "233.6 end");
  EXPECT_EQ(run.timers(), 0u);
}

TEST(InviteClientRun, when_the_ack_is_lost_then_every_retransmitted_486_is_acknowledged) {
  Driver<InviteClient> run(TimerValues::core(), false);
  run.input(&InviteClient::start);
  run.input(&InviteClient::on_response, 486);
  run.pass(500ms);
  run.input(&InviteClient::on_response, 486);
  run.pass(1s);
  run.input(&InviteClient::on_response, 486);
  EXPECT_EQ(run.take(), "0 send, 0 deliver, 0 ack, 0.5 ack, 1.5 ack");
  run.pass(100s);
  EXPECT_EQ(run.take(), "32 end") << "D runs from the first final response";
}

TEST(InviteClientRun, when_refused_by_a_handset_then_d_is_128_s) {
  Driver<InviteClient> run(TimerValues::handset(), false);
  run.input(&InviteClient::start);
  run.input(&InviteClient::on_response, 486);
  run.pass(200s);
  EXPECT_EQ(run.take(), "0 send, 0 deliver, 0 ack, 128 end");
}

TEST(InviteClientRun, when_64_t1_is_less_than_32_s_then_d_is_32_s) {
  Driver<InviteClient> run(TimerValues::of(100ms, 4s, 5s), false);
  run.input(&InviteClient::start);
  run.input(&InviteClient::on_response, 486);
  run.pass(200s);
  EXPECT_EQ(run.take(), "0 send, 0 deliver, 0 ack, 32 end");
}

TEST(InviteClientRun, when_accepted_over_a_reliable_transport_then_m_still_waits_for_forks) {
  Driver<InviteClient> run(TimerValues::core(), true);
  run.input(&InviteClient::start);
  run.input(&InviteClient::on_response, 200);
  run.pass(100s);
  EXPECT_EQ(run.take(), "0 send, 0 deliver, 32 end");
}

}  // namespace
}  // namespace lapwing::sip
