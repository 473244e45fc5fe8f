#include "common/store/sqlite_store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/runtime/log.h"

namespace lapwing {
namespace {

constexpr int version = 1;  // of the tables, in PRAGMA user_version
constexpr auto retry_after = std::chrono::seconds(1);

sqlite3_stmt* prepared(sqlite3* database, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  return statement;
}

void bind_text(sqlite3_stmt* statement, int at, std::string_view text) {
  sqlite3_bind_text64(statement, at, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

std::string_view column(sqlite3_stmt* statement, int at) {
  const void* data = sqlite3_column_blob(statement, at);
  auto size = static_cast<size_t>(sqlite3_column_bytes(statement, at));
  return data ? std::string_view(static_cast<const char*>(data), size) : std::string_view();
}

// The one value of a statement; nullopt: none, or an error.
std::optional<std::string> ask(sqlite3* database, const char* sql) {
  sqlite3_stmt* statement = prepared(database, sql);
  std::optional<std::string> value;
  if (statement && sqlite3_step(statement) == SQLITE_ROW) value = std::string(column(statement, 0));
  sqlite3_finalize(statement);
  return value;
}

bool is_damage(sqlite3* database) {
  int code = sqlite3_errcode(database);
  return code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

// Makes the file for its owner alone, before SQLite makes it for everybody.
absl::Status make_private(const std::string& file) {
  int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return absl::ErrnoToStatus(errno, absl::StrFormat("the store %s cannot be opened", file));
  close(descriptor);
  return absl::OkStatus();
}

absl::Status move_aside(const std::string& file) {
  std::string time = absl::FormatTime("%Y%m%dT%H%M%SZ", absl::Now(), absl::UTCTimeZone());
  std::string aside = absl::StrFormat("%s.damaged-%s", file, time);
  for (const char* part : {"", "-wal", "-shm"}) {
    if (std::rename((file + part).c_str(), (aside + part).c_str()) != 0 && errno != ENOENT) {
      return absl::ErrnoToStatus(errno, absl::StrFormat("the damaged store %s cannot be moved aside", file));
    }
  }
  LW_LOG(error,
         "the store %s is damaged: it is kept as %s, and a new one is begun. What it held is lost here: handsets "
         "register again",
         file, aside);
  return absl::OkStatus();
}

}  // namespace

struct SqliteStore::Statements {
  explicit Statements(sqlite3* database)
      : put(prepared(database,
                     "INSERT INTO records VALUES (?, ?, ?) ON CONFLICT (tbl, key) DO UPDATE SET value = "
                     "excluded.value")),
        erase(prepared(database, "DELETE FROM records WHERE tbl = ? AND key = ?")) {}
  ~Statements() {
    sqlite3_finalize(put);
    sqlite3_finalize(erase);
  }
  Statements(const Statements&) = delete;
  Statements& operator=(const Statements&) = delete;
  sqlite3_stmt* put;
  sqlite3_stmt* erase;
};

SqliteStore::SqliteStore(sqlite3* database) : database_(database) {}

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::open(const Options& options) {
  for (int attempt = 0;; ++attempt) {
    if (absl::Status made = make_private(options.file); !made.ok()) return made;
    sqlite3* database = nullptr;
    int opened =
        sqlite3_open_v2(options.file.c_str(), &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, nullptr);
    std::unique_ptr<SqliteStore> store(new SqliteStore(database));
    if (opened != SQLITE_OK) return store->failed("opened");
    auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(options.wait_for_other);
    sqlite3_busy_timeout(database, static_cast<int>(patience.count()));
    absl::Status ready = store->prepare();
    if (ready.ok()) ready = store->check_owner(options.owner);
    if (ready.ok()) {
      store->start();
      return store;
    }
    if (!is_damage(database) && !absl::IsDataLoss(ready)) return ready;
    if (attempt > 0) return ready;
    store.reset();
    if (absl::Status moved = move_aside(options.file); !moved.ok()) return moved;
  }
}

SqliteStore::~SqliteStore() {
  if (thread_.joinable()) {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  statements_.reset();
  sqlite3_close(database_);
}

absl::Status SqliteStore::failed(std::string_view doing) const {
  const char* file = sqlite3_db_filename(database_, "main");
  std::string text =
      absl::StrFormat("the store %s cannot be %s: %s", file ? file : "", doing, sqlite3_errmsg(database_));
  int code = sqlite3_errcode(database_);
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) {
    return absl::UnavailableError(text + ": another program has it");
  }
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) return absl::DataLossError(text);
  if (code == SQLITE_CANTOPEN || code == SQLITE_PERM || code == SQLITE_READONLY) {
    return absl::PermissionDeniedError(text);
  }
  return absl::InternalError(text);
}

absl::Status SqliteStore::run(const char* sql) {
  if (sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return absl::OkStatus();
  return failed("used");
}

absl::Status SqliteStore::prepare() {
  // The lock is kept while we live: two daemons would overwrite each other's records.
  for (const char* sql : {"PRAGMA locking_mode=EXCLUSIVE", "PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL",
                          "BEGIN IMMEDIATE", "COMMIT"}) {
    if (absl::Status status = run(sql); !status.ok()) return status;
  }
  std::optional<std::string> found = ask(database_, "PRAGMA quick_check(1)");
  if (!found) return failed("checked");
  if (*found != "ok") return absl::DataLossError("the store does not pass its check: " + *found);
  std::string of = ask(database_, "PRAGMA user_version").value_or("0");
  if (of != "0" && of != std::to_string(version)) {
    return absl::FailedPreconditionError(
        absl::StrFormat("the store %s is of version %s, this program reads version %d: it was written by a later one",
                        sqlite3_db_filename(database_, "main"), of, version));
  }
  for (const char* sql :
       {"BEGIN IMMEDIATE", "PRAGMA user_version=1",
        "CREATE TABLE IF NOT EXISTS records (tbl TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, "
        "PRIMARY KEY (tbl, key)) WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS owner (name TEXT NOT NULL)", "COMMIT"}) {
    if (absl::Status status = run(sql); !status.ok()) return status;
  }
  statements_ = std::make_unique<Statements>(database_);
  if (!statements_->put || !statements_->erase) return failed("used");
  return absl::OkStatus();
}

absl::Status SqliteStore::check_owner(const std::string& owner) {
  std::optional<std::string> found = ask(database_, "SELECT name FROM owner");
  if (!found) {
    sqlite3_stmt* insert = prepared(database_, "INSERT INTO owner VALUES (?)");
    bind_text(insert, 1, owner);
    bool done = sqlite3_step(insert) == SQLITE_DONE;
    sqlite3_finalize(insert);
    return done ? absl::OkStatus() : failed("written");
  }
  if (*found == owner) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrFormat("the store %s belongs to %s, not to %s: give each daemon a file of its own",
                      sqlite3_db_filename(database_, "main"), *found, owner));
}

void SqliteStore::start() {
  thread_ = std::thread([this] { loop(); });
}

void SqliteStore::put(std::string_view table, std::string_view key, std::string value) {
  change(table, key, std::move(value));
}

void SqliteStore::erase(std::string_view table, std::string_view key) {
  change(table, key, std::nullopt);
}

void SqliteStore::change(std::string_view table, std::string_view key, std::optional<std::string> value) {
  bool first;
  {
    std::lock_guard lock(mutex_);
    first = changes_.empty();
    changes_.insert_or_assign(Key(table, key), std::move(value));
  }
  if (first) wake_.notify_one();
}

Task<bool> SqliteStore::committed(Worker& worker, Duration patience) {
  OneShot<bool> done(worker);
  {
    std::lock_guard lock(mutex_);
    if (changes_.empty() && !committing_) co_return true;
    waiters_.push_back(done.sink());
  }
  std::optional<bool> came = co_await done.wait(patience);
  if (came) co_return *came;
  ++late_;
  co_return false;
}

void SqliteStore::loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !changes_.empty() || !waiters_.empty(); });
    if (changes_.empty() && waiters_.empty()) return;  // stopping, and all is done
    Changes batch = std::exchange(changes_, {});
    std::vector<OneShot<bool>::Sink> waiters = std::exchange(waiters_, {});
    committing_ = true;
    lock.unlock();
    absl::Status status = commit(batch);
    if (status.ok()) {
      for (const OneShot<bool>::Sink& waiter : waiters) waiter.set(true);
    } else if (failures_++ % 60 == 0) {
      LW_LOG(error, "%s; it is tried again every second, and what changes meanwhile waits in memory",
             std::string(status.message()));
    }
    lock.lock();
    committing_ = false;
    if (status.ok()) continue;
    // What came meanwhile is newer.
    for (auto& [key, value] : batch) changes_.try_emplace(key, std::move(value));
    waiters_.insert(waiters_.begin(), waiters.begin(), waiters.end());
    if (stopping_) return;
    wake_.wait_for(lock, retry_after, [this] { return stopping_; });
  }
}

absl::Status SqliteStore::commit(const Changes& changes) {
  if (changes.empty()) return absl::OkStatus();
  if (absl::Status begun = run("BEGIN IMMEDIATE"); !begun.ok()) return begun;
  absl::Status status = absl::OkStatus();
  for (const auto& [key, value] : changes) {
    sqlite3_stmt* statement = value ? statements_->put : statements_->erase;
    bind_text(statement, 1, key.first);
    bind_text(statement, 2, key.second);
    if (value) sqlite3_bind_blob64(statement, 3, value->data(), value->size(), SQLITE_STATIC);
    if (sqlite3_step(statement) != SQLITE_DONE) status.Update(failed("written"));
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    if (!status.ok()) break;
  }
  if (status.ok()) status = run("COMMIT");
  if (!status.ok()) {
    sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
    return status;
  }
  ++commits_;
  records_ += changes.size();
  return status;
}

absl::Status SqliteStore::each(std::string_view table,
                               const std::function<void(std::string_view, std::string_view)>& take) {
  sqlite3_stmt* select = prepared(database_, "SELECT key, value FROM records WHERE tbl = ?");
  if (!select) return failed("read");
  bind_text(select, 1, table);
  int step = SQLITE_ROW;
  while ((step = sqlite3_step(select)) == SQLITE_ROW) take(column(select, 0), column(select, 1));
  absl::Status status = step == SQLITE_DONE ? absl::OkStatus() : failed("read");
  sqlite3_finalize(select);
  return status;
}

SqliteStore::Counters SqliteStore::counters() {
  std::lock_guard lock(mutex_);
  return {.commits = commits_, .records = records_, .failures = failures_, .late = late_, .waiting = changes_.size()};
}

}  // namespace lapwing
