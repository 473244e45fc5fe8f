#include "common/control/report.h"

#include <utility>

#include "common/control/events.h"
#include "common/runtime/log.h"

namespace lapwing::control {

Report report_to(Events& events) {
  return [&events](std::string_view kind, std::string_view impi, std::string_view impu, std::string text) {
    LW_LOG(info, "%s %s: %s", kind, log::printable(impi.empty() ? impu : impi), log::printable(text, 512));
    events.publish({.time = {},
                    .kind = std::string(kind),
                    .impi = std::string(impi),
                    .impu = std::string(impu),
                    .text = std::move(text)});
  };
}

}  // namespace lapwing::control
