#include "pcscf/ipsec/spi_pool.h"

#include <algorithm>

#include "common/runtime/ids.h"

namespace lapwing::ipsec {

void SpiPool::wake() {
  while (!resting_.empty() && resting_.front().first <= clock_.now()) {
    taken_.erase(resting_.front().second);
    resting_.pop_front();
  }
}

std::optional<Spi> SpiPool::take_one(uint32_t start, const std::vector<Spi>& avoid) {
  uint64_t range = uint64_t{high_} - low_ + 1;
  if (taken_.size() >= range) return std::nullopt;
  for (uint64_t step = 0; step < range; ++step) {
    auto candidate = static_cast<uint32_t>(low_ + (start - low_ + step) % range);
    if (taken_.contains(candidate)) continue;
    if (std::find(avoid.begin(), avoid.end(), Spi{candidate}) != avoid.end()) continue;
    taken_.insert(candidate);
    return Spi{candidate};
  }
  return std::nullopt;
}

std::optional<std::pair<Spi, Spi>> SpiPool::take(const std::vector<Spi>& avoid) {
  std::lock_guard lock(mutex_);
  wake();
  // A set's two stand side by side where they can: easier to find for a person, and the same for everybody else.
  std::optional<Spi> first = take_one(random_between(low_, std::max(low_, high_ - 1)), avoid);
  std::optional<Spi> second = first ? take_one(first->value < high_ ? first->value + 1 : low_, avoid) : std::nullopt;
  if (first && !second) taken_.erase(first->value);
  if (!second) return std::nullopt;
  return std::pair(*first, *second);
}

void SpiPool::give_back(Spi spi) {
  std::lock_guard lock(mutex_);
  if (taken_.contains(spi.value)) resting_.emplace_back(clock_.now() + rest_, spi.value);
}

size_t SpiPool::in_use() {
  std::lock_guard lock(mutex_);
  return taken_.size() - resting_.size();
}

void SpiPool::note(Spi spi) {
  std::lock_guard lock(mutex_);
  taken_.insert(spi.value);
}

}  // namespace lapwing::ipsec
