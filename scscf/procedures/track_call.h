// Keeps the table of calls true to the messages that pass, tells the operator, and ends calls that nobody refreshes.
#pragma once

#include "common/sip/forwarding.h"
#include "scscf/core.h"

namespace lapwing::scscf {

// What the INVITE of a new call says.
void note_invite(Call& call, const sip::Message& invite, WallTime now);
// The call is on its way: both parties are known, it is in the table.
void call_started(Core& core, Call& call);

// For Forwarding: the responses to the INVITE of the call; of a request without a call (null) nothing is kept.
sip::Forwarding::EditResponse watch_responses(Core& core, Site& site, std::shared_ptr<Call> call);
// The call's INVITE was not answered with a 2xx: ends it with what the caller got.
void end_unanswered(Core& core, Call& call, const sip::Forwarding& context);

// A request in the call's dialog, and the responses to it.
void note_request(Call& call, const sip::Message& request);
void note_response(Core& core, Site& site, const std::shared_ptr<Call>& call, const sip::Message& response);

// The call is over: it leaves the table. Again: nothing.
void end_call(Core& core, Call& call, int code, const std::string& why, Cause cause = Cause::none);

}  // namespace lapwing::scscf
