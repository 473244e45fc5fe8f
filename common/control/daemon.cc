#include "common/control/daemon.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <iostream>

#include "absl/strings/str_split.h"
#include "common/runtime/log.h"

// What jemalloc looks for in a program: a thread of its own gives freed memory back, also when the daemon rests.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "background_thread:true,max_background_threads:1";
}

namespace lapwing::control {
namespace {

sigset_t awaited_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  return set;
}

// Every handset may keep a TCP connection open: take as many descriptors as the system lets us have.
void allow_many_files() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace

int could_not_start(const absl::Status& why) {
  LW_LOG(error, "%s", std::string(why.message()));
  log::stop();
  return 1;
}

Daemon::Daemon(std::string program, std::string about) : program_(std::move(program)), about_(std::move(about)) {
  const sigset_t set = awaited_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  allow_many_files();
  signals_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (signals_ < 0 || wake_ < 0) {
    std::perror("signalfd, eventfd");
    std::abort();
  }
}

Daemon::~Daemon() {
  close(signals_);
  close(wake_);
}

std::optional<int> Daemon::start_with(int argc, const char* const* argv, google::protobuf::Message& config,
                                      size_t file_limit) {
  CLI::App app(about_, program_);
  std::string path;
  bool check_only = false;
  app.add_option("--config", path, "The configuration file (YAML); docs/configuration.md lists its keys")
      ->type_name("FILE")
      ->required();
  app.add_flag("--check", check_only, "Check the configuration file and exit: 0 when it is right, else 2");
  app.set_version_flag("--version", std::string(program_ + " " LAPWING_VERSION));
  app.footer(
      "SIGTERM and SIGINT stop the daemon, SIGHUP reads the file again. Exit codes: 0 stopped, 1 could not start, 2 "
      "command line or\nconfiguration, "
      "3 a part of it died.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  config::Locations where;
  absl::Status read = config::load_yaml(path, config, &where, file_limit);
  if (read.ok() && check_) read = check_(config, where);
  if (!read.ok()) {
    std::cerr << read.message() << std::endl;
    return 2;
  }
  config_path_ = path;
  file_limit_ = file_limit;
  running_.reset(config.New());
  running_->CopyFrom(config);
  if (!check_only) return std::nullopt;
  std::cout << path << ": ok" << std::endl;
  return 0;
}

Reloaded Daemon::reload() {
  std::lock_guard lock(reloading_);
  Reloaded reloaded = reload_ ? reload_() : absl::UnavailableError("the daemon is not ready yet");
  if (!reloaded.ok()) {
    for (absl::string_view line : absl::StrSplit(reloaded.status().message(), '\n')) LW_LOG(warn, "%s", line);
    LW_LOG(warn, "the configuration stays as it was");
    return reloaded;
  }
  if (reloaded->empty()) LW_LOG(info, "%s read again: nothing has changed", config_path_);
  for (const config::Change& change : *reloaded) {
    if (change.needs_restart) {
      LW_LOG(warn, "%s: %s has changed, which needs a restart: it stays as it was", config_path_, change.path);
    } else {
      LW_LOG(info, "%s: %s has changed", config_path_, change.path);
    }
  }
  return reloaded;
}

Reloaded Daemon::reload_generic(const std::function<void(const google::protobuf::Message&)>& apply) {
  std::unique_ptr<google::protobuf::Message> fresh(running_->New());
  config::Locations where;
  absl::Status read = config::load_yaml(config_path_, *fresh, &where, file_limit_);
  if (read.ok() && check_) read = check_(*fresh, where);
  if (!read.ok()) return read;
  std::vector<config::Change> changes = config::take_changes(*running_, *fresh);
  apply(*fresh);
  running_ = std::move(fresh);
  return changes;
}

int Daemon::wait_for_stop() {
  pollfd watched[] = {{.fd = signals_, .events = POLLIN, .revents = 0}, {.fd = wake_, .events = POLLIN, .revents = 0}};
  while (exit_code_ < 0) {
    if (poll(watched, 2, -1) < 0 && errno != EINTR) std::abort();
    signalfd_siginfo info{};
    while (read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      if (info.ssi_signo == SIGHUP) {
        (void)reload();
        continue;
      }
      LW_LOG(info, "%s: stopping", info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
      stop(0);
    }
  }
  signal(SIGHUP, SIG_IGN);
  const sigset_t set = awaited_signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  return exit_code_;
}

void Daemon::stop(int exit_code) {
  int running = -1;
  if (!exit_code_.compare_exchange_strong(running, exit_code)) return;
  const uint64_t one = 1;
  // Cannot fail: the counter is far from full.
  [[maybe_unused]] ssize_t written = write(wake_, &one, sizeof one);
}

}  // namespace lapwing::control
