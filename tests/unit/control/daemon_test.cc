#include "common/control/daemon.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "lapwing/v1/config.pb.h"

namespace lapwing::control {
namespace {

class DaemonTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/lapwing-daemon-XXXXXX";
    int fd = mkstemp(name);
    ASSERT_GE(fd, 0);
    close(fd);
    path_ = name;
    std::ofstream(path_) << "pcscf: [\"unix:/run/p.sock\"]\n";
  }
  void TearDown() override { unlink(path_.c_str()); }

  std::optional<int> start(Daemon& daemon, std::vector<const char*> arguments,
                           const Daemon::Check<v1::ImsctlConfig>& check = nullptr) {
    arguments.insert(arguments.begin(), "pcscf");
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    auto code = daemon.start(static_cast<int>(arguments.size()), arguments.data(), config_, check);
    out_ = testing::internal::GetCapturedStdout();
    err_ = testing::internal::GetCapturedStderr();
    return code;
  }

  std::string path_;
  v1::ImsctlConfig config_;
  std::string out_;
  std::string err_;
};

TEST_F(DaemonTest, when_the_file_is_right_then_it_goes_on) {
  Daemon daemon("pcscf", "about");
  EXPECT_EQ(start(daemon, {"--config", path_.c_str()}), std::nullopt);
  EXPECT_EQ(config_.pcscf(0), "unix:/run/p.sock");
}

TEST_F(DaemonTest, when_the_file_is_checked_only_then_ok_is_printed) {
  Daemon daemon("pcscf", "about");
  EXPECT_EQ(start(daemon, {"--config", path_.c_str(), "--check"}), 0);
  EXPECT_EQ(out_, path_ + ": ok\n");
}

TEST_F(DaemonTest, when_the_file_is_wrong_then_the_errors_go_to_stderr) {
  std::ofstream(path_) << "pcscf: [nowhere]\n";
  Daemon daemon("pcscf", "about");
  EXPECT_EQ(start(daemon, {"--config", path_.c_str()}), 2);
  EXPECT_EQ(out_, "");
  EXPECT_THAT(err_, testing::StartsWith(path_ + ":1: pcscf[0]: \"nowhere\" is not right: "));
}

TEST_F(DaemonTest, when_the_daemon_s_own_check_fails_then_its_error_is_printed) {
  Daemon daemon("pcscf", "about");
  EXPECT_EQ(start(daemon, {"--config", path_.c_str()},
                  [](const v1::ImsctlConfig& read, const config::Locations& where) {
                    return where.error("pcscf[0]", read.pcscf(0) + " is taken");
                  }),
            2);
  EXPECT_EQ(err_, path_ + ":1: pcscf[0]: unix:/run/p.sock is taken\n");
}

TEST_F(DaemonTest, when_the_command_line_is_wrong_then_the_code_is_2) {
  Daemon daemon("pcscf", "about");
  EXPECT_EQ(start(daemon, {}), 2);
  EXPECT_THAT(err_, testing::HasSubstr("--config is required"));
  EXPECT_EQ(start(daemon, {"--colour"}), 2);
  EXPECT_EQ(start(daemon, {"--help"}), 0);
  EXPECT_THAT(out_, testing::HasSubstr("Exit codes"));
  EXPECT_EQ(start(daemon, {"--version"}), 0);
  EXPECT_THAT(out_, testing::StartsWith("pcscf "));
}

TEST_F(DaemonTest, when_a_signal_comes_then_it_stops_with_0_and_sighup_reloads) {
  Daemon daemon("pcscf", "about");
  EXPECT_EQ(start(daemon, {"--config", path_.c_str()}), std::nullopt);
  std::string applied;
  daemon.applies<v1::ImsctlConfig>([&](const v1::ImsctlConfig& next) { applied = next.pcscf(0); });
  std::ofstream(path_) << "pcscf: [\"unix:/run/other.sock\"]\n";
  // To this thread: those of other tests do not block signals.
  raise(SIGHUP);
  raise(SIGTERM);
  EXPECT_EQ(daemon.wait_for_stop(), 0);
  EXPECT_EQ(applied, "unix:/run/other.sock");
}

TEST_F(DaemonTest, when_the_file_is_wrong_at_a_reload_then_nothing_is_applied) {
  Daemon daemon("pcscf", "about");
  EXPECT_EQ(start(daemon, {"--config", path_.c_str()}), std::nullopt);
  int applied = 0;
  daemon.applies<v1::ImsctlConfig>([&](const v1::ImsctlConfig&) { ++applied; });
  std::ofstream(path_) << "pcscf: [nowhere]\n";
  const Reloaded reloaded = daemon.reload();
  EXPECT_EQ(reloaded.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(reloaded.status().message()), testing::HasSubstr(":1: pcscf[0]: \"nowhere\" is not right"));
  EXPECT_EQ(applied, 0);
}

TEST_F(DaemonTest, when_the_file_changed_then_a_reload_names_the_keys_and_the_next_one_has_nothing_to_say) {
  Daemon daemon("pcscf", "about");
  EXPECT_EQ(start(daemon, {"--config", path_.c_str()}), std::nullopt);
  daemon.applies<v1::ImsctlConfig>([](const v1::ImsctlConfig&) {});
  std::ofstream(path_) << "pcscf: [\"unix:/run/p.sock\"]\nscscf: [\"unix:/run/s.sock\"]\n";
  Reloaded reloaded = daemon.reload();
  ASSERT_TRUE(reloaded.ok());
  ASSERT_EQ(reloaded->size(), 1u);
  EXPECT_EQ(reloaded->front().path, "scscf");
  reloaded = daemon.reload();
  ASSERT_TRUE(reloaded.ok());
  EXPECT_TRUE(reloaded->empty());
}

TEST_F(DaemonTest, when_a_part_dies_then_the_first_code_counts) {
  Daemon daemon("pcscf", "about");
  std::thread part([&] {
    daemon.stop(3);
    daemon.stop(0);
  });
  EXPECT_EQ(daemon.wait_for_stop(), 3);
  part.join();
}

}  // namespace
}  // namespace lapwing::control
