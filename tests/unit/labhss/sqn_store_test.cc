#include "lab/labhss/sqn_store.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "tests/unit/labhss/lab.h"

namespace lapwing::labhss {
namespace {

const std::string alice = "alice@example.org", bob = "bob@example.org";

// What a process that dies without a word leaves: the numbers it used are told by its exit code being good.
void use_and_crash(const std::string& path, int vectors, bool prepare) {
  const pid_t child = fork();
  if (child == 0) {
    absl::StatusOr<std::unique_ptr<SqnStore>> store = SqnStore::open(path);
    bool good = store.ok() && (!prepare || (*store)->prepare({alice}).ok());
    for (int i = 0; good && i < vectors; ++i) good = (*store)->next(alice, 4).ok();
    _exit(good ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_EQ(status, 0);
}

TEST(SqnStore, when_vectors_are_made_then_each_subscriber_has_its_own_numbers) {
  StateFile file;
  const std::unique_ptr<SqnStore> store = *SqnStore::open(file.path());
  EXPECT_EQ(*store->next(alice, 4), aka::sqn_of(1, 4));
  EXPECT_EQ(*store->next(alice, 4), aka::sqn_of(2, 4));
  EXPECT_EQ(*store->next(bob, 7), aka::sqn_of(1, 7));
  EXPECT_EQ(store->last_seq(alice), 2u);
  EXPECT_EQ(store->last_seq("carol"), 0u);
}

TEST(SqnStore, when_it_is_closed_and_opened_then_the_numbers_go_on) {
  StateFile file;
  {
    const std::unique_ptr<SqnStore> store = *SqnStore::open(file.path());
    ASSERT_TRUE(store->prepare({alice, bob}).ok());
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(store->next(alice, 4).ok());
  }
  const std::unique_ptr<SqnStore> store = *SqnStore::open(file.path());
  EXPECT_EQ(*store->next(alice, 4), aka::sqn_of(6, 4));
  EXPECT_EQ(*store->next(bob, 4), aka::sqn_of(1, 4));
}

TEST(SqnStore, when_the_process_dies_then_no_number_is_given_out_twice) {
  StateFile file;
  for (const bool prepare : {false, true}) {
    const uint64_t before = (*SqnStore::open(file.path()))->last_seq(alice);
    const int used = static_cast<int>(SqnStore::block) * 2 + 7;
    use_and_crash(file.path(), used, prepare);
    const std::unique_ptr<SqnStore> store = *SqnStore::open(file.path());
    const absl::StatusOr<aka::Sqn> next = store->next(alice, 4);
    ASSERT_TRUE(next.ok()) << next.status();
    EXPECT_GT(aka::seq_of(*next), before + static_cast<uint64_t>(used));
    EXPECT_LE(aka::seq_of(*next), before + static_cast<uint64_t>(used) + SqnStore::block);
  }
}

TEST(SqnStore, when_the_sim_is_ahead_or_behind_then_the_next_number_follows_it_also_after_a_restart) {
  StateFile file;
  for (const uint64_t seq : {uint64_t{5000}, uint64_t{20}}) {
    {
      const std::unique_ptr<SqnStore> store = *SqnStore::open(file.path());
      ASSERT_TRUE(store->resynchronise(alice, aka::sqn_of(seq, 31)).ok());
      EXPECT_EQ(*store->next(alice, 4), aka::sqn_of(seq + 1, 4));
    }
    const std::unique_ptr<SqnStore> store = *SqnStore::open(file.path());
    EXPECT_EQ(*store->next(alice, 4), aka::sqn_of(seq + 2, 4));
  }
}

TEST(SqnStore, when_all_numbers_are_used_then_it_is_an_error) {
  StateFile file;
  const std::unique_ptr<SqnStore> store = *SqnStore::open(file.path());
  ASSERT_TRUE(store->resynchronise(alice, aka::max_sqn).ok());
  EXPECT_EQ(store->next(alice, 4).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(SqnStore, when_another_process_uses_the_file_then_opening_it_fails) {
  StateFile file;
  const std::unique_ptr<SqnStore> store = *SqnStore::open(file.path());
  const absl::Status second = SqnStore::open(file.path()).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kUnavailable) << second;
}

TEST(SqnStore, when_the_file_cannot_be_used_then_the_error_says_so) {
  EXPECT_EQ(SqnStore::open("/nonexistent/state.db").status().code(), absl::StatusCode::kInternal);
  StateFile file;
  std::ofstream(file.path()) << std::string(8192, 'x');
  EXPECT_EQ(SqnStore::open(file.path()).status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace lapwing::labhss
