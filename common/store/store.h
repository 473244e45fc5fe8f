// What must survive a restart, as records: a table, a key, a value. Procedures put and erase, and wait for the commit
// where an answer promises that it is kept:
//
//   store.put("users", impi, record);
//   bool kept = co_await store.committed(worker, std::chrono::milliseconds(50));
//
// SqliteStore (sqlite_store.h) keeps them in a file. NoStore keeps nothing: for daemons that are to forget.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/runtime/worker.h"

namespace lapwing {

class Store {
 public:
  virtual ~Store() = default;
  // False: what is put is lost anyway, and need not be made.
  virtual bool keeps() const { return true; }

  // From any thread; neither blocks. Of several changes to one record the last counts.
  virtual void put(std::string_view table, std::string_view key, std::string value) = 0;
  virtual void erase(std::string_view table, std::string_view key) = 0;
  // True when everything that was put or erased before is committed, false when that takes longer than `patience`: it
  // goes on all the same.
  virtual Task<bool> committed(Worker& worker, Duration patience) = 0;

  // For the operator. late: committed() that gave up waiting. waiting: records that are not committed yet.
  struct Counters {
    uint64_t commits = 0, records = 0, failures = 0, late = 0;
    size_t waiting = 0;
  };
  virtual Counters counters() { return {}; }

  // Every record of a table as it was when the store was opened. Blocking; at start, before anything is put.
  virtual absl::Status each(std::string_view table,
                            const std::function<void(std::string_view key, std::string_view value)>& take) = 0;
};

class NoStore final : public Store {
 public:
  bool keeps() const override { return false; }
  void put(std::string_view, std::string_view, std::string) override {}
  void erase(std::string_view, std::string_view) override {}
  Task<bool> committed(Worker&, Duration) override { co_return true; }
  absl::Status each(std::string_view, const std::function<void(std::string_view, std::string_view)>&) override {
    return absl::OkStatus();
  }
};

}  // namespace lapwing
