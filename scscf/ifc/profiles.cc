#include "scscf/ifc/profiles.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"

namespace lapwing::scscf {
namespace {

// Enough of a list of criteria to tell most from each other; equality decides.
size_t hash_of(const std::vector<InitialFilterCriteria>& criteria) {
  size_t hash = criteria.size();
  auto mix = [&hash](size_t value) { hash = hash * 31 + value; };
  for (const InitialFilterCriteria& one : criteria) {
    mix(one.priority);
    mix(std::hash<std::string>{}(one.application_server.server_name));
    mix(one.trigger_point ? one.trigger_point->spts.size() : 0);
  }
  return hash;
}

}  // namespace

absl::StatusOr<Profiles::Read> Profiles::read(std::string_view user_data) {
  absl::StatusOr<UserProfile> parsed = parse_user_profile(user_data);
  if (!parsed.ok()) return parsed.status();
  parsed->read_under = version_.load();
  Read result;
  for (ServiceProfile& service : parsed->service_profiles) {
    std::vector<InitialFilterCriteria> criteria = std::exchange(service.criteria, {});
    std::vector<uint32_t> sets = std::exchange(service.shared_ifc_sets, {});
    {
      std::lock_guard lock(mutex_);
      for (uint32_t number : sets) {
        auto set = shared_.find(number);
        if (set == shared_.end()) {
          result.faults.push_back(absl::StrFormat(
              "the profile names the shared iFC set %d, which is not in `services.shared_sets`", number));
          continue;
        }
        criteria.insert(criteria.end(), set->second.begin(), set->second.end());
      }
    }
    service.services = share(std::move(criteria));
    const std::vector<std::string>& faults = service.services->faults();
    result.faults.insert(result.faults.end(), faults.begin(), faults.end());
  }
  result.profile = std::make_shared<const UserProfile>(std::move(*parsed));
  return result;
}

void Profiles::configure(SharedIfcSets shared, RequestUriPart uri_part) {
  std::lock_guard lock(mutex_);
  shared_ = std::move(shared);
  uri_part_ = uri_part;
  ++version_;
  pool_.clear();  // those in use live on with their users
}

size_t Profiles::distinct() {
  std::lock_guard lock(mutex_);
  size_t count = 0;
  for (auto& [hash, alike] : pool_) {
    for (auto& one : alike) count += one.expired() ? 0 : 1;
  }
  return count;
}

size_t Profiles::remembered() {
  std::lock_guard lock(mutex_);
  return pool_.size();
}

std::shared_ptr<const FilterCriteria> Profiles::share(std::vector<InitialFilterCriteria> criteria) {
  criteria = in_order(std::move(criteria));  // as FilterCriteria keeps them, so that they can be compared
  std::lock_guard lock(mutex_);
  if (pool_.size() >= forget_at_) {
    absl::erase_if(pool_, [](auto& entry) {
      return std::all_of(entry.second.begin(), entry.second.end(), [](auto& one) { return one.expired(); });
    });
    forget_at_ = std::max<size_t>(512, 2 * pool_.size());
  }
  std::vector<std::weak_ptr<const FilterCriteria>>& alike = pool_[hash_of(criteria)];
  std::erase_if(alike, [](auto& one) { return one.expired(); });
  for (auto& one : alike) {
    auto living = one.lock();
    if (living && living->all() == criteria) return living;
  }
  auto made = std::make_shared<const FilterCriteria>(std::move(criteria), uri_part_);
  alike.push_back(made);
  return made;
}

}  // namespace lapwing::scscf
