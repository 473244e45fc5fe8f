// What the kernel dropped of IPsec in this network namespace (/proc/net/xfrm_stat), and how much of it lately: packets
// that belong to no association have no handset, and yet tell why one does not get through.
//
//   core.drops.note(clock.wall(), *read_drop_counts());   // once a second
//   DropCounts lately = core.drops.since(set.created);
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>

#include "common/runtime/clock.h"

namespace lapwing::ipsec {

struct DropCounts {
  uint64_t unknown_spi = 0;    // XfrmInNoStates
  uint64_t bad_integrity = 0;  // XfrmInStateProtoError
  uint64_t replayed = 0;       // XfrmInStateSeqError
  uint64_t in_clear = 0;       // XfrmInTmplMismatch: in clear, to a port that our policies protect
};

// Blocking, some 30 us. nullopt: this kernel keeps no such statistics.
std::optional<DropCounts> read_drop_counts();

class DropCounters {
 public:
  // Any thread.
  void note(WallTime now, const DropCounts& counts);
  // What came on top since then, as far back as `kept`; zeros before the first note().
  DropCounts since(WallTime then) const;
  DropCounts total() const;

 private:
  static constexpr auto kept = std::chrono::minutes(10);
  struct Sample {
    WallTime at;
    DropCounts counts;
  };
  mutable std::mutex mutex_;
  std::deque<Sample> samples_;  // oldest first
};

}  // namespace lapwing::ipsec
