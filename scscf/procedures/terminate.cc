#include "scscf/procedures/terminate.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/sip/headers.h"
#include "common/sip/next_hop.h"
#include "scscf/caller_preferences.h"
#include "scscf/procedures/locate.h"
#include "scscf/procedures/served_user.h"
#include "scscf/procedures/track_call.h"

namespace lapwing::scscf {
namespace {

using sip::HeaderId;

constexpr uint32_t default_breadth = 60;  // RFC 5393 section 5.3.3

uint32_t breadth_of(const sip::Message& request) {
  const sip::HeaderRow* row = request.first("Max-Breadth");
  if (!row) return default_breadth;
  return std::min(sip::parse_seconds(request.value(*row)).value_or(default_breadth), default_breadth);
}

// RFC 5393 section 5.3.3: branches that run at once share it.
void share_breadth(const sip::Message& request, std::vector<sip::Target>& targets) {
  if (targets.size() < 2 && !request.first("Max-Breadth")) return;
  uint32_t share = breadth_of(request) / static_cast<uint32_t>(targets.size());
  for (sip::Target& target : targets) {
    target.edits.remove("Max-Breadth");
    target.edits.append("Max-Breadth", std::to_string(share));
  }
}

// Steps 9 to 12: by the stored Path to the contact, which becomes the Request-URI.
std::optional<sip::Target> toward_contact(const Core& core, const Passage& passage, const Binding& contact,
                                          const std::string& called) {
  std::string next = contact.path.empty() ? "<" + contact.uri + ">" : contact.path.front();
  auto first = sip::NameAddr::parse(next);
  if (!first.ok()) return std::nullopt;
  auto flow = sip::next_hop(first->uri, core.settings.listen, sip::Protocol::udp);
  if (!flow.ok()) return std::nullopt;
  sip::Target target = branch_of(core, passage, *flow, contact.path);
  target.edits.request_uri(contact.uri);
  target.edits.set(HeaderId::p_called_party_id, "<" + called + ">");
  if (passage.request().has(HeaderId::p_served_user)) target.edits.remove(HeaderId::p_served_user);
  target.large = sip::by_tcp(*flow, first->uri);
  return target;
}

// A group of contacts rings only so long while there is another to try.
Task<void> try_group(Core& core, Site& site, std::shared_ptr<sip::Forwarding> context, std::vector<sip::Target> targets,
                     bool last) {
  Timers::Id patience = 0;
  if (!last) {
    patience = site.worker.timers().after(core.settings.next_contact_after, [weak = std::weak_ptr(context)] {
      if (auto waiting = weak.lock()) waiting->cancel("SIP;cause=408;text=\"No answer\"");
    });
  }
  co_await context->send(std::move(targets));
  site.worker.timers().cancel(patience);
}

Task<void> to_contacts(Core& core, Site& site, Passage passage, ServedUser callee) {
  if (callee.identity.barred) {
    co_return refuse(core, passage, 404, "Not Found", callee.identity.uri + " is barred");
  }
  std::vector<std::vector<Binding>> groups = order_contacts(std::move(callee.contacts), passage.request());
  std::vector<std::vector<sip::Target>> targets;
  for (const std::vector<Binding>& group : groups) {
    std::vector<sip::Target> reachable;
    for (const Binding& contact : group) {
      auto target = toward_contact(core, passage, contact, callee.identity.uri);
      if (target) reachable.push_back(std::move(*target));
    }
    if (reachable.empty()) continue;
    if (reachable.size() > breadth_of(passage.request())) {
      co_return refuse(core, passage, 440, "Max-Breadth Exceeded", "it may not fork any more");
    }
    share_breadth(passage.request(), reachable);
    targets.push_back(std::move(reachable));
  }
  if (targets.empty()) {
    co_return refuse(core, passage, 480, "No Contact Fits", callee.identity.uri + " has no contact for such a request");
  }
  std::shared_ptr<Call> call = passage.call;
  if (call) {
    if (!core.calls.add(call)) co_return refuse(core, passage, 503, "Too Many Calls", "too many calls");
    call_started(core, *call);
  }
  auto context = sip::Forwarding::make(site.transactions, passage.transaction, watch_responses(core, site, call));
  if (call) call->inviting = context;
  for (size_t i = 0; i < targets.size() && !context->over(); ++i) {
    co_await try_group(core, site, context, std::move(targets[i]), i + 1 == targets.size());
  }
  context->finish();
  if (call) end_unanswered(core, *call, *context);
}

}  // namespace

Task<void> terminate(Core& core, Site& site, Passage passage) {
  auto uri = sip::Uri::parse(passage.request_uri);
  if (!uri.ok()) co_return refuse(core, passage, 400, "Bad Request-URI", "the Request-URI cannot be read");
  if (!is_home(*uri, core.settings.home_domain)) {
    co_return refuse(core, passage, 404, "No Route To That Domain",
                     absl::StrFormat("%s is not in the home domain %s", uri->text, core.settings.home_domain));
  }
  std::vector<std::string> identities = possible_identities(core.settings.numbers, *uri, core.settings.home_domain);
  for (const std::string& identity : identities) {
    std::optional<ServedUser> callee = find_served_user(core, identity);
    if (!callee) continue;
    if (passage.call) {
      Party& party = passage.call->callee;
      party.identity = callee->identity.uri;
      party.canonical = callee->identity.canonical;
      party.impi = callee->impi;
    }
    co_return co_await to_contacts(core, site, std::move(passage), std::move(*callee));
  }
  Location found = co_await locate(core, site, std::move(identities));
  if (auto* nowhere = std::get_if<Outcome>(&found.where)) {
    co_return refuse(core, passage, nowhere->code, nowhere->reason, nowhere->why);
  }
  const OtherServer& server = std::get<OtherServer>(found.where);
  sip::Target target = branch_of(core, passage, server.flow, {absl::StrFormat("<%s;lr>", server.name)});
  co_await pass_on(core, site, std::move(passage), std::move(target));
}

Task<void> terminate(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction) {
  std::optional<Passage> passage = begin_passage(core, site, std::move(transaction));
  if (passage) co_await terminate(core, site, std::move(*passage));
}

}  // namespace lapwing::scscf
