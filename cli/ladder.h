// Messages that several daemons recorded, as one ladder: who sent what to whom. What two daemons saw is one arrow.
#pragma once

#include <string>
#include <vector>

#include "common/runtime/clock.h"
#include "lapwing/v1/control.pb.h"

namespace lapwing::cli {

struct LadderStep {
  WallTime at{};
  size_t from = 0, to = 0;  // columns
  std::string label;        // "REGISTER", "401 Unauthorized (REGISTER)", "MAA 2001"
  enum class Tone { request, provisional, success, failure } tone = Tone::request;
  std::string carrier;  // "udp", "tcp", "tls", "diameter"
  std::string message;  // SIP as it was, Diameter in lines
};

struct Ladder {
  std::vector<std::string> columns;  // "UE 10.47.1.1", "P-CSCF", "S-CSCF", "HSS", "AS 10.45.0.11"
  std::vector<LadderStep> steps;     // by time
};

// What one daemon sent and another received is kept once, as it was sent; by time.
std::vector<v1::TraceMessage> without_doubles(std::vector<v1::TraceMessage> messages);

Ladder ladder_of(std::vector<v1::TraceMessage> messages);

struct LadderStyle {
  size_t width = 0;  // of the terminal; 0: as wide as it takes
  bool colour = false;
  bool full = false;  // each message below its arrow
};
std::string ladder_text(const Ladder& ladder, const LadderStyle& style);
// A picture; and a page with the picture and all messages.
std::string ladder_svg(const Ladder& ladder);
std::string ladder_html(const Ladder& ladder, const std::string& title);

}  // namespace lapwing::cli
