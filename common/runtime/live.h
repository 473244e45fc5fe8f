// A value that all threads read while one replaces it as a whole, as a daemon's settings when it reloads them.
//
//   Live<Settings> settings(first);
//   const Settings& now = settings.get();   // stays valid, also over a wait
//   settings.set(next);
//
// Reading costs one load. What was replaced is kept until the end, since somebody may still look at it: a value of a
// few kilobytes that an operator changes by hand, not one that changes by itself.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace lapwing {

template <typename T>
class Live {
 public:
  explicit Live(T first) { set(std::move(first)); }

  const T& get() const { return *current_.load(std::memory_order_acquire); }
  void set(T next) {
    std::lock_guard lock(mutex_);
    all_.push_back(std::make_unique<const T>(std::move(next)));
    current_.store(all_.back().get(), std::memory_order_release);
  }

 private:
  std::atomic<const T*> current_{nullptr};
  std::mutex mutex_;
  std::vector<std::unique_ptr<const T>> all_;
};

}  // namespace lapwing
