#include "common/runtime/log.h"

#include <google/protobuf/util/json_util.h>
#include <spdlog/async.h>
#include <spdlog/details/periodic_worker.h>
#include <spdlog/formatter.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "common/runtime/rate_limit.h"
#include "lapwing/v1/config.pb.h"
#include "lapwing/v1/log.pb.h"

namespace lapwing::log {

namespace {

constexpr size_t queue_length = 8192;

// What LW_LOG looks at. Before start(), as in tests, text goes to whatever is spdlog's default.
std::atomic<Level> least{Level::info};
std::atomic<bool> as_json{false};
RateLimit limit;
std::atomic<uint32_t> lines_per_second{0};
std::atomic<uint64_t> left_out{0};

struct LevelNames {
  Level level;
  std::string_view configured;
  std::string_view shown;
  char priority;  // of syslog
  spdlog::level::level_enum carrier;
};
constexpr std::array<LevelNames, 5> levels = {{{Level::debug, "debug", "debug", '7', spdlog::level::debug},
                                               {Level::info, "info", "info", '6', spdlog::level::info},
                                               {Level::warn, "warn", "warning", '4', spdlog::level::warn},
                                               {Level::error, "error", "error", '3', spdlog::level::err},
                                               {Level::audit, "", "audit", '5', spdlog::level::critical}}};

const LevelNames& names_of(Level level) {
  return levels[static_cast<size_t>(level)];
}
const LevelNames& names_of(spdlog::level::level_enum carrier) {
  for (const LevelNames& one : levels) {
    if (one.carrier == carrier) return one;
  }
  return levels.front();
}

std::optional<Level> level_of(std::string_view text) {
  if (text.empty()) return Level::info;
  for (const LevelNames& one : levels) {
    if (one.configured == text) return one.level;
  }
  return std::nullopt;
}

std::string escaped(std::string_view text, size_t limit, std::string_view as_it_is) {
  std::string out;
  for (char c : text.substr(0, limit)) {
    if ((c >= 0x20 && c < 0x7f) || as_it_is.find(c) != as_it_is.npos) {
      out.push_back(c);
    } else {
      absl::StrAppend(&out, absl::StrFormat("\\x%02x", static_cast<unsigned char>(c)));
    }
  }
  if (text.size() > limit) absl::StrAppend(&out, absl::StrFormat("... (%d bytes)", text.size()));
  return out;
}

std::string for_people(const Line& line) {
  std::string out(line.debugged);
  if (!line.debugged.empty()) absl::StrAppend(&out, ": ");
  if (!line.kind.empty()) {
    absl::StrAppend(&out, std::string(line.kind), " ", std::string(line.impi.empty() ? line.impu : line.impi), ": ");
  }
  absl::StrAppend(&out, std::string(line.text));
  if (!line.code.empty()) absl::StrAppend(&out, " [", std::string(line.code), "]");
  return out;
}

// A line with parts goes through the queue as a message, behind a byte that no text begins with.
constexpr char parts_follow = '\0';

std::string packed(const Line& line) {
  v1::LogLine out;
  auto set = [](std::string* field, std::string_view value) {
    if (!value.empty()) field->assign(value);
  };
  set(out.mutable_text(), line.text);
  set(out.mutable_kind(), line.kind);
  set(out.mutable_impi(), line.impi);
  set(out.mutable_impu(), line.impu);
  set(out.mutable_code(), line.code);
  set(out.mutable_debugged(), line.debugged);
  set(out.mutable_direction(), line.direction);
  set(out.mutable_carrier(), line.carrier);
  set(out.mutable_local(), line.local);
  set(out.mutable_remote(), line.remote);
  set(out.mutable_full(), line.full);
  std::string bytes(1, parts_follow);
  out.AppendToString(&bytes);
  return bytes;
}

v1::LogLine unpacked(std::string_view payload) {
  v1::LogLine line;
  if (!payload.empty() && payload.front() == parts_follow &&
      line.ParseFromArray(payload.data() + 1, static_cast<int>(payload.size()) - 1)) {
    return line;
  }
  line.Clear();
  line.set_text(ascii(payload, payload.size()));
  return line;
}

// systemd.exec(5): the device and inode of what it connected standard error to.
bool standard_error_is_the_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat found{};
  return stream != nullptr && fstat(STDERR_FILENO, &found) == 0 &&
         absl::StrFormat("%d:%d", found.st_dev, found.st_ino) == stream;
}

// On the log's own thread.
class Formatter final : public spdlog::formatter {
 public:
  Formatter(std::string program, bool journal)
      : program_(std::move(program)),
        journal_(journal),
        head_("%Y-%m-%dT%H:%M:%S.%e %n ", spdlog::pattern_time_type::local, "") {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const LevelNames& level = names_of(message.level);
    const std::string priority = journal_ ? absl::StrFormat("<%c>", level.priority) : "";
    std::string line;
    const std::string_view payload(message.payload.data(), message.payload.size());
    if (as_json) {
      line = json(level, message.time, payload);
    } else {
      if (!journal_) head_.format(message, out);
      line = absl::StrCat(std::string(level.shown), " ", text(payload));
      if (journal_) absl::StrReplaceAll({{"\n", "\n" + priority}}, &line);
    }
    for (std::string_view part : {std::string_view(priority), std::string_view(line), std::string_view("\n")}) {
      out.append(part.data(), part.data() + part.size());
    }
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<Formatter>(program_, journal_); }

 private:
  static std::string text(std::string_view payload) {
    if (payload.empty() || payload.front() != parts_follow) return std::string(payload);
    const v1::LogLine line = unpacked(payload);  // it was queued before the format was changed
    return for_people({.text = line.text(),
                       .kind = line.kind(),
                       .impi = line.impi(),
                       .impu = line.impu(),
                       .code = line.code(),
                       .debugged = line.debugged()});
  }
  std::string json(const LevelNames& level, WallTime at, std::string_view payload) const {
    v1::LogLine line = unpacked(payload);
    line.set_time(absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::FromChrono(at), absl::UTCTimeZone()));
    line.set_level(std::string(level.shown));
    line.set_program(program_);
    google::protobuf::util::JsonPrintOptions options;
    options.preserve_proto_field_names = true;
    std::string out;
    if (!google::protobuf::util::MessageToJsonString(line, &out, options).ok()) return "{}";
    return out;
  }

  const std::string program_;
  const bool journal_;
  spdlog::pattern_formatter head_;
};

std::string with_commas(uint64_t number) {
  std::string out = absl::StrCat(number);
  for (size_t at = out.size(); at > 3;) out.insert(at -= 3, ",");
  return out;
}

// What is missing in the log, said in it.
class Watcher {
 public:
  Watcher() : each_second_([this] { look(); }, std::chrono::seconds(1)) {}
  void look() {
    if (const uint64_t count = left_out.exchange(0); count > 0) {
      write(Level::warn, absl::StrFormat("%s lines left out: more than %d a second (log.lines_per_second)",
                                         with_commas(count), lines_per_second.load()));
    }
    const uint64_t all = spdlog::thread_pool()->overrun_counter();
    if (const uint64_t count = all - lost_.exchange(all); count > 0) {
      write(Level::warn,
            absl::StrFormat("%s lines lost: standard error does not take them fast enough", with_commas(count)));
    }
  }

 private:
  std::atomic<uint64_t> lost_{0};
  spdlog::details::periodic_worker each_second_;  // the last: it ends first
};

// Made after spdlog's own static objects, so that it goes before them.
std::unique_ptr<Watcher>& watcher() {
  static std::unique_ptr<Watcher> one;
  return one;
}

void log_to_spdlog(Level level, WallTime at, std::string_view payload) {
  spdlog::logger* logger = spdlog::default_logger_raw();
  if (logger == nullptr) return;  // after stop()
  logger->log(at, spdlog::source_loc{}, names_of(level).carrier, spdlog::string_view_t(payload.data(), payload.size()));
}

}  // namespace

absl::Status start(std::string_view program, const v1::Log& config) {
  if (!level_of(config.level())) {
    return absl::InvalidArgumentError(
        absl::StrFormat("log level \"%s\": use debug, info, warn or error", config.level()));
  }
  configure(config);
  spdlog::init_thread_pool(queue_length, 1);
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto logger = std::make_shared<spdlog::async_logger>(std::string(program), std::move(sink), spdlog::thread_pool(),
                                                       spdlog::async_overflow_policy::overrun_oldest);
  logger->set_level(spdlog::level::trace);  // admits() has decided
  logger->set_formatter(std::make_unique<Formatter>(std::string(program), standard_error_is_the_journal()));
  spdlog::set_default_logger(std::move(logger));
  watcher() = std::make_unique<Watcher>();
  return absl::OkStatus();
}

absl::Status start(std::string_view program, std::string_view level) {
  v1::Log config;
  config.set_level(std::string(level));
  return start(program, config);
}

void configure(const v1::Log& config) {
  least = level_of(config.level()).value_or(Level::info);
  as_json = config.format() == "json";
  limit.set(config.lines_per_second());
  lines_per_second = config.lines_per_second();
}

void stop() {
  if (watcher()) watcher()->look();
  watcher().reset();
  spdlog::shutdown();
}

bool wanted(Level level) {
  return level >= least.load(std::memory_order_relaxed);
}

bool admits(Level level) {
  if (!wanted(level)) return false;
  if (level >= Level::warn || limit.take(std::chrono::steady_clock::now())) return true;
  left_out.fetch_add(1, std::memory_order_relaxed);
  return false;
}

void write(Level level, std::string_view text) {
  log_to_spdlog(level, std::chrono::system_clock::now(), text);
}

void audit(std::string_view text) {
  write(Level::audit, text);
}

void write(Level level, const Line& line, WallTime at) {
  log_to_spdlog(level, at, as_json ? packed(line) : for_people(line));
}

std::string printable(std::string_view text, size_t limit) {
  return escaped(text, limit, "");
}

std::string ascii(std::string_view text, size_t limit) {
  return escaped(text, limit, "\r\n\t");
}

}  // namespace lapwing::log
