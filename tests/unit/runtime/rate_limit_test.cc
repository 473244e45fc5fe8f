#include "common/runtime/rate_limit.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace lapwing {
namespace {

using namespace std::chrono_literals;

int taken(RateLimit& limit, TimePoint at, int asked) {
  int out = 0;
  for (int i = 0; i < asked; ++i) out += limit.take(at) ? 1 : 0;
  return out;
}

TEST(RateLimit, when_many_come_at_once_then_ten_seconds_worth_are_taken) {
  for (uint32_t rate : {1U, 3U, 500U, 10'000U}) {
    RateLimit limit(rate);
    ManualClock clock;
    EXPECT_EQ(taken(limit, clock.now(), 200'000), static_cast<int>(10 * rate));
    EXPECT_FALSE(limit.take(clock.now()));
  }
}

TEST(RateLimit, when_time_passes_then_so_many_a_second_more_are_taken) {
  RateLimit limit(500);
  ManualClock clock;
  taken(limit, clock.now(), 10'000);
  clock.advance(1s);
  EXPECT_EQ(taken(limit, clock.now(), 10'000), 500);
  clock.advance(2ms);
  EXPECT_EQ(taken(limit, clock.now(), 10'000), 1);
  clock.advance(1h);
  EXPECT_EQ(taken(limit, clock.now(), 10'000), 5000);
}

TEST(RateLimit, when_it_is_0_then_there_is_none) {
  RateLimit limit;
  EXPECT_EQ(taken(limit, ManualClock().now(), 100'000), 100'000);
}

TEST(RateLimit, when_it_is_set_then_the_new_one_holds) {
  RateLimit limit(1);
  ManualClock clock;
  taken(limit, clock.now(), 100);
  limit.set(100);
  EXPECT_EQ(taken(limit, clock.now(), 10'000), 1000);
}

TEST(RateLimit, when_several_threads_take_then_together_they_get_no_more) {
  RateLimit limit(100);
  const TimePoint now = ManualClock().now();
  std::atomic<int> all{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { all += taken(limit, now, 1000); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(all, 1000);
}

}  // namespace
}  // namespace lapwing
