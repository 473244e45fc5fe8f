#include "common/runtime/timers.h"

#include <utility>

namespace lapwing {

bool Timers::before(const Entry& a, const Entry& b) {
  return a.deadline != b.deadline ? a.deadline < b.deadline : a.id < b.id;
}

void Timers::place(size_t at, Entry entry) {
  heap_[at] = entry;
  pending_.find(entry.id)->second.position = at;
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

void Timers::erase_at(size_t at) {
  Entry last = heap_.back();
  heap_.pop_back();
  if (at == heap_.size()) return;
  heap_[at] = last;
  sift_up(at);
  sift_down(pending_.find(last.id)->second.position);
}

Timers::Id Timers::after(Duration delay, Callback callback) {
  Id id = ++last_id_;
  heap_.push_back({clock_.now() + delay, id});
  pending_.emplace(id, Pending{std::move(callback), heap_.size() - 1});
  sift_up(heap_.size() - 1);
  if (heap_.front().id == id && notify_) notify_();
  return id;
}

void Timers::clear() {
  // A callback may own a suspended procedure whose locals cancel timers as they go, or set new ones.
  while (!heap_.empty()) {
    auto dropped = std::exchange(pending_, {});
    heap_.clear();
  }
}

void Timers::cancel(Id id) {
  take(id);
}

Timers::Callback Timers::take(Id id) {
  auto found = pending_.find(id);
  if (found == pending_.end()) return {};
  erase_at(found->second.position);
  return std::move(pending_.extract(id).mapped().callback);
}

std::optional<TimePoint> Timers::next() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().deadline;
}

size_t Timers::run_due() {
  size_t ran = 0;
  TimePoint now = clock_.now();
  while (!heap_.empty() && heap_.front().deadline <= now) {
    Id id = heap_.front().id;
    erase_at(0);
    auto node = pending_.extract(id);
    ++ran;
    node.mapped().callback();
  }
  return ran;
}

}  // namespace lapwing
