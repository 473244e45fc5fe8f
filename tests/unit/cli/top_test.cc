#include "cli/top.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lapwing::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

struct TopTest : testing::Test {
  Daemon pcscf{Role::pcscf, "unix:/p"};
  Daemon scscf{Role::scscf, "unix:/s"};
  const WallTime start = WallTime(std::chrono::hours(500'000));

  static void gauge(v1::StatusReply& reply, const std::string& name, int64_t value) {
    v1::Gauge& one = *reply.add_gauges();
    one.set_name(name);
    one.set_value(value);
  }
  TopFrame frame(int seconds, int64_t requests, uint64_t asked) {
    TopFrame out;
    out.at = start + std::chrono::seconds(seconds);
    out.status.resize(2);
    out.status[0].daemon = &pcscf;
    out.status[0].reply.set_name("pcscf.h");
    gauge(out.status[0].reply, "registrations", 7);
    gauge(out.status[0].reply, "requests", requests);
    gauge(out.status[0].reply, "dropped_in_clear", 0);
    out.status[1].daemon = &scscf;
    out.status[1].status = grpc::Status(grpc::UNAVAILABLE, "away");
    out.hss.resize(1);
    out.hss[0].daemon = &scscf;
    v1::HssPeerStatus& peer = *out.hss[0].reply.add_peers();
    peer.set_host("hss.h");
    peer.set_state("open");
    peer.set_sent(asked);
    out.calls.resize(1);
    out.calls[0].daemon = &scscf;
    return out;
  }
  std::string text(const TopFrame& now, const TopFrame* before = nullptr, const std::deque<v1::Event>& events = {}) {
    return top_text(now, before, events, {.now = now.at, .width = 0});
  }
};

TEST_F(TopTest, when_first_shown_then_there_are_counts_and_no_rates) {
  const std::string shown = text(frame(0, 100, 5));
  EXPECT_THAT(shown, HasSubstr("registrations 7"));
  EXPECT_THAT(shown, HasSubstr("requests 100\n"));
  EXPECT_THAT(shown, HasSubstr("S-CSCF unix:/s  NOT REACHABLE"));
  EXPECT_THAT(shown, Not(HasSubstr("/s)")));
  EXPECT_THAT(shown, Not(HasSubstr("dropped_in_clear"))) << "a counter that never counted";
  EXPECT_THAT(shown, Not(HasSubstr("CALLER")));
}

TEST_F(TopTest, when_shown_again_then_rates_are_counted_from_the_time_between) {
  const TopFrame before = frame(0, 100, 5);
  const std::string shown = text(frame(2, 130, 6), &before);
  EXPECT_THAT(shown, HasSubstr("requests 130 (15.0/s)"));
  EXPECT_THAT(shown, HasSubstr("0.5/s"));
}

TEST_F(TopTest, when_a_daemon_was_started_again_then_there_is_no_rate_below_zero) {
  const TopFrame before = frame(0, 100, 5);
  EXPECT_THAT(text(frame(2, 3, 1), &before), Not(HasSubstr("/s)")));
}

TEST_F(TopTest, when_calls_are_on_then_they_and_their_number_are_shown) {
  TopFrame now = frame(0, 1, 1);
  v1::Call& call = *now.calls[0].reply.add_calls();
  call.set_caller("sip:+1@h");
  call.set_callee("sip:+2@h\x1b[2J");
  call.set_state("ringing");
  now.calls[0].reply.set_total(12);
  const std::string shown = text(now);
  EXPECT_THAT(shown, HasSubstr("sip:+1@h"));
  EXPECT_THAT(shown, HasSubstr("of 12 calls"));
  EXPECT_THAT(shown, Not(HasSubstr("\x1b")));
}

TEST_F(TopTest, when_events_came_then_the_last_are_shown) {
  v1::Event event;
  event.set_program("pcscf");
  event.set_kind("register.accepted");
  event.set_impi("1@h");
  event.set_text("registered");
  EXPECT_THAT(text(frame(0, 1, 1), nullptr, {event}), HasSubstr("register.accepted"));
}

}  // namespace
}  // namespace lapwing::cli
