// Where a control server may listen, and whether somebody listens there already.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lapwing::control {

// gRPC's name for the address: "unix:/run/x.sock", "127.0.0.1:7070". A stale socket, left by a daemon that died, is
// removed. tls: clients show certificates, so that it need not be loopback. Errors: InvalidArgument (not loopback, or
// no address), AlreadyExists (in use), Unavailable (no such directory, no right to use it), each with what to do.
absl::StatusOr<std::string> claim_address(std::string_view listen, bool tls);

}  // namespace lapwing::control
