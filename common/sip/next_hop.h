// Where a URI leads (RFC 3263): the flow for a request whose topmost Route, or Request-URI, it is. Hosts are addresses,
// or names of a table that the operator wrote: no DNS (docs/decisions/0004-numeric-routes.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "common/sip/transport.h"
#include "common/sip/uri.h"

namespace lapwing::sip {

// Names in lower case, and where they are; the port is that of URIs without one.
using Hosts = absl::flat_hash_map<std::string, Endpoint>;

// local: our listening endpoints; the first of the target's address family is the flow's local end. The transport is
// the URI's parameter, else `otherwise`. InvalidArgument: not a SIP URI; NotFound: a name that is not in `hosts`, or no
// local address of that family.
absl::StatusOr<Flow> next_hop(const Uri& uri, const std::vector<Endpoint>& local, Protocol otherwise,
                              const Hosts& hosts);

// The first hop of a request that goes by these Route values, without any to the URI itself.
struct Hop {
  Flow flow;
  std::optional<Flow> large;  // by_tcp()
};
absl::StatusOr<Hop> first_hop(const std::vector<std::string>& route, const std::string& uri,
                              const std::vector<Endpoint>& local, Protocol otherwise, const Hosts& hosts);

// The same way by TCP, for a request that is too large for UDP (RFC 3261 section 18.1.1); nullopt: it is no UDP, or the
// URI demands it.
std::optional<Flow> by_tcp(const Flow& flow, const Uri& uri);

}  // namespace lapwing::sip
