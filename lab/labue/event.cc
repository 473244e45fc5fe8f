#include "lab/labue/event.h"

#include "absl/strings/str_format.h"

namespace lapwing::labue {

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.append(1, '\\').append(1, c);
    } else if (byte < 0x20 || byte >= 0x7f) {
      absl::StrAppendFormat(&out, "\\u%04x", byte);
    } else {
      out.push_back(c);
    }
  }
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
