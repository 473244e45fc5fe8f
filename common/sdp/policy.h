// What of an offer the operator allows.
//
//   if (auto why = sdp::refuse(policy, *offer)) return reject(488, *why);   // "video is not allowed"
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/sdp/session_description.h"
#include "common/sip/message.h"

namespace lapwing::v1 {
class Media;
}

namespace lapwing::sdp {

// Names in any case. An empty list allows everything.
struct Policy {
  // "AMR-WB", "AMR-WB/16000", "opus/48000/2": what is left out of an entry may be anything.
  std::vector<std::string> codecs = {};
  std::vector<std::string> media = {};    // "audio", "video", ...
  std::optional<uint32_t> max_kbps = {};  // of all media together, as the offer says: SessionDescription::kbps()
  bool allows_everything() const { return codecs.empty() && media.empty() && !max_kbps; }
};

// Why the offer is to be refused with 488, in ASCII fit for a Warning; nullopt: it is not. It is when an active media
// section has a type that is not allowed, or no codec that is (telephone-event is none), or when the bandwidth is
// above. Media that are neither RTP nor audio or video (MSRP, T.38) have no codecs: their type alone decides.
std::optional<std::string> refuse(const Policy& policy, const SessionDescription& offer);
// Likewise of the session description in the request, where there is one; also when it cannot be read, unless
// everything is allowed.
std::optional<std::string> refuse(const Policy& policy, const sip::Message& request);

// As the configuration has it.
Policy policy_from(const v1::Media& allowed);

}  // namespace lapwing::sdp
