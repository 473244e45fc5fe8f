#include "scscf/calls.h"

#include <algorithm>

namespace lapwing::scscf {

std::string_view state_text(CallState state) {
  switch (state) {
    case CallState::calling:
      return "calling";
    case CallState::ringing:
      return "ringing";
    case CallState::answered:
      return "answered";
    case CallState::ended:
      return "ended";
  }
  return "";
}

bool Calls::add(const std::shared_ptr<Call>& call) {
  std::lock_guard lock(mutex_);
  if (by_id_.size() >= limit_) return false;
  by_id_[call->id] = call;
  index(call->caller.canonical, call);
  if (call->callee.canonical != call->caller.canonical) index(call->callee.canonical, call);
  return true;
}

void Calls::remove(const Call& call) {
  std::lock_guard lock(mutex_);
  by_id_.erase(call.id);
  unindex(call.caller.canonical, call);
  unindex(call.callee.canonical, call);
}

void Calls::set_callee(const std::shared_ptr<Call>& call, std::string identity, std::string canonical,
                       std::string impi) {
  std::lock_guard lock(mutex_);
  bool listed = by_id_.contains(call->id);
  if (listed && call->callee.canonical != call->caller.canonical) unindex(call->callee.canonical, *call);
  {
    std::lock_guard of_call(call->mutex);
    call->callee.identity = std::move(identity);
    call->callee.canonical = std::move(canonical);
    call->callee.impi = std::move(impi);
  }
  if (listed && call->callee.canonical != call->caller.canonical) index(call->callee.canonical, call);
}

void Calls::index(const std::string& canonical, const std::shared_ptr<Call>& call) {
  if (!canonical.empty()) by_identity_[canonical].push_back(call);
}

void Calls::unindex(const std::string& canonical, const Call& call) {
  auto found = by_identity_.find(canonical);
  if (found == by_identity_.end()) return;
  std::erase_if(found->second, [&](const std::shared_ptr<Call>& one) { return one->id == call.id; });
  if (found->second.empty()) by_identity_.erase(found);
}

std::shared_ptr<Call> Calls::find(const std::string& id) {
  std::lock_guard lock(mutex_);
  auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<Call>> Calls::of(const std::string& canonical) {
  std::lock_guard lock(mutex_);
  auto found = by_identity_.find(canonical);
  return found == by_identity_.end() ? std::vector<std::shared_ptr<Call>>() : found->second;
}

std::vector<std::shared_ptr<Call>> Calls::all() {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Call>> calls;
  calls.reserve(by_id_.size());
  for (const auto& [id, call] : by_id_) calls.push_back(call);
  return calls;
}

size_t Calls::size() {
  std::lock_guard lock(mutex_);
  return by_id_.size();
}

}  // namespace lapwing::scscf
