// The texts that configuration files hold, as values: "4m", "10.0.0.1:5060", "10.0.0.0/8".
//
//   absl::StatusOr<Endpoint> e = endpoint_from("[2001:db8::1]:5060");   // e->udp(), e->tcp()
//
// Every function returns InvalidArgument with what to write instead, as in: write a number with a unit, as 500ms, 2s or
// 4m.
#pragma once

#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ip/udp.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/runtime/clock.h"

namespace lapwing {

struct Endpoint {
  asio::ip::address address;
  uint16_t port = 0;

  asio::ip::udp::endpoint udp() const { return {address, port}; }
  asio::ip::tcp::endpoint tcp() const { return {address, port}; }
  std::string text() const;  // as endpoint_from() reads it
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Endpoint& e) {
    if (e.address.is_v4()) return H::combine(std::move(h), e.address.to_v4().to_uint(), e.port);
    return H::combine(std::move(h), e.address.to_v6().to_bytes(), e.port);
  }
};

struct Prefix {
  asio::ip::address address;
  int length = 0;  // in bits

  // IPv4 inside IPv6 (::ffff:10.0.0.1) counts as IPv4.
  bool contains(const asio::ip::address& other) const;
};

// One digit or more, and nothing else.
bool all_digits(std::string_view text);
// A whole number with ms, s, m, h or d; at most ten years.
absl::StatusOr<Duration> duration_from(std::string_view text);
// ADDRESS:PORT or [ADDRESS]:PORT, port 1 to 65535.
absl::StatusOr<Endpoint> endpoint_from(std::string_view text);
absl::StatusOr<asio::ip::address> address_from(std::string_view text);
// ADDRESS/LENGTH without bits set after the prefix, or an address alone (all of its bits).
absl::StatusOr<Prefix> prefix_from(std::string_view text);

// The formats of lapwing.v1.FieldRules, by name; of "duration" the form only, without its range.
absl::Status check_format(std::string_view format, std::string_view text);
// How a value of this format looks, for error messages: "10.0.0.1:5060".
std::string_view example_of(std::string_view format);

}  // namespace lapwing
