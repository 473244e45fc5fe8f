#include "pcscf/handsets.h"

#include "common/control/events.h"
#include "common/runtime/ids.h"

namespace lapwing::pcscf {

std::string_view state_text(SetState state) {
  switch (state) {
    case SetState::temporary:
      return "temporary";
    case SetState::valid:
      return "valid";
    case SetState::old:
      return "old";
  }
  return "unknown";
}

std::string_view state_text(HandsetState state) {
  switch (state) {
    case HandsetState::none:
      return "unknown";
    case HandsetState::challenged:
      return "challenged";
    case HandsetState::challenge_unanswered:
      return "challenge unanswered";
    case HandsetState::registered:
      return "registered";
    case HandsetState::rejected:
      return "rejected";
    case HandsetState::expired:
      return "expired";
    case HandsetState::deregistered:
      return "deregistered";
  }
  return "unknown";
}

void Handset::enter(HandsetState next, WallTime at, std::string because) {
  state = next;
  since = at;
  why = std::move(because);
}

SaEntry* Handset::find_set(uint64_t id) {
  for (SaEntry& entry : sets) {
    if (entry.id == id) return &entry;
  }
  return nullptr;
}

const SaEntry* Handset::outbound_set() const {
  for (const SaEntry& entry : sets) {
    if (entry.id == outbound) return &entry;
  }
  return nullptr;
}

std::shared_ptr<Handset> Handsets::get_or_make(const asio::ip::address& address, const std::string& impi) {
  std::string key = address.to_string();
  std::shared_ptr<Handset> made;
  {
    Shard& place = shard(key);
    std::lock_guard lock(place.mutex);
    auto& there = place.by_address[key];
    auto known = there.find(impi);
    if (known != there.end()) return known->second;
    if (count_.load(std::memory_order_relaxed) >= limit_) {
      if (there.empty()) place.by_address.erase(key);
      return nullptr;
    }
    ++count_;
    made = std::make_shared<Handset>();
    made->address = address;
    made->impi = impi;
    made->token = random_hex(16);
    made->touched = clock_.now();
    there.emplace(impi, made);
  }
  TokenShard& place = tokens(made->token);
  std::lock_guard lock(place.mutex);
  place.handsets[made->token] = made;
  return made;
}

void Handsets::put_back(std::shared_ptr<Handset> handset) {
  std::string key = handset->address.to_string();
  {
    Shard& place = shard(key);
    std::lock_guard lock(place.mutex);
    if (!place.by_address[key].emplace(handset->impi, handset).second) return;
    ++count_;
  }
  handset->touched = clock_.now();
  TokenShard& place = tokens(handset->token);
  std::lock_guard lock(place.mutex);
  place.handsets[handset->token] = std::move(handset);
}

std::shared_ptr<Handset> Handsets::find(const asio::ip::address& address, const std::string& impi) {
  std::string key = address.to_string();
  Shard& place = shard(key);
  std::lock_guard lock(place.mutex);
  auto there = place.by_address.find(key);
  if (there == place.by_address.end()) return nullptr;
  auto found = there->second.find(impi);
  return found == there->second.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<Handset>> Handsets::at(const asio::ip::address& address) {
  std::string key = address.to_string();
  Shard& place = shard(key);
  std::lock_guard lock(place.mutex);
  std::vector<std::shared_ptr<Handset>> found;
  auto there = place.by_address.find(key);
  if (there == place.by_address.end()) return found;
  for (auto& [impi, handset] : there->second) found.push_back(handset);
  return found;
}

std::shared_ptr<Handset> Handsets::by_token(const std::string& token) {
  TokenShard& place = tokens(token);
  std::lock_guard lock(place.mutex);
  auto found = place.handsets.find(token);
  return found == place.handsets.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<Handset>> Handsets::matching(std::string_view typed) {
  std::vector<std::shared_ptr<Handset>> found;
  for (std::shared_ptr<Handset>& handset : all()) {
    std::lock_guard lock(handset->mutex);
    bool meant = control::same_user(typed, handset->impi, handset->impu);
    for (const std::string& impu : handset->impus) meant = meant || control::same_user(typed, handset->impi, impu);
    if (meant) found.push_back(handset);
  }
  return found;
}

std::vector<std::shared_ptr<Handset>> Handsets::all() {
  std::vector<std::shared_ptr<Handset>> everything;
  for (TokenShard& place : tokens_) {
    std::lock_guard lock(place.mutex);
    for (auto& [token, handset] : place.handsets) everything.push_back(handset);
  }
  return everything;
}

void Handsets::forget(const Handset& handset) {
  std::string key = handset.address.to_string();
  {
    Shard& place = shard(key);
    std::lock_guard lock(place.mutex);
    auto found = place.by_address.find(key);
    if (found == place.by_address.end()) return;
    count_ -= found->second.erase(handset.impi);
    if (found->second.empty()) place.by_address.erase(found);
  }
  std::string token = handset.token;
  TokenShard& place = tokens(token);
  std::lock_guard lock(place.mutex);
  place.handsets.erase(token);
}

void Handsets::sweep() {
  TimePoint old = clock_.now() - std::chrono::hours(1);
  for (std::shared_ptr<Handset>& handset : all()) {
    bool idle;
    {
      std::lock_guard lock(handset->mutex);
      idle = !handset->registered && handset->sets.empty() && handset->touched < old;
    }
    if (idle) forget(*handset);
  }
}

size_t Handsets::size() {
  return count_.load(std::memory_order_relaxed);
}

}  // namespace lapwing::pcscf
