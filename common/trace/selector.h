// Which recorded messages belong to a user or to a call: those that name it, and all others of their Call-ID or, for
// Diameter, of their request. A name is found as a whole: 1001 is not in sip:+10011@example.org.
//
//   trace::Selector selector({"001010000000001@ims...", "sip:+15550000001@ims..."});
//   selector.learn(record);   // all there are
//   if (selector.takes(record)) ...
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "common/trace/recorder.h"

namespace lapwing::trace {

class Selector {
 public:
  // names: any of them in a message's header, or in a Diameter message, makes it one of ours; none: every message is.
  explicit Selector(std::vector<std::string> names) : names_(std::move(names)) {}

  // More of them; what was learned stays.
  void know(std::string name);
  // Notes the key of a message that names the user.
  void learn(const Record& record);
  bool takes(const Record& record) const;

 private:
  static constexpr size_t keys_limit = 100'000;
  bool names_us(const Record& record) const;

  std::vector<std::string> names_;
  absl::flat_hash_set<std::string> keys_;
};

}  // namespace lapwing::trace
