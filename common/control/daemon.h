// What the main() of every daemon shares: the command line, the configuration file, signals and the exit code.
//
//   int main(int argc, char** argv) {
//     v1::PcscfConfig config;
//     control::Daemon daemon("pcscf", "The edge of the IMS core: ...");
//     if (auto code = daemon.start(argc, argv, config, check)) return *code;
//     ... wire the parts; any thread may call daemon.stop(3) when one of them dies ...
//     daemon.applies<v1::PcscfConfig>([&](const v1::PcscfConfig& next) { core.configure(settings_from(next)); });
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
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/runtime/config.h"
#include "common/runtime/config_changes.h"

namespace lapwing::control {

// Logs the reason and ends the log; gives the exit code of a daemon that could not start.
int could_not_start(const absl::Status& why);

// What changed; empty: nothing.
using Reloaded = absl::StatusOr<std::vector<config::Change>>;

class Daemon {
 public:
  template <typename Config>
  using Check = std::function<absl::Status(const Config&, const config::Locations&)>;

  // Make it before any thread: SIGTERM, SIGINT and SIGHUP are blocked in all threads made later, and SIGPIPE is
  // ignored.
  Daemon(std::string program, std::string about);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Reads the command line (--config FILE, --check, --help, --version) and the file. A value: exit with it, all is
  // said. check: what the schema's rules cannot say; errors by Locations::error().
  template <typename Config>
  std::optional<int> start(int argc, const char* const* argv, Config& config,
                           std::type_identity_t<Check<Config>> check = nullptr,
                           size_t file_limit = config::file_limit) {
    if (check) {
      check_ = [check](const google::protobuf::Message& read, const config::Locations& where) {
        return check(static_cast<const Config&>(read), where);
      };
    }
    return start_with(argc, argv, config, file_limit);
  }

  // What reload() does with a file that start() would have taken: `apply` gets it, with everything that needs a restart
  // (the schema's rule `restart`) as it was.
  template <typename Config>
  void applies(std::function<void(const Config&)> apply) {
    reload_ = [this, apply] {
      return reload_generic(
          [&apply](const google::protobuf::Message& next) { apply(static_cast<const Config&>(next)); });
    };
  }
  // Instead of it, for a program that reads its file in its own way.
  void reloads_by(std::function<Reloaded()> reload) { reload_ = std::move(reload); }
  // Reads the file again, as SIGHUP and the operator do; what changed, and what needs a restart, goes to the log too.
  // InvalidArgument, NotFound, ...: what is wrong with the file; all stays as it was. Any thread, one at a time.
  Reloaded reload();

  // Waits in the main thread for SIGTERM or SIGINT (0), or stop(). A second SIGTERM or SIGINT then kills. SIGHUP
  // reloads.
  int wait_for_stop();
  // The --config file, after start().
  const std::string& config_path() const { return config_path_; }
  // From any thread; the first call decides the exit code.
  void stop(int exit_code);

 private:
  std::optional<int> start_with(int argc, const char* const* argv, google::protobuf::Message& config,
                                size_t file_limit);
  Reloaded reload_generic(const std::function<void(const google::protobuf::Message&)>& apply);

  const std::string program_;
  const std::string about_;
  std::string config_path_;
  size_t file_limit_ = 0;
  std::function<absl::Status(const google::protobuf::Message&, const config::Locations&)> check_;
  std::mutex reloading_;
  std::unique_ptr<google::protobuf::Message> running_;
  std::function<Reloaded()> reload_;
  int signals_ = -1;
  int wake_ = -1;
  std::atomic<int> exit_code_{-1};
};

}  // namespace lapwing::control
