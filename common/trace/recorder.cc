#include "common/trace/recorder.h"

#include <algorithm>
#include <cstring>

namespace lapwing::trace {
namespace {

bool is_letter(char c, char lower) {
  return c == lower || c == lower - 'a' + 'A';
}

// WWW-Authenticate toward the P-CSCF holds ik and ck (TS 24.229 section 5.4.1.2.1).
void hide_keys(char* bytes, size_t size) {
  std::string_view text(bytes, size);
  if (!text.starts_with("SIP/2.0 4")) return;
  for (size_t at = text.find("=\""); at != text.npos; at = text.find("=\"", at + 1)) {
    if (at < 3 || !is_letter(text[at - 1], 'k')) continue;
    if (!is_letter(text[at - 2], 'c') && !is_letter(text[at - 2], 'i')) continue;
    if (text[at - 3] != ',' && text[at - 3] != ' ') continue;
    for (size_t i = at + 2; i < size && bytes[i] != '"'; ++i) bytes[i] = '*';
  }
}

}  // namespace

std::string_view text_of(Carrier carrier) {
  switch (carrier) {
    case Carrier::udp:
      return "udp";
    case Carrier::tcp:
      return "tcp";
    case Carrier::tls:
      return "tls";
  }
  return "";
}

Recorder::Recorder(const Clock& clock, size_t memory, size_t writers) : clock_(clock) {
  for (size_t i = 0; i < writers; ++i) {
    Ring& ring = *rings_.emplace_back(std::make_unique<Ring>());
    ring.size = memory / writers;
    ring.memory = std::make_unique_for_overwrite<char[]>(ring.size);
  }
}

char* Recorder::Ring::make_room(size_t bytes) {
  if (next + bytes > size) {
    // What lies behind goes too: the oldest are there.
    while (!entries.empty() && entries.front().offset >= next) entries.pop_front();
    next = 0;
  }
  while (!entries.empty() && entries.front().offset >= next && entries.front().offset < next + bytes) {
    entries.pop_front();
  }
  char* at = memory.get() + next;
  next += bytes;
  return at;
}

void Recorder::record(size_t writer, const Envelope& envelope, std::string_view bytes) {
  Ring& ring = *rings_[std::min(writer, rings_.size() - 1)];
  bytes = bytes.substr(0, std::min({bytes.size(), message_limit, ring.size / 4}));
  if (bytes.empty()) return;
  std::lock_guard lock(ring.mutex);
  char* at = ring.make_room(bytes.size());
  std::memcpy(at, bytes.data(), bytes.size());
  if (envelope.kind == Kind::sip) hide_keys(at, bytes.size());
  ring.entries.push_back({.number = last_.fetch_add(1, std::memory_order_relaxed) + 1,
                          .at = clock_.wall(),
                          .envelope = envelope,
                          .offset = static_cast<size_t>(at - ring.memory.get()),
                          .size = bytes.size()});
}

std::vector<Record> Recorder::after(uint64_t number) const {
  std::vector<Record> out;
  // No further: of two rings the second is read later, and what came to the first meanwhile would seem to be missing.
  const uint64_t last = last_.load(std::memory_order_relaxed);
  if (last <= number) return out;
  for (const auto& ring : rings_) {
    std::lock_guard lock(ring->mutex);
    auto first = std::partition_point(ring->entries.begin(), ring->entries.end(),
                                      [number](const Entry& entry) { return entry.number <= number; });
    for (auto entry = first; entry != ring->entries.end() && entry->number <= last; ++entry) {
      out.push_back({.number = entry->number,
                     .at = entry->at,
                     .envelope = entry->envelope,
                     .bytes = std::string(ring->memory.get() + entry->offset, entry->size)});
    }
  }
  std::sort(out.begin(), out.end(), [](const Record& a, const Record& b) { return a.number < b.number; });
  return out;
}

}  // namespace lapwing::trace
