#include "tests/scenarios/support/header_changes.h"

#include <gtest/gtest.h>

#include "tests/scenarios/support/wire_text.h"

namespace lapwing::scenarios {
namespace {

std::string message(const std::string& rows, const std::string& body = "") {
  return "INVITE sip:b SIP/2.0\r\n" + rows + "\r\n" + body;
}

TEST(HeaderChanges, when_nothing_changed_then_nothing) {
  EXPECT_EQ(header_changes(message("A: 1\r\nB: 2\r\n", "x"), message("A: 1\r\nB: 2\r\n", "x")), "");
}

TEST(HeaderChanges, when_rows_come_go_and_change_then_each_is_a_line) {
  EXPECT_EQ(header_changes(message("A: 1\r\nB: 2\r\nC: 3\r\n"), message("Z: 0\r\nA: 1\r\nC: 4\r\nD: 5\r\n")),
            "- B\n~ C: 4\n+ Z: 0\n+ D: 5");
}

TEST(HeaderChanges, when_one_of_several_rows_goes_then_it_is_named_by_its_value) {
  EXPECT_EQ(header_changes(message("R: 1\r\nR: 2\r\nR: 3\r\n"), message("R: 2\r\nR: 3\r\n")), "- R: 1");
}

TEST(HeaderChanges, when_a_row_changed_its_place_then_it_shows) {
  EXPECT_EQ(header_changes(message("A: 1\r\nB: 2\r\n"), message("B: 2\r\nA: 1\r\n")), "~ A: 1");
}

TEST(HeaderChanges, when_the_start_line_changed_then_that_comes_first) {
  EXPECT_EQ(header_changes("SIP/2.0 503 No\r\nA: 1\r\n\r\n", "SIP/2.0 500 No\r\n\r\n"), "~ SIP/2.0 500 No\n- A");
}

TEST(HeaderChanges, when_the_bodies_differ_then_it_fails) {
  EXPECT_THROW(header_changes(message("A: 1\r\n", "x\n"), message("A: 1\r\n", "x")), Failure);
}

}  // namespace
}  // namespace lapwing::scenarios
