// Which handset a request from the network is for: the one at the address and port it came to, or the only one at the
// address (a connection that a handset opened has a port of its own). Where several share these, the user part of the
// Request-URI tells, which is then the IMSI.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/runtime/values.h"

namespace lapwing::labue {

class Handset;

class HandsetIndex {
 public:
  void add(const asio::ip::address& address, const std::vector<uint16_t>& ports, const std::string& imsi,
           Handset* handset);
  // Null: for nobody here.
  Handset* find(const Endpoint& local, std::string_view request_uri) const;

 private:
  absl::flat_hash_map<Endpoint, Handset*> by_endpoint_;  // null: several; port 0: any port of the address
  absl::flat_hash_map<std::string, Handset*> by_imsi_;
};

}  // namespace lapwing::labue
