// Logging: one line an event, to standard error, written by a thread of its own so that a slow terminal or journal
// never holds a worker; when the queue is full the oldest lines are lost, and counted.
//
//   LW_LOG(info, "%s registered, expires in %d s", impi, seconds);
//
// Text from outside goes through printable(): control characters would let a peer forge lines.
#pragma once

#include <spdlog/spdlog.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"

namespace lapwing::log {

inline constexpr spdlog::level::level_enum debug_level = spdlog::level::debug, info_level = spdlog::level::info,
                                           warn_level = spdlog::level::warn, error_level = spdlog::level::err;

// program: shown in every line. level: debug, info, warn, error.
absl::Status start(std::string_view program, std::string_view level);
void set_level(std::string_view level);  // one of those of start()
void stop();                             // writes what is queued

// The text with control characters and non-ASCII bytes as \xHH, cut at limit bytes.
std::string printable(std::string_view text, size_t limit = 256);

}  // namespace lapwing::log

#define LW_LOG(severity, ...)                                                          \
  do {                                                                                 \
    if (::spdlog::should_log(::lapwing::log::severity##_level))                        \
      ::spdlog::log(::lapwing::log::severity##_level, ::absl::StrFormat(__VA_ARGS__)); \
  } while (false)
