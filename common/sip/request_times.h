// How long requests took to their final response, by method and status code. One owner: a worker's.
#pragma once

#include <cstdint>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "common/metrics/distribution.h"
#include "common/sip/message.h"

namespace lapwing::sip {

class RequestTimes {
 public:
  static constexpr int no_answer = 0;  // in place of a code: timed out, or could not be sent

  // A code that no standard knows counts as its x00 (RFC 3261 section 8.1.3.2), so that peers cannot make up ever more.
  void observe(Method method, int code, Duration took);
  void add(const RequestTimes& other);
  const absl::flat_hash_map<std::pair<Method, int>, metrics::Distribution>& all() const { return all_; }

 private:
  absl::flat_hash_map<std::pair<Method, int>, metrics::Distribution> all_;
};

}  // namespace lapwing::sip
