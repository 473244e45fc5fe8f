// What the P-CSCF knows of handsets: one record for each private identity at one address, with its contact, its
// security association sets and, for the operator, how its last attempt went. Found by source address, by the token
// that Path and Record-Route carry, and by private identity.
//
// Each Handset has its own lock for short critical sections: never held across a co_await, never two at once.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "common/runtime/alarm.h"
#include "common/runtime/clock.h"
#include "common/runtime/text.h"
#include "common/sip/transport.h"
#include "pcscf/ipsec/sa.h"

namespace lapwing::pcscf {

// The life of a set (TS 33.203 section 7.4, TS 24.229 section 5.2.2).
enum class SetState : uint8_t {
  temporary,  // made by a challenge; carries only the REGISTER that answers it and the response
  valid,
  old  // replaced or ended: lives on for what is under way
};
std::string_view state_text(SetState state);

struct SaEntry {
  uint64_t id = 0;
  ipsec::SaSet set;
  SetState state = SetState::temporary;
  bool adopted = false;    // of before a restart: the kernel has its keys, we do not
  uint64_t made_over = 0;  // the set that carried the REGISTER which led to this one; 0: it came unprotected
  Text call_id;
  Text security_client;  // of that REGISTER, as it came
  Text security_server;  // as we sent it
  TimePoint deadline;    // when it is dropped unless something happens
  WallTime created, expires;
};

enum class HandsetState : uint8_t {
  none,
  challenged,
  challenge_unanswered,
  registered,
  rejected,
  expired,
  deregistered
};
std::string_view state_text(HandsetState state);

struct Handset {
  // Fixed.
  asio::ip::address address;
  std::atomic<uint32_t> subscribed_on = 0;  // not fixed: the worker of its last SUBSCRIBE, see relay.cc
  Text impi;
  Text token;  // user part of our Path and Record-Route URIs

  std::mutex mutex;
  // The registration. Unprotected handsets: the source of their REGISTER.
  bool registered = false;
  bool nat = false;                         // for the operator
  HandsetState state = HandsetState::none;  // likewise
  uint32_t subscription_number = 0;  // of the dialogs of our subscription: what was meant for an earlier one is known
  Text impu, contact;
  std::vector<Text> impus;  // P-Associated-URI, default first; all not barred
  Texts service_route;      // of the core's CommonTexts
  TimePoint expires;
  WallTime expires_wall;
  sip::Flow unprotected;               // how it came, where there is no IPsec
  TimePoint reachable_until;           // without IPsec: the last NOTIFY still goes out after the end
  std::optional<TimePoint> answer_by;  // without IPsec: the end of its challenge
  std::vector<SaEntry> sets;
  uint64_t outbound = 0;  // the set for our requests; 0: unprotected
  Alarm alarm;            // for the earliest deadline of all this: see watch_deadlines
  // Our subscription to its reg event.
  Text subscription_call_id, subscription_tag;
  Text subscription_to;  // with the notifier's tag; empty: not known yet
  uint32_t subscribe_cseq = 0, notify_cseq = 0;
  std::optional<uint32_t> notify_version;
  // For the operator.
  WallTime since;
  Text why, via_host;
  Text user_agent, access;  // of the core's CommonTexts
  TimePoint touched;

  void enter(HandsetState next, WallTime at, std::string_view because);
  SaEntry* find_set(uint64_t id);
  const SaEntry* outbound_set() const;
};

class Handsets {
 public:
  explicit Handsets(const Clock& clock, size_t limit = 200'000) : clock_(clock), limit_(limit) {}

  // One of before a restart, with its token.
  void put_back(std::shared_ptr<Handset> handset);
  // Null when the limit is reached.
  std::shared_ptr<Handset> get_or_make(const asio::ip::address& address, const std::string& impi);
  std::shared_ptr<Handset> find(const asio::ip::address& address, const std::string& impi);
  std::vector<std::shared_ptr<Handset>> at(const asio::ip::address& address);
  std::shared_ptr<Handset> by_token(std::string_view token);
  // By IMPI, IMSI, IMPU or number as an operator types it.
  std::vector<std::shared_ptr<Handset>> matching(std::string_view typed);
  std::vector<std::shared_ptr<Handset>> all();
  // Forgets handsets without a registration and sets that were not touched for an hour.
  void sweep();
  void forget(const Handset& handset);
  size_t size();
  uint64_t next_id() { return ++last_id_; }
  // This one is in use already.
  void note_id(uint64_t id) {
    if (id > last_id_) last_id_ = id;
  }

 private:
  using Shared = std::shared_ptr<Handset>;
  using Key = std::pair<asio::ip::address, std::string_view>;  // with the private identity
  static Key key_of(const Key& key) { return key; }
  static Key key_of(const Shared& handset) { return {handset->address, handset->impi.view()}; }
  struct KeyHash {
    using is_transparent = void;
    size_t operator()(const auto& one) const {
      Key key = key_of(one);
      return std::hash<asio::ip::address>{}(key.first) * 31 + TextHash{}(key.second);
    }
  };
  struct KeyEqual {
    using is_transparent = void;
    bool operator()(const auto& left, const auto& right) const { return key_of(left) == key_of(right); }
  };
  // By address. Behind a NAT many share one, so that each is found by its key too.
  struct Shard {
    std::mutex mutex;
    absl::flat_hash_map<asio::ip::address, absl::InlinedVector<Shared, 1>, std::hash<asio::ip::address>> by_address;
    absl::flat_hash_set<Shared, KeyHash, KeyEqual> by_key;
    void add(Shared handset);
  };
  struct TokenShard {
    std::mutex mutex;
    TextMap<std::shared_ptr<Handset>> handsets;
  };
  static constexpr size_t shard_count = 64;
  Shard& shard(const asio::ip::address& address) {
    return shards_[std::hash<asio::ip::address>{}(address) % shard_count];
  }
  TokenShard& tokens(std::string_view token) { return tokens_[std::hash<std::string_view>{}(token) % shard_count]; }

  const Clock& clock_;
  const size_t limit_;
  std::array<Shard, shard_count> shards_;
  std::array<TokenShard, shard_count> tokens_;
  std::atomic<size_t> count_{0};
  std::atomic<uint64_t> last_id_{0};
};

}  // namespace lapwing::pcscf
