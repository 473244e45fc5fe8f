#include "scscf/registrar.h"

#include <gtest/gtest.h>

namespace lapwing::scscf {
namespace {

TEST(User, when_a_state_is_entered_then_its_time_and_reason_go_with_it) {
  User user;
  EXPECT_EQ(state_text(user.state), "unknown");
  const WallTime first{std::chrono::seconds(1'700'000'000)};
  user.enter(UserState::rejected, first, "the HSS answered 5001");
  EXPECT_EQ(state_text(user.state), "rejected");
  EXPECT_EQ(user.since, first);
  EXPECT_EQ(user.why, "the HSS answered 5001");
  user.enter(UserState::registered, first + std::chrono::seconds(5), "");
  EXPECT_EQ(state_text(user.state), "registered");
  EXPECT_EQ(user.since, first + std::chrono::seconds(5));
  EXPECT_EQ(user.why, "");
}

}  // namespace
}  // namespace lapwing::scscf
