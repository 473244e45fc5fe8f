// One run of imsctl: the daemons it knows, where it writes, and what each command asks and prints.
#pragma once

#include <chrono>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "cli/daemons.h"
#include "cli/imsctl.h"
#include "cli/render.h"

namespace lapwing::cli {

enum ExitCode { ok = 0, not_found = 1, usage = 2, not_reachable = 3 };

// The command line after it was read.
struct Arguments {
  std::string identity;
  std::string callee;                // explain call
  std::string method = "INVITE";     // likewise
  std::vector<std::string> headers;  // likewise
  std::string reason = "deactivated";
  uint32_t reason_code = 0;
  std::string text;
  uint32_t limit = 0;
  bool resume = false, no_wait = false;                           // drain
  Duration within{};                                              // likewise
  bool bar = false, unbar = false, no_ifc = false, push = false;  // hss subscriber
  std::string display_name;                                       // likewise
  std::vector<std::string> add_impus, remove_impus, ifc;          // likewise; ifc: files
  Duration interval = std::chrono::seconds(1);                    // top
  uint32_t count = 0;                                             // likewise: frames; 0: until interrupted
  bool follow = false, full = false;                              // trace, capture
  std::string save, from, svg, html, output;                      // likewise, esp-keys: files
  std::chrono::seconds length{};                                  // debug
  bool off = false;                                               // likewise
  std::string hep;                                                // capture: a collector
  uint32_t hep_id = 2000;                                         // likewise: who we are to it
  bool json = false;
  std::chrono::milliseconds timeout{3000};
};

class Session {
 public:
  Session(std::vector<Daemon> daemons, Arguments arguments, std::ostream& out, std::ostream& err,
          const Surroundings& around)
      : daemons_(std::move(daemons)), arguments_(std::move(arguments)), out_(out), err_(err), around_(around) {}

  int registrations();
  int show();
  int sa();
  int hss();
  int calls();
  int hangup();
  int explain();
  int explain_call();
  int diagnoses();
  int top();
  int trace();
  int capture();
  int esp_keys();
  int debug();
  int lint_profile();
  int deregister();
  int watch();
  int status();
  int reload();
  int drain();
  int subscribers();
  int change_subscriber();
  int terminate();
  int push_profile();

 private:
  View view() const { return {around_.clock.wall(), around_.width}; }
  // 2, after a sentence, when no daemon of these roles is known.
  int known(std::vector<Role> roles);
  template <typename Reply>
  int warn(const std::vector<Answer<Reply>>& answers);
  template <typename Reply>
  int print_json(const std::vector<Answer<Reply>>& answers, bool found);
  template <typename Reply>
  int pushed(const std::vector<Answer<Reply>>& answers);
  int lint_file();
  std::vector<const Daemon*> recording() const;  // those that keep messages
  bool collect(std::vector<v1::TraceMessage>& messages, int& code);
  bool judge(const std::vector<const Daemon*>& daemons, const std::vector<grpc::Status>& ended, int& code);
  int follow_trace();
  class CaptureSink;
  // The whole file; nullopt, and an error is printed, when it cannot be read.
  std::optional<std::string> content_of(const std::string& path);

  const std::vector<Daemon> daemons_;
  const Arguments arguments_;
  std::ostream& out_;
  std::ostream& err_;
  const Surroundings& around_;
};

}  // namespace lapwing::cli
