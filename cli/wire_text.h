// Pieces of pcapng and HEP: addresses as the daemons write them, and numbers in network order.
#pragma once

#include <asio/ip/address.hpp>
#include <cstdint>
#include <string>

namespace lapwing::cli {

struct End {
  asio::ip::address address;  // unspecified where it cannot be read
  uint16_t port = 0;          // 0: not known
};

// Of sip::Endpoint::text(): "10.0.0.1:5060", "[2001:db8::1]:5060".
std::string host_of(const std::string& endpoint);
End end_of(const std::string& endpoint);

std::string bytes_of(const asio::ip::address& address);
void put_network(std::string& out, uint64_t number, int bytes);

}  // namespace lapwing::cli
