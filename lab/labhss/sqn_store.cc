#include "lab/labhss/sqn_store.h"

#include <sqlite3.h>

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/runtime/log.h"

namespace lapwing::labhss {
namespace {

// A prepared statement and its end.
class Statement {
 public:
  Statement(sqlite3* database, const char* sql) { sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr); }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  explicit operator bool() const { return statement_ != nullptr; }
  sqlite3_stmt* get() const { return statement_; }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace

absl::Status SqnStore::failed(std::string_view doing) const {
  const std::string text = absl::StrFormat("cannot %s the state file: %s", doing, sqlite3_errmsg(database_));
  const int code = sqlite3_errcode(database_);
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) {
    return absl::UnavailableError(text + ": does another labhss use it?");
  }
  return absl::InternalError(text);
}

absl::StatusOr<std::unique_ptr<SqnStore>> SqnStore::open(const std::string& path) {
  sqlite3* database = nullptr;
  const int opened = sqlite3_open_v2(path.c_str(), &database,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<SqnStore> store(new SqnStore(database));
  if (opened != SQLITE_OK) return store->failed("open");
  // The lock is kept while we live: two processes would give out the same numbers. FULL: on the disk at each commit.
  for (const char* sql : {"PRAGMA locking_mode=EXCLUSIVE", "PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL",
                          "CREATE TABLE IF NOT EXISTS sqn (impi TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID",
                          "BEGIN IMMEDIATE", "COMMIT"}) {
    if (absl::Status status = store->run(sql); !status.ok()) return status;
  }
  if (absl::Status status = store->read_all(); !status.ok()) return status;
  return store;
}

SqnStore::~SqnStore() {
  if (database_ == nullptr) return;
  if (!entries_.empty() && run("BEGIN").ok()) {
    absl::Status status = absl::OkStatus();
    for (const auto& [impi, entry] : entries_) {
      if (entry.reserved != entry.seq && status.ok()) status = write(impi, entry.seq);
    }
    // Without this the rest of the blocks is skipped, as after a crash.
    if (absl::Status end = run(status.ok() ? "COMMIT" : "ROLLBACK"); !end.ok()) {
      LW_LOG(warn, "%s", std::string(end.message()));
    }
  }
  sqlite3_close(database_);
}

absl::Status SqnStore::run(const char* sql) {
  if (sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failed("use");
  return absl::OkStatus();
}

absl::Status SqnStore::read_all() {
  Statement select(database_, "SELECT impi, seq FROM sqn");
  if (!select) return failed("read");
  int step = SQLITE_ROW;
  while ((step = sqlite3_step(select.get())) == SQLITE_ROW) {
    const auto* impi = reinterpret_cast<const char*>(sqlite3_column_text(select.get(), 0));
    const auto size = static_cast<size_t>(sqlite3_column_bytes(select.get(), 0));
    const sqlite3_int64 seq = sqlite3_column_int64(select.get(), 1);
    if (impi == nullptr || seq < 0 || static_cast<uint64_t>(seq) > aka::max_seq) {
      return absl::InternalError(
          "the state file holds a sequence number that cannot be: was it written by another program?");
    }
    const auto value = static_cast<uint64_t>(seq);
    entries_[std::string(impi, size)] = {.seq = value, .reserved = value};
  }
  return step == SQLITE_DONE ? absl::OkStatus() : failed("read");
}

absl::Status SqnStore::write(const std::string& impi, uint64_t seq) {
  Statement insert(database_, "INSERT INTO sqn VALUES (?, ?) ON CONFLICT (impi) DO UPDATE SET seq = excluded.seq");
  if (!insert) return failed("write");
  sqlite3_bind_text(insert.get(), 1, impi.data(), static_cast<int>(impi.size()), SQLITE_STATIC);
  sqlite3_bind_int64(insert.get(), 2, static_cast<sqlite3_int64>(seq));
  return sqlite3_step(insert.get()) == SQLITE_DONE ? absl::OkStatus() : failed("write");
}

absl::Status SqnStore::prepare(const std::vector<std::string>& impis) {
  if (absl::Status begun = run("BEGIN"); !begun.ok()) return begun;
  for (const std::string& impi : impis) {
    const uint64_t seq = last_seq(impi);
    if (absl::Status status = write(impi, std::min(seq + block, aka::max_seq)); !status.ok()) {
      run("ROLLBACK").IgnoreError();
      return status;
    }
  }
  if (absl::Status done = run("COMMIT"); !done.ok()) return done;
  for (const std::string& impi : impis) {
    Entry& entry = entries_[impi];
    entry.reserved = std::min(entry.seq + block, aka::max_seq);
  }
  return absl::OkStatus();
}

absl::StatusOr<aka::Sqn> SqnStore::next(const std::string& impi, uint8_t ind) {
  Entry& entry = entries_[impi];
  aka::NetworkSqn network(ind, entry.seq);
  const std::optional<aka::Sqn> sqn = network.next();
  if (!sqn) return absl::ResourceExhaustedError("the subscriber has no sequence numbers left: reset the SIM");
  if (network.seq() > entry.reserved) {
    const uint64_t reserve = std::min(entry.seq + block, aka::max_seq);
    if (absl::Status status = write(impi, reserve); !status.ok()) return status;
    entry.reserved = reserve;
  }
  entry.seq = network.seq();
  return *sqn;
}

absl::Status SqnStore::resynchronise(const std::string& impi, aka::Sqn sqn_ms) {
  aka::NetworkSqn network(0);
  network.resynchronise(sqn_ms);
  const uint64_t reserve = std::min(network.seq() + block, aka::max_seq);
  if (absl::Status status = write(impi, reserve); !status.ok()) return status;
  entries_[impi] = {.seq = network.seq(), .reserved = reserve};
  return absl::OkStatus();
}

uint64_t SqnStore::last_seq(std::string_view impi) const {
  const auto found = entries_.find(absl::string_view(impi.data(), impi.size()));
  return found == entries_.end() ? 0 : found->second.seq;
}

}  // namespace lapwing::labhss
