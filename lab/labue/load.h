// `labue load`: registers (and ends the registrations of) all handsets of a host, in an open loop at a rate or in a
// closed loop with a window, lets them call each other, and says how it went.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/runtime/one_shot.h"
#include "lab/labue/host.h"

namespace lapwing::labue {

struct LoadPlan {
  double rate = 0;      // registrations begun each second; 0: closed loop
  size_t window = 100;  // registrations under way at a time, in the closed loop
  int rounds = 1;
  bool deregister = false;  // after each round; with several rounds always
  bool subscribe = false;   // counted with the registration
  // Made once all are registered, in a closed loop with the window: the first handset calls the second, the third the
  // fourth, and so on; answered, and hung up at once. The latency is that of the answer.
  size_t calls = 0;
};

// What one pass over all handsets came to.
struct PhaseResult {
  std::string name;  // "register", "call" or "deregister"
  int round = 0;
  uint64_t attempts = 0, successes = 0;
  std::map<std::string, uint64_t> failures;  // by reason
  std::vector<float> latencies_ms;           // of the successes
  double seconds = 0;
  double cpu_seconds = 0;  // ours, user and system

  double percentile(double share) const;  // share of 1; sorts on first use
  void sort();
  std::string json() const;
  std::string table() const;  // lines for people
};

class Load {
 public:
  Load(Worker& worker, Host& host, LoadPlan plan) : worker_(worker), host_(host), plan_(plan) {}

  // Prints a line of progress to standard error each second.
  Task<void> run();
  // Of the phases that came to their end.
  const std::vector<PhaseResult>& results() const { return results_; }
  bool all_succeeded() const;

 private:
  Task<void> phase(std::string name, int round);
  Task<void> lane();
  Task<void> pace();
  Task<void> progress(std::shared_ptr<bool> over);
  Task<void> one(size_t index);
  Task<void> calls(size_t lane, size_t lanes);
  Task<void> one_call(size_t pair);
  void count(const Outcome& outcome, Duration took);
  size_t pairs() const { return host_.size() / 2; }

  Worker& worker_;
  Host& host_;
  const LoadPlan plan_;
  std::vector<PhaseResult> results_;
  PhaseResult current_;
  size_t total_ = 0, next_ = 0, finished_ = 0;  // of the phase
  std::optional<OneShot<bool>::Sink> all_finished_;
};

}  // namespace lapwing::labue
