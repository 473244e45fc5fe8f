#include "cli/preflight/network.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace lapwing::cli::preflight {
namespace {

// Above this size requests go by TCP (RFC 3261 section 18.1.1).
constexpr size_t largest_by_udp = 1300;
// What GTP leaves of 1500 on most networks; a REGISTER with the answer to the challenge has about as much in ESP.
constexpr uint32_t usual_mtu = 1400;

std::string with_length(const asio::ip::address& address) {
  return absl::StrCat(address.to_string(), address.is_v4() ? "/24" : "/64");
}

std::string listed(const std::vector<HostAddress>& ours) {
  std::vector<std::string> out;
  for (const HostAddress& one : ours) {
    if (one.address.is_loopback() || (one.address.is_v6() && one.address.to_v6().is_link_local())) continue;
    out.push_back(absl::StrCat(one.address.to_string(), " (", one.interface, ")"));
  }
  return out.empty() ? "no address but loopback" : absl::StrJoin(out, ", ");
}

std::string ip_command(const asio::ip::address& address) {
  return address.is_v4() ? "ip" : "ip -6";
}

// Bytes of ESP around `inner` bytes, for one pair.
size_t esp_size(std::string_view pair, size_t inner) {
  const auto has = [&](std::string_view name) { return pair.find(name) != pair.npos; };
  const bool aead = has("aes-gcm") || has("aes-gmac");
  const size_t iv = has("aes-cbc") ? 16 : has("des") || aead ? 8 : 0;
  const size_t block = has("aes-cbc") ? 16 : has("des") ? 8 : 4;
  const size_t icv = aead ? 16 : 12;
  const size_t padded = (inner + 2 + block - 1) / block * block;  // pad length and next header are inside
  return 8 + iv + padded + icv;
}

}  // namespace

Check check_listen_address(std::string_view key, const Endpoint& at, const Route& route,
                           const std::vector<HostAddress>& ours) {
  constexpr std::string_view code = "listen-address";
  const std::string about = absl::StrFormat("%s %s", key, at.text());
  if (at.address.is_unspecified()) {
    return failed(code, about, "stands in Via, Path and security associations, where it must be one address",
                  {absl::StrFormat("write one of this host's: %s", listed(ours))});
  }
  const auto found =
      std::find_if(ours.begin(), ours.end(), [&](const HostAddress& one) { return one.address == at.address; });
  if (found != ours.end() && !found->up) {
    return failed(code, about, absl::StrFormat("%s, which has this address, is down", found->interface),
                  {absl::StrFormat("ip link set %s up", found->interface)});
  }
  if (found == ours.end() && !route.local) {
    return failed(
        code, about,
        absl::StrFormat("this host does not have the address %s; it has %s", at.address.to_string(), listed(ours)),
        {absl::StrFormat("correct %s; or give the host the address: %s addr add %s dev INTERFACE", key,
                         ip_command(at.address), with_length(at.address))});
  }
  if (key == "gm.listen" && at.address.is_loopback()) {
    return warned(code, about, "a loopback address: only handsets in software on this host reach it",
                  {absl::StrFormat("write the address that the P-GW tells handsets: %s", listed(ours))});
  }
  return passed(code, about, absl::StrCat("an address of ", found != ours.end() ? found->interface : "this host"));
}

Check check_route(std::string_view key, const Endpoint& to, const asio::ip::address* from, const Route& route) {
  constexpr std::string_view code = "route";
  const std::string about = absl::StrFormat("%s %s", key, to.text());
  const std::string address = to.address.to_string();
  if (route.error != 0) {
    return failed(code, about, absl::StrFormat("this host has no route to %s: %s", address, std::strerror(route.error)),
                  {absl::StrFormat("%s route add %s via GATEWAY dev INTERFACE", ip_command(to.address), address),
                   absl::StrFormat("or correct %s; what the kernel says: %s route get %s", key, ip_command(to.address),
                                   address)});
  }
  if (from != nullptr && from->is_v4() != to.address.is_v4()) {
    return failed(code, about,
                  absl::StrFormat("it is IPv%d, and we send from %s", to.address.is_v4() ? 4 : 6, from->to_string()),
                  {absl::StrFormat("write addresses of one family into mw.listen and %s", key)});
  }
  if (from != nullptr && from->is_loopback() && !route.local) {
    return failed(code, about,
                  absl::StrFormat("it is another host, and from %s only this one is reached", from->to_string()),
                  {absl::StrFormat("write this host's address on %s into mw.listen", route.interface)});
  }
  if (route.local) return passed(code, about, "this host itself");
  return passed(code, about, absl::StrCat("by ", route.interface, route.gateway.empty() ? "" : " via ", route.gateway));
}

size_t packet_size(size_t sip, bool ipv6, const v1::Ipsec& ipsec) {
  const size_t ip = ipv6 ? 40 : 20;
  const size_t inner = sip + 8;  // UDP
  if (ipsec.policy() == "off") return ip + inner;
  size_t most = 0;
  for (const std::string& pair : ipsec.algorithms()) most = std::max(most, esp_size(pair, inner));
  return ip + most;
}

Check check_mtu(const v1::PcscfConfig& config, const Endpoint& gm, const Interface* on) {
  constexpr std::string_view code = "mtu";
  const std::string about = absl::StrFormat("MTU toward handsets, gm.listen %s", gm.text());
  if (on == nullptr) return passed(code, about, "loopback");
  const bool by_route = on->smallest_route_mtu != 0 && on->smallest_route_mtu < on->mtu;
  const uint32_t mtu = by_route ? on->smallest_route_mtu : on->mtu;
  const size_t largest = packet_size(largest_by_udp, gm.address.is_v6(), config.ipsec());
  const std::string size =
      absl::StrFormat("a SIP message of %d bytes, the largest that goes by UDP, is a packet of %d bytes%s",
                      largest_by_udp, largest, config.ipsec().policy() == "off" ? "" : " in ESP");
  const std::string found = absl::StrFormat("%d bytes%s, on %s", mtu, by_route ? " by a route" : "", on->name);
  if (mtu >= usual_mtu && mtu >= largest) return passed(code, about, absl::StrCat(found, ": ", size));
  const std::string what = mtu < largest
                               ? absl::StrCat(size, ": it leaves in fragments, and firewalls drop those")
                               : absl::StrFormat(
                                     "less than the %d bytes that phones are usually told: a REGISTER in ESP has about "
                                     "as much, and comes in fragments",
                                     usual_mtu);
  Advice advice;
  if (by_route) {
    advice.push_back(
        absl::StrFormat("find the route (ip route show dev %s), and where the network carries it: ip route "
                        "change NETWORK via GATEWAY dev %s mtu 1400 advmss 1340",
                        on->name, on->name));
  } else {
    advice.push_back(absl::StrFormat("where the network carries it: ip link set dev %s mtu 1500", on->name));
  }
  advice.emplace_back(
      "else: have the P-GW tell phones this MTU in the PCO, and let fragments and ICMP \"fragmentation needed\" (IPv6: "
      "\"packet too big\") pass on the whole way");
  return warned(code, about, absl::StrCat(found, ": ", what), advice);
}

Check check_reverse_path(const std::vector<Interface>& all, std::string_view gm_interface) {
  constexpr std::string_view code = "rp-filter";
  constexpr std::string_view about = "rp_filter";
  std::vector<std::string> strict;
  for (const Interface& one : all) {
    if (one.up && one.rp_filter == 1) strict.push_back(one.name);
  }
  if (strict.size() < 2) {
    return passed(code, about,
                  strict.empty() ? "no interface drops packets by the way they came"
                                 : absl::StrCat("strict on ", strict.front(), " alone"));
  }
  const std::string gm(gm_interface.empty() ? std::string_view(strict.front()) : gm_interface);
  return warned(code, about,
                absl::StrFormat("strict on %s: packets of handsets that come by another interface than the route back "
                                "are dropped, and nothing says so",
                                absl::StrJoin(strict, ", ")),
                {absl::StrFormat("sysctl -w net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.%s.rp_filter=2", gm),
                 "to keep it: both settings, each in a line of its own, in /etc/sysctl.d/lapwing.conf"});
}

}  // namespace lapwing::cli::preflight
