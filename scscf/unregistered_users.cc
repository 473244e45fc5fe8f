#include "scscf/unregistered_users.h"

namespace lapwing::scscf {

std::optional<UnregisteredUser> UnregisteredUsers::find(const std::string& canonical) {
  std::lock_guard lock(mutex_);
  auto found = users_.find(canonical);
  if (found == users_.end()) return std::nullopt;
  return found->second;
}

void UnregisteredUsers::put(const std::string& canonical, UnregisteredUser user) {
  std::lock_guard lock(mutex_);
  if (users_.size() < limit_ || users_.contains(canonical)) users_.insert_or_assign(canonical, std::move(user));
}

bool UnregisteredUsers::forget(const std::string& impi) {
  std::lock_guard lock(mutex_);
  if (users_.empty()) return false;
  return absl::erase_if(users_, [&](auto& entry) { return entry.second.impi == impi; }) > 0;
}

std::vector<UnregisteredUser> UnregisteredUsers::take_expired(TimePoint now) {
  std::vector<UnregisteredUser> expired;
  std::lock_guard lock(mutex_);
  absl::erase_if(users_, [&](auto& entry) {
    if (entry.second.until > now) return false;
    expired.push_back(std::move(entry.second));
    return true;
  });
  return expired;
}

size_t UnregisteredUsers::size() {
  std::lock_guard lock(mutex_);
  return users_.size();
}

}  // namespace lapwing::scscf
