#include "common/runtime/timers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace lapwing {
namespace {

using namespace std::chrono_literals;

class TimersTest : public testing::Test {
 protected:
  Timers::Id after(Duration delay, std::string name) {
    return timers_.after(delay, [this, name] { ran_ += name; });
  }
  std::string pass(Duration time) {
    ran_.clear();
    clock_.advance(time);
    timers_.run_due();
    return ran_;
  }

  ManualClock clock_;
  Timers timers_{clock_};
  std::string ran_;
};

TEST_F(TimersTest, when_deadlines_come_then_callbacks_run_in_their_order) {
  after(3s, "c");
  after(1s, "a");
  after(2s, "b");
  EXPECT_EQ(pass(999ms), "");
  EXPECT_EQ(pass(1ms), "a");
  EXPECT_EQ(pass(10s), "bc");
  EXPECT_EQ(timers_.size(), 0u);
}

TEST_F(TimersTest, when_deadlines_are_equal_then_the_older_timer_runs_first) {
  for (char c = 'a'; c <= 'z'; ++c) after(1s, std::string(1, c));
  EXPECT_EQ(pass(1s), "abcdefghijklmnopqrstuvwxyz");
}

TEST_F(TimersTest, when_cancelled_then_it_does_not_run) {
  Timers::Id a = after(1s, "a");
  after(2s, "b");
  timers_.cancel(a);
  EXPECT_EQ(timers_.size(), 1u);
  EXPECT_EQ(pass(5s), "b");
}

TEST_F(TimersTest, when_cancelled_twice_late_or_never_set_then_nothing_happens) {
  Timers::Id a = after(1s, "a");
  EXPECT_EQ(pass(1s), "a");
  timers_.cancel(a);
  timers_.cancel(0);
  timers_.cancel(12345);
  EXPECT_EQ(timers_.size(), 0u);
}

TEST_F(TimersTest, when_an_id_is_given_then_it_is_never_zero_nor_given_again) {
  Timers::Id a = after(1s, "a");
  timers_.cancel(a);
  Timers::Id b = after(1s, "b");
  EXPECT_NE(a, 0u);
  EXPECT_NE(a, b);
}

TEST_F(TimersTest, when_taken_then_the_caller_has_the_callback) {
  Timers::Id a = after(1s, "a");
  Timers::Callback callback = timers_.take(a);
  EXPECT_EQ(pass(5s), "");
  ASSERT_TRUE(callback);
  callback();
  EXPECT_EQ(ran_, "a");
  EXPECT_FALSE(timers_.take(a));
}

TEST_F(TimersTest, when_asked_for_the_next_deadline_then_it_is_the_earliest) {
  EXPECT_EQ(timers_.next(), std::nullopt);
  after(5s, "a");
  Timers::Id b = after(2s, "b");
  EXPECT_EQ(timers_.next(), clock_.now() + 2s);
  timers_.cancel(b);
  EXPECT_EQ(timers_.next(), clock_.now() + 5s);
}

TEST_F(TimersTest, when_a_new_timer_is_the_earliest_then_the_driver_is_told) {
  int told = 0;
  timers_.on_earlier([&told] { ++told; });
  after(5s, "a");
  EXPECT_EQ(told, 1);
  after(6s, "b");
  after(5s, "c");
  EXPECT_EQ(told, 1);
  after(4s, "d");
  EXPECT_EQ(told, 2);
}

TEST_F(TimersTest, when_a_callback_sets_a_timer_then_it_runs_in_its_time) {
  timers_.after(1s, [this] {
    ran_ += "a";
    after(1s, "b");
  });
  EXPECT_EQ(pass(1s), "a");
  EXPECT_EQ(pass(1s), "b");
}

TEST_F(TimersTest, when_a_callback_cancels_one_that_is_due_then_that_does_not_run) {
  Timers::Id b = 0;
  timers_.after(1s, [this, &b] {
    ran_ += "a";
    timers_.cancel(b);
  });
  b = after(1s, "b");
  after(1s, "c");
  EXPECT_EQ(pass(1s), "ac");
}

TEST_F(TimersTest, when_a_callback_cancels_itself_then_nothing_happens) {
  Timers::Id a = 0;
  a = timers_.after(1s, [this, &a] {
    timers_.cancel(a);
    ran_ += "a";
  });
  EXPECT_EQ(pass(1s), "a");
}

TEST_F(TimersTest, when_something_is_to_run_every_2_s_then_it_does_until_all_are_dropped) {
  timers_.every(2s, [this] { ran_ += "a"; });
  EXPECT_EQ(pass(1999ms), "");
  EXPECT_EQ(pass(1ms), "a");
  EXPECT_EQ(pass(1s), "");
  EXPECT_EQ(pass(1s), "a");
  EXPECT_EQ(timers_.size(), 1u);
  timers_.clear();
  EXPECT_EQ(pass(10s), "");
}

TEST_F(TimersTest, when_it_goes_then_callbacks_are_dropped_and_may_cancel_and_set_timers) {
  struct Canceller {
    Timers& timers;
    Timers::Id id;
    ~Canceller() {
      timers.cancel(id);
      timers.after(1s, [] { ADD_FAILURE() << "ran"; });
    }
  };
  std::weak_ptr<Canceller> watched;
  {
    Timers timers(clock_);
    Timers::Id other = timers.after(1s, [] { ADD_FAILURE() << "ran"; });
    auto owned = std::make_shared<Canceller>(timers, other);
    watched = owned;
    timers.after(2s, [owned = std::move(owned)] { ADD_FAILURE() << "ran"; });
  }
  EXPECT_TRUE(watched.expired());
}

TEST_F(TimersTest, when_thousands_are_set_and_cancelled_at_random_then_the_rest_runs_in_order) {
  std::mt19937 random(7);
  std::vector<std::pair<int, Timers::Id>> set;
  std::vector<int> ran;
  for (int i = 0; i < 5000; ++i) {
    int delay = static_cast<int>(random() % 1000);
    set.emplace_back(delay, timers_.after(std::chrono::milliseconds(delay), [&ran, delay] { ran.push_back(delay); }));
    if (random() % 2 == 0) {
      size_t victim = random() % set.size();
      timers_.cancel(set[victim].second);
      set.erase(set.begin() + static_cast<std::ptrdiff_t>(victim));
    }
  }
  EXPECT_EQ(timers_.size(), set.size());
  clock_.advance(1s);
  EXPECT_EQ(timers_.run_due(), set.size());
  std::vector<int> expected;
  for (auto& [delay, id] : set) expected.push_back(delay);
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(ran, expected);
}

}  // namespace
}  // namespace lapwing
