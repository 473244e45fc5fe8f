// What a scenario plays in: a daemon's core on one worker, virtual time, and a transport that keeps what is sent.
// The folders derive their worlds from World and register their files:
//
//   const int registered = register_scenarios("scscf", [](const Settings& s) { return std::make_unique<ScscfWorld>(s);
//   });
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/control/report.h"
#include "common/runtime/worker.h"
#include "common/sip/transaction_layer.h"
#include "tests/scenarios/support/script.h"

namespace lapwing::scenarios {

using SettingsText = std::map<std::string, std::string>;

struct SentMessage {
  sip::Flow flow;
  std::string bytes;
};

// Keeps what is sent; a repetition is only counted. Can lose the next message on a way and say so.
class FakeTransport final : public sip::Transport {
 public:
  explicit FakeTransport(Worker& worker) : worker_(worker) {}
  void send(const sip::Flow& flow, std::string_view bytes, Failed on_failure) override;
  void reset(const sip::Flow& flow) override { resets.push_back(flow); }

  std::deque<SentMessage> sent;
  size_t repeats = 0;
  std::vector<sip::Flow> failing;
  std::vector<sip::Flow> resets;  // of connections
  // When set, a message that it takes is not queued: how two daemons of one world reach each other.
  std::function<bool(const sip::Flow&, const std::string&)> divert;

 private:
  Worker& worker_;
  std::set<std::string> seen_;
};

class World {
 public:
  World() = default;
  virtual ~World() = default;

  // A message arrives.
  virtual void receive(const std::string& bytes, const sip::Flow& flow) = 0;
  // A step that only this world knows; false: it does not know it either.
  virtual bool step(const Step& step, Variables& variables) = 0;
  // What is left over at the end, besides messages; empty: nothing.
  virtual std::string left_over() { return {}; }

  void settle();
  void advance(Duration by);

  // Everything that was reported to the operator.
  struct Event {
    std::string kind, impi, impu, text, code;
  };
  std::vector<Event> events;
  control::Report report() {
    return control::Report(
        [this](std::string_view kind, std::string_view impi, std::string_view impu, std::string text, Cause cause) {
          events.push_back({std::string(kind), std::string(impi), std::string(impu), std::move(text),
                            std::string(diagnosis::code_of(cause))});
        });
  }

  ManualClock clock;
  Worker worker{0, clock};
  FakeTransport transport{worker};
};

using Factory = std::function<std::unique_ptr<World>(const SettingsText&)>;

// Every *.scenario file of tests/scenarios/FOLDER as tests: suite FOLDER_FILE, one test for each scenario.
int register_scenarios(const std::string& folder, Factory factory);

// Where captured handset messages are; empty: nowhere.
std::string handset_data();
// "udp 10.0.0.1:5060 10.0.0.2:5060"; throws Failure.
sip::Flow flow_from(const std::string& protocol, const std::string& remote, const std::string& local);
// Compares and throws Failure.
void require(const std::string& what, const std::string& expected, const std::string& actual);

}  // namespace lapwing::scenarios
