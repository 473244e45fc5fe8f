#include "common/trace/selector.h"

#include <algorithm>

namespace lapwing::trace {
namespace {

std::string_view head_of(std::string_view message) {
  return message.substr(0, std::min(message.find("\r\n\r\n"), message.size()));
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

// The Call-ID, in its long or compact form; it is one token, and handsets write it in a line of its own.
std::string_view call_id_of(std::string_view head) {
  for (size_t at = head.find('\n'); at != head.npos; at = head.find('\n', at + 1)) {
    std::string_view line = head.substr(at + 1, head.find('\n', at + 1) - at - 1);
    size_t colon = line.find(':');
    if (colon == line.npos) continue;
    std::string_view name = trimmed(line.substr(0, colon));
    bool compact = name == "i" || name == "I";
    bool whole = name.size() == 7 && std::equal(name.begin(), name.end(), "call-id", [](char a, char b) {
                   return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
                 });
    if (compact || whole) return trimmed(line.substr(colon + 1));
  }
  return {};
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Neither a number nor a word goes on from one to the other.
bool boundary(char one, char other) {
  auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !(is_digit(one) && is_digit(other)) && !(is_letter(one) && is_letter(other));
}

// In Diameter the octet before a text is a length: any.
bool has_word(std::string_view text, std::string_view word, bool binary) {
  if (word.empty()) return false;
  for (size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    const bool begins = binary || at == 0 || boundary(text[at - 1], word.front());
    if (begins && (end == text.size() || boundary(word.back(), text[end]))) return true;
  }
  return false;
}

// What its messages have in common.
std::string key_of(const Record& record) {
  if (record.envelope.kind == Kind::sip) return std::string(call_id_of(head_of(record.bytes)));
  return record.bytes.size() < 20 ? std::string() : record.bytes.substr(12, 8);  // hop-by-hop and end-to-end identifier
}

}  // namespace

bool Selector::names_us(const Record& record) const {
  const bool binary = record.envelope.kind == Kind::diameter;
  std::string_view where = binary ? std::string_view(record.bytes) : head_of(record.bytes);
  return std::any_of(names_.begin(), names_.end(),
                     [&](const std::string& name) { return has_word(where, name, binary); });
}

void Selector::know(std::string name) {
  if (std::find(names_.begin(), names_.end(), name) == names_.end()) names_.push_back(std::move(name));
}

void Selector::learn(const Record& record) {
  if (names_.empty() || keys_.size() >= keys_limit || !names_us(record)) return;
  std::string key = key_of(record);
  if (!key.empty()) keys_.insert(std::move(key));
}

bool Selector::takes(const Record& record) const {
  return names_.empty() || names_us(record) || keys_.contains(key_of(record));
}

}  // namespace lapwing::trace
