#include "common/sip/transport.h"

#include "absl/strings/str_format.h"

namespace lapwing::sip {

std::string_view protocol_text(Protocol protocol) {
  switch (protocol) {
    case Protocol::udp:
      return "UDP";
    case Protocol::tcp:
      return "TCP";
    case Protocol::tls:
      return "TLS";
  }
  return "UDP";
}

std::string Flow::text() const {
  return absl::StrFormat("%s %s -> %s", protocol_text(protocol), local.text(), remote.text());
}

}  // namespace lapwing::sip
