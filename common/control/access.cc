#include "common/control/access.h"

#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/strings/str_format.h"

namespace lapwing::control {
namespace {

constexpr size_t entry_limit = 64 * 1024;  // bytes of one user's or group's entry

std::string name_of(uid_t uid) {
  std::vector<char> space(entry_limit);
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, space.data(), space.size(), &found) == 0 && found != nullptr) return entry.pw_name;
  return absl::StrFormat("%d", uid);
}

// With the primary one, which SO_PEERGROUPS may leave out.
std::vector<gid_t> groups_of(int fd, gid_t primary) {
  std::vector<gid_t> groups(64);
  auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  int got = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
  if (got != 0 && errno == ERANGE) {
    groups.resize(size / sizeof(gid_t));
    got = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
  }
  groups.resize(got == 0 ? size / sizeof(gid_t) : 0);
  groups.push_back(primary);
  return groups;
}

}  // namespace

absl::StatusOr<Admins> Admins::of_machine(const std::vector<std::string>& names) {
  Admins out;
  out.users_ = {0, geteuid()};
  std::vector<char> space(entry_limit);
  for (const std::string& name : names) {
    if (name.starts_with('@')) {
      group entry{};
      group* found = nullptr;
      if (getgrnam_r(name.c_str() + 1, &entry, space.data(), space.size(), &found) != 0 || found == nullptr) {
        return absl::NotFoundError(
            absl::StrFormat("control.admins \"%s\": there is no such group on this machine: groupadd --system %s, or "
                            "change control.admins",
                            name, name.substr(1)));
      }
      out.groups_.insert(entry.gr_gid);
    } else {
      passwd entry{};
      passwd* found = nullptr;
      if (getpwnam_r(name.c_str(), &entry, space.data(), space.size(), &found) != 0 || found == nullptr) {
        return absl::NotFoundError(absl::StrFormat(
            "control.admins \"%s\": there is no such user on this machine; a group is written @%s", name, name));
      }
      out.users_.insert(entry.pw_uid);
    }
  }
  return out;
}

Admins Admins::of_certificates(const std::vector<std::string>& names) {
  Admins out;
  out.certificates_ = {names.begin(), names.end()};
  return out;
}

Client Admins::at_socket(int fd) const {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return {"an unknown user", false};
  Client client{absl::StrFormat("user %s", name_of(peer.uid)), users_.contains(peer.uid)};
  if (!client.admin && !groups_.empty()) {
    const std::vector<gid_t> groups = groups_of(fd, peer.gid);
    client.admin = std::any_of(groups.begin(), groups.end(), [this](gid_t one) { return groups_.contains(one); });
  }
  return client;
}

Client Admins::with_certificate(const std::vector<std::string>& names) const {
  auto admin =
      std::find_if(names.begin(), names.end(), [this](const auto& name) { return certificates_.contains(name); });
  if (admin != names.end()) return {absl::StrFormat("certificate %s", *admin), true};
  return {absl::StrFormat("certificate %s", names.empty() ? "without a name" : names.front()), false};
}

}  // namespace lapwing::control
