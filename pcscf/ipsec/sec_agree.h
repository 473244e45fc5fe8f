// Security-Client, Security-Server and Security-Verify (RFC 3329 section 2.2, TS 33.203 Annex H): parse, choose, write.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/sip/message.h"
#include "pcscf/ipsec/sa.h"

namespace lapwing::ipsec {

// One "ipsec-3gpp" mechanism of a list. Other mechanisms, ah, tun and unknown algorithms are skipped by parse_offer.
struct Mechanism {
  Algorithms algorithms;
  Spi spi_c, spi_s;  // 256..2^32-1
  Port port_c, port_s;
  uint16_t q = 1000;  // thousandths; as parsed
};

// Every usable mechanism of the message's header (several rows and comma lists alike), in order.
// InvalidArgument: a list that cannot be parsed, an SPI or a port out of range, or ports and SPIs that differ between
// elements (TS 33.203: all elements carry the same). An empty list is no error: nothing we know was offered.
absl::StatusOr<std::vector<Mechanism>> parse_offer(const sip::Message& message, sip::HeaderId header);

// The first of ours, in our order, that the handset offered too. nullopt: none in common (494).
std::optional<Algorithms> choose(const std::vector<Algorithms>& ours, const std::vector<Mechanism>& offered);

// The whole list of ours with falling q, all elements with the set's SPIs and ports (anti bidding-down, Annex H).
std::string security_server(const std::vector<Algorithms>& ours, Spi spi_pc, Spi spi_ps, Port pc, Port ps);
// A handset's offer.
std::string security_client(const std::vector<Algorithms>& ours, Spi spi_uc, Spi spi_us, Port uc, Port us);

// Does Security-Verify repeat what was sent in Security-Server: the same mechanisms in the same order with the same
// values? White space, parameter order, letter case, leading zeros and the split over rows may differ.
bool repeats(const sip::Message& verify, sip::HeaderId verify_header, std::string_view sent);

}  // namespace lapwing::ipsec
