#include "tests/scenarios/support/script.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"

namespace lapwing::scenarios {
namespace {

struct Line {
  std::string file;
  int number = 0;
  size_t indent = 0;
  std::string text;  // without the indent
};

std::vector<Line> read_lines(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw Failure("cannot read " + path);
  std::vector<Line> lines;
  std::string raw;
  for (int number = 1; std::getline(in, raw); ++number) {
    size_t indent = raw.find_first_not_of(' ');
    bool empty = indent == std::string::npos;
    if (!empty && raw[indent] == '#') continue;
    lines.push_back(
        {std::filesystem::path(path).filename().string(), number, empty ? 0 : indent, empty ? "" : raw.substr(indent)});
  }
  return lines;
}

std::string first_word(const std::string& text, std::string& rest) {
  size_t space = text.find(' ');
  rest = space == std::string::npos ? "" : text.substr(space + 1);
  while (!rest.empty() && rest.front() == ' ') rest.erase(0, 1);
  return text.substr(0, space);
}

// The lines below `at` that are indented deeper than `indent`, as one text; empty lines count when more follow.
std::string take_block(const std::vector<Line>& lines, size_t& at, size_t indent) {
  std::string block, pending;
  size_t inner = 0;
  while (at + 1 < lines.size()) {
    const Line& line = lines[at + 1];
    if (line.text.empty()) {
      pending += '\n';
    } else if (line.indent > indent) {
      if (inner == 0) inner = line.indent;
      if (!block.empty()) block += '\n' + pending;
      pending.clear();
      block += std::string(line.indent > inner ? line.indent - inner : 0, ' ') + line.text;
    } else {
      break;
    }
    ++at;
  }
  return block;
}

std::vector<Step> take_steps(const std::vector<Line>& lines, size_t& at) {
  std::vector<Step> steps;
  while (at + 1 < lines.size() && (lines[at + 1].indent > 0 || lines[at + 1].text.empty())) {
    ++at;
    if (lines[at].text.empty()) continue;
    Step step{.file = lines[at].file, .line = lines[at].number, .word = {}, .rest = {}, .block = {}};
    step.word = first_word(lines[at].text, step.rest);
    step.block = take_block(lines, at, lines[at].indent);
    steps.push_back(std::move(step));
  }
  return steps;
}

void read_file(const std::string& path, Library& library, std::vector<Scenario>& scenarios) {
  std::vector<Line> lines = read_lines(path);
  for (size_t at = 0; at < lines.size(); ++at) {
    const Line& line = lines[at];
    if (line.text.empty()) continue;
    std::string rest, name, value;
    std::string word = first_word(line.text, rest);
    name = first_word(rest, value);
    if (word == "include") {
      read_file((std::filesystem::path(path).parent_path() / rest).string(), library, scenarios);
    } else if (word == "let") {
      library.variables.set(name, value);
    } else if (word == "text") {
      library.variables.set(name, take_block(lines, at, 0));
    } else if (word == "message") {
      library.messages[name] = take_block(lines, at, 0);
    } else if (word == "steps") {
      library.steps[name] = take_steps(lines, at);
    } else if (word == "scenario") {
      scenarios.push_back({name, line.file, line.number, take_steps(lines, at), nullptr});
    } else {
      throw Failure(absl::StrFormat("%s:%d: what is \"%s\"?", line.file, line.number, word));
    }
  }
}

std::string header_name(const std::string& line) {
  return line.substr(0, line.find(':'));
}

}  // namespace

std::vector<Scenario> read_scenarios(const std::string& path) {
  auto library = std::make_shared<Library>();
  std::vector<Scenario> scenarios;
  read_file(path, *library, scenarios);
  for (Scenario& scenario : scenarios) scenario.library = library;
  return scenarios;
}

Arguments arguments_of(const std::string& text) {
  Arguments out;
  size_t at = 0;
  while (at < text.size()) {
    if (text[at] == ' ') {
      ++at;
      continue;
    }
    std::string word;
    size_t equals = std::string::npos;
    bool quoted = false;
    for (; at < text.size() && (quoted || text[at] != ' '); ++at) {
      if (text[at] == '"') {
        quoted = !quoted;
        continue;
      }
      if (text[at] == '\\' && text.substr(at + 1, 1) == "\"") ++at;
      if (text[at] == '=' && equals == std::string::npos && !quoted) equals = word.size();
      word += text[at];
    }
    if (equals == std::string::npos) {
      out.words.push_back(word);
    } else {
      out.named[word.substr(0, equals)] = word.substr(equals + 1);
    }
  }
  return out;
}

std::string edited(std::string message, const std::string& edits) {
  size_t end = message.find("\n\n");
  std::string body = end == std::string::npos ? "" : message.substr(end);
  std::vector<std::string> rows = lines_of(message.substr(0, end));
  auto same = [](const std::string& row, const std::string& name) {
    return absl::EqualsIgnoreCase(absl::string_view(header_name(row)), absl::string_view(name));
  };
  for (std::string edit : lines_of(edits)) {
    if (edit.starts_with("- ")) {
      std::erase_if(rows, [&](const std::string& row) { return same(row, edit.substr(2)); });
      continue;
    }
    if (edit.starts_with("$ ")) {
      rows.push_back(edit.substr(2));
      continue;
    }
    bool add = edit.starts_with("+ ");
    if (add) edit.erase(0, 2);
    auto place = rows.begin() + 1;
    if (edit == "...") {
      rows.push_back(edit);
      continue;
    }
    if (edit.find(':') == std::string::npos || edit.starts_with("SIP/2.0 ") || edit.ends_with(" SIP/2.0")) {
      rows.front() = edit;  // the start line
      continue;
    }
    while (place != rows.end() && !same(*place, header_name(edit))) ++place;
    if (place != rows.end() && !add) {
      *place = edit;
    } else {
      rows.insert(std::find_if(rows.begin(), rows.end(), [&](auto& row) { return same(row, "Content-Length"); }), edit);
    }
  }
  std::string out;
  for (const std::string& row : rows) out += (out.empty() ? "" : "\n") + row;
  return out + body;
}

}  // namespace lapwing::scenarios
