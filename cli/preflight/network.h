// The network that the configuration takes for granted: our addresses, the ways to the core, packets large enough for a
// SIP message in ESP, and no reverse path filter that drops handsets' packets.
#pragma once

#include <cstddef>

#include "cli/preflight/check.h"
#include "cli/preflight/routes.h"
#include "common/runtime/values.h"
#include "lapwing/v1/config.pb.h"

namespace lapwing::cli::preflight {

// key: of the configuration, "gm.listen". route: the kernel's to the address itself, local when it is ours.
Check check_listen_address(std::string_view key, const Endpoint& at, const Route& route,
                           const std::vector<HostAddress>& ours);
// from: the address that we send from; nullptr: the kernel chooses.
Check check_route(std::string_view key, const Endpoint& to, const asio::ip::address* from, const Route& route);

// The IP packet that carries so much SIP by UDP, in ESP with the pair that adds most (TS 33.203 Annex H; RFC 4303).
size_t packet_size(size_t sip, bool ipv6, const v1::Ipsec& ipsec);
// on: the interface of gm.listen's address; nullptr: lo.
Check check_mtu(const v1::PcscfConfig& config, const Endpoint& gm, const Interface* on);

// gm_interface: of gm.listen; empty: not known.
Check check_reverse_path(const std::vector<Interface>& all, std::string_view gm_interface);

}  // namespace lapwing::cli::preflight
