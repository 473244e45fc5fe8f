#include "common/store/sqlite_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <map>

#include "common/runtime/log.h"

namespace lapwing {
namespace {

using testing::HasSubstr;

class SqliteStoreTest : public testing::Test {
 protected:
  SqliteStoreTest() {
    char name[] = "/tmp/lapwing-store-XXXXXX";
    folder_ = mkdtemp(name);
    options_ = {.file = folder_ + "/state.db", .owner = "scscf one", .wait_for_other = std::chrono::milliseconds(200)};
  }
  ~SqliteStoreTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<SqliteStore> open() {
    auto store = SqliteStore::open(options_);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? std::move(*store) : nullptr;
  }
  absl::Status refused() { return SqliteStore::open(options_).status(); }

  static std::map<std::string, std::string> records(SqliteStore& store, const std::string& table = "users") {
    std::map<std::string, std::string> found;
    absl::Status read = store.each(table, [&](std::string_view key, std::string_view value) {
      found.emplace(std::string(key), std::string(value));
    });
    EXPECT_TRUE(read.ok()) << read;
    return found;
  }

  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) names.push_back(entry.path().filename());
    return names;
  }

  // In a child, which ends without any clean-up when the work is done.
  static pid_t child(const std::function<void()>& work) {
    pid_t pid = fork();
    if (pid != 0) return pid;
    work();
    _exit(0);
  }

  std::string folder_;
  SqliteStore::Options options_;
};

bool wait_for_commit(SqliteStore& store, Duration patience = std::chrono::seconds(5)) {
  SystemClock clock;
  WorkerPool pool(1, clock);
  pool.start();
  std::promise<bool> result;
  auto wait = [](SqliteStore& s, Worker& worker, Duration most, std::promise<bool>& out) -> Task<void> {
    bool done = co_await s.committed(worker, most);
    out.set_value(done);
  };
  pool.at(0).post([&] { pool.at(0).spawn(wait(store, pool.at(0), patience, result)); });
  bool done = result.get_future().get();
  pool.stop();
  return done;
}

TEST_F(SqliteStoreTest, when_records_are_put_then_they_are_there_when_it_is_opened_again) {
  std::string octets("\x00\xff'\"\n", 5);
  {
    auto store = open();
    store->put("users", "one", "1");
    store->put("users", "two", octets);
    store->put("others", "one", "another table");
  }
  auto store = open();
  EXPECT_EQ(records(*store), (std::map<std::string, std::string>{{"one", "1"}, {"two", octets}}));
  EXPECT_EQ(records(*store, "others").size(), 1u);
  EXPECT_TRUE(records(*store, "none").empty());
}

TEST_F(SqliteStoreTest, when_a_record_is_changed_several_times_then_the_last_counts) {
  {
    auto store = open();
    store->put("users", "one", "1");
    store->put("users", "one", "2");
    store->put("users", "two", "2");
    store->erase("users", "two");
    store->erase("users", "three");
    store->put("users", "three", "3");
  }
  auto store = open();
  EXPECT_EQ(records(*store), (std::map<std::string, std::string>{{"one", "2"}, {"three", "3"}}));
  store->erase("users", "one");
  EXPECT_TRUE(wait_for_commit(*store));
  EXPECT_EQ(records(*store), (std::map<std::string, std::string>{{"three", "3"}}));
}

TEST_F(SqliteStoreTest, when_the_process_is_killed_after_the_commit_then_the_records_are_there) {
  pid_t pid = child([&] {
    auto store = SqliteStore::open(options_);
    (*store)->put("users", "one", "1");
    wait_for_commit(**store);
    kill(getpid(), SIGKILL);
  });
  int status = 0;
  waitpid(pid, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  auto store = open();
  EXPECT_EQ(records(*store), (std::map<std::string, std::string>{{"one", "1"}}));
}

TEST_F(SqliteStoreTest, when_nothing_is_to_be_written_then_nobody_waits) {
  auto store = open();
  EXPECT_TRUE(wait_for_commit(*store, std::chrono::milliseconds(1)));
  EXPECT_EQ(store->counters().commits, 0u);
}

TEST_F(SqliteStoreTest, when_many_threads_put_then_every_record_is_kept_in_few_commits) {
  {
    auto store = open();
    std::vector<std::thread> writers;
    for (int thread = 0; thread < 4; ++thread) {
      writers.emplace_back([&store, thread] {
        for (int i = 0; i < 1000; ++i) store->put("users", std::to_string(thread * 1000 + i), std::string(500, 'x'));
      });
    }
    for (std::thread& writer : writers) writer.join();
    EXPECT_TRUE(wait_for_commit(*store));
    EXPECT_EQ(store->counters().records, 4000u);
    EXPECT_LT(store->counters().commits, 2000u);
    EXPECT_EQ(store->counters().waiting, 0u);
  }
  auto store = open();
  EXPECT_EQ(records(*store).size(), 4000u);
}

TEST_F(SqliteStoreTest, when_the_file_is_no_database_then_it_is_set_aside_and_a_new_one_begun) {
  std::ofstream(options_.file) << std::string(10'000, 'x');
  auto store = open();
  ASSERT_TRUE(store);
  EXPECT_TRUE(records(*store).empty());
  EXPECT_THAT(files(), testing::Contains(testing::StartsWith("state.db.damaged-")));
  store->put("users", "one", "1");
  EXPECT_TRUE(wait_for_commit(*store));
}

TEST_F(SqliteStoreTest, when_a_part_of_the_file_is_overwritten_then_it_is_set_aside) {
  {
    auto store = open();
    for (int i = 0; i < 1000; ++i) store->put("users", std::to_string(i), std::string(500, 'x'));
  }
  auto size = std::filesystem::file_size(options_.file);
  ASSERT_GT(size, 100'000u);
  {
    std::fstream file(options_.file, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(size / 2));
    file << std::string(20'000, '\x55');
  }
  auto store = open();
  ASSERT_TRUE(store);
  EXPECT_TRUE(records(*store).empty());
  EXPECT_THAT(files(), testing::Contains(testing::StartsWith("state.db.damaged-")));
}

TEST_F(SqliteStoreTest, when_the_file_is_cut_off_then_it_is_set_aside) {
  {
    auto store = open();
    for (int i = 0; i < 1000; ++i) store->put("users", std::to_string(i), std::string(500, 'x'));
  }
  std::filesystem::resize_file(options_.file, std::filesystem::file_size(options_.file) / 3);
  auto store = open();
  ASSERT_TRUE(store);
  EXPECT_THAT(files(), testing::Contains(testing::StartsWith("state.db.damaged-")));
}

TEST_F(SqliteStoreTest, when_it_belongs_to_another_daemon_then_it_is_refused_and_left_alone) {
  {
    auto store = open();
    store->put("users", "one", "1");
  }
  options_.owner = "scscf two";
  EXPECT_EQ(refused().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused().message()), HasSubstr("belongs to scscf one, not to scscf two"));
  options_.owner = "scscf one";
  EXPECT_EQ(records(*open()).size(), 1u);
}

TEST_F(SqliteStoreTest, when_a_later_version_wrote_it_then_it_is_refused_and_left_alone) {
  open().reset();
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(options_.file.c_str(), &database), SQLITE_OK);
  sqlite3_exec(database, "PRAGMA user_version=99", nullptr, nullptr, nullptr);
  sqlite3_close(database);
  EXPECT_EQ(refused().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused().message()), HasSubstr("version 99"));
  EXPECT_THAT(files(), testing::Not(testing::Contains(HasSubstr("damaged"))));
}

TEST_F(SqliteStoreTest, when_another_program_has_it_then_that_is_said) {
  auto store = open();
  EXPECT_EQ(refused().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(refused().message()), HasSubstr("another program has it"));
}

TEST_F(SqliteStoreTest, when_the_other_program_ends_in_time_then_it_is_taken_over) {
  auto old = open();
  options_.wait_for_other = std::chrono::seconds(10);
  std::thread ends([&old] { old.reset(); });
  auto store = open();
  ends.join();
  EXPECT_TRUE(store);
}

TEST_F(SqliteStoreTest, when_the_folder_does_not_exist_then_the_error_names_the_file) {
  options_.file = folder_ + "/nowhere/state.db";
  EXPECT_THAT(std::string(refused().message()), HasSubstr(options_.file));
}

TEST_F(SqliteStoreTest, when_it_is_made_then_only_its_owner_may_read_it) {
  auto store = open();
  store->put("users", "one", "1");
  EXPECT_TRUE(wait_for_commit(*store));
  for (const std::string& name : files()) {
    struct stat found{};
    ASSERT_EQ(stat((folder_ + "/" + name).c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0077, 0u) << name;
  }
}

}  // namespace
}  // namespace lapwing
