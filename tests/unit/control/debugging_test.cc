#include "common/control/debugging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <sstream>

#include "absl/strings/str_split.h"

namespace lapwing::control {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;

// Stands until it is moved; read by the thread that debugs.
class MovedClock final : public Clock {
 public:
  TimePoint now() const override { return TimePoint{} + 1h + std::chrono::seconds(passed_); }
  WallTime wall() const override { return WallTime{std::chrono::seconds(1'700'000'000 + passed_)}; }
  void advance(std::chrono::seconds by) { passed_ += by.count(); }

 private:
  std::atomic<int64_t> passed_{0};
};

class DebuggingTest : public testing::Test {
 protected:
  void SetUp() override {
    before_ = spdlog::default_logger();
    auto logger = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log_));
    logger->set_level(spdlog::level::trace);
    logger->set_pattern("%l %v");
    spdlog::set_default_logger(logger);
  }
  void TearDown() override {
    debugging_.reset();
    spdlog::set_default_logger(before_);
  }
  void start(trace::Recorder* recorder) {
    debugging_ = std::make_unique<Debugging>(
        Debugging::Options{.recorder = recorder,
                           .cx_in_words = [](std::string_view) { return CxWords{"MAR, User-Name: 1@h", "MAR\n"}; },
                           .names_of = [this](std::string_view) { return names_; }},
        clock_, events_);
  }
  void start() { start(&recorder_); }

  absl::StatusOr<std::vector<std::string>> debug(const std::string& identity, uint32_t seconds) {
    v1::DebugRequest request;
    request.set_identity(identity);
    request.set_seconds(seconds);
    auto reply = debugging_->change(request);
    if (!reply.ok()) return reply.status();
    std::vector<std::string> out;
    for (const v1::Debugged& one : reply->debugged()) out.push_back(one.identity());
    return out;
  }
  void message(const std::string& user, const std::string& call_id, bool incoming = true) {
    recorder_.record(0,
                     {.kind = trace::Kind::sip,
                      .incoming = incoming,
                      .carrier = trace::Carrier::udp,
                      .local = {asio::ip::make_address("10.0.0.1"), 5060},
                      .remote = {asio::ip::make_address("10.0.0.2"), 5061}},
                     "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1\r\nFrom: <sip:" + user +
                         ">;tag=1\r\nTo: <sip:h>\r\nCall-ID: " + call_id +
                         "\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n");
  }
  // All that is written until now; it ends the debugging, which writes what is left.
  std::vector<std::string> lines() {
    debugging_->stop();
    return absl::StrSplit(log_.str(), '\n', absl::SkipEmpty());
  }

  MovedClock clock_;
  Events events_{clock_};
  trace::Recorder recorder_{clock_, 1 << 20, 1};
  std::vector<std::string> names_;
  std::ostringstream log_;
  std::shared_ptr<spdlog::logger> before_;
  std::unique_ptr<Debugging> debugging_;
};

constexpr const char* until = "info 1@h: is debugged until [0-9T:-]+";
std::string received(const std::string& user, const std::string& call_id) {
  return "debug 1@h: received by udp, 10.0.0.1:5060 <- 10.0.0.2:5061: OPTIONS sip:h SIP/2.0, Call-ID: " + call_id +
         ", CSeq: 1 OPTIONS, From: <sip:" + user + ">;tag=1, To: <sip:h>";
}

TEST_F(DebuggingTest, when_a_user_is_debugged_then_its_messages_and_events_are_written_and_no_others) {
  start();
  message("1@h", "before");
  ASSERT_TRUE(debug("1@h", 600).ok());
  message("1@h", "a");
  message("2@h", "b");
  message("11@h", "c");
  events_.publish(
      {.time = clock_.wall(), .kind = "register.accepted", .impi = "1@h", .impu = "sip:1@h", .text = "for 60 s"});
  events_.publish(
      {.time = clock_.wall(), .kind = "register.accepted", .impi = "2@h", .impu = "sip:2@h", .text = "for 60 s"});
  recorder_.record(
      0, {.kind = trace::Kind::diameter, .incoming = false, .carrier = trace::Carrier::tcp, .local = {}, .remote = {}},
      std::string(20, '\0') + "1@h");
  message("2@h", "a");
  EXPECT_THAT(lines(),
              ElementsAre(MatchesRegex(until), "debug 1@h: register.accepted 1@h: for 60 s", received("1@h", "a"),
                          "debug 1@h: sent by diameter: MAR, User-Name: 1@h", received("2@h", "a")));
}

TEST_F(DebuggingTest, when_a_user_registers_meanwhile_then_its_other_names_count_too) {
  start();
  ASSERT_TRUE(debug("1@h", 600).ok());
  names_ = {"1@h", "sip:+1555@h"};
  events_.publish(
      {.time = clock_.wall(), .kind = "register.accepted", .impi = "1@h", .impu = "sip:+1555@h", .text = ""});
  message("+1555@h", "a");
  EXPECT_THAT(lines(),
              ElementsAre(MatchesRegex(until), "debug 1@h: register.accepted 1@h: ", received("+1555@h", "a")));
}

TEST_F(DebuggingTest, when_a_message_cannot_be_read_then_its_first_line_and_the_reason_are_written) {
  start();
  ASSERT_TRUE(debug("1@h", 600).ok());
  recorder_.record(
      0, {.kind = trace::Kind::sip, .incoming = true, .carrier = trace::Carrier::udp, .local = {}, .remote = {}},
      "INVITE sip:1@h \x1b[2J\r\nx");
  EXPECT_THAT(lines().back(), HasSubstr("INVITE sip:1@h \\x1b[2J, which cannot be read: "));
}

TEST_F(DebuggingTest, when_its_time_is_over_then_it_ends_and_says_so) {
  start();
  ASSERT_TRUE(debug("1@h", 600).ok());
  ASSERT_TRUE(debug("1@h", 300).ok()) << "a new time instead of the first";
  clock_.advance(301s);
  for (int i = 0; i < 500 && !debug("", 0)->empty(); ++i) std::this_thread::sleep_for(10ms);
  EXPECT_THAT(*debug("", 0), IsEmpty());
  message("1@h", "a");
  EXPECT_THAT(lines(), ElementsAre(MatchesRegex(until), MatchesRegex(until),
                                   "info 1@h: is no longer debugged: the time is over"));
}

TEST_F(DebuggingTest, when_it_is_ended_then_what_came_before_is_written_and_another_may_begin) {
  start();
  ASSERT_TRUE(debug("1@h", 600).ok());
  message("1@h", "a");
  EXPECT_THAT(*debug("1@h", 0), IsEmpty());
  message("1@h", "b");
  EXPECT_EQ(debug("1@h", 0).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(*debug("1@h", 600), ElementsAre("1@h"));
  message("1@h", "c");
  EXPECT_THAT(lines(), ElementsAre(MatchesRegex(until), received("1@h", "a"),
                                   "info 1@h: is no longer debugged, as the operator wants", MatchesRegex(until),
                                   received("1@h", "c")));
}

TEST_F(DebuggingTest, when_nothing_is_recorded_then_it_says_what_to_set) {
  start(nullptr);
  EXPECT_THAT(*debug("", 0), IsEmpty());
  absl::Status refused = debug("1@h", 600).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("set trace.megabytes"));
}

TEST_F(DebuggingTest, when_it_is_for_too_many_or_too_long_then_it_is_refused) {
  start();
  for (size_t i = 0; i < Debugging::identities_limit; ++i) ASSERT_TRUE(debug(absl::StrCat("user", i), 86'400).ok());
  EXPECT_EQ(debug("one more", 1).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(debug("user3", 1).ok());
  EXPECT_EQ(debug("user3", 86'401).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(debug("user3", 4'000'000'000).status().code(), absl::StatusCode::kInvalidArgument);
  debugging_->stop();
  EXPECT_EQ(debug("1@h", 600).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(DebuggingTest, when_there_is_more_than_the_limit_then_it_is_counted) {
  start();
  ASSERT_TRUE(debug("1@h", 600).ok());
  for (int i = 0; i < 2100; ++i) message("1@h", "a");
  const auto all = lines();
  EXPECT_EQ(std::count(all.begin(), all.end(), received("1@h", "a")), 2000);
  EXPECT_EQ(all.back(), "warning 100 lines about those who are debugged left out: more than 200 a second");
}

TEST_F(DebuggingTest, when_messages_go_before_they_are_seen_then_that_is_told) {
  trace::Recorder small(clock_, 4000, 1);
  start(&small);
  ASSERT_TRUE(debug("1@h", 600).ok());
  for (int i = 0; i < 1000; ++i) {
    small.record(
        0, {.kind = trace::Kind::sip, .incoming = true, .carrier = trace::Carrier::udp, .local = {}, .remote = {}},
        std::string(900, 'x'));
  }
  EXPECT_THAT(lines().back(), MatchesRegex("warning [0-9]+ messages and events had gone before .*trace.megabytes."));
}

}  // namespace
}  // namespace lapwing::control
