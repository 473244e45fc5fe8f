#include "scscf/subscriptions.h"

namespace lapwing::scscf {

bool Subscriptions::add(std::shared_ptr<Subscription> subscription, std::shared_ptr<Subscription>& replaced) {
  std::lock_guard lock(mutex_);
  if (auto found = by_identity_.find(subscription->watched); found != by_identity_.end()) {
    for (const std::shared_ptr<Subscription>& one : found->second) {
      if (one->watcher == subscription->watcher && one->device == subscription->device) replaced = one;
    }
  }
  if (replaced) take_out(*replaced);
  if (by_dialog_.size() >= limit_) return false;
  std::vector<std::shared_ptr<Subscription>>& same = by_identity_[subscription->watched];
  if (same.size() >= per_identity_) return false;
  same.push_back(subscription);
  by_dialog_.emplace(dialog_of(*subscription), subscription);
  return true;
}

void Subscriptions::remove(const Subscription& subscription) {
  std::lock_guard lock(mutex_);
  take_out(subscription);
}

void Subscriptions::take_out(const Subscription& subscription) {
  // Once only: another may have the same dialog by now.
  auto here = by_dialog_.find(dialog_of(subscription));
  if (here == by_dialog_.end() || here->second.get() != &subscription) return;
  std::shared_ptr<Subscription> alive = here->second;  // the key stands in it
  by_dialog_.erase(here);
  auto found = by_identity_.find(subscription.watched);
  if (found == by_identity_.end()) return;
  std::erase_if(found->second, [&](const std::shared_ptr<Subscription>& s) { return s.get() == &subscription; });
  if (found->second.empty()) by_identity_.erase(found);
}

std::shared_ptr<Subscription> Subscriptions::find(const std::string& call_id, const std::string& local_tag,
                                                  const std::string& remote_tag) {
  std::lock_guard lock(mutex_);
  auto found = by_dialog_.find(Dialog{call_id, local_tag, remote_tag});
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
