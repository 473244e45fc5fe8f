// What one handset is told at its start.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/sip/transaction/machines.h"
#include "common/sip/transport.h"
#include "lab/labue/identity.h"
#include "lab/labue/misbehave.h"
#include "pcscf/ipsec/sa.h"

namespace lapwing::labue {

// What happens to calls that come.
struct Answering {
  enum class Mode : uint8_t { automatic, manual, busy, reject, never };
  Mode mode = Mode::automatic;
  int code = 603;                           // of Mode::reject
  Duration ring = std::chrono::seconds(1);  // of Mode::automatic
};

struct HandsetOptions {
  Identity who;
  asio::ip::address address;
  Endpoint pcscf;                                                 // its unprotected port
  uint16_t port = 5060;                                           // ours, unprotected
  uint16_t server_port = 6300;                                    // port-us
  std::vector<uint16_t> client_ports = {6301, 6302, 6303, 6304};  // port-uc, another for each authentication
  sip::Protocol first = sip::Protocol::udp;                       // of an unprotected REGISTER
  sip::Protocol protected_register = sip::Protocol::tcp;
  sip::Protocol protected_other = sip::Protocol::udp;  // SUBSCRIBE; beyond 1300 bytes TCP where both are in use
  std::vector<ipsec::Algorithms> algorithms;           // offered, in order
  uint32_t expires = 3600;
  sip::TimerValues timers = sip::TimerValues::handset();
  Duration linger = std::chrono::seconds(1);  // a set that is given up still lets the last answers pass
  std::string access_network = "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=001010001000019b";
  bool user_in_contact = false;  // many handsets behind one address and port
  Misbehave misbehave = Misbehave::none;
  Answering answering;
  bool preconditions = true;        // calls with 100rel and preconditions where the peer has them, too
  uint32_t session_expires = 1800;  // s
  bool hold_with_update = false;    // else with re-INVITE
  std::string smsc;                 // the service centre's URI
  bool media = true;                // RTP while a call is up
  Identity other;                   // whom a spoofing handset claims to be
};

}  // namespace lapwing::labue
