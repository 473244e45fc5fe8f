#include "tests/scenarios/support/wire_text.h"

#include <gtest/gtest.h>

#include "tests/scenarios/support/script.h"

namespace lapwing::scenarios {
namespace {

TEST(WireText, when_everything_is_equal_then_it_matches_and_captures) {
  Variables v;
  v.set("user", "alice");
  EXPECT_EQ(v.match("To: {{user}}\nTag: {{tag}}\nAgain: {{tag}}", "To: alice\nTag: x1\nAgain: x1"), std::nullopt);
  EXPECT_EQ(*v.find("tag"), "x1");
  EXPECT_EQ(v.match("Tag: {{tag!}};q", "Tag: y2;q"), std::nullopt);
  EXPECT_EQ(*v.find("tag"), "y2");
}

TEST(WireText, when_a_known_variable_differs_then_it_does_not_match_and_nothing_is_captured) {
  Variables v;
  v.set("user", "alice");
  EXPECT_NE(v.match("A: {{new}}\nTo: {{user}}", "A: 1\nTo: bob"), std::nullopt);
  EXPECT_EQ(v.find("new"), nullptr);
}

TEST(WireText, when_a_line_is_missing_or_more_than_expected_or_in_another_place_then_it_does_not_match) {
  Variables v;
  EXPECT_NE(v.match("A\nB", "A"), std::nullopt);
  EXPECT_NE(v.match("A", "A\nB"), std::nullopt);
  EXPECT_NE(v.match("A\nB", "B\nA"), std::nullopt);
  EXPECT_EQ(v.match("A\n...", "A\nB\nC"), std::nullopt);
}

TEST(WireText, when_nothing_stands_where_a_capture_is_then_it_does_not_match) {
  Variables v;
  EXPECT_NE(v.match("tag={{tag}};x", "tag=;x"), std::nullopt);
}

TEST(WireText, when_an_unknown_variable_is_sent_then_it_fails) {
  EXPECT_THROW((void)Variables{}.expand("{{nobody}}"), Failure);
}

TEST(WireText, when_a_message_is_edited_then_rows_are_replaced_added_and_removed) {
  EXPECT_EQ(edited("INVITE a SIP/2.0\nA: 1\nB: 2\n\nbody", "A: 9\n- B\n+ C: 3"),
            "INVITE a SIP/2.0\nA: 9\nC: 3\n\nbody");
}

}  // namespace
}  // namespace lapwing::scenarios
