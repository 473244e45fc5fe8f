#include "common/sdp/policy.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_format.h"
#include "common/sip/body.h"
#include "common/sip/chars.h"
#include "lapwing/v1/config.pb.h"

namespace lapwing::sdp {
namespace {

using sip::chars::same_ignoring_case;

constexpr size_t kCodecsNamed = 8;

bool has_codecs(const MediaSection& media) {
  return media.is_rtp() || same_ignoring_case(media.type, "audio") || same_ignoring_case(media.type, "video");
}

// Is the entry all of the codec, or the part of it before a '/'?
bool matches(std::string_view entry, const Format& format) {
  const std::string codec = format.codec();
  if (same_ignoring_case(entry, codec)) return true;
  // One channel is not part of the name.
  if (entry.ends_with("/1") && same_ignoring_case(entry.substr(0, entry.size() - 2), codec)) return true;
  return entry.size() < codec.size() && codec[entry.size()] == '/' &&
         same_ignoring_case(entry, std::string_view(codec).substr(0, entry.size()));
}

bool allowed(const std::vector<std::string>& entries, const Format& format) {
  return !format.is_telephone_event() &&
         std::any_of(entries.begin(), entries.end(), [&](const std::string& entry) { return matches(entry, format); });
}

bool type_allowed(const std::vector<std::string>& types, std::string_view type) {
  return types.empty() || std::any_of(types.begin(), types.end(),
                                      [&](const std::string& known) { return same_ignoring_case(known, type); });
}

bool some_codec_allowed(const std::vector<std::string>& codecs, const MediaSection& media) {
  return codecs.empty() || !has_codecs(media) ||
         std::any_of(media.formats.begin(), media.formats.end(),
                     [&](const Format& format) { return allowed(codecs, format); });
}

std::string offered(const MediaSection& media) {
  std::string out;
  size_t count = 0;
  for (const std::string& codec : media.codecs()) {
    if (count == kCodecsNamed) return out + ", ...";
    if (count++ != 0) out += ", ";
    out += codec;
  }
  return out;
}

}  // namespace

std::optional<std::string> refuse(const Policy& policy, const SessionDescription& offer) {
  for (const MediaSection& media : offer.media) {
    if (!media.active()) continue;
    if (!type_allowed(policy.media, media.type)) return absl::StrFormat("%s is not allowed", media.type);
    if (!some_codec_allowed(policy.codecs, media)) {
      return absl::StrFormat("no codec of %s is allowed: offered are %s", media.type, offered(media));
    }
  }
  if (policy.max_kbps && offer.kbps() > *policy.max_kbps) {
    return absl::StrFormat("a bandwidth of %d kbit/s is above the allowed %d", offer.kbps(), *policy.max_kbps);
  }
  return std::nullopt;
}

std::optional<std::string> refuse(const Policy& policy, const sip::Message& request) {
  if (policy.allows_everything()) return std::nullopt;
  std::string_view body = sip::body_part(request, "application/sdp");
  if (body.empty()) return std::nullopt;
  auto offer = parse(body);
  if (!offer.ok()) return "the session description cannot be read";
  return refuse(policy, *offer);
}

Policy policy_from(const v1::Media& allowed) {
  Policy policy;
  policy.codecs.assign(allowed.codecs().begin(), allowed.codecs().end());
  policy.media.assign(allowed.types().begin(), allowed.types().end());
  if (allowed.max_kbps() != 0) policy.max_kbps = allowed.max_kbps();
  return policy;
}

}  // namespace lapwing::sdp
