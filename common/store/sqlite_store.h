// A Store in a SQLite file. A thread of its own gathers changes and commits them together: a wait for the disk serves
// all who wait. WAL with synchronous=NORMAL: what is committed survives the end of the process, however it ends; the
// last moments before a power failure may be lost.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/runtime/one_shot.h"
#include "common/store/store.h"

struct sqlite3;
struct sqlite3_stmt;

namespace lapwing {

class SqliteStore final : public Store {
 public:
  struct Options {
    std::string file;   // made when absent, readable for its owner only
    std::string owner;  // "scscf sip:scscf.example.org": whose it is; a file of another owner is refused
    Duration wait_for_other = std::chrono::seconds(3);  // the program that has it may be about to end
  };
  // A damaged file is moved aside, to FILE.damaged-TIME, with an error in the log, and a new one is begun. Unavailable:
  // another program has it. FailedPrecondition: it belongs to another daemon, or is of a later version.
  // PermissionDenied, NotFound: it cannot be opened.
  static absl::StatusOr<std::unique_ptr<SqliteStore>> open(const Options& options);
  // Commits what is left.
  ~SqliteStore() override;

  void put(std::string_view table, std::string_view key, std::string value) override;
  void erase(std::string_view table, std::string_view key) override;
  Task<bool> committed(Worker& worker, Duration patience) override;
  absl::Status each(std::string_view table,
                    const std::function<void(std::string_view key, std::string_view value)>& take) override;

  Counters counters() override;

 private:
  using Key = std::pair<std::string, std::string>;            // table, key
  using Changes = std::map<Key, std::optional<std::string>>;  // nullopt: erase
  struct Statements;
  explicit SqliteStore(sqlite3* database);

  absl::Status run(const char* sql);
  absl::Status failed(std::string_view doing) const;
  absl::Status check_owner(const std::string& owner);
  absl::Status prepare();
  void start();
  void loop();
  absl::Status commit(const Changes& changes);
  void change(std::string_view table, std::string_view key, std::optional<std::string> value);

  sqlite3* database_;
  std::unique_ptr<Statements> statements_;
  std::mutex mutex_;
  std::condition_variable wake_;
  Changes changes_;
  std::vector<OneShot<bool>::Sink> waiters_;
  bool stopping_ = false, committing_ = false;
  std::atomic<uint64_t> commits_{0}, records_{0}, failures_{0}, late_{0};
  std::thread thread_;
};

}  // namespace lapwing
