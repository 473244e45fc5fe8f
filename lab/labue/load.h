// `labue load`: registers (and ends the registrations of) all handsets of a host, in an open loop at a rate or in a
// closed loop with a window, lets them call each other, and says how it went.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/runtime/one_shot.h"
#include "lab/labue/handset.h"

namespace lapwing::labue {

struct LoadPlan {
  double rate = 0;      // registrations begun each second; 0: closed loop
  size_t window = 100;  // registrations under way at a time, in the closed loop
  int rounds = 1;
  bool deregister = false;  // after each round; with several rounds always
  bool subscribe = false;   // counted with the registration
  // Made once all are registered: the first handset calls the second, the third the fourth, and so on; answered, and
  // hung up at once. The latency is that of the answer.
  size_t calls = 0;
  double call_rate = 0;  // calls begun each second, as long as a pair is free; 0: closed loop with the window
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
  // The handsets outlive this. phase_over, where given, is told of each phase as it ends.
  Load(Worker& worker, std::vector<Handset*> handsets, LoadPlan plan,
       std::function<void(const PhaseResult&)> phase_over = {})
      : worker_(worker), handsets_(std::move(handsets)), plan_(plan), phase_over_(std::move(phase_over)) {}

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
  Task<void> call_lane();
  Task<void> pace_calls();
  Task<void> one_call(size_t pair);
  void count(const Outcome& outcome, Duration took);
  size_t pairs() const { return handsets_.size() / 2; }

  Worker& worker_;
  const std::vector<Handset*> handsets_;
  const LoadPlan plan_;
  const std::function<void(const PhaseResult&)> phase_over_;
  std::vector<PhaseResult> results_;
  PhaseResult current_;
  size_t total_ = 0, next_ = 0, finished_ = 0;  // of the phase
  std::deque<size_t> free_pairs_;               // those that rested longest first
  std::optional<OneShot<bool>::Sink> all_finished_;
};

}  // namespace lapwing::labue
