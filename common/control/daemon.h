// What the main() of every daemon shares: the command line, the configuration file, signals and the exit code.
//
//   int main(int argc, char** argv) {
//     v1::PcscfConfig config;
//     control::Daemon daemon("pcscf", "The edge of the IMS core: ...");
//     if (auto code = daemon.start(argc, argv, config, [&](const config::Locations& where) { return check(config,
//     where); }))
//       return *code;
//     ... wire the parts; any thread may call daemon.stop(3) when one of them dies ...
//     if (!status.ok()) return control::could_not_start(status);
//     int code = daemon.wait_for_stop();
//     ... take the parts down ...
//     return code;
//   }
//
// Exit codes: 0 a signal asked to stop, or --check found nothing; 1 could not start; 2 command line or configuration;
// 3 a part died (the supervisor starts us again).
#pragma once

#include <google/protobuf/message.h>

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "common/runtime/config.h"

namespace lapwing::control {

// Logs the reason and ends the log; gives the exit code of a daemon that could not start.
int could_not_start(const absl::Status& why);

class Daemon {
 public:
  // Make it before any thread: SIGTERM, SIGINT and SIGHUP are blocked in all threads made later, and SIGPIPE is
  // ignored.
  Daemon(std::string program, std::string about);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Reads the command line (--config FILE, --check, --help, --version) and the file. A value: exit with it, all is
  // said. check: what the schema's rules cannot say; errors by Locations::error().
  std::optional<int> start(int argc, const char* const* argv, google::protobuf::Message& config,
                           const std::function<absl::Status(const config::Locations&)>& check = nullptr,
                           size_t file_limit = config::file_limit);

  // Waits in the main thread for SIGTERM or SIGINT (0), or stop(). A second SIGTERM or SIGINT then kills.
  // on_hangup: what SIGHUP does, on this thread; without it a line in the log says that a restart is needed.
  int wait_for_stop(const std::function<void()>& on_hangup = nullptr);
  // The --config file, after start().
  const std::string& config_path() const { return config_path_; }
  // From any thread; the first call decides the exit code.
  void stop(int exit_code);

 private:
  const std::string program_;
  const std::string about_;
  std::string config_path_;
  int signals_ = -1;
  int wake_ = -1;
  std::atomic<int> exit_code_{-1};
};

}  // namespace lapwing::control
