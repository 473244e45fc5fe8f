#include "scscf/procedures/release.h"

#include "absl/strings/str_format.h"
#include "common/sip/next_hop.h"
#include "scscf/procedures/served_user.h"
#include "scscf/procedures/track_call.h"

namespace lapwing::scscf {
namespace {

using sip::HeaderId;

// A BYE to one party in the name of the other (RFC 3261 section 12.2.1.1). nullopt: there is no way to it.
std::optional<sip::ClientRequest> make_bye(const Core& core, Site& site, const Call& locked, const Party& to,
                                           const Party& from, const std::string& reason) {
  auto hop = sip::first_hop(to.route, to.target, core.settings().listen, sip::Protocol::udp, core.settings().hosts);
  if (!hop.ok()) return std::nullopt;
  sip::ClientRequest bye;
  bye.method = sip::Method::bye;
  bye.branch = site.transactions.new_branch();
  bye.flow = hop->flow;
  bye.timers = core.settings().timers;
  sip::Writer text = sip::Writer::request("BYE", to.target);
  text.add(HeaderId::via, sip::TransactionLayer::via(bye.flow.protocol, sent_by(core, bye.flow), bye.branch));
  for (const std::string& hop : to.route) text.add(HeaderId::route, hop);
  text.add(HeaderId::max_forwards, "70");
  text.add(HeaderId::from, from.name_addr);
  text.add(HeaderId::to, to.name_addr);
  text.add(HeaderId::call_id, locked.call_id);
  text.add(HeaderId::cseq, absl::StrFormat("%d BYE", from.cseq + 1));
  text.add(HeaderId::reason, reason);
  bye.wire = std::move(text).finish();
  return bye;
}

void cancel(Core& core, const std::shared_ptr<Call>& call, const std::string& reason) {
  core.site(call->worker).worker.post([call, reason] {
    if (auto context = call->inviting.lock()) context->cancel(reason);
  });
}

// Is the identity still registered by some contact?
bool registered(Core& core, const std::string& canonical) {
  std::optional<ServedUser> user = find_served_user(core, canonical);
  return user && !user->contacts.empty();
}

}  // namespace

void release(Core& core, Site& site, const std::shared_ptr<Call>& call, const std::string& reason,
             const std::string& why) {
  std::optional<sip::ClientRequest> to_caller, to_callee;
  bool answered = false;
  {
    std::lock_guard lock(call->mutex);
    if (call->state == CallState::ended || !call->reason.empty()) return;
    call->reason = why;
    answered = call->state == CallState::answered;
    if (answered) {
      to_caller = make_bye(core, site, *call, call->caller, call->callee, reason);
      to_callee = make_bye(core, site, *call, call->callee, call->caller, reason);
    }
  }
  if (!answered) return cancel(core, call, reason);
  end_call(core, *call, 200, why);
  if (to_caller) site.transactions.start(std::move(*to_caller), [](const sip::Answer&) {});
  if (to_callee) site.transactions.start(std::move(*to_callee), [](const sip::Answer&) {});
}

void release_calls_of(Core& core, Site& site, const std::vector<Identity>& set, const std::string& why) {
  for (const Identity& identity : set) {
    std::vector<std::shared_ptr<Call>> calls = core.calls.of(identity.canonical);
    if (calls.empty() || registered(core, identity.canonical)) continue;
    for (std::shared_ptr<Call>& call : calls) {
      release(core, site, call, "SIP;cause=480;text=\"Registration ended\"", identity.uri + ": " + why);
    }
  }
}

}  // namespace lapwing::scscf
