// A call's media in one line, for operators.
//
//   summary(offer)            "audio AMR-WB/16000 or AMR/8000 sendrecv, video H264/90000 sendrecv"
//   summary(offer, &answer)   "audio AMR-WB/16000 sendrecv, video rejected"
#pragma once

#include <string>

#include "common/sdp/session_description.h"

namespace lapwing::sdp {

// ASCII. The sections that the offer has active, in order; "no media" when there is none. With an answer the codec is
// the first of the answer that the offer has too and that is not telephone-event, and the direction is what both allow,
// seen from the one who made the offer. Audio that one side does not want to receive is marked "(hold)".
std::string summary(const SessionDescription& offer, const SessionDescription* answer = nullptr);

}  // namespace lapwing::sdp
