// The sequence numbers of all subscribers, kept across restarts in an SQLite file.
//
//   absl::StatusOr<std::unique_ptr<SqnStore>> store = SqnStore::open("/var/lib/lapwing/labhss.db");
//   (*store)->prepare(impis);
//   absl::StatusOr<aka::Sqn> sqn = (*store)->next(impi, 4);
//
// A number is never given out twice, even when the machine loses power: a block of numbers is written to the disk as
// used before the first of them is. prepare() does that for all subscribers at once, so that a request seldom waits for
// the disk. After a crash the rest of a block is skipped, which USIMs accept; a clean end gives it back.
//
// Errors: UNAVAILABLE when the file is in use by another process, INTERNAL for what SQLite says (disk full, not a
// database, a folder that is missing), RESOURCE_EXHAUSTED when a subscriber has no numbers left. Not for use by two
// threads at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "common/aka/sqn.h"

struct sqlite3;

namespace lapwing::labhss {

class SqnStore {
 public:
  static constexpr uint64_t block = 256;

  static absl::StatusOr<std::unique_ptr<SqnStore>> open(const std::string& path);
  ~SqnStore();  // writes back what is left of the blocks
  SqnStore(const SqnStore&) = delete;
  SqnStore& operator=(const SqnStore&) = delete;

  absl::Status prepare(const std::vector<std::string>& impis);
  absl::StatusOr<aka::Sqn> next(const std::string& impi, uint8_t ind);
  // SQNms of a checked AUTS; on the disk before it returns.
  absl::Status resynchronise(const std::string& impi, aka::Sqn sqn_ms);
  // Of the last vector; 0 before the first.
  uint64_t last_seq(std::string_view impi) const;

 private:
  struct Entry {
    uint64_t seq = 0;       // of the last vector
    uint64_t reserved = 0;  // on the disk: none above this was given out
  };
  explicit SqnStore(sqlite3* database) : database_(database) {}
  absl::Status run(const char* sql);
  absl::Status read_all();
  absl::Status write(const std::string& impi, uint64_t seq);
  absl::Status failed(std::string_view doing) const;

  sqlite3* database_;
  absl::flat_hash_map<std::string, Entry> entries_;
};

}  // namespace lapwing::labhss
