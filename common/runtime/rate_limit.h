// So many a second, some seconds' worth of which may come at once: a token bucket that begins full.
//
//   RateLimit limit(500);
//   if (!limit.take(clock.now())) ++left_out;
//
// Any thread; one that is refused costs a load.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "common/runtime/clock.h"

namespace lapwing {

class RateLimit {
 public:
  static constexpr std::chrono::seconds burst{10};  // this long's worth at once

  // per_second: 0: no limit.
  explicit RateLimit(uint32_t per_second = 0) { set(per_second); }
  // With a full bucket.
  void set(uint32_t per_second) {
    full_ = 0;
    interval_ = per_second == 0 ? 0 : std::max<int64_t>(1, 1'000'000'000 / int64_t{per_second});
  }

  bool take(TimePoint at) {
    const int64_t interval = interval_.load(std::memory_order_relaxed);
    if (interval == 0) return true;
    const int64_t now = std::chrono::nanoseconds(at.time_since_epoch()).count();
    const int64_t latest = now + std::chrono::nanoseconds(burst).count() - interval;
    int64_t full = full_.load(std::memory_order_relaxed);
    while (true) {
      const int64_t from = std::max(full, now);
      if (from > latest) return false;
      if (full_.compare_exchange_weak(full, from + interval, std::memory_order_relaxed)) return true;
    }
  }

 private:
  std::atomic<int64_t> interval_{0};  // nanoseconds from one to the next
  std::atomic<int64_t> full_{0};      // when the bucket will be full again
};

}  // namespace lapwing
