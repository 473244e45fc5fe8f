// What the kernel says of addresses, interfaces and routes in this network namespace, over rtnetlink.
#pragma once

#include <asio/ip/address.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lapwing::cli::preflight {

struct HostAddress {
  std::string interface = {};
  asio::ip::address address;
  bool up = false;  // the interface is
};
std::vector<HostAddress> host_addresses();

struct Route {
  int error = 0;       // errno; 0: there is a route
  bool local = false;  // the address is this host's
  std::string interface = {};
  std::string gateway = {};  // empty: the neighbour itself
  uint32_t mtu = 0;          // of the route; 0: the interface's
};
// The route that a packet to the address would take.
Route route_to(const asio::ip::address& destination);

struct Interface {
  std::string name;
  bool up = false;
  uint32_t mtu = 0;
  uint32_t smallest_route_mtu = 0;  // of the routes through it that have an MTU of their own; 0: none has
  int rp_filter = 0;                // the one that counts: the larger of its own and that of "all"
};
// All but lo.
std::vector<Interface> interfaces();

}  // namespace lapwing::cli::preflight
