// Who a client of the control server is, and whether it may change things.
#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace lapwing::control {

struct Client {
  std::string name;    // "user ann", "certificate ann", "a client on loopback"
  bool admin = false;  // else it may only look
};

// control.admins.
class Admins {
 public:
  // Of a unix socket: users and @groups of this machine; root and our own user are always among them. NotFound: there
  // is no such user or group.
  static absl::StatusOr<Admins> of_machine(const std::vector<std::string>& names);
  // Of TLS: names in certificates.
  static Admins of_certificates(const std::vector<std::string>& names);

  // fd: a connection to a unix socket; the kernel says who is at its other end.
  Client at_socket(int fd) const;
  // names: of the client's certificate, which was verified: its common name and its alternative names.
  Client with_certificate(const std::vector<std::string>& names) const;

 private:
  std::set<uid_t> users_;
  std::set<gid_t> groups_;
  std::set<std::string, std::less<>> certificates_;
};

}  // namespace lapwing::control
