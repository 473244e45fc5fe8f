// What the Cx procedures share.
#pragma once

#include "common/runtime/log.h"
#include "lab/labhss/cx_service.h"

namespace lapwing::labhss {

// An answer of ours to a request that came from `routing`.
template <typename Answer>
Answer CxService::begin(const cx::Routing& routing) const {
  Answer answer;
  answer.routing = {.origin_host = settings_.origin_host,
                    .origin_realm = settings_.origin_realm,
                    .destination_host = routing.origin_host,
                    .destination_realm = routing.origin_realm};
  return answer;
}

inline bool accepted(const cx::Result& result) {
  return result.code >= 2001 && result.code < 3000;
}

// One line a request: refusals for everybody, the rest for those who debug.
inline void log_answer(std::string_view command, std::string_view identity, const cx::Result& result,
                       std::string_view why) {
  const std::string who = log::printable(identity);
  if (accepted(result)) {
    LW_LOG(debug, "%s for %s: %s: %s", command, who, cx::result_text(result), why);
  } else {
    LW_LOG(info, "%s for %s: %s: %s", command, who, cx::result_text(result), why);
  }
}

}  // namespace lapwing::labhss
