// A ladder for terminals.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/ladder.h"
#include "cli/times.h"
#include "common/control/timestamps.h"
#include "common/runtime/log.h"

namespace lapwing::cli {
namespace {

constexpr size_t time_width = 14;

std::string time_text(WallTime at) {
  google::protobuf::Timestamp stamp;
  control::set_time(&stamp, at);
  return clock_time(stamp, at);
}

const char* colour_of(LadderStep::Tone tone) {
  switch (tone) {
    case LadderStep::Tone::request:
      return "\x1b[36m";
    case LadderStep::Tone::provisional:
      return "\x1b[2m";
    case LadderStep::Tone::success:
      return "\x1b[32m";
    case LadderStep::Tone::failure:
      return "\x1b[31m";
  }
  return "";
}

class Sheet {
 public:
  Sheet(const Ladder& ladder, const LadderStyle& style) : ladder_(ladder), style_(style) {
    const size_t count = std::max<size_t>(1, ladder.columns.size());
    column_ = 34;
    if (style.width > time_width) column_ = std::clamp((style.width - time_width) / count, size_t{14}, size_t{34});
  }

  std::string text() {
    std::string out = heading();
    for (const LadderStep& step : ladder_.steps) {
      out += arrow(step);
      if (style_.full) out += message(step);
    }
    return out;
  }

 private:
  size_t middle(size_t column) const { return column * column_ + column_ / 2; }

  std::string heading() const {
    std::string line(time_width, ' ');
    for (const std::string& name : ladder_.columns) {
      std::string shown = log::printable(name, column_ - 1);
      const size_t left = (column_ - std::min(shown.size(), column_)) / 2;
      std::string cell = std::string(left, ' ') + shown;
      cell.resize(std::max(cell.size(), column_), ' ');
      line += cell;
    }
    while (line.ends_with(' ')) line.pop_back();
    return line + "\n";
  }

  std::string arrow(const LadderStep& step) const {
    std::vector<std::string> cells(ladder_.columns.size() * column_, " ");
    for (size_t i = 0; i < ladder_.columns.size(); ++i) cells[middle(i)] = "│";
    const size_t left = middle(std::min(step.from, step.to)), right = middle(std::max(step.from, step.to));
    std::string label = log::printable(step.label, 64);
    if (left == right) {
      label = absl::StrCat(" ", label);
      for (size_t i = 0; i < label.size() && left + 1 + i < cells.size(); ++i) cells[left + 1 + i] = label.substr(i, 1);
    } else {
      for (size_t i = left + 1; i < right; ++i) cells[i] = "─";
      (step.to > step.from ? cells[right - 1] : cells[left + 1]) = step.to > step.from ? "▶" : "◀";
      const size_t room = right - left - 5;
      if (label.size() > room) label.resize(room);
      const size_t begin = left + 1 + (right - left - 1 - label.size()) / 2;
      for (size_t i = 0; i < label.size(); ++i) cells[begin + i] = label.substr(i, 1);
    }
    std::string line = time_text(step.at);
    line.resize(std::max(line.size(), time_width), ' ');
    for (size_t i = 0; i < cells.size(); ++i) {
      if (style_.colour && i == left + 1) line += colour_of(step.tone);
      if (style_.colour && i == right) line += "\x1b[0m";
      line += cells[i];
    }
    if (style_.colour) line += "\x1b[0m";
    while (line.ends_with(' ')) line.pop_back();
    return line + "\n";
  }

  static std::string message(const LadderStep& step) {
    std::string out;
    for (const std::string& line : std::vector<std::string>(absl::StrSplit(step.message, '\n'))) {
      absl::StrAppend(&out, "    ", log::printable(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line, 4096),
                      "\n");
    }
    return out;
  }

  const Ladder& ladder_;
  const LadderStyle style_;
  size_t column_;
};

}  // namespace

std::string ladder_text(const Ladder& ladder, const LadderStyle& style) {
  return Sheet(ladder, style).text();
}

}  // namespace lapwing::cli
