#include "common/runtime/turns.h"

#include <algorithm>

namespace lapwing {

Task<std::optional<Turns::Turn>> Turns::take(Worker& worker, std::string key) {
  OneShot<bool> mine(worker);
  Shard& place = shard(key);
  uint64_t id = 0;
  {
    std::lock_guard lock(place.mutex);
    auto [found, is_free] = place.busy.try_emplace(key);
    if (!is_free) {
      std::deque<Waiter>& waiting = found->second.waiting;
      if (waiting.size() >= max_waiting) co_return std::nullopt;
      id = ++place.last_id;
      waiting.push_back({id, mine.sink()});
    }
  }
  if (id == 0) co_return Turn(this, std::move(key));

  std::optional<bool> came = co_await mine.wait(max_wait);
  if (came) co_return Turn(this, std::move(key));
  {
    std::lock_guard lock(place.mutex);
    auto found = place.busy.find(key);
    if (found != place.busy.end()) {
      std::deque<Waiter>& waiting = found->second.waiting;
      auto me = std::find_if(waiting.begin(), waiting.end(), [id](const Waiter& w) { return w.id == id; });
      if (me != waiting.end()) {
        waiting.erase(me);
        co_return std::nullopt;
      }
    }
  }
  // The turn was given in the same moment as the deadline passed: take it and pass it on.
  Turn given(this, std::move(key));
  co_return std::nullopt;
}

void Turns::pass_on(const std::string& key) {
  Shard& place = shard(key);
  std::lock_guard lock(place.mutex);
  auto found = place.busy.find(key);
  if (found == place.busy.end()) return;
  if (found->second.waiting.empty()) {
    place.busy.erase(found);
    return;
  }
  Waiter next = std::move(found->second.waiting.front());
  found->second.waiting.pop_front();
  next.go.set(true);
}

}  // namespace lapwing
