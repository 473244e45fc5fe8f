// What the S-CSCF knows of its users: registrations with their contacts, outstanding challenges, and for the operator
// how the last attempt of each user ended. Shared by all workers: sharded, with short critical sections.
//
//   registrar.with(impi, [&](User& user) { user.challenge = ...; });        // under the shard's lock: no co_await
//   std::vector<std::string> impis = registrar.impis_of(canonical_impu);
//
// Procedures that change a user take the user's turn first (common/runtime/turns.h); the locks only keep memory sound.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/aka/digest.h"
#include "common/reginfo/reginfo.h"
#include "common/runtime/alarm.h"
#include "common/runtime/clock.h"
#include "common/runtime/secret.h"
#include "common/runtime/text.h"
#include "scscf/user_profile.h"

namespace lapwing::scscf {

// A public identity of an implicit registration set, as procedures hand it on.
struct Identity {
  std::string uri;        // as the profile has it
  std::string canonical;  // sip::Uri::canonical(): how it is found
  bool barred = false;
};

// A contact of one registration (RFC 3261 section 10, RFC 5626).
struct Binding {
  Text id;  // of the reg event
  Text uri;
  Text params;    // of the Contact, as they came, without expires: ";+sip.instance=...;q=0.8"
  Text instance;  // with its <>; empty: none
  std::optional<uint32_t> reg_id;
  uint32_t cseq = 0;
  uint16_t q = 1000;
  reginfo::ContactEvent event = reginfo::ContactEvent::registered;
  Texts path;  // values of Path, the first hop toward the handset first
  Text call_id;
  TimePoint expires;
  Text registered_impu;                      // canonical: the identity in To; the others of the set are "created"
  Text user_agent, access, visited_network;  // of the core's CommonTexts
};

// One implicit registration set of one IMPI.
struct Registration {
  uint32_t number = 0;  // among those that the user has had: under it its profile is kept over a restart
  std::shared_ptr<const UserProfile> profile;
  std::vector<Binding> bindings;
  Text hss_host;            // of the core's CommonTexts
  Text charging;            // likewise; see charging.h; empty: none
  TimePoint authenticated;  // when an answer to a challenge was last right
  WallTime since;

  std::vector<Identity> set() const;  // made of the profile, in its order
  // The profile's; null: not in the set.
  const PublicIdentity* find(std::string_view canonical) const;
  const PublicIdentity* default_impu() const;  // the first that is not barred
};

// An outstanding challenge (reg-await-auth).
struct Challenge {
  TimePoint deadline;
  std::string call_id, impu;  // impu: canonical
  std::string impu_uri;
  std::string nonce;
  aka::Block rand{};
  Secret xres;
  std::string hss_host;
  uint32_t resynchronisations = 0;
};

enum class UserState : uint8_t { none, challenged, challenge_unanswered, registered, rejected, expired, deregistered };
std::string_view state_text(UserState state);

struct User {
  Text impi;
  std::vector<Registration> registrations;
  uint32_t last_number = 0;
  std::shared_ptr<const Challenge> challenge;  // null: none
  uint32_t hss_features = 0;                   // feature list 1 of the HSS: cx::ims_restoration, ...
  // For the operator.
  UserState state = UserState::none;
  WallTime since;
  Text why;  // in plain words
  Text last_impu, last_contact, last_user_agent, last_path;
  TimePoint touched;
  Alarm alarm;  // see procedures/deadlines.h

  void enter(UserState next, WallTime at, std::string_view because);
  void note_last(const Binding& binding);
  Registration* registration_of(std::string_view canonical_impu);
  bool registered() const { return !registrations.empty(); }
};

class Registrar {
 public:
  // users: the limit of remembered users; those without a registration or a challenge are forgotten first.
  explicit Registrar(const Clock& clock, size_t users = 500'000) : clock_(clock), limit_(users) {}

  // Makes the user when absent; false when the limit is reached.
  bool with(const std::string& impi, const std::function<void(User&)>& action);
  // False when absent.
  bool with_existing(const std::string& impi, const std::function<void(User&)>& action);
  // Call after a change of the user's registrations, within the user's turn: before and after are canonical identities.
  void reindex(const std::string& impi, const std::vector<Text>& before, const std::vector<Text>& after);
  // IMPIs with a registration of this canonical identity.
  std::vector<std::string> impis_of(std::string_view canonical_impu);
  // The IMPI of an IMPI, IMSI, IMPU or MSISDN that an operator typed; empty: unknown.
  std::string find(std::string_view typed);
  // Every user, copied shard by shard.
  void each(const std::function<void(const User&)>& action);
  // Forgets users that have nothing and were not touched for an hour.
  void sweep();

  struct Counts {
    size_t users = 0, registrations = 0, contacts = 0, challenges = 0;
  };
  Counts counts();
  std::string next_contact_id() { return "c" + std::to_string(++last_contact_); }
  // This one is in use already.
  void note_contact_id(std::string_view id);
  const Clock& clock() const { return clock_; }

 private:
  struct Shard {
    std::mutex mutex;
    TextMap<std::unique_ptr<User>> users;
  };
  struct IndexShard {
    std::mutex mutex;
    TextMap<Texts> impis;
  };
  static constexpr size_t shard_count = 64;
  Shard& shard(std::string_view impi) { return shards_[std::hash<std::string_view>{}(impi) % shard_count]; }
  IndexShard& index(std::string_view impu) { return index_[std::hash<std::string_view>{}(impu) % shard_count]; }

  const Clock& clock_;
  const size_t limit_;
  std::array<Shard, shard_count> shards_;
  std::array<IndexShard, shard_count> index_;
  std::atomic<size_t> users_{0};
  std::atomic<uint64_t> last_contact_{0};
};

Identity to_identity(const PublicIdentity& identity);
// Those of the profile's implicit registration set.
std::vector<Identity> identities_of(const UserProfile& profile);
std::vector<Text> canonicals(const std::vector<Registration>& registrations);

}  // namespace lapwing::scscf
