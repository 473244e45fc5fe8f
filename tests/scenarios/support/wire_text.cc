#include "tests/scenarios/support/wire_text.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "common/runtime/ids.h"

namespace lapwing::scenarios {
namespace {

struct Piece {
  bool is_name = false;
  std::string text;
};

std::vector<Piece> pieces_of(std::string_view text) {
  std::vector<Piece> pieces;
  while (!text.empty()) {
    size_t open = text.find("{{");
    size_t close = open == std::string_view::npos ? open : text.find("}}", open);
    if (close == std::string_view::npos) {
      pieces.push_back({false, std::string(text)});
      break;
    }
    if (open > 0) pieces.push_back({false, std::string(text.substr(0, open))});
    pieces.push_back({true, std::string(text.substr(open + 2, close - open - 2))});
    text.remove_prefix(close + 2);
  }
  return pieces;
}

bool is_text(std::string_view body) {
  return std::none_of(body.begin(), body.end(), [](char c) {
    return static_cast<unsigned char>(c) < ' ' && c != '\r' && c != '\n' && c != '\t';
  });
}

std::string body_from(std::string_view text) {
  if (!text.starts_with("hex:")) return std::string(text);
  std::string digits(text.substr(4));
  std::erase_if(digits, [](char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); });
  std::string octets = from_hex(digits);
  if (octets.empty()) throw Failure("hex: is not followed by pairs of hex digits");
  return octets;
}

}  // namespace

const std::string* Variables::find(const std::string& name) const {
  auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

std::string Variables::expand(std::string_view text, bool all) const {
  std::string out;
  for (const Piece& piece : pieces_of(text)) {
    const std::string* value = piece.is_name ? find(piece.text) : nullptr;
    if (!piece.is_name || (!value && !all)) {
      out += piece.is_name ? "{{" + piece.text + "}}" : piece.text;
      continue;
    }
    if (!value) throw Failure("{{" + piece.text + "}} is not known here");
    // Values may hold placeholders themselves: sip:{{imsi}}@{{domain}}.
    out += expand(*value, all);
  }
  return out;
}

bool Variables::match_line(std::string_view expected, std::string_view actual) {
  std::vector<Piece> pieces = pieces_of(expected);
  for (size_t i = 0; i < pieces.size(); ++i) {
    const Piece& piece = pieces[i];
    std::string literal = piece.text;
    if (piece.is_name) {
      const std::string* known = piece.text == "*" || piece.text.ends_with('!') ? nullptr : find(piece.text);
      if (!known) {
        // The capture ends where the next literal begins.
        size_t end = actual.size();
        if (i + 1 < pieces.size()) {
          std::string next = pieces[i + 1].text;
          if (pieces[i + 1].is_name) next = expand("{{" + next + "}}");
          end = actual.find(next, 1);
        }
        if (end == std::string_view::npos || end == 0) return false;
        std::string name = piece.text.ends_with('!') ? piece.text.substr(0, piece.text.size() - 1) : piece.text;
        if (name != "*") values_[name] = std::string(actual.substr(0, end));
        actual.remove_prefix(end);
        continue;
      }
      literal = expand(*known);
    }
    if (!actual.starts_with(literal)) return false;
    actual.remove_prefix(literal.size());
  }
  return actual.empty();
}

std::optional<std::string> Variables::match(std::string_view expected, std::string_view actual) {
  std::map<std::string, std::string> before = values_;
  // What is known already is put in first, so that values may span lines and hold captures of their own.
  std::vector<std::string> wanted = lines_of(expand(expected, false)), got = lines_of(actual);
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == "..." && i + 1 == wanted.size()) return std::nullopt;
    std::string line = i < got.size() ? got[i] : "(nothing)";
    if (i < got.size() && match_line(wanted[i], line)) continue;
    values_ = before;
    std::string shown;
    for (const Piece& piece : pieces_of(wanted[i])) {
      const std::string* known = piece.is_name ? find(piece.text) : nullptr;
      shown += known ? expand(*known) : piece.is_name ? "{{" + piece.text + "}}" : piece.text;
    }
    return absl::StrFormat("line %d\n  expected: %s\n  is:       %s", i + 1, shown, line);
  }
  if (got.size() > wanted.size()) {
    values_ = before;
    return absl::StrFormat("line %d is more than was expected: %s", wanted.size() + 1, got[wanted.size()]);
  }
  return std::nullopt;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::string readable(std::string_view wire) {
  std::string out;
  size_t end = wire.find("\r\n\r\n");
  if (end != std::string_view::npos && !is_text(wire.substr(end + 4))) {
    return readable(wire.substr(0, end)) + "\n\nhex: " + to_hex(wire.substr(end + 4));
  }
  for (size_t i = 0; i < wire.size(); ++i) {
    if (wire[i] == '\r' && i + 1 < wire.size() && wire[i + 1] == '\n') continue;
    out += wire[i];
  }
  while (out.ends_with('\n')) out.pop_back();
  return out;
}

std::string wire_from(std::string_view text) {
  size_t empty_line = text.find("\n\n");
  std::string body;
  if (empty_line != std::string_view::npos) body = body_from(text.substr(empty_line + 2));
  std::string wire;
  bool sized = false;
  for (const std::string& line : lines_of(text.substr(0, empty_line))) {
    sized = sized || line.starts_with("Content-Length:") || line.starts_with("l:");
    wire += line + "\r\n";
  }
  if (!sized) wire += absl::StrFormat("Content-Length: %d\r\n", body.size());
  return wire + "\r\n" + body;
}

}  // namespace lapwing::scenarios
