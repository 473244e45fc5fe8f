// What the S-CSCF keeps over a restart: users with their registrations, the profiles, the subscriptions to reg events
// and the short messages that wait. Challenges, calls and what is under way are not kept: handsets repeat a REGISTER,
// and requests in dialogs are routed by their own headers.
//
// Procedures say what has changed; the store commits it in the background. See common/store/store.h.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "scscf/core.h"

namespace lapwing::scscf {

// How long a 200 to a REGISTER waits for the commit; past that it goes all the same, and the store counts it.
constexpr Duration commit_patience = std::chrono::milliseconds(50);

// The user's registrations as they are now.
void keep_user(Core& core, const std::string& impi);
// User-Data of a registration as it came, and its end.
void keep_profile(Core& core, const std::string& impi, uint32_t number, std::string user_data);
void forget_profile(Core& core, const std::string& impi, uint32_t number);
// On the subscription's worker.
void keep_subscription(Core& core, const Subscription& subscription);
void forget_subscription(Core& core, const Subscription& subscription);
// From now on short messages are kept too.
void keep_short_messages(Core& core);

struct Restored {
  size_t users = 0, contacts = 0, subscriptions = 0, short_messages = 0;
  size_t unreadable = 0;  // records that were passed over
};
// Takes up what the store has. Before the workers run; resume() then sets the timers. What ran out meanwhile is taken
// up too, and ends at once in the usual way.
absl::StatusOr<Restored> restore(Core& core);
void resume(Core& core);

}  // namespace lapwing::scscf
