#include "common/xml/document.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "absl/strings/str_format.h"

namespace lapwing::xml {
namespace {

constexpr std::string_view kWhiteSpace = " \t\r\n";
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

absl::Status refused(size_t at, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrFormat("XML refused at byte %d: %s", at, why));
}

absl::Status too_much(std::string_view what, size_t limit) {
  return absl::ResourceExhaustedError(absl::StrFormat("XML refused: more than %d %s", limit, what));
}

// The length of the UTF-8 sequence that the text begins with; 0 when it is none (RFC 3629 section 4).
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto tail = [&](size_t i) { return (byte(i) & 0xc0u) == 0x80u; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4 || !tail(1)) return 0;
  if (first < 0xe0) return 2;
  if (first == 0xe0 && byte(1) < 0xa0) return 0;
  if (first == 0xed && byte(1) > 0x9f) return 0;  // surrogates
  if (!tail(2)) return 0;
  if (first < 0xf0) return 3;
  if (first == 0xf0 && byte(1) < 0x90) return 0;
  if (first == 0xf4 && byte(1) > 0x8f) return 0;
  return tail(3) ? 4 : 0;
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 && c != '\t' && c != '\n' && c != '\r';
}

absl::Status check_characters(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    if (is_control(text[at])) return refused(at, "a control character");
    const size_t length = utf8_length(text.substr(at, 4));
    if (length == 0) return refused(at, "not UTF-8");
    at += length;
  }
  return absl::OkStatus();
}

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '.' || c == ':';
}

// text[at] is '&'. References to characters that XML does not have, and to entities beyond the five that need no
// document type, are refused; an ampersand that begins no reference is left as it is, since some senders forget to
// escape it.
absl::Status check_reference(std::string_view text, size_t at) {
  static constexpr std::array<std::string_view, 5> kPredefined = {"amp", "lt", "gt", "quot", "apos"};
  size_t end = at + 1;
  if (end < text.size() && text[end] == '#') {
    ++end;
    const bool hex = end < text.size() && text[end] == 'x';
    if (hex) ++end;
    uint32_t value = 0;
    for (; end < text.size() && text[end] != ';' && value <= 0x10ffff; ++end) {
      const char c = text[end];
      uint32_t digit = 0;
      if (c >= '0' && c <= '9') {
        digit = static_cast<uint32_t>(c - '0');
      } else if (hex && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) {
        digit = static_cast<uint32_t>((c | 0x20) - 'a') + 10;
      } else {
        return refused(at, "a bad character reference");
      }
      value = value * (hex ? 16 : 10) + digit;
    }
    const bool exists = value == '\t' || value == '\n' || value == '\r' || (value >= 0x20 && value < 0xd800) ||
                        (value >= 0xe000 && value <= 0xfffd) || (value >= 0x10000 && value <= 0x10ffff);
    if (end == text.size() || text[end] != ';' || !exists) return refused(at, "a bad character reference");
    return absl::OkStatus();
  }
  while (end < text.size() && is_name_char(text[end])) ++end;
  const std::string_view name = text.substr(at + 1, end - at - 1);
  if (name.empty() || end == text.size() || text[end] != ';') return absl::OkStatus();
  if (std::find(kPredefined.begin(), kPredefined.end(), name) == kPredefined.end())
    return refused(at, "an entity that is not predefined");
  return absl::OkStatus();
}

// Walks over the markup once and holds it to the limits, before memory is spent on it.
class Walk {
 public:
  Walk(std::string_view text, const Limits& limits) : text_(text), limits_(limits) {}

  absl::Status run() {
    while (at_ < text_.size()) {
      absl::Status status = absl::OkStatus();
      if (text_[at_] == '<') {
        status = markup();
      } else {
        if (text_[at_] == '&') status = check_reference(text_, at_);
        ++at_;
      }
      if (!status.ok()) return status;
    }
    if (elements_ == 0) return refused(text_.size(), "no element");
    if (depth_ != 0) return refused(text_.size(), "ends inside an element");
    return absl::OkStatus();
  }

 private:
  absl::Status markup() {
    const std::string_view rest = text_.substr(at_);
    if (rest.starts_with("<!--")) return skip_past("-->", 4);
    if (rest.starts_with("<![CDATA[")) return skip_past("]]>", 9);
    if (rest.starts_with("<!")) return refused(at_, "a document type or markup declaration");
    if (rest.starts_with("<?")) return skip_past("?>", 2);
    if (rest.starts_with("</")) {
      if (depth_ == 0) return refused(at_, "an end without a start");
      --depth_;
      return skip_past(">", 2);
    }
    return start_tag();
  }

  absl::Status skip_past(std::string_view end, size_t offset) {
    const size_t found = text_.find(end, at_ + offset);
    if (found == std::string_view::npos) return refused(at_, "markup without an end");
    at_ = found + end.size();
    return absl::OkStatus();
  }

  absl::Status start_tag() {
    if (depth_ == 0 && elements_ > 0) return refused(at_, "a second root element");
    if (++elements_ > limits_.elements) return too_much("elements", limits_.elements);
    if (depth_ + 1 > limits_.depth) return too_much("elements inside one another", limits_.depth);
    const size_t start = at_;
    size_t attributes = 0;
    char quote = 0;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (quote != 0) {
        if (c == quote) quote = 0;
        if (c == '&') {
          if (absl::Status status = check_reference(text_, at_); !status.ok()) return status;
        }
      } else if (c == '"' || c == '\'') {
        quote = c;
        if (++attributes > limits_.attributes) return too_much("attributes of an element", limits_.attributes);
      } else if (c == '>') {
        if (text_[at_ - 1] != '/') ++depth_;
        ++at_;
        return absl::OkStatus();
      }
    }
    return refused(start, "a tag without an end");
  }

  const std::string_view text_;
  const Limits& limits_;
  size_t at_ = 0;
  size_t depth_ = 0;
  size_t elements_ = 0;
};

std::string_view prefix_of(std::string_view name) {
  const size_t colon = name.find(':');
  return colon == std::string_view::npos ? std::string_view() : name.substr(0, colon);
}

std::string escape(std::string_view text, bool attribute) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    const size_t length = utf8_length(text.substr(at, 4));
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"' && attribute) {
      out += "&quot;";
    } else if (c == '\t' || c == '\n' || c == '\r') {
      out += ' ';
    } else if (length == 0 || is_control(c)) {
      out += '?';
    } else {
      out += text.substr(at, length);
    }
    at += std::max<size_t>(length, 1);
  }
  return out;
}

}  // namespace

absl::StatusOr<pugi::xml_document> load(std::string_view text, const Limits& limits) {
  if (text.size() > limits.bytes) return too_much("bytes", limits.bytes);
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  text = trim(text);
  if (absl::Status status = check_characters(text); !status.ok()) return status;
  if (absl::Status status = Walk(text, limits).run(); !status.ok()) return status;

  pugi::xml_document document;
  const pugi::xml_parse_result result =
      document.load_buffer(text.data(), text.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!result) return refused(static_cast<size_t>(result.offset), result.description());
  return document;
}

std::string_view local_name(pugi::xml_node element) {
  std::string_view name = element.name();
  const size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

std::string_view namespace_of(pugi::xml_node element) {
  const std::string_view prefix = prefix_of(element.name());
  for (pugi::xml_node at = element; at; at = at.parent()) {
    for (const pugi::xml_attribute attribute : at.attributes()) {
      const std::string_view name = attribute.name();
      const bool declares = prefix.empty() ? name == "xmlns" : name.starts_with("xmlns:") && name.substr(6) == prefix;
      if (declares) return attribute.value();
    }
  }
  return {};
}

std::string text(pugi::xml_node element) {
  std::string out;
  for (const pugi::xml_node child : element.children()) {
    if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) out += child.value();
  }
  return out;
}

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(kWhiteSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kWhiteSpace) - first + 1);
}

std::string where(pugi::xml_node element) {
  std::vector<std::string> steps;
  for (pugi::xml_node at = element; at && at.type() == pugi::node_element; at = at.parent()) {
    size_t position = 1;
    for (pugi::xml_node before = at.previous_sibling(at.name()); before; before = before.previous_sibling(at.name()))
      ++position;
    const bool alone = position == 1 && !at.next_sibling(at.name());
    steps.push_back(alone ? std::string(at.name()) : absl::StrFormat("%s[%d]", at.name(), position));
  }
  std::string path;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    if (!path.empty()) path += '/';
    path += *step;
  }
  return path;
}

std::string escape_text(std::string_view text) {
  return escape(text, false);
}
std::string escape_attribute(std::string_view text) {
  return escape(text, true);
}

}  // namespace lapwing::xml
