// Times as people say them: "in 59m", "3s ago".
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <chrono>
#include <string>

#include "common/runtime/clock.h"

namespace lapwing::cli {

WallTime wall_time(const google::protobuf::Timestamp& stamp);
// "5s", "59m", "1h05m", "26h", "3d"; never negative.
std::string span(std::chrono::seconds length);
// "in 59m", "3s ago", "now". A time that was never set (0): "".
std::string relative(const google::protobuf::Timestamp& stamp, WallTime now);
// The time of day in the local zone, with milliseconds: "14:03:07.120"; with the date when it is another day.
std::string clock_time(const google::protobuf::Timestamp& stamp, WallTime now);

}  // namespace lapwing::cli
