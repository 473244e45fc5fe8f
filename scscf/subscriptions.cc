#include "scscf/subscriptions.h"

#include <algorithm>

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
  auto& same = by_identity_[subscription->watched];
  if (same.size() >= per_identity_) return false;
  same.push_back(subscription);
  by_dialog_.insert(std::move(subscription));
  return true;
}

void Subscriptions::remove(const Subscription& subscription) {
  std::lock_guard lock(mutex_);
  take_out(subscription);
}

void Subscriptions::take_out(const Subscription& subscription) {
  // Once only: another may have the same dialog by now.
  auto here = by_dialog_.find(Dialog{subscription.call_id, subscription.local_tag, subscription.remote_tag});
  if (here == by_dialog_.end() || here->get() != &subscription) return;
  if (auto found = by_identity_.find(subscription.watched); found != by_identity_.end()) {
    auto& same = found->second;
    same.erase(std::remove(same.begin(), same.end(), *here), same.end());
    if (same.empty()) by_identity_.erase(found);
  }
  by_dialog_.erase(here);  // last: nobody else may own it
}

std::shared_ptr<Subscription> Subscriptions::find(const std::string& call_id, const std::string& local_tag,
                                                  const std::string& remote_tag) {
  std::lock_guard lock(mutex_);
  auto found = by_dialog_.find(Dialog{call_id, local_tag, remote_tag});
  return found == by_dialog_.end() ? nullptr : *found;
}

std::vector<std::shared_ptr<Subscription>> Subscriptions::watching(const std::string& canonical) {
  std::lock_guard lock(mutex_);
  auto found = by_identity_.find(canonical);
  if (found == by_identity_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

std::vector<std::shared_ptr<Subscription>> Subscriptions::all() {
  std::lock_guard lock(mutex_);
  return {by_dialog_.begin(), by_dialog_.end()};
}

size_t Subscriptions::size() {
  std::lock_guard lock(mutex_);
  return by_dialog_.size();
}

}  // namespace lapwing::scscf
