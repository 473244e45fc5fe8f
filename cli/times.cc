#include "cli/times.h"

#include <ctime>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace lapwing::cli {

WallTime wall_time(const google::protobuf::Timestamp& stamp) {
  const auto since = std::chrono::seconds(stamp.seconds()) + std::chrono::nanoseconds(stamp.nanos());
  return WallTime{std::chrono::duration_cast<WallTime::duration>(since)};
}

std::string span(std::chrono::seconds length) {
  const int64_t s = std::max<int64_t>(0, length.count());
  if (s < 60) return absl::StrCat(s, "s");
  if (s < 3600) return absl::StrCat(s / 60, "m");
  if (s < 10 * 3600) return absl::StrFormat("%dh%02dm", s / 3600, s % 3600 / 60);
  if (s < 48 * 3600) return absl::StrCat(s / 3600, "h");
  return absl::StrCat(s / 86400, "d");
}

std::string relative(const google::protobuf::Timestamp& stamp, WallTime now) {
  if (stamp.seconds() == 0) return "";
  const auto off = std::chrono::duration_cast<std::chrono::milliseconds>(wall_time(stamp) - now);
  if (off > std::chrono::milliseconds(-500) && off < std::chrono::milliseconds(500)) return "now";
  if (off.count() > 0) return absl::StrCat("in ", span(std::chrono::round<std::chrono::seconds>(off)));
  return absl::StrCat(span(std::chrono::round<std::chrono::seconds>(-off)), " ago");
}

std::string clock_time(const google::protobuf::Timestamp& stamp, WallTime now) {
  if (stamp.seconds() == 0) return "";
  const std::time_t then = stamp.seconds();
  const std::time_t today = std::chrono::system_clock::to_time_t(now);
  std::tm local{};
  std::tm local_today{};
  localtime_r(&then, &local);
  localtime_r(&today, &local_today);
  char text[32];
  const bool same_day = local.tm_yday == local_today.tm_yday && local.tm_year == local_today.tm_year;
  std::strftime(text, sizeof text, same_day ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &local);
  return absl::StrFormat("%s.%03d", text, stamp.nanos() / 1'000'000);
}

}  // namespace lapwing::cli
