#include "cli/preflight/check.h"

#include "common/runtime/log.h"

namespace lapwing::cli::preflight {
namespace {

// Errors of a configuration file have a line each; what is in a line is made printable.
std::string printable_lines(std::string_view text) {
  std::string out;
  while (true) {
    const size_t end = text.find('\n');
    out += log::printable(text.substr(0, end), 1024);
    if (end == text.npos) return out;
    out += '\n';
    text.remove_prefix(end + 1);
  }
}

Check made(std::string_view outcome, std::string_view code, std::string_view about, std::string_view text,
           const Advice& advice) {
  Check check;
  check.set_outcome(std::string(outcome));
  check.set_code(std::string(code));
  check.set_about(log::printable(about));
  check.set_text(printable_lines(text));
  for (const std::string& line : advice) check.add_advice(log::printable(line, 1024));
  return check;
}

}  // namespace

Check passed(std::string_view code, std::string_view about, std::string_view text) {
  return made("ok", code, about, text, {});
}

Check warned(std::string_view code, std::string_view about, std::string_view text, const Advice& advice) {
  return made("warning", code, about, text, advice);
}

Check failed(std::string_view code, std::string_view about, std::string_view text, const Advice& advice) {
  return made("failed", code, about, text, advice);
}

bool is_ok(const Check& check) {
  return check.outcome() == "ok";
}

bool is_failed(const Check& check) {
  return check.outcome() == "failed";
}

}  // namespace lapwing::cli::preflight
