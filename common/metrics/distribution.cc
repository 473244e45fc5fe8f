#include "common/metrics/distribution.h"

#include <numeric>

namespace lapwing::metrics {
namespace {

using namespace std::chrono_literals;
constexpr std::array<Duration, 14> answers = {1ms,   2500us, 5ms, 10ms, 25ms, 50ms, 100ms,
                                              250ms, 500ms,  1s,  2s,   4s,   10s,  30s};
constexpr std::array<Duration, 11> calls = {1s, 5s, 15s, 30s, 60s, 2min, 5min, 10min, 30min, 1h, 2h};
static_assert(answers.size() < Distribution::buckets && calls.size() < Distribution::buckets);

}  // namespace

const Bounds seconds_bounds = answers;
const Bounds call_bounds = calls;

void Distribution::add(const Distribution& other) {
  for (size_t i = 0; i < buckets; ++i) counts_[i] += other.counts_[i];
  sum_ += other.sum_;
}

uint64_t Distribution::count() const {
  return std::accumulate(counts_.begin(), counts_.end(), uint64_t{0});
}

void HistogramSet::observe(const Labels& labels, Duration took) {
  std::lock_guard lock(mutex_);
  by_labels_.try_emplace(labels, bounds_).first->second.observe(took);
}

std::map<HistogramSet::Labels, Distribution> HistogramSet::read() const {
  std::lock_guard lock(mutex_);
  return by_labels_;
}

}  // namespace lapwing::metrics
