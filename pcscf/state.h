// What the P-CSCF keeps over a restart: handsets that are registered, with their security association sets. The keys of
// these are in the kernel and nowhere else: the associations stay there meanwhile, and are adopted at the start.
// Challenges are not kept: a handset whose answer comes too late for us begins anew.
//
// Procedures say what has changed; the store commits it in the background. See common/store/store.h.
#pragma once

#include "absl/status/statusor.h"
#include "pcscf/core.h"

namespace lapwing::pcscf {

// How long a 200 to a REGISTER waits for the commit; past that it goes all the same, and the store counts it.
constexpr Duration commit_patience = std::chrono::milliseconds(50);

// The handset as it is now. The caller holds its lock.
void keep_handset(Core& core, const Handset& locked);

struct Restored {
  size_t handsets = 0, sets = 0;
  size_t lost = 0;        // handsets whose sets the kernel does not have any more
  size_t unreadable = 0;  // records that were passed over
};
// Takes up what the store and the kernel have. Before Kernel::prepare(), which deletes what nobody adopted, and before
// the workers run; resume() then sets the timers and subscribes to the reg events anew.
absl::StatusOr<Restored> restore(Core& core);
void resume(Core& core);

}  // namespace lapwing::pcscf
