// The IP-SM-GW role with its service centre (TS 24.341 section 5.3.3, TS 24.011): handsets submit short messages in SIP
// MESSAGE, get a report for each, and get the messages for them, those that waited while they were away included.
//
//   short_message_submit.cc    from a handset     short_message_deliver.cc    to a handset
#pragma once

#include "scscf/procedures/passage.h"
#include "scscf/procedures/served_user.h"

namespace lapwing::scscf {

// Is it a request of a handset that this role takes, so that it goes no further?
bool is_short_message(const Core& core, const sip::Message& request);
// It comes from this user.
Task<void> take_short_message(Core& core, Site& site, Passage passage, ServedUser sender);

// Sends what waits for the receiver (a canonical identity), one after the other, until all have gone, the receiver is
// away or does not take them; sets the time of the next attempt.
void deliver_short_messages(Core& core, Site& site, const std::string& receiver);
// The set was registered: what waits for one of its identities can go, in a moment.
void deliver_short_messages_to(Core& core, Site& site, const std::vector<Identity>& set);

// Gives up what nobody came for in time. To be called now and then.
void expire_short_messages(Core& core, Site& site);

// A MESSAGE with an RP message to the contact of a user. preferred_host: of its contacts, the one at this host; empty:
// any. nullopt: no contact takes short messages.
struct RpTarget {
  std::string request_uri;
  std::vector<std::string> route;
  sip::Flow flow;
};
std::optional<RpTarget> rp_target(const Core& core, const ServedUser& user, std::string_view preferred_host);
Task<sip::Answer> send_rp(Core& core, Site& site, RpTarget target, std::string identity, sms::RpMessage message,
                          std::string in_reply_to);

}  // namespace lapwing::scscf
