#include "hss-client/cx_dictionary.h"

#include <algorithm>
#include <array>
#include <utility>

namespace lapwing::cx {
namespace {

using enum AvpType;
constexpr uint32_t tgpp = 10415;

constexpr auto make() {
  std::array table = std::to_array<AvpDefinition>({
      // RFC 6733, RFC 7155, RFC 4740, RFC 7683, RFC 7944, RFC 8583
      {1, 0, "User-Name", text, true},
      {8, 0, "Framed-IP-Address", octets, true},
      {25, 0, "Class", octets, true},
      {33, 0, "Proxy-State", octets, true},
      {55, 0, "Event-Timestamp", time, true},
      {96, 0, "Framed-Interface-Id", unsigned64, true},
      {97, 0, "Framed-IPv6-Prefix", octets, true},
      {104, 0, "Digest-Realm", text, true},
      {110, 0, "Digest-QoP", text, true},
      {111, 0, "Digest-Algorithm", text, true},
      {121, 0, "Digest-HA1", text, true},
      {258, 0, "Auth-Application-Id", unsigned32, true},
      {259, 0, "Acct-Application-Id", unsigned32, true},
      {260, 0, "Vendor-Specific-Application-Id", group, true},
      {261, 0, "Redirect-Host-Usage", integer32, true},
      {262, 0, "Redirect-Max-Cache-Time", unsigned32, true},
      {263, 0, "Session-Id", text, true},
      {264, 0, "Origin-Host", identity, true},
      {266, 0, "Vendor-Id", unsigned32, true},
      {268, 0, "Result-Code", unsigned32, true},
      {277, 0, "Auth-Session-State", integer32, true},
      {278, 0, "Origin-State-Id", unsigned32, true},
      {279, 0, "Failed-AVP", octets, true},  // its content is kept as bytes: it may be broken, that is its purpose
      {280, 0, "Proxy-Host", identity, true},
      {281, 0, "Error-Message", text, false},
      {282, 0, "Route-Record", identity, true},
      {283, 0, "Destination-Realm", identity, true},
      {284, 0, "Proxy-Info", group, true},
      {292, 0, "Redirect-Host", text, true},
      {293, 0, "Destination-Host", identity, true},
      {294, 0, "Error-Reporting-Host", identity, false},
      {296, 0, "Origin-Realm", identity, true},
      {297, 0, "Experimental-Result", group, true},
      {298, 0, "Experimental-Result-Code", unsigned32, true},
      {301, 0, "DRMP", integer32, false},
      {500, vendor_etsi, "Line-Identifier", octets, false},
      {600, tgpp, "Visited-Network-Identifier", octets, true},
      {601, tgpp, "Public-Identity", text, true},
      {602, tgpp, "Server-Name", text, true},
      {603, tgpp, "Server-Capabilities", group, true},
      {604, tgpp, "Mandatory-Capability", unsigned32, true},
      {605, tgpp, "Optional-Capability", unsigned32, true},
      {606, tgpp, "User-Data", octets, true},
      {607, tgpp, "SIP-Number-Auth-Items", unsigned32, true},
      {608, tgpp, "SIP-Authentication-Scheme", text, true},
      {609, tgpp, "SIP-Authenticate", octets, true},
      {610, tgpp, "SIP-Authorization", octets, true},
      {611, tgpp, "SIP-Authentication-Context", octets, true},
      {612, tgpp, "SIP-Auth-Data-Item", group, true},
      {613, tgpp, "SIP-Item-Number", unsigned32, true},
      {614, tgpp, "Server-Assignment-Type", integer32, true},
      {615, tgpp, "Deregistration-Reason", group, true},
      {616, tgpp, "Reason-Code", integer32, true},
      {617, tgpp, "Reason-Info", text, true},
      {618, tgpp, "Charging-Information", group, true},
      {619, tgpp, "Primary-Event-Charging-Function-Name", text, true},
      {620, tgpp, "Secondary-Event-Charging-Function-Name", text, true},
      {621, 0, "OC-Supported-Features", octets, false},
      {621, tgpp, "Primary-Charging-Collection-Function-Name", text, true},
      {622, tgpp, "Secondary-Charging-Collection-Function-Name", text, true},
      {623, 0, "OC-OLR", octets, false},
      {623, tgpp, "User-Authorization-Type", integer32, true},
      {624, tgpp, "User-Data-Already-Available", integer32, true},
      {625, tgpp, "Confidentiality-Key", octets, true},
      {626, tgpp, "Integrity-Key", octets, true},
      {628, tgpp, "Supported-Features", group, false},
      {629, tgpp, "Feature-List-ID", unsigned32, false},
      {630, tgpp, "Feature-List", unsigned32, false},
      {631, tgpp, "Supported-Applications", group, false},
      {632, tgpp, "Associated-Identities", group, false},
      {633, tgpp, "Originating-Request", integer32, true},
      {634, tgpp, "Wildcarded-Public-Identity", text, false},
      {635, tgpp, "SIP-Digest-Authenticate", group, false},
      {636, tgpp, "Wildcarded-IMPU", text, false},
      {637, tgpp, "UAR-Flags", unsigned32, false},
      {638, tgpp, "Loose-Route-Indication", integer32, false},
      {639, tgpp, "SCSCF-Restoration-Info", group, false},
      {640, tgpp, "Path", octets, false},
      {641, tgpp, "Contact", octets, false},
      {642, tgpp, "Subscription-Info", group, false},
      {643, tgpp, "Call-ID-SIP-Header", octets, false},
      {644, tgpp, "From-SIP-Header", octets, false},
      {645, tgpp, "To-SIP-Header", octets, false},
      {646, tgpp, "Record-Route", octets, false},
      {647, tgpp, "Associated-Registered-Identities", group, false},
      {648, tgpp, "Multiple-Registration-Indication", integer32, false},
      {649, tgpp, "Restoration-Info", group, false},
      {650, 0, "Load", octets, false},
      {650, tgpp, "Session-Priority", integer32, false},
      {651, tgpp, "Identity-with-Emergency-Registration", group, false},
      {652, tgpp, "Priviledged-Sender-Indication", integer32, false},
      {653, tgpp, "LIA-Flags", unsigned32, false},
      {654, tgpp, "Initial-CSeq-Sequence-Number", unsigned32, false},
      {655, tgpp, "SAR-Flags", unsigned32, false},
      {656, tgpp, "Allowed-WAF-WWSF-Identities", group, false},
      {657, tgpp, "WebRTC-Authentication-Function-Name", text, false},
      {658, tgpp, "WebRTC-Web-Server-Function-Name", text, false},
      {659, tgpp, "RTR-Flags", unsigned32, false},
      {660, tgpp, "P-CSCF-Subscription-Info", group, false},
      {661, tgpp, "Registration-Time-Out", time, false},
      {662, tgpp, "Alternate-Digest-Algorithm", text, false},
      {663, tgpp, "Alternate-Digest-HA1", text, false},
      {664, tgpp, "Failed-PCSCF", group, false},
      {665, tgpp, "PCSCF-FQDN", identity, false},
      {666, tgpp, "PCSCF-IP-Address", address, false},
  });
  return table;
}

constexpr auto table = make();
constexpr bool before(const AvpDefinition& a, const AvpDefinition& b) {
  return std::pair(a.code, a.vendor) < std::pair(b.code, b.vendor);
}
static_assert(std::is_sorted(table.begin(), table.end(), before));

}  // namespace

std::span<const AvpDefinition> dictionary() {
  return table;
}

const AvpDefinition* definition(uint32_t code, uint32_t vendor) {
  AvpDefinition wanted{code, vendor, "", octets, false};
  auto found = std::lower_bound(table.begin(), table.end(), wanted, before);
  return found != table.end() && found->code == code && found->vendor == vendor ? &*found : nullptr;
}

bool is_group(uint32_t code, uint32_t vendor) {
  const AvpDefinition* known = definition(code, vendor);
  return known != nullptr && known->type == group;
}

}  // namespace lapwing::cx
