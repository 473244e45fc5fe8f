#include "common/runtime/log.h"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"

namespace lapwing::log {

namespace {

std::optional<spdlog::level::level_enum> level_of(std::string_view text) {
  if (text == "debug") return spdlog::level::debug;
  if (text == "info" || text.empty()) return spdlog::level::info;
  if (text == "warn") return spdlog::level::warn;
  if (text == "error") return spdlog::level::err;
  return std::nullopt;
}

}  // namespace

absl::Status start(std::string_view program, std::string_view level) {
  std::optional<spdlog::level::level_enum> chosen = level_of(level);
  if (!chosen) {
    return absl::InvalidArgumentError(absl::StrFormat("log level \"%s\": use debug, info, warn or error", level));
  }
  spdlog::init_thread_pool(8192, 1);
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto logger = std::make_shared<spdlog::async_logger>(std::string(program), std::move(sink), spdlog::thread_pool(),
                                                       spdlog::async_overflow_policy::overrun_oldest);
  logger->set_level(*chosen);
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %n %^%l%$ %v");
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
  spdlog::set_level(*chosen);
  return absl::OkStatus();
}

void set_level(std::string_view level) {
  if (std::optional<spdlog::level::level_enum> chosen = level_of(level)) spdlog::set_level(*chosen);
}

void stop() {
  spdlog::shutdown();
}

std::string printable(std::string_view text, size_t limit) {
  std::string out;
  for (char c : text.substr(0, limit)) {
    if (c >= 0x20 && c < 0x7f) {
      out.push_back(c);
    } else {
      absl::StrAppend(&out, absl::StrFormat("\\x%02x", static_cast<unsigned char>(c)));
    }
  }
  if (text.size() > limit) absl::StrAppend(&out, absl::StrFormat("... (%d bytes)", text.size()));
  return out;
}

}  // namespace lapwing::log
