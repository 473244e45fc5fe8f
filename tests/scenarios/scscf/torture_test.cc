#include "tests/scenarios/support/torture.h"

#include "tests/scenarios/support/scscf_world.h"

namespace lapwing::scenarios {
namespace {

TEST(ScscfTorture, when_any_bad_message_comes_then_the_daemon_lives_and_answers_sensibly) {
  auto make = [] { return std::make_unique<ScscfWorld>(SettingsText{}); };
  EXPECT_GT(feed_torture(make, flow_from("udp", "10.9.0.2:5060", "10.4.128.21:6060")), 60u);
  EXPECT_GT(feed_torture(make, flow_from("tcp", "10.9.0.2:5060", "10.4.128.21:6060")), 60u);
}

}  // namespace
}  // namespace lapwing::scenarios
