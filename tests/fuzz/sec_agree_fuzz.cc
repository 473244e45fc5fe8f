// Security-Client, Security-Server and Security-Verify: any bytes are read or refused, and what is read makes sense.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "pcscf/ipsec/sec_agree.h"

namespace {

using namespace lapwing;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

// The input is the value of the header; a line feed in it starts another row.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text =
      "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@a>;tag=1\r\nTo: <sip:a@a>\r\n"
      "Call-ID: 1\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\nSecurity-Client: ";
  std::string value(reinterpret_cast<const char*>(data), size);
  for (char c : value) {
    if (c == '\n')
      text += "\r\nSecurity-Client: ";
    else
      text += c;
  }
  sip::ParseResult parsed = sip::Message::parse(text + "\r\nContent-Length: 0\r\n\r\n", sip::Framing::datagram);
  if (!parsed.ok()) return 0;

  auto offer = ipsec::parse_offer(*parsed.message, sip::HeaderId::security_client);
  if (offer.ok()) {
    for (const ipsec::Mechanism& mechanism : *offer) {
      require(mechanism.algorithms.valid() && mechanism.q <= 1000);
      require(mechanism.spi_c.value >= 256 && mechanism.spi_s.value >= 256 && mechanism.spi_c != mechanism.spi_s);
      require(mechanism.port_c.value != 0 && mechanism.port_c != mechanism.port_s);
      require(mechanism.spi_c == offer->front().spi_c && mechanism.port_s == offer->front().port_s);
      require(ipsec::choose({mechanism.algorithms}, *offer) == mechanism.algorithms);
    }
  }
  ipsec::repeats(*parsed.message, sip::HeaderId::security_client, value);
  return 0;
}
