#include "pcscf/ipsec/drop_counters.h"

#include <algorithm>
#include <fstream>
#include <string>

namespace lapwing::ipsec {

std::optional<DropCounts> read_drop_counts() {
  std::ifstream file("/proc/thread-self/net/xfrm_stat");
  if (!file) return std::nullopt;
  DropCounts counts;
  std::string name;
  uint64_t value = 0;
  while (file >> name >> value) {
    if (name == "XfrmInNoStates") {
      counts.unknown_spi = value;
    } else if (name == "XfrmInStateProtoError") {
      counts.bad_integrity = value;
    } else if (name == "XfrmInStateSeqError") {
      counts.replayed = value;
    } else if (name == "XfrmInTmplMismatch") {
      counts.in_clear = value;
    }
  }
  return counts;
}

void DropCounters::note(WallTime now, const DropCounts& counts) {
  std::lock_guard lock(mutex_);
  // One sample from before the time that is kept stays: it is what the others are compared with.
  while (samples_.size() > 1 && samples_[1].at < now - kept) samples_.pop_front();
  samples_.push_back({now, counts});
}

DropCounts DropCounters::since(WallTime then) const {
  std::lock_guard lock(mutex_);
  if (samples_.empty()) return {};
  auto after = std::find_if(samples_.begin(), samples_.end(), [then](const Sample& one) { return one.at > then; });
  const DropCounts& before = (after == samples_.begin() ? *after : *std::prev(after)).counts;
  const DropCounts& now = samples_.back().counts;
  return {.unknown_spi = now.unknown_spi - before.unknown_spi,
          .bad_integrity = now.bad_integrity - before.bad_integrity,
          .replayed = now.replayed - before.replayed,
          .in_clear = now.in_clear - before.in_clear};
}

DropCounts DropCounters::total() const {
  std::lock_guard lock(mutex_);
  return samples_.empty() ? DropCounts{} : samples_.back().counts;
}

}  // namespace lapwing::ipsec
