// How a procedure tells what happened to a user: a line in the log, and an event for the operator.
//
//   control::Report report = control::report_to(events);
//   report("register.challenged", impi, impu, "401 sent");
//
// IMPI or IMPU may be empty. The text is a sentence and never carries a key (K, OPc, CK, IK, RES).
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace lapwing::control {

class Events;

using Report =
    std::function<void(std::string_view kind, std::string_view impi, std::string_view impu, std::string text)>;

// From any thread. The events outlive it.
Report report_to(Events& events);

}  // namespace lapwing::control
