// The way that a request has before it, as a proxy reads it and writes it on (RFC 3261 sections 16.4 and 16.6 step 6),
// with strict routers of RFC 2543 before and behind us: those put the next hop into the Request-URI, and what it was at
// the end of Route.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/sip/edits.h"
#include "common/sip/message.h"
#include "common/sip/uri.h"

namespace lapwing::sip {

struct RouteSet {
  std::string request_uri;        // whom the request is for
  size_t own = 0;                 // how many hops at the top were ours
  std::string user;               // of the first of these
  bool orig = false;              // and whether it has the parameter `orig` (TS 24.229 section 5.7.3)
  std::vector<std::string> rest;  // behind them
};

RouteSet read_route_set(const Message& request, const std::function<bool(const Uri&)>& is_ours);
// Leaves exactly `rest` as Route, and the Request-URI.
void write_route_set(Edits& edits, const Message& request, const RouteSet& routes);

}  // namespace lapwing::sip
