// Time as a port: production reads the kernel's clock, tests move their own.
#pragma once

#include <chrono>

namespace lapwing {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;
using WallTime = std::chrono::system_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;  // monotonic; for deadlines
  virtual WallTime wall() const = 0;  // for what people and peers read
};

class SystemClock final : public Clock {
 public:
  TimePoint now() const override { return std::chrono::steady_clock::now(); }
  WallTime wall() const override { return std::chrono::system_clock::now(); }
};

// A clock that stands still until a test moves it. Starts at a fixed instant so that outputs repeat.
class ManualClock final : public Clock {
 public:
  TimePoint now() const override { return TimePoint{} + std::chrono::hours(1) + passed_; }
  WallTime wall() const override {
    return WallTime{std::chrono::seconds(1'700'000'000)} + std::chrono::duration_cast<WallTime::duration>(passed_);
  }
  void advance(Duration by) { passed_ += by; }

 private:
  Duration passed_{};
};

}  // namespace lapwing
