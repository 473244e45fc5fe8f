#include "lab/labue/event.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_format.h"
#include "common/sms/alphabet.h"

namespace lapwing::labue {
namespace {

unsigned byte_at(std::string_view text, size_t at) {
  return static_cast<unsigned char>(text[at]);
}

void append_unit(std::string& out, unsigned unit) {
  if (unit == '"' || unit == '\\') {
    out.append(1, '\\').append(1, static_cast<char>(unit));
  } else if (unit < 0x20 || unit >= 0x7f) {
    absl::StrAppendFormat(&out, "\\u%04x", unit);
  } else {
    out.push_back(static_cast<char>(unit));
  }
}

}  // namespace

std::string json_string(std::string_view text) {
  std::string out = "\"";
  bool ascii = std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  std::optional<std::string> utf16 = ascii ? std::nullopt : sms::to_ucs2(text);
  if (utf16) {
    for (size_t i = 0; i + 1 < utf16->size(); i += 2)
      append_unit(out, byte_at(*utf16, i) << 8 | byte_at(*utf16, i + 1));
    return out + '"';
  }
  for (char c : text) append_unit(out, static_cast<unsigned char>(c));
  return out + '"';
}

Event::Event(std::string_view name, std::string_view imsi) : name_(name) {
  json_ = absl::StrFormat(R"({"event":%s,"imsi":%s)", json_string(name), json_string(imsi));
  text_ = absl::StrFormat("%s %s", imsi, name);
}

Event& Event::with(std::string_view key, std::string_view value) {
  absl::StrAppendFormat(&json_, ",%s:%s", json_string(key), json_string(value));
  std::string shown = json_string(value);
  bool plain = value.find_first_of(" \t") == std::string_view::npos && shown.size() == value.size() + 2;
  absl::StrAppendFormat(&text_, " %s=%s", key, plain ? std::string(value) : shown);
  return *this;
}

Event& Event::with(std::string_view key, int64_t value) {
  absl::StrAppendFormat(&json_, ",%s:%d", json_string(key), value);
  absl::StrAppendFormat(&text_, " %s=%d", key, value);
  return *this;
}

Event& Event::with(std::string_view key, const std::vector<std::string>& values) {
  std::string list, shown;
  for (const std::string& value : values) {
    list.append(list.empty() ? "" : ",").append(json_string(value));
    shown.append(shown.empty() ? "" : ",").append(value);
  }
  absl::StrAppendFormat(&json_, ",%s:[%s]", json_string(key), list);
  std::string quoted = json_string(shown);
  absl::StrAppendFormat(&text_, " %s=%s", key, quoted.substr(1, quoted.size() - 2));
  return *this;
}

}  // namespace lapwing::labue
