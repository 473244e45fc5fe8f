// imsctl top: what the daemons do now, on one screen.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "cli/daemons.h"
#include "cli/render.h"
#include "lapwing/v1/control.pb.h"

namespace lapwing::cli {

// What was asked at one moment.
struct TopFrame {
  WallTime at{};
  std::vector<Answer<v1::StatusReply>> status;
  std::vector<Answer<v1::ListHssPeersReply>> hss;
  std::vector<Answer<v1::ListCallsReply>> calls;
};

// before: the frame that rates are counted from; null: there is none yet. events: the newest last.
std::string top_text(const TopFrame& now, const TopFrame* before, const std::deque<v1::Event>& events,
                     const View& view);

}  // namespace lapwing::cli
