#include "common/control/events.h"

#include <algorithm>
#include <functional>

#include "common/control/timestamps.h"

namespace lapwing::control {
namespace {

// "sip:+1001@example.org" and "tel:+1001;phone-context=x": "1001". Empty for a user part that is no number.
std::string_view number_of(std::string_view impu) {
  size_t colon = impu.find(':');
  if (colon == impu.npos) return {};
  impu.remove_prefix(colon + 1);
  impu = impu.substr(0, impu.find_first_of("@;"));
  if (!impu.starts_with('+')) return {};
  return impu.substr(1);
}

}  // namespace

v1::Event to_message(const Event& event, std::string_view program) {
  v1::Event out;
  set_time(out.mutable_time(), event.time);
  out.set_program(std::string(program));
  out.set_kind(event.kind);
  out.set_impi(event.impi);
  out.set_impu(event.impu);
  out.set_text(event.text);
  out.set_code(std::string(diagnosis::code_of(event.cause)));
  return out;
}

bool same_user(std::string_view identity, std::string_view impi, std::string_view impu) {
  if (identity.empty()) return false;
  if (identity == impi || identity == impu) return true;
  if (impi.size() > identity.size() && impi.starts_with(identity) && impi[identity.size()] == '@') return true;
  if (identity.starts_with('+')) identity.remove_prefix(1);
  return !identity.empty() && identity == number_of(impu);
}

Events::Events(const Clock& clock, size_t users_limit)
    : clock_(clock), users_per_shard_(std::max<size_t>(1, users_limit / shard_count)) {}

void Events::publish(Event event) {
  if (event.time == WallTime{}) event.time = clock_.wall();
  if (event.text.size() > text_limit) event.text.resize(text_limit);
  {
    std::lock_guard lock(counting_);
    ++kinds_[event.kind];
    ++causes_[static_cast<size_t>(event.cause)];
  }
  if (!event.impi.empty() || !event.impu.empty()) keep(event);
  if (watchers() == 0) return;

  std::lock_guard lock(subscribers_mutex_);
  forget_closed();
  for (const auto& weak : subscribers_) {
    if (auto subscriber = weak.lock()) subscriber->offer(event);
  }
}

uint16_t Events::User::index_of(const std::string& impu) {
  auto found = std::find(impus.begin(), impus.end(), impu);
  if (found == impus.end()) found = impus.insert(found, impu);
  return static_cast<uint16_t>(found - impus.begin());
}

Text Events::User::shared(const std::string& kind_and_text) const {
  for (const Kept& kept : events) {
    if (kept.kind_and_text == kind_and_text) return kept.kind_and_text;
  }
  return kind_and_text;
}

bool Events::User::is(std::string_view identity, std::string_view name) const {
  std::string_view impi = known_by_impi ? name : std::string_view();
  if (same_user(identity, impi, known_by_impi ? std::string_view() : name)) return true;
  return std::any_of(impus.begin(), impus.end(), [&](const Text& impu) { return same_user(identity, impi, impu); });
}

Events::Counts Events::counts() const {
  std::lock_guard lock(counting_);
  return {{kinds_.begin(), kinds_.end()}, causes_};
}

void Events::keep(const Event& event) {
  const std::string& name = event.impi.empty() ? event.impu : event.impi;
  Shard& shard = shards_[std::hash<std::string>{}(name) % shard_count];
  std::lock_guard lock(shard.mutex);
  auto found = shard.users.find(name);
  if (found == shard.users.end()) {
    found = shard.users.try_emplace(Text(name)).first;
    found->second.known_by_impi = !event.impi.empty();
    found->second.place = shard.recent.insert(shard.recent.begin(), found->first);
  } else {
    shard.recent.splice(shard.recent.begin(), shard.recent, found->second.place);
  }
  User& user = found->second;
  if (user.events.size() >= kept_per_user) user.events.erase(user.events.begin());
  // More identities than events can have: somebody makes them up. Begin anew, so that they stay bounded.
  if (user.impus.size() > kept_per_user) {
    user.impus.clear();
    user.events.clear();
  }
  if (user.events.size() == user.events.capacity()) user.events.reserve(user.events.size() + 4);
  std::string packed;
  packed.reserve(event.kind.size() + 1 + event.text.size());
  packed.append(event.kind).append(1, '\0').append(event.text);
  user.events.push_back({sequence_.fetch_add(1, std::memory_order_relaxed), event.time, user.shared(packed),
                         user.index_of(event.impu), event.cause});
  if (shard.recent.size() > users_per_shard_) {
    shard.users.erase(shard.recent.back());
    shard.recent.pop_back();
  }
}

Event Events::unpack(const Kept& kept, const Text& name, const User& user) {
  std::string_view packed = kept.kind_and_text;
  size_t end_of_kind = packed.find('\0');
  return Event{.time = kept.time,
               .kind = std::string(packed.substr(0, end_of_kind)),
               .impi = user.known_by_impi ? name.str() : std::string(),
               .impu = user.impus[kept.impu],
               .text = std::string(packed.substr(end_of_kind + 1)),
               .cause = kept.cause};
}

std::vector<Event> Events::of(std::string_view identity) const {
  std::vector<std::pair<uint64_t, Event>> found;
  for (const Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    for (const auto& [name, user] : shard.users) {
      if (!user.is(identity, name)) continue;
      for (const Kept& kept : user.events) found.emplace_back(kept.sequence, unpack(kept, name, user));
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Event> out;
  for (size_t i = found.size() > kept_per_user ? found.size() - kept_per_user : 0; i < found.size(); ++i) {
    out.push_back(std::move(found[i].second));
  }
  return out;
}

std::shared_ptr<Events::Subscription> Events::subscribe(std::string identity, size_t queue_limit) {
  std::shared_ptr<Subscription> made(new Subscription(std::move(identity), std::max<size_t>(1, queue_limit)));
  std::lock_guard lock(subscribers_mutex_);
  subscribers_.push_back(made);
  forget_closed();
  return made;
}

void Events::forget_closed() {
  std::erase_if(subscribers_, [](const std::weak_ptr<Subscription>& weak) {
    auto subscriber = weak.lock();
    return subscriber == nullptr || subscriber->closed();
  });
  watching_.store(subscribers_.size(), std::memory_order_relaxed);
}

void Events::Subscription::offer(const Event& event) {
  if (!identity_.empty() && !same_user(identity_, event.impi, event.impu)) return;
  {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    if (queue_.size() >= limit_) {
      queue_.pop_front();
      ++lost_;
    }
    queue_.push_back(event);
  }
  arrived_.notify_one();
}

std::optional<Events::Subscription::Taken> Events::Subscription::next(std::chrono::milliseconds wait) {
  std::unique_lock lock(mutex_);
  arrived_.wait_for(lock, wait, [&] { return closed_ || !queue_.empty(); });
  if (closed_ || queue_.empty()) return std::nullopt;
  Taken taken{std::move(queue_.front()), std::exchange(lost_, 0)};
  queue_.pop_front();
  return taken;
}

void Events::Subscription::close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    queue_.clear();
  }
  arrived_.notify_all();
}

bool Events::Subscription::closed() const {
  std::lock_guard lock(mutex_);
  return closed_;
}

}  // namespace lapwing::control
