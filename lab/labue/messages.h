// The requests of a handset as text, shaped as Samsungs send them: their headers, in their order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/sip/message.h"
#include "common/sip/transport.h"
#include "lab/labue/identity.h"

namespace lapwing::labue {

inline constexpr std::string_view user_agent = "labue/0.1";
inline constexpr std::string_view allowed_methods =
    "INVITE, ACK, OPTIONS, CANCEL, BYE, UPDATE, INFO, REFER, NOTIFY, MESSAGE, PRACK";

// What is the same in every header set of one message. Empty texts: the header is left out.
struct Hop {
  sip::Protocol protocol = sip::Protocol::udp;
  std::string sent_by;  // Via: address and the port where we take requests (port-us, or the unprotected port)
  std::string branch;
  std::string access_network;   // P-Access-Network-Info
  std::string security_client;  // present: the request requires sec-agree
  std::string security_verify;  // likewise
};

struct RegisterShape {
  Hop hop;
  std::string contact_user;  // usually empty
  bool any_contact = false;  // "Contact: *"
  std::string call_id, from_tag, authorization;
  uint32_t cseq = 1, expires = 0;
  bool require_sec_agree = false;  // in Require, Proxy-Require and Supported
};
std::string register_request(const Identity& who, const RegisterShape& shape);

struct SubscribeShape {
  Hop hop;
  std::string target;  // the Request-URI: an IMPU
  std::string impu, contact_user, call_id, from_tag, to_tag;
  std::vector<std::string> routes;  // values, the P-CSCF's first
  uint32_t cseq = 1, expires = 600000;
  bool require_sec_agree = false;
};
std::string subscribe_request(const Identity& who, const SubscribeShape& shape);

using Headers = std::vector<std::pair<sip::HeaderId, std::string>>;

// Any other request. Empty texts: the header is left out.
struct RequestShape {
  Hop hop;
  sip::Method method = sip::Method::other;
  std::string uri, from, to, call_id;  // From and To with their tags
  uint32_t cseq = 1;
  std::vector<std::string> routes;
  bool require_sec_agree = false;
  std::string require, supported;  // option tags besides sec-agree
  std::string contact_user;
  bool has_contact = false;
  std::string identity;  // P-Preferred-Identity
  Headers more;          // what this request has besides
  std::string content_type, body;
};
std::string request_text(const Identity& who, const RequestShape& shape);

// An OPTIONS to the P-CSCF's port ps, for a packet in clear.
std::string options_request(const Identity& who, const Hop& hop, std::string_view target);

// Contact as it stands in SUBSCRIBE and in responses; Samsungs take the user part of their public identity.
std::string dialog_contact(const Identity& who, std::string_view user, std::string_view sent_by);
// Of a sip, sips or tel URI.
std::string user_of(std::string_view uri);

}  // namespace lapwing::labue
