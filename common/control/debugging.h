// `imsctl debug`: everything about a user or a call in the log for a while, whatever log.level is: each message that
// the daemon sends or receives, Cx included, and each event.
//
//   Debugging debugging({.recorder = recorder, .cx_in_words = ..., .names_of = ...}, clock, events);
//   debugging.change(request);   // Control.Debug
//
// It reads what trace::Recorder has, on a thread of its own, which there is only while somebody is debugged: procedures
// pay nothing. Lines come up to a tenth of a second late, with the time at which it happened. They do not count for
// log.lines_per_second, and have a limit of their own.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "common/control/events.h"
#include "common/runtime/clock.h"
#include "common/runtime/rate_limit.h"
#include "common/trace/recorder.h"
#include "common/trace/selector.h"
#include "lapwing/v1/control.pb.h"

namespace lapwing::control {

// A Diameter message for people: its name and main AVPs, and all of it in several lines.
struct CxWords {
  std::string line, full;
};
using CxInWords = std::function<CxWords(std::string_view bytes)>;

class Debugging {
 public:
  static constexpr size_t identities_limit = 16;
  static constexpr std::chrono::seconds longest = std::chrono::hours(24);
  static constexpr uint32_t lines_per_second = 200;   // of all who are debugged
  static constexpr size_t message_limit = 16 * 1024;  // bytes of one; the journal splits lines beyond 48 KiB

  struct Options {
    trace::Recorder* recorder = nullptr;  // null: nothing can be debugged
    CxInWords cx_in_words = nullptr;
    // As Operator::names_of.
    std::function<std::vector<std::string>(std::string_view identity)> names_of = nullptr;
  };
  // Clock, recorder and events outlive it.
  Debugging(Options options, const Clock& clock, Events& events);
  ~Debugging();
  Debugging(const Debugging&) = delete;
  Debugging& operator=(const Debugging&) = delete;

  // Begins, prolongs or, with 0 seconds, ends it for one identity; tells who is debugged then. Errors: InvalidArgument
  // (too long), NotFound (to end: is not debugged), FailedPrecondition (no recorder), ResourceExhausted (too many).
  absl::StatusOr<v1::DebugReply> change(const v1::DebugRequest& request);
  // Writes what has come until now, and ends all.
  void stop();

 private:
  struct One {
    std::string identity;
    WallTime until;
    uint64_t from;  // the number of the last message before it
    trace::Selector selector;
    absl::flat_hash_set<std::string> names;
  };
  struct Told;

  // With mutex_, as all below but follow().
  absl::Status begin(const std::string& identity, std::chrono::seconds length);
  void follow();  // the thread
  void learn_names(One& one) const;
  void look();
  std::vector<Event> new_events();
  void say_what_is_missing();
  void write(const Told& told);
  void write_message(const One& one, const trace::Record& record);
  void end_those_past_their_time();

  const Options options_;
  const Clock& clock_;
  Events& events_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false, running_ = false;
  std::thread thread_;
  std::vector<std::unique_ptr<One>> debugged_;
  std::shared_ptr<Events::Subscription> subscription_;
  uint64_t last_ = 0;  // the number of the last message looked at
  RateLimit limit_{lines_per_second};
  uint64_t left_out_ = 0, unseen_ = 0;  // lines; messages and events that had gone before they were looked at
  TimePoint said_{};
};

}  // namespace lapwing::control
