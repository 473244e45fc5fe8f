// Wall-clock times in the messages of the Control service.
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

}  // namespace lapwing::control
