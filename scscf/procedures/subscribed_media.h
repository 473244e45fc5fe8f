// The media that users are subscribed to (TS 24.229 section 6.3, TS 29.228 Annex B: SubscribedMediaProfileId): an offer
// that holds others is answered with 488.
#pragma once

#include <optional>
#include <string>

#include "scscf/core.h"

namespace lapwing::scscf {

// Why the offer in the request, if there is one, is not for a user of this profile, in ASCII fit for a reason phrase;
// nullopt: it is. profile may be null.
std::optional<std::string> refuse_media(const Core& core, const ServiceProfile* profile, const sip::Message& request);

// Likewise of a re-INVITE or UPDATE in the call, for both parties, as far as they are users of ours.
std::optional<std::string> refuse_media(Core& core, Call& call, const sip::Message& request);

}  // namespace lapwing::scscf
