#include "common/metrics/sheet.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace lapwing::metrics {
namespace {

const std::chrono::system_clock::time_point process_start = std::chrono::system_clock::now();

// The weight of a media type among those of an Accept header; 0: it is not there.
double weight_of(std::string_view type, std::string_view accept) {
  for (absl::string_view one : absl::StrSplit(absl::string_view(accept.data(), accept.size()), ',')) {
    const std::vector<absl::string_view> parts = absl::StrSplit(one, ';');
    if (!absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(parts.front()), absl::string_view(type.data(), type.size())))
      continue;
    double weight = 1;
    for (absl::string_view parameter : parts) {
      parameter = absl::StripAsciiWhitespace(parameter);
      if (absl::ConsumePrefix(&parameter, "q=") && !absl::SimpleAtod(parameter, &weight)) weight = 0;
    }
    return weight;
  }
  return 0;
}

std::string escaped(std::string_view text, bool quotes) {
  std::string out = absl::StrReplaceAll(absl::string_view(text.data(), text.size()), {{"\\", "\\\\"}, {"\n", "\\n"}});
  return quotes ? absl::StrReplaceAll(out, {{"\"", "\\\""}}) : out;
}

std::string number(double value) {
  return absl::StrFormat("%.15g", value);
}

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

Sheet::Format Sheet::format_for(std::string_view accept) {
  const double open = weight_of("application/openmetrics-text", accept);
  return open > 0 && open >= weight_of("text/plain", accept) ? Format::open_metrics : Format::text;
}

const char* Sheet::content_type(Format format) {
  return format == Format::open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                        : "text/plain; version=0.0.4; charset=utf-8";
}

void Sheet::family(std::string_view name, Type type, std::string_view help) {
  name_ = name;
  type_ = type;
  const bool open = format_ == Format::open_metrics;
  // In text format a family has the name of its samples.
  const std::string shown = name_ + (open ? "" : type == Type::counter ? "_total" : type == Type::info ? "_info" : "");
  const char* kind = type == Type::histogram ? "histogram"
                     : type == Type::counter ? "counter"
                     : type == Type::gauge   ? "gauge"
                                             : (open ? "info" : "gauge");
  absl::StrAppend(&out_, "# HELP ", shown, " ", escaped(help, open), "\n# TYPE ", shown, " ", kind, "\n");
  if (!open) return;
  for (const char* unit : {"seconds", "bytes"}) {
    if (absl::EndsWith(name_, absl::StrCat("_", unit))) absl::StrAppend(&out_, "# UNIT ", shown, " ", unit, "\n");
  }
}

void Sheet::line(std::string_view suffix, const Labels& labels, std::string_view value, std::string_view le) {
  out_ += name_;
  out_ += suffix;
  char before = '{';
  auto label = [&](std::string_view name, std::string_view text) {
    out_ += before;
    out_.append(name).append("=\"").append(escaped(text, true)).append("\"");
    before = ',';
  };
  for (const auto& [name, text] : labels) label(name, text);
  if (!le.empty()) label("le", le);
  if (before == ',') out_ += '}';
  out_.append(" ").append(value).append("\n");
}

void Sheet::value(double value, const Labels& labels) {
  line(type_ == Type::counter ? "_total" : type_ == Type::info ? "_info" : "", labels, number(value));
}

void Sheet::distribution(const Distribution& distribution, const Labels& labels) {
  uint64_t below = 0;
  for (size_t i = 0; i < distribution.bounds().size(); ++i) {
    below += distribution.counts()[i];
    const double bound = seconds(distribution.bounds()[i]);
    // OpenMetrics wants its numbers as 1.0.
    const std::string le = format_ == Format::open_metrics && bound == static_cast<double>(static_cast<int64_t>(bound))
                               ? absl::StrFormat("%.1f", bound)
                               : number(bound);
    line("_bucket", labels, absl::StrCat(below), le);
  }
  const std::string all = absl::StrCat(distribution.count());
  line("_bucket", labels, all, "+Inf");
  line("_sum", labels, number(seconds(distribution.sum())));
  line("_count", labels, all);
}

std::string Sheet::finish() && {
  if (format_ == Format::open_metrics) out_ += "# EOF\n";
  return std::move(out_);
}

void add_process(Sheet& sheet) {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  auto time_of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  sheet.family("process_cpu_seconds", Sheet::Type::counter, "CPU time that this process has used.");
  sheet.value(time_of(used.ru_utime) + time_of(used.ru_stime));

  sheet.family("process_start_time_seconds", Sheet::Type::gauge, "When this process was started, as Unix time.");
  sheet.value(std::chrono::duration<double>(process_start.time_since_epoch()).count());

  // proc(5): pages; sizes in all, and resident.
  uint64_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  sheet.family("process_resident_memory_bytes", Sheet::Type::gauge, "Memory that this process holds.");
  sheet.value(static_cast<double>(resident * page));
  sheet.family("process_virtual_memory_bytes", Sheet::Type::gauge, "Addresses that this process has mapped.");
  sheet.value(static_cast<double>(pages * page));

  std::error_code error;
  const auto open = std::distance(std::filesystem::directory_iterator("/proc/self/fd", error), {});
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  sheet.family("process_open_fds", Sheet::Type::gauge, "Open file descriptors.");
  sheet.value(error ? 0 : static_cast<double>(open));
  sheet.family("process_max_fds", Sheet::Type::gauge, "How many file descriptors may be open.");
  sheet.value(static_cast<double>(limit.rlim_cur));
}

}  // namespace lapwing::metrics
