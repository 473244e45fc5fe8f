// Wall-clock times in the messages of the Control service and in the records of the state files.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include "common/runtime/clock.h"

namespace lapwing::control {

// The epoch stands for "not set" and is left out.
inline void set_time(google::protobuf::Timestamp* out, WallTime time) {
  auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
  out->set_seconds(nanos / 1'000'000'000);
  out->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
}

inline WallTime time_of(const google::protobuf::Timestamp& in) {
  return WallTime(std::chrono::duration_cast<WallTime::duration>(std::chrono::seconds(in.seconds()) +
                                                                 std::chrono::nanoseconds(in.nanos())));
}

// Deadlines outlive a program by the wall clock: what it showed when they were written, and what it shows when they are
// read.
inline WallTime to_wall(const Clock& clock, TimePoint at) {
  return clock.wall() + std::chrono::duration_cast<WallTime::duration>(at - clock.now());
}
inline TimePoint from_wall(const Clock& clock, const google::protobuf::Timestamp& at) {
  return clock.now() + std::chrono::duration_cast<Duration>(time_of(at) - clock.wall());
}

}  // namespace lapwing::control
