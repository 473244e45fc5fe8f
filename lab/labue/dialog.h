// The state of a dialog (RFC 3261 section 12): what in-dialog requests are made of, and which ones belong to it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/sip/message.h"
#include "lab/labue/messages.h"

namespace lapwing::labue {

struct Dialog {
  std::string call_id, local_tag, remote_tag;
  std::string local, remote;  // values of From and To of our requests, without tags
  std::string target;         // the peer's Contact
  std::vector<std::string> routes;
  uint32_t cseq = 0;                    // of our last request
  std::optional<uint32_t> remote_cseq;  // of the peer's last request

  // Section 12.1.2: of our request and a response with a To tag. Route set: Record-Route turned round.
  static Dialog of_response(const RequestShape& request, const sip::Message& response);
  // Section 12.1.1: of a request to us that is answered with this tag.
  static Dialog of_request(const sip::Message& request, std::string local_tag);

  // Is this request of the dialog? From and To are the peer's and ours.
  bool has(const sip::Message& request) const;
  // The next request within it. An ACK has the number of its INVITE: set it.
  RequestShape request(sip::Method method);
  // Section 12.2.2: false for a request that is older than one that was seen.
  bool in_order(const sip::Message& request);
  // Section 12.2: target refresh requests and their 2xx may bring another Contact.
  void refresh_target(const sip::Message& message);
};

// The tag in From or To; empty when there is none.
std::string tag_of(const sip::Message& message, sip::HeaderId id);
// The URI in From, To, Contact, P-Asserted-Identity, ...: of the first value.
std::string uri_of(const sip::Message& message, sip::HeaderId id);

}  // namespace lapwing::labue
