// Wire text with placeholders: what scenarios send and what they expect.
//
//   Variables v;                                   // v.set("impu", "sip:alice@home")
//   v.expand("To: <{{impu}}>")                     // every name must be known
//   v.match(expected, actual)                      // nullopt: equal; else where and how they differ
//
// In expected text {{name}} stands for the variable's value when it is known, and captures what stands there when it is
// not; {{name!}} captures anew; {{*}} matches anything. A capture is never empty and never crosses a line. A last line
// "..." matches the rest of the message. Values may span lines. Lines are compared in
// order, so header order counts.
#pragma once

#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace lapwing::scenarios {

// What is wrong with a scenario file or what a step found: caught by the runner, which adds the line.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Variables {
 public:
  void set(const std::string& name, std::string value) { values_[name] = std::move(value); }
  void unset(const std::string& name) { values_.erase(name); }
  const std::string* find(const std::string& name) const;
  // Throws Failure when a name is unknown; with all = false it is left as it stands.
  std::string expand(std::string_view text, bool all = true) const;
  // Captures stay only when everything matches.
  std::optional<std::string> match(std::string_view expected, std::string_view actual);

 private:
  bool match_line(std::string_view expected, std::string_view actual);
  std::map<std::string, std::string> values_;
};

std::vector<std::string> lines_of(std::string_view text);
// CRLF to LF, and no empty lines at the end. A body that is no text, since it has control characters, is "hex: 002aff".
std::string readable(std::string_view wire);
// Header lines end in CRLF, the body stays as it is, or is the octets that "hex: 00 2a ff" says; Content-Length is
// added where it is missing.
std::string wire_from(std::string_view text);

}  // namespace lapwing::scenarios
