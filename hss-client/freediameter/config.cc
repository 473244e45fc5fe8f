#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "hss-client/freediameter/core_state.h"

namespace lapwing {
namespace {

// What goes between quotes into the configuration text: a name in DNS characters.
bool valid_identity(std::string_view name) {
  return !name.empty() && name.size() <= 255 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
  });
}

bool numeric_address(const std::string& address) {
  in6_addr bytes;
  return inet_pton(AF_INET, address.c_str(), &bytes) == 1 || inet_pton(AF_INET6, address.c_str(), &bytes) == 1;
}

absl::Status wrong(std::string text) {
  return absl::InvalidArgumentError(text);
}

absl::Status check(const DiameterOptions& o) {
  if (!valid_identity(o.identity))
    return wrong(absl::StrFormat("Diameter identity \"%s\": a host name is wanted", o.identity));
  if (!valid_identity(o.realm))
    return wrong(absl::StrFormat("Diameter realm \"%s\": a domain name is wanted", o.realm));
  // freeDiameter refuses less (RFC 3539 section 3.4.1).
  if (o.watchdog < std::chrono::seconds(6)) return wrong("the Diameter watchdog is at least 6 s");
  if (o.reconnect < std::chrono::seconds(1)) return wrong("the Diameter reconnect time is at least 1 s");
  if (o.listen_address.empty() != (o.listen_port == 0)) return wrong("a Diameter listener needs an address and a port");
  if (!o.listen_address.empty() && !numeric_address(o.listen_address)) {
    return wrong(absl::StrFormat("Diameter listen address \"%s\": a numeric address is wanted", o.listen_address));
  }
  if (o.peers.empty() && o.listen_address.empty()) return wrong("no Diameter peer and no listener: nothing to talk to");
  for (size_t i = 0; i < o.peers.size(); ++i) {
    const DiameterOptions::Peer& p = o.peers[i];
    if (!valid_identity(p.host)) return wrong(absl::StrFormat("Diameter peer \"%s\": a host name is wanted", p.host));
    if (p.host == o.identity) return wrong(absl::StrFormat("Diameter peer %s has our own identity", p.host));
    if (!numeric_address(p.address)) {
      return wrong(absl::StrFormat("Diameter peer %s: address \"%s\" is not numeric", p.host, p.address));
    }
    if (p.port == 0) return wrong(absl::StrFormat("Diameter peer %s has no port", p.host));
    for (size_t j = 0; j < i; ++j) {
      if (o.peers[j].host == p.host) return wrong(absl::StrFormat("Diameter peer %s is there twice", p.host));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> framework_config(const DiameterOptions& o) {
  if (absl::Status status = check(o); !status.ok()) return status;
  bool ipv6 = o.listen_address.find(':') != std::string::npos ||
              std::any_of(o.peers.begin(), o.peers.end(),
                          [](const auto& p) { return p.address.find(':') != std::string::npos; });
  // SecPort must be 0: without it freeDiameter wants a certificate. No_SCTP: where the kernel lacks SCTP it does not
  // start.
  std::string text = absl::StrFormat(
      "Identity = \"%s\";\nRealm = \"%s\";\nPort = %d;\nSecPort = 0;\nNo_SCTP;\nNoRelay;\nAppServThreads = 1;\n"
      "TcTimer = %d;\nTwTimer = %d;\n",
      o.identity, o.realm, o.listen_port, o.reconnect.count(), o.watchdog.count());
  if (!ipv6) absl::StrAppend(&text, "No_IPv6;\n");
  for (const DiameterOptions::Peer& p : o.peers) {
    // Without No_TLS the peer would be a zombie for good.
    absl::StrAppend(
        &text, absl::StrFormat("ConnectPeer = \"%s\" { ConnectTo = \"%s\"; Port = %d; No_SCTP; No_TLS; };\n", p.host,
                               p.address, p.port));
  }
  return text;
}

}  // namespace lapwing
