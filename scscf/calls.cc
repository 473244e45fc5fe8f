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
  if (!call->caller.canonical.empty()) by_identity_[call->caller.canonical].push_back(call);
  if (!call->callee.canonical.empty() && call->callee.canonical != call->caller.canonical) {
    by_identity_[call->callee.canonical].push_back(call);
  }
  return true;
}

void Calls::remove(const Call& call) {
  std::lock_guard lock(mutex_);
  by_id_.erase(call.id);
  for (const Party* party : {&call.caller, &call.callee}) {
    auto found = by_identity_.find(party->canonical);
    if (found == by_identity_.end()) continue;
    std::erase_if(found->second, [&](const std::shared_ptr<Call>& one) { return one->id == call.id; });
    if (found->second.empty()) by_identity_.erase(found);
  }
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
