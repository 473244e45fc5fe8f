#include "lab/labue/handset_index.h"

#include "common/sip/uri.h"

namespace lapwing::labue {

void HandsetIndex::add(const asio::ip::address& address, const std::vector<uint16_t>& ports, const std::string& imsi,
                       Handset* handset) {
  by_imsi_[imsi] = handset;
  std::vector<uint16_t> all = ports;
  all.push_back(0);
  for (uint16_t port : all) {
    auto [at, fresh] = by_endpoint_.try_emplace({address, port}, handset);
    if (!fresh && at->second != handset) at->second = nullptr;
  }
}

Handset* HandsetIndex::find(const Endpoint& local, std::string_view request_uri) const {
  for (uint16_t port : {local.port, uint16_t{0}}) {
    auto endpoint = by_endpoint_.find({local.address, port});
    if (endpoint != by_endpoint_.end() && endpoint->second) return endpoint->second;
  }
  absl::StatusOr<sip::Uri> uri = sip::Uri::parse(request_uri);
  if (!uri.ok()) return nullptr;
  auto imsi = by_imsi_.find(std::string(uri->user));
  return imsi == by_imsi_.end() ? nullptr : imsi->second;
}

}  // namespace lapwing::labue
