#include "common/runtime/alarm.h"

#include <gtest/gtest.h>

#include <string>

namespace lapwing {
namespace {

using namespace std::chrono_literals;

class AlarmTest : public testing::Test {
 protected:
  void by(Duration delay, std::string name) {
    alarm_.by(worker_, clock_.now() + delay, [this, name] {
      alarm_.rang();
      rang_ += name;
    });
  }
  std::string pass(Duration time) {
    rang_.clear();
    clock_.advance(time);
    worker_.run_ready();
    worker_.timers().run_due();
    return rang_;
  }

  ManualClock clock_;
  Worker worker_{0, clock_};
  Alarm alarm_;
  std::string rang_;
};

TEST_F(AlarmTest, when_the_time_comes_then_it_rings_once) {
  by(2s, "a");
  EXPECT_EQ(pass(1s), "");
  EXPECT_EQ(pass(1s), "a");
  EXPECT_EQ(pass(1h), "");
}

TEST_F(AlarmTest, when_it_is_set_for_earlier_then_it_is_moved) {
  by(1h, "late");
  by(1s, "early");
  EXPECT_EQ(pass(1s), "early");
  EXPECT_EQ(pass(2h), "");
}

TEST_F(AlarmTest, when_it_is_set_for_later_then_it_rings_as_before) {
  by(1s, "early");
  by(1h, "late");
  EXPECT_EQ(pass(1s), "early");
  EXPECT_EQ(pass(2h), "");
}

TEST_F(AlarmTest, when_it_is_moved_again_and_again_then_one_timer_is_left) {
  for (int i = 1000; i > 0; --i) by(i * 1s, "x");
  worker_.run_ready();
  EXPECT_EQ(worker_.timers().size(), 1u);
}

TEST_F(AlarmTest, when_it_is_cancelled_then_it_is_silent_and_can_be_set_again) {
  by(1s, "a");
  alarm_.cancel();
  alarm_.cancel();
  EXPECT_EQ(pass(1s), "");
  EXPECT_EQ(worker_.timers().size(), 0u);
  by(1s, "b");
  EXPECT_EQ(pass(1s), "b");
}

TEST_F(AlarmTest, when_the_time_is_past_then_it_rings_at_once) {
  by(-1s, "a");
  EXPECT_EQ(pass(0s), "a");
}

TEST_F(AlarmTest, when_another_worker_moves_it_then_the_first_has_no_timer_left) {
  Worker other(1, clock_);
  alarm_.by(worker_, clock_.now() + 1h, [] {});
  alarm_.by(other, clock_.now() + 1s, [] {});
  worker_.run_ready();
  EXPECT_EQ(worker_.timers().size(), 0u);
  EXPECT_EQ(other.timers().size(), 1u);
}

}  // namespace
}  // namespace lapwing
