// The subscriber's turn: procedures that change one registration run one after the other, whichever worker they are on.
//
//   std::optional<Turns::Turn> turn = co_await turns.take(worker, impi);
//   if (!turn) return ...;        // four wait already: answer 500 with Retry-After
//   ...                           // the turn passes on when `turn` goes
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "common/runtime/one_shot.h"
#include "common/runtime/worker.h"

namespace lapwing {

class Turns {
 public:
  static constexpr size_t max_waiting = 4;
  // A waiting procedure gives up after this: the one ahead of it has deadlines of its own.
  static constexpr Duration max_wait = std::chrono::seconds(30);

  class Turn {
   public:
    Turn(Turns* turns, std::string key) : turns_(turns), key_(std::move(key)) {}
    Turn(Turn&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)), key_(std::move(other.key_)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (turns_) turns_->pass_on(key_);
    }

   private:
    Turns* turns_;
    std::string key_;
  };

  Task<std::optional<Turn>> take(Worker& worker, std::string key);

 private:
  struct Waiter {
    uint64_t id;
    OneShot<bool>::Sink go;
  };
  struct Queue {
    std::deque<Waiter> waiting;
  };
  struct Shard {
    std::mutex mutex;
    absl::flat_hash_map<std::string, Queue> busy;  // present: somebody has the turn
    uint64_t last_id = 0;
  };
  Shard& shard(const std::string& key) { return shards_[std::hash<std::string>{}(key) % shards_.size()]; }
  void pass_on(const std::string& key);

  std::array<Shard, 16> shards_;
};

}  // namespace lapwing
