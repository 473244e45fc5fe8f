// Who a handset is: what a USIM without ISIM derives from its IMSI (TS 23.003 section 13), and its IMEI.
//
//   Identity who = Identity::from_imsi("001010000000001", 2);
//   who.impi == "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"
#pragma once

#include <string>
#include <string_view>

namespace lapwing::labue {

// mnc_digits: 2 or 3. imsi: at least 6 digits.
std::string domain_of(std::string_view imsi, int mnc_digits);

struct Identity {
  std::string imsi, domain, impi;
  std::string impu;      // the temporary one, for REGISTER: sip:IMPI
  std::string instance;  // "urn:gsma:imei:35000000-000001-0"

  static Identity from_imsi(std::string_view imsi, int mnc_digits);
  static Identity with_domain(std::string_view imsi, std::string_view domain);
};

}  // namespace lapwing::labue
