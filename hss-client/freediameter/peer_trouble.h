// Why a Diameter peer is not connected, in words for the operator. No I/O, no freeDiameter.
//
//   refused: the HSS calls itself "hss.real", cx.peers[0].host says "hss.wrong"
//   connection refused: nothing listens on 127.0.0.4:3868/tcp
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "hss-client/avp.h"
#include "hss-client/freediameter/core.h"

namespace lapwing {

enum class PeerTrouble : uint8_t {
  cannot_connect,   // detail: the system's text for the error
  connect_timeout,  // nobody answers the SYN
  no_cea,           // connected, and silent after our Capabilities-Exchange-Request
  closed_at_cer,    // closed instead of answering it
  unusable_cea,     // detail: what is wrong with its Capabilities-Exchange-Answer
  no_application,   // detail: which one of ours it does not offer
  no_watchdog,      // it was connected, and does not answer the watchdog
  said_goodbye,     // a Disconnect-Peer-Request. detail: its Disconnect-Cause
  broken            // it was connected; detail: freeDiameter's words, where it has any
};
std::string trouble_text(PeerTrouble trouble, const DiameterOptions& options, const DiameterOptions::Peer& peer,
                         std::string_view detail = {});

// What in a Capabilities-Exchange-Answer (RFC 6733 section 5.3.2) speaks against a connection: its Result-Code, or an
// Origin-Host that is not the peer's. Empty: nothing.
std::string refusal_in_cea(const diameter::Message& cea, const DiameterOptions& options,
                           const DiameterOptions::Peer& peer);

// Of the Disconnect-Cause AVP (RFC 6733 section 5.4.3).
std::string_view disconnect_cause_text(uint32_t cause);

}  // namespace lapwing
