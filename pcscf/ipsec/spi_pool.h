// SPIs that the P-CSCF chooses for what comes in (TS 33.203 section 7.1): random, unique while they live, and rested
// for a while after, so that late packets of an old set meet nothing.
#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "common/runtime/clock.h"
#include "pcscf/ipsec/sa.h"

namespace lapwing::ipsec {

class SpiPool {
 public:
  // low, high: inclusive, from 256. rest: how long a returned SPI is not given again.
  SpiPool(const Clock& clock, uint32_t low, uint32_t high, Duration rest)
      : clock_(clock), low_(low), high_(high), rest_(rest) {}

  // Two SPIs that differ from each other and from the given ones (the handset's: the same keys serve both directions,
  // and equal SPIs would let a packet be reflected). nullopt: the range is used up.
  std::optional<std::pair<Spi, Spi>> take(const std::vector<Spi>& avoid);
  void give_back(Spi spi);
  // In use by a set of before.
  void note(Spi spi);
  size_t in_use();

 private:
  std::optional<Spi> take_one(uint32_t start, const std::vector<Spi>& avoid);  // the first free one from start on
  void wake();

  const Clock& clock_;
  const uint32_t low_, high_;
  const Duration rest_;
  std::mutex mutex_;
  absl::flat_hash_set<uint32_t> taken_;                 // used or resting
  std::deque<std::pair<TimePoint, uint32_t>> resting_;  // in order of waking
};

}  // namespace lapwing::ipsec
