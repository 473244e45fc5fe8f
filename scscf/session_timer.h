// The session timer as a proxy keeps it (RFC 4028 section 8): calls that nobody refreshes end.
#pragma once

#include "common/sip/edits.h"
#include "scscf/core.h"

namespace lapwing::scscf {

// The Min-SE for a 422: the INVITE's Session-Expires is below ours, and its sender can try again with more. 0: it is
// not.
uint32_t too_brief(const Settings& settings, const sip::Message& invite);
// Where the INVITE asks for no session timer, ours; a value below ours, whose sender does not know 422, is raised.
void ask_for_session_timer(const Settings& settings, const sip::Message& invite, sip::Edits& edits);
// What a 2xx to INVITE or UPDATE sets; zero: nobody refreshes. When only the caller can (the callee does not know the
// extension), tells it to by edits: of a 2xx to the first INVITE, else null.
Duration session_interval(const Settings& settings, const sip::Message& response, bool caller_supports_timer,
                          sip::Edits* edits);

}  // namespace lapwing::scscf
