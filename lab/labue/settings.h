// What the command line says, and the handsets it means.
//
// Errors: INVALID_ARGUMENT and NOT_FOUND with a sentence that names the option.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lab/labue/handset.h"
#include "lab/labue/subscribers.h"

namespace lapwing::labue {

// Options of every subcommand that has handsets; names are those of the options.
struct Settings {
  std::string pcscf, plmn = "001/01", domain;
  std::string first = "udp", protected_ = "tcp", requests;  // requests empty: udp, or as protected_ where that is udp
  std::string algorithms;                                   // "hmac-sha-1-96/aes-cbc,..."; empty: default_algorithms()
  std::string t1 = "2s";
  std::string misbehave = "none", spoof_imsi;
  uint32_t expires = 3600;
  uint16_t port = 5060, server_port = 6300;
  std::vector<uint16_t> client_ports = {6301, 6302, 6303, 6304};
  bool no_ipsec = false;
  uint32_t reqid = 0;  // 0: from the process id
  std::string imei;    // empty: from the IMSI
  std::string answer = "auto", ring = "1", hold_with = "invite";
  std::string smsc;  // empty: sip:smsc@DOMAIN
  uint32_t session_expires = 1800;
  bool no_preconditions = false, no_media = false;
};

// As newer Samsungs offer: {SHA-1, MD5} x {AES, 3DES, null}.
std::vector<ipsec::Algorithms> default_algorithms();
absl::StatusOr<std::vector<ipsec::Algorithms>> algorithms_of(const Settings& settings);
absl::StatusOr<sip::TimerValues> timers_of(const Settings& settings);
// --answer and --ring.
absl::StatusOr<Answering> answering_of(const Settings& settings);
// 2 or 3, of "001/01".
absl::StatusOr<int> mnc_digits_of(const std::string& plmn);
absl::StatusOr<HandsetOptions> options_of(const Settings& settings, std::string_view imsi, int mnc_digits,
                                          const asio::ip::address& address);
// The address that comes so many after the first.
asio::ip::address address_after(const asio::ip::address& first, uint64_t number);

}  // namespace lapwing::labue
