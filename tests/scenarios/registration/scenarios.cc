#include "tests/scenarios/support/home_world.h"

namespace lapwing::scenarios {
namespace {

const int registered = register_scenarios(
    "registration", [](const SettingsText& settings) { return std::make_unique<HomeWorld>(settings); });

TEST(Scenarios, when_the_folder_is_read_then_there_are_some) {
  EXPECT_GT(registered, 0);
}

}  // namespace
}  // namespace lapwing::scenarios
