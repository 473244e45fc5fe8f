#include "common/runtime/timers.h"

#include <utility>

namespace lapwing {

bool Timers::before(const Entry& a, const Entry& b) {
  return a.deadline != b.deadline ? a.deadline < b.deadline : a.order < b.order;
}

Timers::Slot* Timers::find(Id id) {
  auto slot = static_cast<uint32_t>(id);
  if (slot >= slots_.size() || slots_[slot].use != id >> 32 || !slots_[slot].callback) return nullptr;
  return &slots_[slot];
}

void Timers::place(size_t at, Entry entry) {
  heap_[at] = entry;
  slots_[entry.slot].position = static_cast<uint32_t>(at);
}

void Timers::sift_up(size_t at) {
  Entry moving = heap_[at];
  while (at > 0) {
    size_t parent = (at - 1) / 2;
    if (!before(moving, heap_[parent])) break;
    place(at, heap_[parent]);
    at = parent;
  }
  place(at, moving);
}

void Timers::sift_down(size_t at) {
  Entry moving = heap_[at];
  for (;;) {
    size_t child = 2 * at + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && before(heap_[child + 1], heap_[child])) ++child;
    if (!before(heap_[child], moving)) break;
    place(at, heap_[child]);
    at = child;
  }
  place(at, moving);
}

Timers::Callback Timers::erase_at(size_t at) {
  uint32_t slot = heap_[at].slot;
  Entry last = heap_.back();
  heap_.pop_back();
  if (at < heap_.size()) {
    heap_[at] = last;
    sift_up(at);
    sift_down(slots_[last.slot].position);
  }
  free_.push_back(slot);
  return std::exchange(slots_[slot].callback, nullptr);
}

Timers::Id Timers::after(Duration delay, Callback callback) {
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  uint32_t slot = free_.back();
  free_.pop_back();
  uint32_t use = ++slots_[slot].use;
  slots_[slot].callback = std::move(callback);
  heap_.push_back({clock_.now() + delay, ++created_, slot});
  sift_up(heap_.size() - 1);
  if (heap_.front().slot == slot && notify_) notify_();
  return Id{use} << 32 | slot;
}

void Timers::every(Duration interval, Callback callback) {
  after(interval, [this, interval, callback = std::move(callback)]() mutable {
    callback();
    every(interval, std::move(callback));
  });
}

void Timers::clear() {
  // A callback may own a suspended procedure whose locals cancel timers as they go, or set new ones.
  while (!heap_.empty()) erase_at(heap_.size() - 1);
}

void Timers::cancel(Id id) {
  take(id);
}

Timers::Callback Timers::take(Id id) {
  Slot* slot = find(id);
  return slot ? erase_at(slot->position) : Callback{};
}

std::optional<TimePoint> Timers::next() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().deadline;
}

size_t Timers::run_due() {
  size_t ran = 0;
  TimePoint now = clock_.now();
  while (!heap_.empty() && heap_.front().deadline <= now) {
    Callback callback = erase_at(0);
    ++ran;
    callback();
  }
  return ran;
}

}  // namespace lapwing
