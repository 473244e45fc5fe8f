// Tables for people: columns as wide as their content, cut where the terminal is narrow, the same with and without a
// terminal.
//
//   Table table({"IMPI", "STATE"});
//   table.add({"001010000000001", "registered"});
//   out << table.text(80);
//
// Cells come from the network: control characters are shown as \xHH, so that nothing can move the cursor.
#pragma once

#include <string>
#include <vector>

namespace lapwing::cli {

class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}
  // As many cells as the header has; an empty one is shown as "-".
  void add(std::vector<std::string> row);
  bool empty() const { return rows_.empty(); }
  // width: of the terminal; 0: unlimited. The widest columns are cut first, never below 6 characters; a cut cell ends
  // in "~".
  std::string text(size_t width) const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace lapwing::cli
