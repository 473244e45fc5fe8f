#include "common/runtime/secret.h"

#include <gtest/gtest.h>
#include <spdlog/fmt/fmt.h>

#include <array>
#include <concepts>
#include <sstream>
#include <string_view>
#include <utility>

namespace lapwing {
namespace {

constexpr std::array<uint8_t, 4> kBytes = {1, 2, 3, 4};

template <typename T>
concept Streamable = requires(std::ostream& out, const T& value) { out << value; };
static_assert(Streamable<int>);
static_assert(!Streamable<Secret>);
static_assert(!fmt::is_formattable<Secret>::value);
static_assert(!std::convertible_to<Secret, std::string_view> && !std::convertible_to<Secret, std::span<const uint8_t>>);

TEST(Secret, when_made_then_reveal_gives_the_bytes) {
  Secret secret(kBytes);
  EXPECT_EQ(secret.size(), 4u);
  EXPECT_EQ(secret.reveal()[3], 4);
  EXPECT_TRUE(Secret().empty());
}

TEST(Secret, when_compared_then_all_bytes_and_the_size_count) {
  EXPECT_TRUE(Secret(kBytes).equals(Secret(kBytes)));
  EXPECT_FALSE(Secret(kBytes).equals(Secret(std::span(kBytes).first(3))));
  EXPECT_FALSE(Secret(kBytes).equals(Secret(std::array<uint8_t, 4>{1, 2, 3, 5})));
  EXPECT_TRUE(Secret().equals(Secret()));
}

TEST(Secret, when_wiped_then_the_bytes_are_overwritten) {
  Secret secret(kBytes);
  const uint8_t* where = secret.reveal().data();
  secret.wipe();
  EXPECT_TRUE(secret.empty());
  // The vector keeps its memory when it is cleared.
  for (size_t i = 0; i < kBytes.size(); ++i) EXPECT_EQ(where[i], 0);
}

TEST(Secret, when_copied_then_both_have_the_bytes) {
  Secret a(kBytes), b;
  b = a;
  EXPECT_TRUE(a.equals(b));
  Secret& alias = b;
  b = alias;
  EXPECT_TRUE(a.equals(b));
}

TEST(Secret, when_moved_then_the_old_one_is_empty) {
  Secret a(kBytes);
  Secret b(std::move(a));
  EXPECT_EQ(b.size(), 4u);
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): that is the point
  Secret c;
  c = std::move(b);
  EXPECT_TRUE(c.equals(Secret(kBytes)));
  EXPECT_TRUE(b.empty());  // NOLINT(bugprone-use-after-move)
}

TEST(Secret, when_a_shorter_secret_is_assigned_then_nothing_of_the_old_one_is_left) {
  Secret secret(kBytes);
  Secret one(std::span(kBytes).first(1));
  const uint8_t* where = secret.reveal().data();
  secret = one;  // by copy: into the same memory
  ASSERT_EQ(secret.reveal().data(), where);
  EXPECT_EQ(where[0], 1);
  EXPECT_EQ(where[1], 0);
  EXPECT_EQ(where[3], 0);
}

}  // namespace
}  // namespace lapwing
