#include "common/runtime/log.h"

#include <gtest/gtest.h>

#include <string>

namespace lapwing::log {
namespace {

TEST(Log, when_text_is_plain_then_printable_leaves_it) {
  EXPECT_EQ(printable("REGISTER sip:ims.example.org SIP/2.0"), "REGISTER sip:ims.example.org SIP/2.0");
  EXPECT_EQ(printable(""), "");
}

TEST(Log, when_text_holds_line_ends_or_escapes_then_no_line_can_be_forged) {
  EXPECT_EQ(printable("a\r\n2026-01-01 scscf E all lost"), "a\\x0d\\x0a2026-01-01 scscf E all lost");
  EXPECT_EQ(printable("\x1b[2J\x7f"), "\\x1b[2J\\x7f");
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
}

TEST(Log, when_text_is_not_ascii_then_its_bytes_are_shown) {
  EXPECT_EQ(printable("caf\xC3\xA9"), "caf\\xc3\\xa9");
}

TEST(Log, when_text_is_over_the_limit_then_it_is_cut_and_its_size_shown) {
  EXPECT_EQ(printable("abcdef", 6), "abcdef");
  EXPECT_EQ(printable("abcdefg", 6), "abcdef... (7 bytes)");
  EXPECT_EQ(printable(std::string(300, 'x')), std::string(256, 'x') + "... (300 bytes)");
  EXPECT_EQ(printable("\n\n", 1), "\\x0a... (2 bytes)");
}

TEST(Log, when_the_level_is_unknown_then_start_says_which_there_are) {
  absl::Status status = start("test", "loud");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "log level \"loud\": use debug, info, warn or error");
}

}  // namespace
}  // namespace lapwing::log
