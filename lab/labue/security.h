// The sets of security associations that a handset has: one in use, one that waits for its 200, and those that were
// replaced and still let the last messages pass (TS 33.203 section 7.4).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "pcscf/ipsec/sa.h"

namespace lapwing::labue {

// One set, and what Security-Verify repeats of it.
struct Security {
  ipsec::SaSet set;
  std::string verify;
};

struct SecuritySets {
  std::shared_ptr<Security> current, pending;
  std::vector<std::shared_ptr<Security>> old;

  size_t size() const { return (current ? 1u : 0u) + (pending ? 1u : 0u) + old.size(); }
  // The set with this port-pc, else any; null when there is none.
  const Security* of_port_pc(uint16_t port_pc) const {
    const Security* found = nullptr;
    auto consider = [&](const std::shared_ptr<Security>& one) {
      if (one && (!found || one->set.pc.value == port_pc)) found = one.get();
    };
    consider(current);
    consider(pending);
    for (const std::shared_ptr<Security>& one : old) consider(one);
    return found;
  }
};

}  // namespace lapwing::labue
