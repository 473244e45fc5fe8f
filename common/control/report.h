// How a procedure tells what happened to a user: a line in the log, and an event for the operator.
//
//   control::Report report = control::report_to(events);
//   report("register.challenged", impi, impu, "401 sent");
//
// IMPI or IMPU may be empty. The text is a sentence and never carries a key (K, OPc, CK, IK, RES). A cause: what
// `imsctl explain` shall name.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "common/diagnosis/cause.h"

namespace lapwing::control {

class Events;

class Report {
 public:
  using Sink = std::function<void(std::string_view kind, std::string_view impi, std::string_view impu, std::string text,
                                  Cause cause)>;
  explicit Report(Sink sink) : sink_(std::move(sink)) {}
  void operator()(std::string_view kind, std::string_view impi, std::string_view impu, std::string text,
                  Cause cause = Cause::none) const {
    sink_(kind, impi, impu, std::move(text), cause);
  }

 private:
  Sink sink_;
};

// From any thread. The events outlive it.
Report report_to(Events& events);

}  // namespace lapwing::control
