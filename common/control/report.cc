#include "common/control/report.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "common/control/events.h"
#include "common/runtime/log.h"

namespace lapwing::control {

Report report_to(Events& events) {
  return Report(
      [&events](std::string_view kind, std::string_view impi, std::string_view impu, std::string text, Cause cause) {
        if (log::admits(log::Level::info)) {
          log::write(log::Level::info, {.text = log::printable(text, 512),
                                        .kind = kind,
                                        .impi = log::printable(impi),
                                        .impu = log::printable(impu),
                                        .code = diagnosis::code_of(cause)});
        }
        events.publish({.time = {},
                        .kind = std::string(kind),
                        .impi = std::string(impi),
                        .impu = std::string(impu),
                        .text = std::move(text),
                        .cause = cause});
      });
}

}  // namespace lapwing::control
