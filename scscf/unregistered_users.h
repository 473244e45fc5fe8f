// Users that are served although they are not registered: their services for the unregistered state, and public service
// identities (TS 29.228 section 6.1.2, Server-Assignment-Type UNREGISTERED_USER). The profile is kept for a while, so
// that the HSS is not asked for every call.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/runtime/clock.h"
#include "scscf/user_profile.h"

namespace lapwing::scscf {

struct UnregisteredUser {
  std::string impi;
  std::string impu;                            // as it was asked for
  std::shared_ptr<const UserProfile> profile;  // null: not known here
  std::string hss_host;
  TimePoint until;
};

class UnregisteredUsers {
 public:
  explicit UnregisteredUsers(size_t limit = 100'000) : limit_(limit) {}

  std::optional<UnregisteredUser> find(const std::string& canonical);
  // At the limit nothing is kept, and the HSS will be asked again.
  void put(const std::string& canonical, UnregisteredUser user);
  // Those of this private identity, which has registered, or of which the HSS says that they are no longer ours. False:
  // there was none.
  bool forget(const std::string& impi);
  // Takes those whose time is over.
  std::vector<UnregisteredUser> take_expired(TimePoint now);
  size_t size();

 private:
  const size_t limit_;
  std::mutex mutex_;
  absl::flat_hash_map<std::string, UnregisteredUser> users_;  // by canonical public identity
};

}  // namespace lapwing::scscf
