#include "scscf/config_check.h"

#include "absl/strings/str_format.h"
#include "scscf/user_profile.h"

namespace lapwing::scscf {

using config::duration;

absl::StatusOr<SharedIfcSets> shared_sets_from(const v1::Services& services, const config::Locations* where) {
  SharedIfcSets sets;
  for (int i = 0; i < services.shared_sets_size(); ++i) {
    const v1::SharedIfcSet& set = services.shared_sets(i);
    for (int j = 0; j < set.ifc_size(); ++j) {
      auto criterion = parse_filter_criteria(set.ifc(j));
      if (criterion.ok()) {
        sets[set.id()].push_back(std::move(*criterion));
        continue;
      }
      std::string why(criterion.status().message());
      return where ? where->error(absl::StrFormat("services.shared_sets[%d].ifc[%d]", i, j), why)
                   : absl::InvalidArgumentError(why);
    }
  }
  return sets;
}

absl::Status check(const v1::ScscfConfig& config, const config::Locations& where) {
  const v1::Registrar& r = config.registrar();
  if (duration(r.min_expires()) > duration(r.max_expires())) {
    return where.error("registrar.min_expires", "is longer than registrar.max_expires");
  }
  if (config.cx().origin_host().find('.') == std::string::npos && config.cx().origin_realm().empty()) {
    return where.error("cx.origin_host", "has no dot, so no realm: give cx.origin_realm");
  }
  auto sets = shared_sets_from(config.services(), &where);
  if (!sets.ok()) return sets.status();
  return absl::OkStatus();
}

}  // namespace lapwing::scscf
