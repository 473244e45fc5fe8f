// Which header fields may cross the trust boundary (RFC 3325, TS 24.229 sections 4.4 and 5.2): data, so that a new rule
// is a line here.
#pragma once

#include "common/sip/edits.h"

namespace lapwing::pcscf {

// Takes out what a handset may not assert, before a request of it goes to the core.
void strip_from_handset(sip::Edits& edits, const sip::Message& message);
// Takes out what is for the core alone, before a message goes to a handset.
void strip_to_handset(sip::Edits& edits, const sip::Message& message);

}  // namespace lapwing::pcscf
