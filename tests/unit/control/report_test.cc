#include "common/control/report.h"

#include <gtest/gtest.h>

#include "common/control/events.h"

namespace lapwing::control {
namespace {

TEST(Report, when_something_is_reported_then_the_operator_finds_it_by_the_user) {
  ManualClock clock;
  Events events(clock);
  Report report = report_to(events);
  report("register.challenged", "a@x", "sip:a@x", "401 sent");
  report("notify.failed", "", "sip:b@x", "NOTIFY was answered 481");
  std::vector<Event> of_a = events.of("a@x"), of_b = events.of("sip:b@x");
  ASSERT_EQ(of_a.size(), 1U);
  EXPECT_EQ(of_a[0].kind, "register.challenged");
  EXPECT_EQ(of_a[0].impi, "a@x");
  EXPECT_EQ(of_a[0].impu, "sip:a@x");
  EXPECT_EQ(of_a[0].text, "401 sent");
  ASSERT_EQ(of_b.size(), 1U);
  EXPECT_EQ(of_b[0].text, "NOTIFY was answered 481");
}

}  // namespace
}  // namespace lapwing::control
