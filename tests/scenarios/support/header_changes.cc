#include "tests/scenarios/support/header_changes.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "tests/scenarios/support/wire_text.h"

namespace lapwing::scenarios {
namespace {

struct Text {
  std::string start_line;
  std::vector<std::string> rows;
  std::string_view body;
};

Text text_of(std::string_view wire) {
  size_t end = wire.find("\r\n\r\n");
  if (end == std::string_view::npos) throw Failure("a message without end of headers");
  Text text;
  text.rows = lines_of(readable(wire.substr(0, end)));
  text.start_line = text.rows.front();
  text.rows.erase(text.rows.begin());
  text.body = wire.substr(end + 4);
  return text;
}

std::string name_of(const std::string& row) {
  return row.substr(0, row.find(':'));
}

// The longest common subsequence: true for the rows that stay.
void mark_common(const std::vector<std::string>& a, const std::vector<std::string>& b, std::vector<bool>& in_a,
                 std::vector<bool>& in_b) {
  std::vector<std::vector<size_t>> longest(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = a.size(); i-- > 0;) {
    for (size_t j = b.size(); j-- > 0;) {
      longest[i][j] = a[i] == b[j] ? longest[i + 1][j + 1] + 1 : std::max(longest[i + 1][j], longest[i][j + 1]);
    }
  }
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i] == b[j]) {
      in_a[i++] = in_b[j++] = true;
    } else {
      longest[i + 1][j] >= longest[i][j + 1] ? ++i : ++j;
    }
  }
}

// The only row of the name that did not stay; nullopt: there are several, or none.
std::optional<size_t> only_one(const std::vector<std::string>& rows, const std::vector<bool>& stays,
                               const std::string& name) {
  std::optional<size_t> found;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (stays[i] || name_of(rows[i]) != name) continue;
    if (found) return std::nullopt;
    found = i;
  }
  return found;
}

}  // namespace

std::string header_changes(std::string_view before, std::string_view after) {
  Text old = text_of(before), now = text_of(after);
  if (old.body != now.body) throw Failure("the body is not the same");
  std::vector<bool> stays(old.rows.size()), known(now.rows.size());
  mark_common(old.rows, now.rows, stays, known);
  std::string changes;
  if (old.start_line != now.start_line) changes += "~ " + now.start_line + "\n";
  for (size_t i = 0; i < old.rows.size(); ++i) {
    if (stays[i]) continue;
    std::string name = name_of(old.rows[i]);
    auto gone = only_one(old.rows, stays, name), come = only_one(now.rows, known, name);
    if (gone && come) {
      changes += "~ " + now.rows[*come] + "\n";
      known[*come] = true;
      continue;
    }
    bool others =
        std::any_of(now.rows.begin(), now.rows.end(), [&](const std::string& row) { return name_of(row) == name; });
    changes += "- " + (others ? old.rows[i] : name) + "\n";
  }
  for (size_t i = 0; i < now.rows.size(); ++i) {
    if (!known[i]) changes += "+ " + now.rows[i] + "\n";
  }
  if (!changes.empty()) changes.pop_back();
  return changes;
}

}  // namespace lapwing::scenarios
