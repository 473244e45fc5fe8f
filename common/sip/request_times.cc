#include "common/sip/request_times.h"

#include "common/sip/edits.h"

namespace lapwing::sip {

void RequestTimes::observe(Method method, int code, Duration took) {
  auto found = all_.find({method, code});
  if (found == all_.end()) {
    if (code != no_answer && reason_phrase(code) == "Unknown") code = code / 100 * 100;
    found = all_.try_emplace({method, code}, metrics::seconds_bounds).first;
  }
  found->second.observe(took);
}

void RequestTimes::add(const RequestTimes& other) {
  for (const auto& [key, distribution] : other.all_) {
    all_.try_emplace(key, metrics::seconds_bounds).first->second.add(distribution);
  }
}

}  // namespace lapwing::sip
