// S-CSCFs that did not answer lately: the interrogating role leaves them out for a while, so that not every user waits
// for one that is down.
#pragma once

#include <mutex>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "common/runtime/clock.h"

namespace lapwing::scscf {

class SilentServers {
 public:
  static constexpr Duration left_out_for = std::chrono::seconds(30);
  explicit SilentServers(const Clock& clock) : clock_(clock) {}

  // Names come from the configuration, so they are few.
  void did_not_answer(const std::string& name) {
    std::lock_guard lock(mutex_);
    until_[name] = clock_.now() + left_out_for;
  }
  void answered(const std::string& name) {
    std::lock_guard lock(mutex_);
    until_.erase(name);
  }
  bool contains(const std::string& name) const {
    std::lock_guard lock(mutex_);
    auto found = until_.find(name);
    return found != until_.end() && found->second > clock_.now();
  }

 private:
  const Clock& clock_;
  mutable std::mutex mutex_;
  absl::flat_hash_map<std::string, TimePoint> until_;
};

}  // namespace lapwing::scscf
