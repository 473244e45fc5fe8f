#include "scscf/charging.h"

#include "common/sip/headers.h"

namespace lapwing::scscf {

std::string charging_addresses(const cx::ChargingInformation& charging) {
  std::string value;
  auto add = [&value](const char* function, const std::string& uri) {
    if (uri.empty()) return;
    value.append(value.empty() ? "" : ";").append(function).append("=").append(sip::quote(uri));
  };
  add("ccf", charging.primary_collection);
  add("ccf", charging.secondary_collection);
  add("ecf", charging.primary_event);
  add("ecf", charging.secondary_event);
  return value;
}

}  // namespace lapwing::scscf
