#include "pcscf/ipsec/drop_counters.h"

#include <gtest/gtest.h>

namespace lapwing::ipsec {
namespace {

using std::chrono::seconds;

const WallTime start = WallTime(std::chrono::hours(500'000));

TEST(DropCounters, when_nothing_was_noted_then_nothing_was_dropped) {
  DropCounters counters;
  EXPECT_EQ(counters.since(start).unknown_spi, 0U);
  EXPECT_EQ(counters.total().unknown_spi, 0U);
}

TEST(DropCounters, when_asked_since_a_time_then_what_came_before_does_not_count) {
  DropCounters counters;
  for (uint64_t i = 0; i <= 10; ++i) {
    counters.note(start + seconds(i), {.unknown_spi = 100 + i, .in_clear = 2 * i});
  }
  EXPECT_EQ(counters.since(start + seconds(4)).unknown_spi, 6U);
  EXPECT_EQ(counters.since(start + seconds(4)).in_clear, 12U);
  EXPECT_EQ(counters.since(start + seconds(20)).unknown_spi, 0U);
  EXPECT_EQ(counters.since(start - seconds(20)).unknown_spi, 10U) << "the kernel's figures from before we ran";
  EXPECT_EQ(counters.total().unknown_spi, 110U);
}

TEST(DropCounters, when_it_runs_for_long_then_only_the_last_minutes_are_kept) {
  DropCounters counters;
  for (uint64_t i = 0; i < 4000; ++i) counters.note(start + seconds(i), {.unknown_spi = i});
  EXPECT_EQ(counters.since(start + seconds(3990)).unknown_spi, 9U);
  EXPECT_LE(counters.since(start).unknown_spi, 610U);
}

TEST(DropCounters, when_the_kernel_keeps_them_then_they_can_be_read) {
  auto counts = read_drop_counts();
  if (!counts) GTEST_SKIP() << "this kernel has no /proc/net/xfrm_stat";
  EXPECT_LT(counts->unknown_spi, UINT64_MAX);
}

}  // namespace
}  // namespace lapwing::ipsec
