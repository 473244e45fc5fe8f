// Checks between the parser and a procedure: does the request make sense to a core element, and may it be forwarded?
//
//   if (Verdict verdict = validate_request(request); !verdict.ok()) return reject(verdict.status, verdict.why);
//
// Message::parse has seen the structure; this looks into the values that every procedure relies on, so that no
// procedure has to answer for a Via, From or To that cannot be read.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "common/sip/message.h"

namespace lapwing::sip {

struct Verdict {
  int status = 0;           // 0: nothing is wrong; else what to answer
  std::string why;          // for the log and the Warning
  std::string unsupported;  // with 420: the value of the Unsupported header
  bool ok() const { return status == 0; }
};

// 400: Request-URI, top Via, From, To, Contact, Route or credentials cannot be read, or say what they may not: a
//      Request-URI with headers, the branch "z9hG4bK" alone (RFC 4475 section 3.1.2.19), a Route without <>, Contact
//      "*" outside a REGISTER with Expires 0 or beside another value (RFC 3261 section 10.2.2).
// 416: the scheme of the Request-URI is not sip, sips, tel or urn.
// A missing From tag or branch is accepted (RFC 2543), as are unknown schemes elsewhere: whoever uses them decides.
Verdict validate_request(const Message& request);

// Not ok: the response is to be dropped. The top Via cannot be read, or the one below it, where the response would go,
// is a broadcast or multicast address (RFC 4475 section 3.3.8), or From, To cannot be read.
Verdict validate_response(const Message& response);

// What a proxy asks before it forwards (RFC 3261 section 16.3): 483 when Max-Forwards is used up, 420 when
// Proxy-Require names an option that is not among `supported`.
Verdict check_forwarding(const Message& request, std::span<const std::string_view> supported);

// The option tags in Require or Proxy-Require that are not among `supported`, as a value for Unsupported; often empty.
std::string unsupported_options(const Message& request, HeaderId id, std::span<const std::string_view> supported);

// 0 to 255; 70 when the header is absent (RFC 3261 section 16.6, step 3).
int max_forwards(const Message& request);

}  // namespace lapwing::sip
