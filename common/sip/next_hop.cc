#include "common/sip/next_hop.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "common/sip/headers.h"

namespace lapwing::sip {

absl::StatusOr<Flow> next_hop(const Uri& uri, const std::vector<Endpoint>& local, Protocol otherwise,
                              const Hosts& hosts) {
  if (!uri.is_sip()) return absl::InvalidArgumentError("no route to a URI that is not sip");
  std::optional<asio::ip::address> address = uri.address();
  uint16_t usual_port = 0;
  if (!address) {
    auto named = hosts.find(absl::AsciiStrToLower(absl::string_view(uri.host.data(), uri.host.size())));
    if (named == hosts.end()) {
      return absl::NotFoundError(
          absl::StrFormat("%s is a name that is not in `hosts`, and names are not looked up", uri.host));
    }
    address = named->second.address;
    usual_port = named->second.port;
  }
  Flow flow;
  flow.protocol = otherwise;
  std::string_view transport = uri.param("transport");
  if (equals_ignoring_case(transport, "tcp")) flow.protocol = Protocol::tcp;
  if (equals_ignoring_case(transport, "udp")) flow.protocol = Protocol::udp;
  if (equals_ignoring_case(transport, "tls") || uri.scheme == Scheme::sips) flow.protocol = Protocol::tls;
  flow.remote.address = *address;
  if (usual_port == 0) usual_port = flow.protocol == Protocol::tls ? 5061 : 5060;
  flow.remote.port = uri.port != 0 ? uri.port : usual_port;
  for (const Endpoint& ours : local) {
    if (ours.address.is_v4() != address->is_v4()) continue;
    flow.local = ours;
    if (reliable(flow.protocol)) flow.local.port = 0;
    return flow;
  }
  return absl::NotFoundError(absl::StrFormat("no local address of the family of %s", flow.remote.text()));
}

absl::StatusOr<Hop> first_hop(const std::vector<std::string>& route, const std::string& uri,
                              const std::vector<Endpoint>& local, Protocol otherwise, const Hosts& hosts) {
  std::string next = route.empty() ? "<" + uri + ">" : route.front();
  absl::StatusOr<NameAddr> first = NameAddr::parse(next);
  if (!first.ok()) return first.status();
  absl::StatusOr<Flow> flow = next_hop(first->uri, local, otherwise, hosts);
  if (!flow.ok()) return flow.status();
  return Hop{*flow, by_tcp(*flow, first->uri)};
}

std::optional<Flow> by_tcp(const Flow& flow, const Uri& uri) {
  if (flow.protocol != Protocol::udp || uri.has_param("transport")) return std::nullopt;
  Flow tcp = flow;
  tcp.protocol = Protocol::tcp;
  tcp.local.port = 0;
  return tcp;
}

}  // namespace lapwing::sip
