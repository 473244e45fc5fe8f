#include "cli/wire_text.h"

#include "absl/strings/numbers.h"

namespace lapwing::cli {

std::string host_of(const std::string& endpoint) {
  std::string host = endpoint.substr(0, endpoint.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return host;
}

End end_of(const std::string& endpoint) {
  End end;
  const size_t colon = endpoint.rfind(':');
  if (colon == endpoint.npos) return end;
  asio::error_code ignored;
  end.address = asio::ip::make_address(host_of(endpoint), ignored);
  uint32_t port = 0;
  if (absl::SimpleAtoi(endpoint.substr(colon + 1), &port)) end.port = static_cast<uint16_t>(port);
  return end;
}

std::string bytes_of(const asio::ip::address& address) {
  auto text = [](const auto& bytes) { return std::string(bytes.begin(), bytes.end()); };
  return address.is_v4() ? text(address.to_v4().to_bytes()) : text(address.to_v6().to_bytes());
}

void put_network(std::string& out, uint64_t number, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>(number >> shift & 0xff);
}

}  // namespace lapwing::cli
