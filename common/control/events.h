// What happened to a user, in sentences: published by procedures, watched by operators, kept for `imsctl show`.
//
//   events.publish({.time = {}, .kind = "register.challenged", .impi = impi, .impu = impu, .text = "401 sent"});
//
// The last 64 events of a user are kept, for the users seen last. An event never carries a key (K, OPc, CK, IK, RES).
//
// A watcher has a queue of its own; when it does not keep up, its oldest events go, and the next one it takes says how
// many.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/diagnosis/cause.h"
#include "common/runtime/clock.h"
#include "common/runtime/text.h"
#include "lapwing/v1/control.pb.h"

namespace lapwing::control {

struct Event {
  WallTime time{};   // unset: now
  std::string kind;  // "register.challenged", "register.accepted", "sa.installed", ...
  std::string impi;  // empty where it is not known yet
  std::string impu;
  std::string text;  // a sentence
  Cause cause = Cause::none;
};

v1::Event to_message(const Event& event, std::string_view program);

// Whether the identity an operator typed means this user: its IMPI or IMPU; its IMSI, where the IMPI is IMSI@domain;
// its number with or without +, where the IMPU is sip:+NUMBER@domain or tel:+NUMBER.
bool same_user(std::string_view identity, std::string_view impi, std::string_view impu);

class Events {
 public:
  static constexpr size_t kept_per_user = 64;
  static constexpr size_t text_limit = 1024;  // longer texts are cut

  // users_limit: how many users' events are kept; beyond it those seen longest ago go.
  explicit Events(const Clock& clock, size_t users_limit = 20'000);
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  // Any thread. Without watchers it costs one short lock of the user's shard.
  void publish(Event event);

  // The user's last events, oldest first; one who is known by one of its identities has all its events. Looks through
  // all users: for people, not for procedures.
  std::vector<Event> of(std::string_view identity) const;

  // One watcher's queue. Stays good when Events goes first.
  class Subscription {
   public:
    struct Taken {
      Event event;
      uint64_t lost = 0;  // events missed before this one
    };
    // The next event; nullopt when none came in that time, or after close().
    std::optional<Taken> next(std::chrono::milliseconds wait);
    void close();
    bool closed() const;

   private:
    friend class Events;
    Subscription(std::string identity, size_t limit) : identity_(std::move(identity)), limit_(limit) {}
    void offer(const Event& event);

    const std::string identity_;
    const size_t limit_;
    mutable std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<Event> queue_;
    uint64_t lost_ = 0;
    bool closed_ = false;
  };
  // identity: only this user's events; empty: all.
  std::shared_ptr<Subscription> subscribe(std::string identity, size_t queue_limit = 1024);
  // How many there were, by kind and by cause.
  struct Counts {
    std::map<std::string, uint64_t> kinds;
    std::array<uint64_t, cause_count> causes{};
  };
  Counts counts() const;
  size_t watchers() const { return watching_.load(std::memory_order_relaxed); }

 private:
  // Small, since there may be a million: what the events of a user share is kept once, and a handset that registers
  // every half hour says the same each time.
  struct Kept {
    uint64_t sequence;
    WallTime time;
    Text kind_and_text;  // with a NUL between
    uint16_t impu;       // index in User::impus
    Cause cause;
  };
  struct User {
    bool known_by_impi = false;  // else by an IMPU
    std::vector<Text> impus;
    std::vector<Kept> events;
    std::list<Text>::iterator place;

    uint16_t index_of(const std::string& impu);
    Text shared(const std::string& kind_and_text) const;
    bool is(std::string_view identity, std::string_view name) const;
  };
  struct Shard {
    mutable std::mutex mutex;
    TextMap<User> users;     // by IMPI, or by IMPU where no IMPI is known
    std::list<Text> recent;  // the user seen last is in front
  };
  static constexpr size_t shard_count = 16;

  void keep(const Event& event);
  static Event unpack(const Kept& kept, const Text& name, const User& user);
  void forget_closed();  // with subscribers_mutex_

  const Clock& clock_;
  const size_t users_per_shard_;
  std::array<Shard, shard_count> shards_;
  std::atomic<uint64_t> sequence_{0};
  std::mutex subscribers_mutex_;
  std::vector<std::weak_ptr<Subscription>> subscribers_;
  std::atomic<size_t> watching_{0};
  mutable std::mutex counting_;
  absl::flat_hash_map<std::string, uint64_t> kinds_;
  std::array<uint64_t, cause_count> causes_{};
};

}  // namespace lapwing::control
