#include "common/sip/body.h"

#include <string>

#include "common/sip/headers.h"

namespace lapwing::sip {
namespace {

constexpr std::string_view white = " \t";

// Takes the next line off, without its end.
std::string_view take_line(std::string_view& rest) {
  size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool part_is(std::string_view headers, std::string_view type) {
  constexpr std::string_view name = "content-type";
  while (!headers.empty()) {
    std::string_view line = take_line(headers);
    size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    std::string_view found = line.substr(0, line.find_last_not_of(white, colon - (colon > 0 ? 1 : 0)) + 1);
    if (!equals_ignoring_case(found, name)) continue;
    auto value = TokenParams::parse(line.substr(colon + 1));
    return value.ok() && value->is(type);
  }
  return false;
}

// The contents of a part of this type.
std::string_view contents(std::string_view part, std::string_view type) {
  for (std::string_view rest = part; !rest.empty();) {
    std::string_view line = take_line(rest);
    if (!line.empty()) continue;
    std::string_view headers = part.substr(0, part.size() - rest.size());
    return part_is(headers, type) ? rest : std::string_view();
  }
  return {};
}

// The line break before a boundary belongs to the boundary.
std::string_view without_last_break(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

std::string_view find_part(std::string_view body, const std::string& boundary, std::string_view type) {
  std::string delimiter = "--" + boundary;
  const char* part = nullptr;
  for (std::string_view rest = body; !rest.empty();) {
    const char* at = rest.data();
    std::string_view line = take_line(rest);
    if (!line.starts_with(delimiter)) continue;
    std::string_view behind = line.substr(delimiter.size());
    bool last = behind.starts_with("--");
    if (!last && behind.find_first_not_of(white) != std::string_view::npos) continue;
    if (part) {
      std::string_view found = contents(without_last_break({part, static_cast<size_t>(at - part)}), type);
      if (!found.empty()) return found;
    }
    if (last) return {};
    part = rest.data();
  }
  return {};
}

}  // namespace

bool body_is(const Message& message, std::string_view type) {
  auto content = TokenParams::parse(message.header(HeaderId::content_type));
  return content.ok() && content->is(type);
}

std::string_view body_part(const Message& message, std::string_view type) {
  if (message.body().empty()) return {};
  auto content = TokenParams::parse(message.header(HeaderId::content_type));
  if (!content.ok()) return {};
  if (content->is(type)) return message.body();
  if (content->token.size() < 10 || !equals_ignoring_case(content->token.substr(0, 10), "multipart/")) return {};
  std::string boundary = content->params.unquoted("boundary");
  return boundary.empty() ? std::string_view() : find_part(message.body(), boundary, type);
}

}  // namespace lapwing::sip
