// The deadlines of one worker: a heap that knows nothing of sockets or threads.
//
//   Timers::Id id = timers.after(std::chrono::seconds(2), [] { ... });
//   timers.cancel(id);          // harmless when it ran already
//
// Callbacks run from run_due(), in order of their deadlines; those with equal deadlines in order of creation.
// A callback may add and cancel timers.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "common/runtime/clock.h"

namespace lapwing {

class Timers {
 public:
  using Id = uint64_t;  // 0 is never a timer
  using Callback = absl::AnyInvocable<void()>;

  explicit Timers(const Clock& clock) : clock_(clock) {}
  ~Timers() { clear(); }
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;

  Id after(Duration delay, Callback callback);
  // Runs it again and again, first after one interval, until clear().
  void every(Duration interval, Callback callback);
  void cancel(Id id);
  // Takes the timer's callback away before its deadline, for the caller to run; empty when it ran or was cancelled.
  Callback take(Id id);

  // Drops every callback without running it.
  void clear();

  // The earliest deadline, if any timer is set.
  std::optional<TimePoint> next() const;
  // Runs every callback whose deadline has come; returns how many ran.
  size_t run_due();
  size_t size() const { return heap_.size(); }
  const Clock& clock() const { return clock_; }

  // Called when a new timer becomes the earliest: the driver arms its one real timer anew.
  void on_earlier(std::function<void()> notify) { notify_ = std::move(notify); }

 private:
  struct Entry {
    TimePoint deadline;
    uint64_t order;  // of creation
    uint32_t slot;
  };
  // Where the heap's entries are found by Id, which is a slot and how often it was used.
  struct Slot {
    Callback callback;
    uint32_t use = 0;
    uint32_t position = 0;
  };
  static bool before(const Entry& a, const Entry& b);
  Slot* find(Id id);
  void place(size_t at, Entry entry);
  void sift_up(size_t at);
  void sift_down(size_t at);
  Callback erase_at(size_t at);

  const Clock& clock_;
  std::vector<Entry> heap_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  uint64_t created_ = 0;
  std::function<void()> notify_;
};

}  // namespace lapwing
