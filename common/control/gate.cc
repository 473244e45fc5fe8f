#include "common/control/gate.h"

#include <vector>

#include "common/runtime/log.h"

namespace lapwing::control {

void Gate::audit(const Client& client, std::string_view what, const std::string& identity,
                 std::string_view outcome) const {
  const std::string text =
      absl::StrFormat("%s: %s%s%s: %s", log::printable(client.name), what, identity.empty() ? "" : " ",
                      log::printable(identity), log::printable(outcome));
  log::audit(text);
  Event event{.time = {}, .kind = "audit", .impi = "", .impu = "", .text = text};
  // So that it stands in the story of a user who is known.
  const std::vector<Event> story = identity.empty() ? std::vector<Event>{} : events_.of(identity);
  if (!story.empty()) {
    event.impi = story.back().impi;
    event.impu = story.back().impu;
  }
  events_.publish(std::move(event));
}

}  // namespace lapwing::control
