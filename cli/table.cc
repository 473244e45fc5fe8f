#include "cli/table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/runtime/log.h"

namespace lapwing::cli {
namespace {

constexpr size_t gap = 2;
constexpr size_t narrowest = 6;

void append_line(std::string& out, const std::vector<std::string>& cells, const std::vector<size_t>& widths) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    std::string cell = cells[i];
    if (cell.size() > widths[i]) cell = cell.substr(0, widths[i] - 1) + "~";
    line.append(cell).append(widths[i] - cell.size() + gap, ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  absl::StrAppend(&out, line, "\n");
}

}  // namespace

void Table::add(std::vector<std::string> row) {
  for (std::string& cell : row) cell = cell.empty() ? "-" : log::printable(cell);
  row.resize(header_.size(), "-");
  rows_.push_back(std::move(row));
}

std::string Table::text(size_t width) const {
  std::vector<size_t> widths;
  size_t total = 0;
  for (size_t i = 0; i < header_.size(); ++i) {
    size_t widest = header_[i].size();
    for (const auto& row : rows_) widest = std::max(widest, row[i].size());
    widths.push_back(widest);
    total += widest + (i == 0 ? 0 : gap);
  }
  while (width != 0 && total > width) {
    auto widest = std::max_element(widths.begin(), widths.end());
    if (*widest <= narrowest) break;
    --*widest;
    --total;
  }
  std::string out;
  append_line(out, header_, widths);
  for (const auto& row : rows_) append_line(out, row, widths);
  return out;
}

}  // namespace lapwing::cli
