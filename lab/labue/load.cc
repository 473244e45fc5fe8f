#include "lab/labue/load.h"

#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <utility>

#include "absl/strings/str_format.h"

namespace lapwing::labue {
namespace {

double cpu_seconds_now() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double seconds_between(TimePoint from, TimePoint to) {
  return std::chrono::duration<double>(to - from).count();
}

double per_second(uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

double cpu_us_each(const PhaseResult& result) {
  return result.attempts > 0 ? result.cpu_seconds * 1e6 / static_cast<double>(result.attempts) : 0;
}

}  // namespace

void PhaseResult::sort() {
  std::sort(latencies_ms.begin(), latencies_ms.end());
}

double PhaseResult::percentile(double share) const {
  if (latencies_ms.empty()) return 0;
  auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(latencies_ms.size())));
  return latencies_ms[std::clamp<size_t>(rank, 1, latencies_ms.size()) - 1];
}

std::string PhaseResult::json() const {
  std::string reasons;
  for (const auto& [reason, count] : failures) {
    absl::StrAppendFormat(&reasons, "%s%s:%d", reasons.empty() ? "" : ",", json_string(reason), count);
  }
  return absl::StrFormat(
      R"({"event":"load","phase":%s,"round":%d,"attempts":%d,"successes":%d,"failures":{%s},"seconds":%.3f,)"
      R"("rate":%.1f,"latency_ms":{"p50":%.2f,"p90":%.2f,"p99":%.2f,"max":%.2f},"labue_cpu_us_each":%.1f})",
      json_string(name), round, attempts, successes, reasons, seconds, per_second(successes, seconds), percentile(0.5),
      percentile(0.9), percentile(0.99), percentile(1), cpu_us_each(*this));
}

std::string PhaseResult::table() const {
  std::string out = absl::StrFormat(
      "%s, round %d: %d of %d in %.2f s, %.1f/s; latency p50 %.1f, p90 %.1f, p99 %.1f, max %.1f ms; labue %.0f us CPU "
      "each\n",
      name, round, successes, attempts, seconds, per_second(successes, seconds), percentile(0.5), percentile(0.9),
      percentile(0.99), percentile(1), cpu_us_each(*this));
  for (const auto& [reason, count] : failures) absl::StrAppendFormat(&out, "  %8d  %s\n", count, reason);
  return out;
}

bool Load::all_succeeded() const {
  return std::all_of(results_.begin(), results_.end(), [](const PhaseResult& r) { return r.successes == r.attempts; });
}

Task<void> Load::run() {
  for (int round = 1; round <= plan_.rounds; ++round) {
    co_await phase("register", round);
    if (plan_.calls > 0 && pairs() > 0) co_await phase("call", round);
    if (plan_.deregister || plan_.rounds > 1) co_await phase("deregister", round);
  }
}

Task<void> Load::phase(std::string name, int round) {
  current_ = {};
  current_.name = std::move(name);
  current_.round = round;
  next_ = finished_ = 0;
  bool calling = current_.name == "call";
  total_ = calling ? plan_.calls : handsets_.size();
  OneShot<bool> all_finished(worker_);
  all_finished_ = all_finished.sink();
  TimePoint began = worker_.clock().now();
  double cpu_began = cpu_seconds_now();
  auto over = std::make_shared<bool>(false);
  worker_.spawn(progress(over));
  double rate = calling ? plan_.call_rate : plan_.rate;
  if (calling) {
    free_pairs_.resize(pairs());
    std::iota(free_pairs_.begin(), free_pairs_.end(), 0);
  }
  if (rate > 0) {
    worker_.spawn(calling ? pace_calls() : pace());
  } else {
    size_t lanes = std::min(std::max<size_t>(plan_.window, 1), calling ? std::min(pairs(), total_) : total_);
    for (size_t i = 0; i < lanes; ++i) worker_.spawn(calling ? call_lane() : lane());
  }
  co_await all_finished.wait(std::chrono::hours(24));
  *over = true;
  current_.seconds = seconds_between(began, worker_.clock().now());
  current_.cpu_seconds = cpu_seconds_now() - cpu_began;
  current_.sort();
  results_.push_back(std::move(current_));
  if (phase_over_) phase_over_(results_.back());
}

Task<void> Load::lane() {
  while (next_ < handsets_.size()) co_await one(next_++);
}

Task<void> Load::pace() {
  TimePoint began = worker_.clock().now();
  while (next_ < handsets_.size()) {
    double due = seconds_between(began, worker_.clock().now()) * plan_.rate;
    while (next_ < handsets_.size() && static_cast<double>(next_) <= due) worker_.spawn(one(next_++));
    co_await worker_.sleep(std::chrono::milliseconds(1));
  }
}

Task<void> Load::one(size_t index) {
  Handset& handset = *handsets_[index];
  TimePoint began = worker_.clock().now();
  Outcome outcome;
  if (current_.name == "deregister") {
    outcome = co_await handset.deregister(false);
  } else {
    outcome = co_await handset.register_();
    if (outcome.ok && plan_.subscribe) outcome = co_await handset.subscribe_reg();
  }
  count(outcome, worker_.clock().now() - began);
}

void Load::count(const Outcome& outcome, Duration took) {
  ++current_.attempts;
  if (outcome.ok) {
    ++current_.successes;
    current_.latencies_ms.push_back(static_cast<float>(std::chrono::duration<double, std::milli>(took).count()));
  } else {
    ++current_.failures[outcome.code != 0 && outcome.code != 401 ? std::to_string(outcome.code) : outcome.why];
  }
  if (++finished_ == total_) all_finished_->set(true);
}

// There are no more lanes than pairs.
Task<void> Load::call_lane() {
  while (next_ < total_) {
    ++next_;
    size_t pair = free_pairs_.front();
    free_pairs_.pop_front();
    co_await one_call(pair);
  }
}

Task<void> Load::pace_calls() {
  TimePoint began = worker_.clock().now();
  while (next_ < total_) {
    double due = seconds_between(began, worker_.clock().now()) * plan_.call_rate;
    for (; next_ < total_ && static_cast<double>(next_) <= due && !free_pairs_.empty(); ++next_) {
      worker_.spawn(one_call(free_pairs_.front()));
      free_pairs_.pop_front();
    }
    co_await worker_.sleep(std::chrono::milliseconds(1));
  }
}

Task<void> Load::one_call(size_t pair) {
  Calls& caller = handsets_[2 * pair]->calls();
  std::string target = handsets_[2 * pair + 1]->default_impu();
  TimePoint began = worker_.clock().now();
  Outcome outcome = co_await caller.call(std::move(target));
  Duration took = worker_.clock().now() - began;
  if (outcome.ok) outcome = co_await caller.hang_up();
  free_pairs_.push_back(pair);
  count(outcome, took);
}

Task<void> Load::progress(std::shared_ptr<bool> over) {
  uint64_t before = 0;
  for (;;) {
    co_await worker_.sleep(std::chrono::seconds(1));
    if (*over) co_return;
    const PhaseResult& result = current_;
    std::fprintf(stderr, "%s",
                 absl::StrFormat("%s, round %d: %d/s, %d of %d done, %d failed, %d under way\n", result.name,
                                 result.round, result.successes - before, result.attempts, total_,
                                 result.attempts - result.successes, next_ - finished_)
                     .c_str());
    before = result.successes;
  }
}

}  // namespace lapwing::labue
