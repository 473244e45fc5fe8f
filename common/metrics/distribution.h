// How long things took: counts by upper bound, for histograms of Prometheus.
//
//   Distribution d(seconds_bounds);          // one owner
//   d.observe(took);
//   Histogram h(call_bounds);                // any thread
//   HistogramSet s(seconds_bounds);          // any thread; told apart by labels
//   s.observe({"UAR", "success"}, took);
#pragma once

#include <array>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/runtime/clock.h"

namespace lapwing::metrics {

// Upper bounds, ascending; what is longer counts in one more bucket.
using Bounds = std::span<const Duration>;
extern const Bounds seconds_bounds;  // of answers: 1 ms to 30 s
extern const Bounds call_bounds;     // of calls: 1 s to 2 h

class Distribution {
 public:
  static constexpr size_t buckets = 16;  // bounds, and one more
  explicit Distribution(Bounds bounds) : bounds_(bounds) {}

  void observe(Duration took) {
    size_t at = 0;
    while (at < bounds_.size() && took > bounds_[at]) ++at;
    ++counts_[at];
    sum_ += took;
  }
  void add(const Distribution& other);  // with the same bounds

  Bounds bounds() const { return bounds_; }
  const std::array<uint64_t, buckets>& counts() const { return counts_; }  // of each bucket alone
  uint64_t count() const;
  Duration sum() const { return sum_; }

 private:
  Bounds bounds_;
  std::array<uint64_t, buckets> counts_{};
  Duration sum_{};
};

class Histogram {
 public:
  explicit Histogram(Bounds bounds) : distribution_(bounds) {}
  void observe(Duration took) {
    std::lock_guard lock(mutex_);
    distribution_.observe(took);
  }
  Distribution read() const {
    std::lock_guard lock(mutex_);
    return distribution_;
  }

 private:
  mutable std::mutex mutex_;
  Distribution distribution_;
};

class HistogramSet {
 public:
  using Labels = std::vector<std::string>;
  explicit HistogramSet(Bounds bounds) : bounds_(bounds) {}
  // The labels must be few and not of a peer's choice.
  void observe(const Labels& labels, Duration took);
  std::map<Labels, Distribution> read() const;

 private:
  const Bounds bounds_;
  mutable std::mutex mutex_;
  std::map<Labels, Distribution> by_labels_;
};

}  // namespace lapwing::metrics
