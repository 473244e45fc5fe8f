#include "scscf/procedures/deadlines.h"

#include <algorithm>

#include "scscf/procedures/challenge.h"
#include "scscf/procedures/deregister.h"

namespace lapwing::scscf {
namespace {

Task<void> deadlines_passed(Core& core, Site& site, std::string impi) {
  co_await challenge_unanswered(core, site, impi);
  co_await expire(core, site, impi);
  watch_deadlines(core, site, impi);
}

void ring(Core& core, Site& site, const std::string& impi) {
  core.registrar.with_existing(impi, [](User& user) { user.alarm.rang(); });
  site.worker.spawn(deadlines_passed(core, site, impi));
}

}  // namespace

void watch_deadlines(Core& core, Site& site, const std::string& impi) {
  core.registrar.with_existing(impi, [&](User& user) {
    std::optional<TimePoint> earliest;
    auto wait_for = [&earliest](TimePoint at) { earliest = std::min(earliest.value_or(at), at); };
    if (user.challenge) wait_for(user.challenge->deadline);
    for (const Registration& registration : user.registrations) {
      for (const Binding& binding : registration.bindings) wait_for(binding.expires);
    }
    if (!earliest) return user.alarm.cancel();
    // Past already: its turn was not to be had.
    if (*earliest <= core.clock.now()) earliest = core.clock.now() + std::chrono::seconds(1);
    user.alarm.by(site.worker, *earliest, [&core, &site, name = user.impi] { ring(core, site, name); });
  });
}

}  // namespace lapwing::scscf
