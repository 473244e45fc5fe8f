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

#include "common/runtime/log.h"

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

std::optional<int> Daemon::start(int argc, const char* const* argv, google::protobuf::Message& config,
                                 const std::function<absl::Status(const config::Locations&)>& check,
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
      "SIGTERM and SIGINT stop the daemon. Exit codes: 0 stopped, 1 could not start, 2 command line or\nconfiguration, "
      "3 a part of it died.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  config::Locations where;
  absl::Status read = config::load_yaml(path, config, &where, file_limit);
  if (read.ok() && check) read = check(where);
  if (!read.ok()) {
    std::cerr << read.message() << std::endl;
    return 2;
  }
  config_path_ = path;
  if (!check_only) return std::nullopt;
  std::cout << path << ": ok" << std::endl;
  return 0;
}

int Daemon::wait_for_stop(const std::function<void()>& on_hangup) {
  pollfd watched[] = {{.fd = signals_, .events = POLLIN, .revents = 0}, {.fd = wake_, .events = POLLIN, .revents = 0}};
  while (exit_code_ < 0) {
    if (poll(watched, 2, -1) < 0 && errno != EINTR) std::abort();
    signalfd_siginfo info{};
    while (read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      if (info.ssi_signo == SIGHUP) {
        if (on_hangup) {
          on_hangup();
        } else {
          LW_LOG(info, "SIGHUP: the configuration is read at start only; restart to change it");
        }
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
