// A request outside a dialog on its way through the S-CSCF: what the originating side has decided, and the terminating
// side goes on with. Both sides of a call between two users of this S-CSCF are one passage: one transaction, one
// Record-Route.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/sip/route_set.h"
#include "scscf/core.h"

namespace lapwing::scscf {

struct Passage {
  std::shared_ptr<sip::ServerTransaction> transaction;
  sip::Edits edits;                          // for every branch
  std::string token;                         // of our Record-Route, and the call's
  std::string mark;                          // what we would know it by if it came again
  std::shared_ptr<Call> call;                // of an INVITE
  std::shared_ptr<Call> joined;              // instead: it has been here before, on its way to an application server
  std::shared_ptr<sip::Forwarding> context;  // once it has been sent somewhere
  bool sent_to_us = false;                   // its Route named us: an interrogating role has asked the HSS already
  const sip::Message& request() const { return transaction->request(); }
};

// joined: the call of an INVITE that comes back from an application server. nullopt: it has been refused (482, 422).
std::optional<Passage> begin_passage(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction,
                                     std::shared_ptr<Call> joined = nullptr);
// Answers it, and ends its call. why: for the operator.
void refuse(Core& core, const Passage& passage, int code, std::string_view reason, const std::string& why);
// A branch of it: by this flow. route: every Route value from here on.
sip::Target branch_of(const Core& core, const Passage& passage, const sip::Flow& flow,
                      const std::vector<std::string>& route);
// Before it is sent somewhere for the first time. False: it has been refused, there are too many calls.
bool begin_forwarding(Core& core, Site& site, Passage& passage);
// Answers with the best that came, unless something better has gone already.
void finish_passage(Core& core, const Passage& passage);
// Sends it to the targets of a group at once, and to the next group when nobody of the one before took it, and brings
// back what they answer; finishes it.
Task<void> pass_on(Core& core, Site& site, Passage passage, std::vector<std::vector<sip::Target>> groups);

// A Route of ours with this user, as the next hop on the flow sees us.
std::string own_route(const Core& core, std::string_view user, const sip::Flow& flow);
// The user of a Route of ours is "orig", the token of a dialog, or an original dialog identifier.
sip::RouteSet read_routes(const Core& core, const sip::Message& request);

}  // namespace lapwing::scscf
