#include "scscf/registrar.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "common/sip/headers.h"
#include "common/sip/uri.h"

namespace lapwing::scscf {

std::string_view state_text(UserState state) {
  switch (state) {
    case UserState::none:
      return "unknown";
    case UserState::challenged:
      return "challenged";
    case UserState::challenge_unanswered:
      return "challenge unanswered";
    case UserState::registered:
      return "registered";
    case UserState::rejected:
      return "rejected";
    case UserState::expired:
      return "expired";
    case UserState::deregistered:
      return "deregistered";
  }
  return "unknown";
}

std::vector<Identity> Registration::set() const {
  return identities_of(*profile);
}

const PublicIdentity* Registration::find(std::string_view canonical) const {
  return first_in_set(*profile, [&](const PublicIdentity& identity) { return identity.canonical == canonical; });
}

const PublicIdentity* Registration::default_impu() const {
  return first_in_set(*profile, [](const PublicIdentity& identity) { return !identity.barred; });
}

void User::enter(UserState next, WallTime at, std::string_view because) {
  state = next;
  since = at;
  why = because;
}

void User::note_last(const Binding& binding) {
  last_impu = binding.registered_impu;
  last_contact = binding.uri;
  last_user_agent = binding.user_agent;
  last_path = binding.path.empty() ? Text() : binding.path.front();
}

Registration* User::registration_of(std::string_view canonical_impu) {
  for (Registration& registration : registrations) {
    if (registration.find(canonical_impu)) return &registration;
  }
  return nullptr;
}

bool Registrar::with(const std::string& impi, const std::function<void(User&)>& action) {
  Shard& place = shard(impi);
  std::lock_guard lock(place.mutex);
  auto found = place.users.find(impi);
  if (found == place.users.end()) {
    if (users_.load(std::memory_order_relaxed) >= limit_) return false;
    ++users_;
    Text name = impi;
    found = place.users.emplace(name, std::make_unique<User>()).first;
    found->second->impi = std::move(name);
  }
  found->second->touched = clock_.now();
  action(*found->second);
  return true;
}

bool Registrar::with_existing(const std::string& impi, const std::function<void(User&)>& action) {
  Shard& place = shard(impi);
  std::lock_guard lock(place.mutex);
  auto found = place.users.find(impi);
  if (found == place.users.end()) return false;
  // So that nobody is forgotten in the hour after its registration ended, while the index still names it.
  found->second->touched = clock_.now();
  action(*found->second);
  return true;
}

void Registrar::reindex(const std::string& impi, const std::vector<Text>& before, const std::vector<Text>& after) {
  for (const Text& impu : before) {
    if (std::find(after.begin(), after.end(), impu) != after.end()) continue;
    IndexShard& place = index(impu);
    std::lock_guard lock(place.mutex);
    auto found = place.impis.find(impu);
    if (found == place.impis.end()) continue;
    auto& impis = found->second;
    impis.erase(std::remove(impis.begin(), impis.end(), impi), impis.end());
    if (impis.empty()) place.impis.erase(found);
  }
  Text name;
  with_existing(impi, [&](User& user) { name = user.impi; });
  if (name.empty()) return;
  for (const Text& impu : after) {
    IndexShard& place = index(impu);
    std::lock_guard lock(place.mutex);
    auto& impis = place.impis[impu];
    if (std::find(impis.begin(), impis.end(), name) == impis.end()) impis.push_back(name);
  }
}

std::vector<std::string> Registrar::impis_of(std::string_view canonical_impu) {
  IndexShard& place = index(canonical_impu);
  std::lock_guard lock(place.mutex);
  auto found = place.impis.find(canonical_impu);
  if (found == place.impis.end()) return {};
  return {found->second.begin(), found->second.end()};
}

std::string Registrar::find(std::string_view typed) {
  std::string text(typed);
  if (with_existing(text, [](User&) {})) return text;
  auto uri = sip::Uri::parse(text);
  if (uri.ok()) {
    std::vector<std::string> impis = impis_of(uri->canonical());
    if (!impis.empty()) return impis.front();
  }
  // An IMSI, a number, or an identity of a user that is not registered: look at everybody.
  std::string wanted = uri.ok() ? uri->canonical() : text;
  std::string number = !text.empty() && text.front() == '+' ? text : "+" + text;
  std::string found;
  each([&](const User& user) {
    if (!found.empty()) return;
    bool imsi = user.impi.starts_with(text + "@");
    bool known = imsi || user.last_impu == wanted;
    for (const Registration& registration : user.registrations) {
      for (const Identity& identity : registration.set()) {
        known = known || identity.uri == text || identity.canonical == "tel:" + number;
      }
    }
    if (known) found = user.impi;
  });
  return found;
}

void Registrar::each(const std::function<void(const User&)>& action) {
  for (Shard& place : shards_) {
    std::vector<User> copied;
    {
      std::lock_guard lock(place.mutex);
      copied.reserve(place.users.size());
      for (auto& [impi, user] : place.users) copied.push_back(*user);
    }
    for (const User& user : copied) action(user);
  }
}

void Registrar::sweep() {
  TimePoint old = clock_.now() - std::chrono::hours(1);
  for (Shard& place : shards_) {
    std::lock_guard lock(place.mutex);
    for (auto it = place.users.begin(); it != place.users.end();) {
      User& user = *it->second;
      if (!user.registered() && !user.challenge && user.touched < old) {
        place.users.erase(it++);
        --users_;
      } else {
        ++it;
      }
    }
  }
}

void Registrar::note_contact_id(std::string_view id) {
  uint64_t number = 0;
  if (!absl::SimpleAtoi(absl::string_view(id.data(), id.size()).substr(std::min<size_t>(1, id.size())), &number))
    return;
  last_contact_ = std::max(last_contact_.load(), number);
}

Registrar::Counts Registrar::counts() {
  Counts counts;
  for (Shard& place : shards_) {
    std::lock_guard lock(place.mutex);
    counts.users += place.users.size();
    for (auto& [impi, user] : place.users) {
      counts.registrations += user->registrations.size();
      counts.challenges += user->challenge ? 1 : 0;
      for (const Registration& registration : user->registrations) counts.contacts += registration.bindings.size();
    }
  }
  return counts;
}

Identity to_identity(const PublicIdentity& identity) {
  return {identity.identity, identity.canonical, identity.barred};
}

std::vector<Identity> identities_of(const UserProfile& profile) {
  std::vector<Identity> set;
  for (const PublicIdentity* identity : implicit_set(profile)) {
    set.push_back(to_identity(*identity));
  }
  return set;
}

std::vector<Text> canonicals(const std::vector<Registration>& registrations) {
  std::vector<Text> all;
  for (const Registration& registration : registrations) {
    for (const PublicIdentity* identity : implicit_set(*registration.profile)) all.push_back(identity->canonical);
  }
  return all;
}

}  // namespace lapwing::scscf
