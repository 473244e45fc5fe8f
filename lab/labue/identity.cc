#include "lab/labue/identity.h"

#include "absl/strings/str_format.h"

namespace lapwing::labue {

std::string domain_of(std::string_view imsi, int mnc_digits) {
  std::string mnc(imsi.substr(3, static_cast<size_t>(mnc_digits)));
  if (mnc.size() == 2) mnc.insert(0, 1, '0');
  return absl::StrFormat("ims.mnc%s.mcc%s.3gppnetwork.org", mnc, imsi.substr(0, 3));
}

Identity Identity::from_imsi(std::string_view imsi, int mnc_digits) {
  return with_domain(imsi, domain_of(imsi, mnc_digits));
}

Identity Identity::with_domain(std::string_view imsi, std::string_view domain) {
  Identity who;
  who.imsi = imsi;
  who.domain = domain;
  who.impi = who.imsi + '@' + who.domain;
  who.impu = "sip:" + who.impi;
  // Type allocation codes that begin with 35 are the common ones; the rest comes from the IMSI, so that each handset
  // has its own.
  std::string last = std::string(12, '0').append(imsi);
  last = last.substr(last.size() - 12);
  who.instance = absl::StrFormat("urn:gsma:imei:35%s-%s-0", last.substr(0, 6), last.substr(6));
  return who;
}

}  // namespace lapwing::labue
