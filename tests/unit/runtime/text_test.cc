#include "common/runtime/text.h"

#include <gtest/gtest.h>

#include <thread>

#include "absl/container/flat_hash_map.h"

namespace lapwing {
namespace {

TEST(Text, when_it_is_copied_then_both_share_one_block) {
  Text one = std::string_view("sip:alice@192.0.2.7");
  EXPECT_TRUE(one.unshared());
  Text two = one;
  EXPECT_FALSE(one.unshared());
  EXPECT_EQ(one.view().data(), two.view().data());
  one.clear();
  EXPECT_TRUE(two.unshared());
  EXPECT_EQ(two, "sip:alice@192.0.2.7");
}

TEST(Text, when_it_is_empty_then_it_has_no_block) {
  Text empty = "";
  EXPECT_TRUE(empty.empty());
  EXPECT_FALSE(empty.unshared());
  EXPECT_EQ(empty, Text());
  EXPECT_EQ(empty.view(), "");
  EXPECT_EQ(sizeof(Text), sizeof(void*));
}

TEST(Text, when_it_is_assigned_to_itself_or_moved_then_nothing_is_lost) {
  Text one = "abc";
  const Text& same = one;
  one = same;
  EXPECT_EQ(one, "abc");
  Text two = std::move(one);
  EXPECT_EQ(two, "abc");
  two = "abcd";
  EXPECT_EQ(two.str(), "abcd");
}

TEST(Text, when_it_is_compared_then_its_characters_count) {
  const std::string abc = "abc";
  EXPECT_EQ(Text("abc"), Text(abc));
  EXPECT_EQ(Text("abc"), abc);
  EXPECT_EQ(abc, Text("abc"));
  EXPECT_NE(Text("abc"), "abd");
  EXPECT_EQ(Text(std::string("a\0b", 3)).size(), 3u);
}

TEST(Text, when_text_is_formatted_or_joined_then_it_is_as_a_string) {
  EXPECT_EQ(absl::StrFormat("<%s>", Text("abc")), "<abc>");
  EXPECT_EQ("<" + Text("abc") + ">", "<abc>");
}

TEST(Text, when_it_is_a_key_then_it_is_found_without_making_one) {
  TextMap<int> table;
  table[Text("abc")] = 1;
  EXPECT_TRUE(table.contains(std::string_view("abc")));
  EXPECT_TRUE(table.contains(std::string("abc")));
  EXPECT_FALSE(table.contains("abd"));
}

TEST(Text, when_threads_copy_and_drop_it_then_the_last_one_frees_it) {
  Text shared = "shared";
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([mine = shared] {
      for (int n = 0; n < 10'000; ++n) {
        Text copy = mine;
        ASSERT_EQ(copy.size(), 6u);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  threads.clear();
  EXPECT_TRUE(shared.unshared());
}

TEST(CommonTexts, when_many_have_the_same_then_it_stands_in_memory_once) {
  CommonTexts common;
  Text one = common.of("SM-G991B"), two = common.of(std::string("SM-G991B"));
  EXPECT_EQ(one.view().data(), two.view().data());
  EXPECT_EQ(common.size(), 1u);
  EXPECT_TRUE(common.of("").empty());
  EXPECT_EQ(common.size(), 1u);
}

TEST(CommonTexts, when_the_limit_is_reached_then_those_go_that_nobody_uses) {
  CommonTexts common(3);
  Text used = common.of("used");
  common.of("a");
  common.of("b");
  Text next = common.of("next");
  EXPECT_EQ(common.size(), 2u);
  EXPECT_EQ(common.of("used").view().data(), used.view().data());
}

TEST(CommonTexts, when_the_limit_is_reached_with_all_in_use_then_a_text_is_made_that_is_not_kept) {
  CommonTexts common(2);
  Text one = common.of("one"), two = common.of("two"), three = common.of("three");
  EXPECT_EQ(three, "three");
  EXPECT_TRUE(three.unshared());
  EXPECT_EQ(common.size(), 2u);
}

}  // namespace
}  // namespace lapwing
