#include "pcscf/handsets.h"

#include <algorithm>

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

void Handset::enter(HandsetState next, WallTime at, std::string_view because) {
  state = next;
  since = at;
  why = because;
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

void Handsets::Shard::add(Shared handset) {
  by_address[handset->address].push_back(handset);
  by_key.insert(std::move(handset));
}

std::shared_ptr<Handset> Handsets::get_or_make(const asio::ip::address& address, const std::string& impi) {
  std::shared_ptr<Handset> made;
  {
    Shard& place = shard(address);
    std::lock_guard lock(place.mutex);
    if (auto known = place.by_key.find(Key{address, impi}); known != place.by_key.end()) return *known;
    if (count_.load(std::memory_order_relaxed) >= limit_) return nullptr;
    ++count_;
    made = std::make_shared<Handset>();
    made->address = address;
    made->impi = impi;
    made->token = random_hex(16);
    made->touched = clock_.now();
    place.add(made);
  }
  TokenShard& place = tokens(made->token);
  std::lock_guard lock(place.mutex);
  place.handsets[made->token] = made;
  return made;
}

void Handsets::put_back(std::shared_ptr<Handset> handset) {
  {
    Shard& place = shard(handset->address);
    std::lock_guard lock(place.mutex);
    if (place.by_key.contains(handset)) return;
    place.add(handset);
    ++count_;
  }
  handset->touched = clock_.now();
  TokenShard& place = tokens(handset->token);
  std::lock_guard lock(place.mutex);
  place.handsets[handset->token] = std::move(handset);
}

std::shared_ptr<Handset> Handsets::find(const asio::ip::address& address, const std::string& impi) {
  Shard& place = shard(address);
  std::lock_guard lock(place.mutex);
  auto found = place.by_key.find(Key{address, impi});
  return found == place.by_key.end() ? nullptr : *found;
}

std::vector<std::shared_ptr<Handset>> Handsets::at(const asio::ip::address& address) {
  Shard& place = shard(address);
  std::lock_guard lock(place.mutex);
  auto there = place.by_address.find(address);
  if (there == place.by_address.end()) return {};
  return {there->second.begin(), there->second.end()};
}

std::shared_ptr<Handset> Handsets::by_token(std::string_view token) {
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
    for (const Text& impu : handset->impus) meant = meant || control::same_user(typed, handset->impi, impu);
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
  {
    Shard& place = shard(handset.address);
    std::lock_guard lock(place.mutex);
    auto known = place.by_key.find(Key{handset.address, handset.impi});
    if (known == place.by_key.end()) return;
    auto there = place.by_address.find(handset.address);
    auto& all = there->second;
    all.erase(std::remove(all.begin(), all.end(), *known), all.end());
    if (all.empty()) place.by_address.erase(there);
    place.by_key.erase(known);
    --count_;
  }
  TokenShard& place = tokens(handset.token);
  std::lock_guard lock(place.mutex);
  place.handsets.erase(handset.token.view());
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
