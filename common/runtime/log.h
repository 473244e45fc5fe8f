// Logging: one line an event, to standard error, written by a thread of its own so that a slow terminal or journal
// never holds a worker; when the queue is full the oldest lines are lost, and counted.
//
//   LW_LOG(info, "%s registered, expires in %d s", impi, seconds);
//
// Lines are text for people or, with log.format json, an object each (proto/lapwing/v1/log.proto). Where standard error
// is the journal, each begins with its priority, as <6>, and text leaves out what the journal knows: time and program.
//
// Debug and info lines are limited (log.lines_per_second). How many were left out by that, or lost, is said once a
// second at most. One that is left out is not formatted: bench/log_bench.cc says what it costs.
//
// Text from outside goes through printable(): control characters would let a peer forge lines.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "common/runtime/clock.h"

namespace lapwing::v1 {
class Log;
}

namespace lapwing::log {

// audit: somebody changed something; such lines are always written.
enum class Level : uint8_t { debug, info, warn, error, audit };

// program: shown in every line. InvalidArgument: no such level.
absl::Status start(std::string_view program, const v1::Log& config);
// Text, without a limit of lines. level: debug, info, warn, error.
absl::Status start(std::string_view program, std::string_view level);
// From now on; the configuration was checked.
void configure(const v1::Log& config);
void stop();  // writes what is queued

// Whether lines of this level are written.
bool wanted(Level level);
// The same, and within the limit of lines, of which this takes one; what is over it is counted. Of audit always.
bool admits(Level level);

// Each writes whatever the level and the limit are.
void write(Level level, std::string_view text);
void audit(std::string_view text);  // write(Level::audit, text)
// A line with parts that programs want apart. All of it has been through printable() or ascii().
struct Line {
  std::string_view text;
  // Of what happened to a user.
  std::string_view kind = {}, impi = {}, impu = {}, code = {};
  // Of `imsctl debug`. People are shown the first, and the text.
  std::string_view debugged = {}, direction = {}, carrier = {}, local = {}, remote = {}, full = {};
};
void write(Level level, const Line& line, WallTime at = std::chrono::system_clock::now());

// The text with control characters and non-ASCII bytes as \xHH, cut at limit bytes.
std::string printable(std::string_view text, size_t limit = 256);
// The same with line ends and tabs as they are.
std::string ascii(std::string_view text, size_t limit);

}  // namespace lapwing::log

#define LW_LOG(severity, ...)                                                                 \
  do {                                                                                        \
    if (::lapwing::log::admits(::lapwing::log::Level::severity))                              \
      ::lapwing::log::write(::lapwing::log::Level::severity, ::absl::StrFormat(__VA_ARGS__)); \
  } while (false)
