#include "scscf/subscriptions.h"

namespace lapwing::scscf {

bool Subscriptions::add(std::shared_ptr<Subscription> subscription) {
  std::lock_guard lock(mutex_);
  if (by_dialog_.size() >= limit_) return false;
  std::vector<std::shared_ptr<Subscription>>& same = by_identity_[subscription->watched];
  if (same.size() >= per_identity_) return false;
  same.push_back(subscription);
  by_dialog_[key(subscription->call_id, subscription->local_tag, subscription->remote_tag)] = std::move(subscription);
  return true;
}

void Subscriptions::remove(const Subscription& subscription) {
  std::lock_guard lock(mutex_);
  by_dialog_.erase(key(subscription.call_id, subscription.local_tag, subscription.remote_tag));
  auto found = by_identity_.find(subscription.watched);
  if (found == by_identity_.end()) return;
  std::erase_if(found->second, [&](const std::shared_ptr<Subscription>& s) { return s.get() == &subscription; });
  if (found->second.empty()) by_identity_.erase(found);
}

std::shared_ptr<Subscription> Subscriptions::find(const std::string& call_id, const std::string& local_tag,
                                                  const std::string& remote_tag) {
  std::lock_guard lock(mutex_);
  auto found = by_dialog_.find(key(call_id, local_tag, remote_tag));
  return found == by_dialog_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<Subscription>> Subscriptions::watching(const std::string& canonical) {
  std::lock_guard lock(mutex_);
  auto found = by_identity_.find(canonical);
  return found == by_identity_.end() ? std::vector<std::shared_ptr<Subscription>>{} : found->second;
}

std::vector<std::shared_ptr<Subscription>> Subscriptions::all() {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Subscription>> everything;
  for (const auto& [dialog, subscription] : by_dialog_) everything.push_back(subscription);
  return everything;
}

size_t Subscriptions::size() {
  std::lock_guard lock(mutex_);
  return by_dialog_.size();
}

}  // namespace lapwing::scscf
