#include "common/sdp/summary.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "common/sip/chars.h"

namespace lapwing::sdp {
namespace {

using sip::chars::same_ignoring_case;

constexpr size_t kCodecsNamed = 4;

std::string offered_codecs(const MediaSection& offer) {
  std::string out;
  size_t count = 0;
  for (const std::string& codec : offer.codecs()) {
    if (same_ignoring_case(std::string_view(codec).substr(0, codec.find('/')), "telephone-event")) continue;
    if (count == kCodecsNamed) return out + " or others";
    if (count++ != 0) out += " or ";
    out += codec;
  }
  return count != 0 ? out : "without a codec";
}

std::string agreed_codec(const MediaSection& offer, const MediaSection& answer) {
  const std::vector<std::string> offered = offer.codecs();
  for (const Format& format : answer.formats) {
    if (format.is_telephone_event()) continue;
    const std::string codec = format.codec();
    const bool common = std::any_of(offered.begin(), offered.end(),
                                    [&](const std::string& other) { return same_ignoring_case(codec, other); });
    if (common) return codec;
  }
  return "without a common codec";
}

Direction direction_of(bool sends, bool receives) {
  if (sends) return receives ? Direction::sendrecv : Direction::sendonly;
  return receives ? Direction::recvonly : Direction::inactive;
}

std::string section_summary(const MediaSection& offer, const MediaSection* answer) {
  std::string out = offer.type + ' ';
  bool sends = offer.sends(), receives = offer.receives(), held = !receives;
  if (answer != nullptr) {
    out += agreed_codec(offer, *answer);
    held = held || !answer->receives();
    sends = sends && answer->receives();
    receives = receives && answer->sends();
  } else {
    out += offered_codecs(offer);
  }
  out += ' ';
  out += name_of(direction_of(sends, receives));
  if (held && same_ignoring_case(offer.type, "audio")) out += " (hold)";
  return out;
}

}  // namespace

std::string summary(const SessionDescription& offer, const SessionDescription* answer) {
  std::string out;
  for (size_t i = 0; i < offer.media.size(); ++i) {
    const MediaSection& section = offer.media[i];
    if (!section.active()) continue;
    if (!out.empty()) out += ", ";
    // RFC 3264 section 6: the answer has a section for each of the offer's, in their order.
    if (answer != nullptr && (i >= answer->media.size() || !answer->media[i].active())) {
      out += section.type + " rejected";
    } else {
      out += section_summary(section, answer != nullptr ? &answer->media[i] : nullptr);
    }
  }
  return out.empty() ? "no media" : out;
}

}  // namespace lapwing::sdp
