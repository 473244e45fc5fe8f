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

// What its messages have in common.
std::string key_of(const Record& record) {
  if (record.envelope.kind == Kind::sip) return std::string(call_id_of(head_of(record.bytes)));
  return record.bytes.size() < 20 ? std::string() : record.bytes.substr(12, 8);  // hop-by-hop and end-to-end identifier
}

}  // namespace

bool Selector::names_us(const Record& record) const {
  std::string_view where = record.envelope.kind == Kind::sip ? head_of(record.bytes) : std::string_view(record.bytes);
  return std::any_of(names_.begin(), names_.end(),
                     [where](const std::string& name) { return where.find(name) != where.npos; });
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
