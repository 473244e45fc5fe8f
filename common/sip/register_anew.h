// The answer that makes a handset register anew: 504 with the XML body of TS 24.229 section 7.6 (type restoration,
// action initial-registration). From an S-CSCF that does not know the user any more, and from a P-CSCF whose S-CSCF is
// silent.
#pragma once

#include <string_view>

#include "common/sip/transaction_layer.h"

namespace lapwing::sip {

// asserted: our URI as the handset knows it from Service-Route or Path, with its <>: only from these does it take the
// order.
// reason: for people.
void tell_to_register_anew(ServerTransaction& transaction, std::string_view asserted, std::string_view reason);

// Does a response tell so?
bool tells_to_register_anew(const Message& response);

}  // namespace lapwing::sip
