// What DNS says of the home domain, for handsets that look their P-CSCF up there (TS 24.229 section 9.2.1, RFC 3263).
// Lapwing asks none itself, and handsets that learn the address from the PDN do not either: nothing here is FAILED.
#pragma once

#include <asio/ip/address.hpp>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "cli/preflight/check.h"
#include "lapwing/v1/config.pb.h"

namespace lapwing::cli::preflight {

struct NaptrRecord {
  std::string service;      // "SIP+D2U"
  std::string replacement;  // "_sip._udp.DOMAIN"
};
struct SrvRecord {
  std::string name;  // what was asked for
  std::string target;
  uint16_t port = 0;
};
struct DnsAnswers {
  std::string error;  // no server answered; empty: what is not below does not exist
  std::vector<NaptrRecord> naptr;
  std::vector<SrvRecord> srv;
  std::map<std::string, std::vector<asio::ip::address>> addresses;  // of the P-CSCF's name and of SRV targets
};

// Asks the servers of /etc/resolv.conf, each question at most for so long.
DnsAnswers ask_dns(const v1::PcscfConfig& config, std::chrono::milliseconds limit);
// NAPTR, SRV, addresses.
std::vector<Check> check_dns(const v1::PcscfConfig& config, const DnsAnswers& answers);

}  // namespace lapwing::cli::preflight
