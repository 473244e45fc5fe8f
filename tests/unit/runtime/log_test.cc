#include "common/runtime/log.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_split.h"
#include "lapwing/v1/config.pb.h"
#include "lapwing/v1/log.pb.h"

namespace lapwing::log {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;

v1::Log config(std::string level, std::string format, uint32_t lines_per_second = 0) {
  v1::Log out;
  out.set_level(std::move(level));
  out.set_format(std::move(format));
  out.set_lines_per_second(lines_per_second);
  return out;
}

// What is written from start() to stop().
std::vector<std::string> written(const v1::Log& with, const std::function<void()>& writes) {
  testing::internal::CaptureStderr();
  EXPECT_TRUE(start("pcscf", with).ok());
  writes();
  stop();
  configure({});
  const std::string text = testing::internal::GetCapturedStderr();
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

v1::LogLine parsed(const std::string& line) {
  v1::LogLine out;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(line, &out).ok()) << line;
  return out;
}

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

TEST(Log, when_the_format_is_text_then_lines_have_time_program_and_level) {
  const auto lines = written(config("info", "text"), [] {
    LW_LOG(debug, "not %s", "this");
    LW_LOG(info, "%d handsets", 3);
    LW_LOG(warn, "w");
    LW_LOG(error, "e");
    audit("ann has changed it");
    write(Level::info, {.text = "401 sent", .kind = "register.challenged", .impi = "a@x", .code = "nat"});
  });
  const std::string time = "[0-9]+-[0-9]+-[0-9]+T[0-9]+:[0-9]+:[0-9]+\\.[0-9][0-9][0-9] pcscf ";
  EXPECT_THAT(lines, ElementsAre(MatchesRegex(time + "info 3 handsets"), MatchesRegex(time + "warning w"),
                                 MatchesRegex(time + "error e"), MatchesRegex(time + "audit ann has changed it"),
                                 MatchesRegex(time + "info register.challenged a@x: 401 sent \\[nat\\]")));
}

TEST(Log, when_the_format_is_json_then_each_line_is_an_object_and_parts_stand_apart) {
  const auto lines = written(config("warn", "json"), [] {
    LW_LOG(info, "not this");
    LW_LOG(warn, "a \"quoted\"\n\tline\x01\xff %s", "<sip:a@x>");
    audit("ann has changed it");
    write(Level::debug,
          {.text = "401 sent",
           .kind = "register.challenged",
           .impi = "a@x",
           .impu = "sip:a@x",
           .code = "nat",
           .debugged = "1",
           .direction = "sent",
           .carrier = "udp",
           .local = "l",
           .remote = "r",
           .full = "SIP/2.0 401 U\r\n\r\n"},
          WallTime(std::chrono::milliseconds(1'700'000'000'120)));
  });
  ASSERT_EQ(lines.size(), 3U);
  const v1::LogLine first = parsed(lines[0]);
  EXPECT_EQ(first.text(), "a \"quoted\"\n\tline\\x01\\xff <sip:a@x>");
  EXPECT_EQ(first.level(), "warning");
  EXPECT_EQ(first.program(), "pcscf");
  EXPECT_EQ(first.kind(), "");
  EXPECT_EQ(parsed(lines[1]).level(), "audit");
  EXPECT_EQ(lines[2],
            "{\"time\":\"2023-11-14T22:13:20.120000Z\",\"level\":\"debug\",\"program\":\"pcscf\",\"text\":\"401 "
            "sent\",\"kind\":\"register.challenged\",\"impi\":\"a@x\",\"impu\":\"sip:a@x\",\"code\":\"nat\","
            "\"debugged\":\"1\",\"direction\":\"sent\",\"carrier\":\"udp\",\"local\":\"l\",\"remote\":\"r\","
            "\"full\":\"SIP/2.0 401 U\\r\\n\\r\\n\"}");
}

TEST(Log, when_the_configuration_changes_then_level_and_format_do) {
  const auto lines = written(config("error", "text"), [] {
    LW_LOG(warn, "not this");
    configure(config("debug", "json"));
    LW_LOG(debug, "this");
  });
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(parsed(lines[0]).text(), "this");
}

class Journal : public testing::Test {
 protected:
  // JOURNAL_STREAM as systemd sets it: the file to which standard error goes at that moment.
  static std::vector<std::string> written_there(const v1::Log& with, const std::string& stream,
                                                const std::function<void()>& writes) {
    testing::internal::CaptureStderr();
    struct stat found{};
    fstat(STDERR_FILENO, &found);
    setenv("JOURNAL_STREAM",
           stream.empty() ? absl::StrFormat("%d:%d", found.st_dev, found.st_ino).c_str() : stream.c_str(), 1);
    EXPECT_TRUE(start("pcscf", with).ok());
    writes();
    stop();
    unsetenv("JOURNAL_STREAM");
    configure({});
    const std::string text = testing::internal::GetCapturedStderr();
    return absl::StrSplit(text, '\n', absl::SkipEmpty());
  }
};

TEST_F(Journal, when_standard_error_is_the_journal_then_lines_have_a_priority_and_no_time) {
  const auto lines = written_there(config("debug", "text"), "", [] {
    LW_LOG(debug, "d");
    LW_LOG(info, "i");
    LW_LOG(warn, "two\nlines");
    LW_LOG(error, "e");
    audit("a");
  });
  EXPECT_THAT(lines, ElementsAre("<7>debug d", "<6>info i", "<4>warning two", "<4>lines", "<3>error e", "<5>audit a"));
}

TEST_F(Journal, when_the_format_is_json_then_the_priority_stands_before_the_object) {
  const auto lines = written_there(config("debug", "json"), "", [] { audit("a"); });
  ASSERT_EQ(lines.size(), 1U);
  ASSERT_TRUE(lines[0].starts_with("<5>{"));
  EXPECT_EQ(parsed(lines[0].substr(3)).text(), "a");
}

TEST_F(Journal, when_standard_error_has_been_sent_elsewhere_then_lines_are_as_always) {
  const auto lines = written_there(config("debug", "text"), "1:2", [] { LW_LOG(info, "i"); });
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_THAT(lines[0], HasSubstr(" pcscf info i"));
}

TEST(Log, when_more_lines_come_than_the_limit_then_warnings_stay_and_the_rest_is_counted) {
  const auto lines = written(config("info", "text", 5), [] {
    std::vector<std::thread> writers;
    for (int writer = 0; writer < 4; ++writer) {
      writers.emplace_back([] {
        for (int i = 0; i < 500; ++i) LW_LOG(info, "some");
      });
    }
    for (std::thread& writer : writers) writer.join();
    for (int i = 0; i < 100; ++i) LW_LOG(warn, "a warning");
    for (int i = 0; i < 100; ++i) audit("a change");
    LW_LOG(debug, "not even counted");
  });
  auto count = [&](const std::string& end) {
    return std::count_if(lines.begin(), lines.end(), [&](const std::string& line) { return line.ends_with(end); });
  };
  // Ten seconds' worth, and what little comes to it while they are written.
  EXPECT_GE(count(" info some"), 50);
  EXPECT_LE(count(" info some"), 60);
  EXPECT_EQ(count(" warning a warning"), 100);
  EXPECT_EQ(count(" audit a change"), 100);
  const std::string told =
      absl::StrFormat("1,%d lines left out: more than 5 a second (log.lines_per_second)", 1000 - count(" info some"));
  EXPECT_EQ(count(told), 1) << lines.back();
}

TEST(Log, when_a_line_is_left_out_then_it_is_not_formatted) {
  int formatted = 0;
  auto text = [&formatted] { return ++formatted; };
  written(config("info", "text", 1), [&] {
    for (int i = 0; i < 1000; ++i) LW_LOG(info, "%d", text());
  });
  EXPECT_GE(formatted, 10);
  EXPECT_LE(formatted, 12);
}

TEST(Log, when_standard_error_takes_nothing_then_what_the_queue_lost_is_told_once_it_does) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const int before = dup(STDERR_FILENO);
  dup2(ends[1], STDERR_FILENO);
  close(ends[1]);
  ASSERT_TRUE(start("pcscf", "info").ok());
  for (int i = 0; i < 20'000; ++i) LW_LOG(info, "%s", std::string(100, 'x'));
  std::string text;
  std::thread reader([&] {
    char bytes[65536];
    for (ssize_t size; (size = read(ends[0], bytes, sizeof bytes)) > 0;) text.append(bytes, static_cast<size_t>(size));
  });
  stop();
  dup2(before, STDERR_FILENO);  // the last writer goes
  close(before);
  reader.join();
  close(ends[0]);
  const auto kept = std::count(text.begin(), text.end(), '\n') - 1;
  EXPECT_GE(kept, 8000);
  EXPECT_THAT(text, testing::ContainsRegex(" warning 1[01],[0-9][0-9][0-9] lines lost: standard error does not take"));
}

}  // namespace
}  // namespace lapwing::log
