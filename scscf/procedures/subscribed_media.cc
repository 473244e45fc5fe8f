#include "scscf/procedures/subscribed_media.h"

#include "scscf/procedures/served_user.h"

namespace lapwing::scscf {

std::optional<std::string> refuse_media(const Core& core, const ServiceProfile* profile, const sip::Message& request) {
  if (!profile || !profile->subscribed_media_profile) return std::nullopt;
  const MediaProfiles& known = core.settings().services.media_profiles;
  auto policy = known.find(*profile->subscribed_media_profile);
  return policy == known.end() ? std::nullopt : sdp::refuse(policy->second, request);
}

std::optional<std::string> refuse_media(Core& core, Call& call, const sip::Message& request) {
  // The bodies of other requests may be answers.
  if (request.method() != sip::Method::invite && request.method() != sip::Method::update) return std::nullopt;
  if (request.body().empty() || core.settings().services.media_profiles.empty()) return std::nullopt;
  std::string caller, callee;
  {
    std::lock_guard lock(call.mutex);
    caller = call.caller.canonical;
    callee = call.callee.canonical;
  }
  for (const std::string& party : {caller, callee}) {
    if (party.empty()) continue;
    std::optional<ServedUser> user = find_served_user(core, party);
    if (!user) continue;
    if (auto why = refuse_media(core, user->profile.get(), request)) return why;
  }
  return std::nullopt;
}

}  // namespace lapwing::scscf
