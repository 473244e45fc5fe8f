// Which contacts of a user a request goes to, and in which order (RFC 3261 section 16.6, RFC 3841).
#pragma once

#include <vector>

#include "common/sip/message.h"
#include "scscf/registrar.h"

namespace lapwing::scscf {

// Groups of contacts: those of a group are tried at once, a group after the one before it. By descending q, contacts of
// one q by how well they meet Accept-Contact; left out is what Reject-Contact describes, and what does not meet an
// Accept-Contact with `require`. Request-Disposition: parallel makes one group of all, sequential a group of each,
// no-fork leaves the first alone. Of several contacts of one device (+sip.instance, RFC 5626) the one registered last
// is taken. Empty: none is fit.
std::vector<std::vector<Binding>> order_contacts(std::vector<Binding> contacts, const sip::Message& request);

// Does the request say this directive in Request-Disposition ("no-fork", "parallel", ...)? Any case.
bool has_disposition(const sip::Message& request, std::string_view directive);

}  // namespace lapwing::scscf
