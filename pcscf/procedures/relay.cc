#include "pcscf/procedures/relay.h"

#include <variant>

#include "absl/strings/str_format.h"
#include "common/runtime/ids.h"
#include "common/runtime/one_shot.h"
#include "common/sdp/policy.h"
#include "common/sip/dialog.h"
#include "common/sip/forwarding.h"
#include "common/sip/headers.h"
#include "common/sip/next_hop.h"
#include "common/sip/register_anew.h"
#include "common/sip/validate.h"
#include "pcscf/header_policy.h"
#include "pcscf/procedures/subscribe_reg.h"
#include "pcscf/routes.h"
#include "pcscf/sa_sets.h"

namespace lapwing::pcscf {
namespace {

using sip::HeaderId;
using TransactionPtr = std::shared_ptr<sip::ServerTransaction>;

struct Refusal {
  int code = 0;
  std::string reason = {};   // of the status line
  std::string warning = {};  // what is wrong, for the Warning header; empty: none
};
using Decision = std::variant<sip::Target, Refusal>;

// More than its HSS takes for another question: it has sent 100 before it asks.
constexpr Duration scscf_answers_within = std::chrono::seconds(6);

void refuse(sip::ServerTransaction& transaction, const Core& core, const Refusal& refusal) {
  sip::Writer no = transaction.response(refusal.code, refusal.reason);
  if (!refusal.warning.empty()) {
    no.add(HeaderId::warning, absl::StrFormat("399 %s %s", core.settings().name, sip::quote(refusal.warning)));
  }
  transaction.respond(refusal.code, std::move(no).finish());
}

// Who sends: by its security association, or by source where there is none.
struct Sender {
  std::shared_ptr<Handset> handset;
  std::optional<SaEntry> entry;
};
std::optional<Sender> sender_of(Core& core, const sip::Flow& flow) {
  if (core.on_protected_port(flow)) {
    std::optional<Carrier> carrier = carrier_of(core, flow);
    if (!carrier || carrier->entry.state == SetState::temporary) return std::nullopt;
    return Sender{carrier->handset, carrier->entry};
  }
  for (std::shared_ptr<Handset>& handset : core.handsets.at(flow.remote.address)) {
    std::lock_guard lock(handset->mutex);
    bool same = handset->unprotected.remote == flow.remote || sip::reliable(flow.protocol);
    if (handset->registered && handset->sets.empty() && same) return Sender{handset, std::nullopt};
  }
  return std::nullopt;
}

// Section 5.2.6.3 (2), and 5.2.6.4 for responses: P-Preferred-Identity where it is one of the registered identities,
// else the default.
std::string asserted(const Handset& locked, const sip::Message& message, const std::string& otherwise) {
  for (std::string_view value : message.values(HeaderId::p_preferred_identity)) {
    auto preferred = sip::NameAddr::parse(value);
    if (!preferred.ok()) continue;
    for (const Text& impu : locked.impus) {
      if (sip::uris_equal(preferred->uri.text, impu)) return impu;
    }
  }
  return otherwise;
}

void assert_identity(sip::Edits& edits, const sip::Message& message, Handset& handset, const std::string& called) {
  std::lock_guard lock(handset.mutex);
  const Text& registered = handset.impus.empty() ? handset.impu : handset.impus.front();
  std::string usual = !called.empty() ? called : registered.str();
  edits.append(HeaderId::p_asserted_identity, "<" + asserted(handset, message, usual) + ">");
  if (message.has(HeaderId::p_preferred_identity)) edits.remove(HeaderId::p_preferred_identity);
}

// A request in a dialog comes with the Route that our Record-Route made, so with the token of its sender.
std::optional<Refusal> check_dialog(Core& core, const Sender& sender, const sip::RouteSet& routes) {
  std::shared_ptr<Handset> owner = core.handsets.by_token(routes.user);
  if (!owner) return Refusal{481};
  if (owner->impi != sender.handset->impi) return Refusal{403, "Not Your Dialog"};
  return std::nullopt;
}

// The operator's own rule kept a call from being made: the operator should see it.
void report_policy(Core& core, const Handset& handset, const sip::Message& request, const Decision& decision) {
  const auto* refusal = std::get_if<Refusal>(&decision);
  if (!refusal || refusal->warning.empty()) return;
  core.report("call.refused", handset.impi, "",
              absl::StrFormat("%s got %d: %s", request.method_text(), refusal->code, refusal->warning),
              Cause::media_refused);
}

Decision toward_core(Core& core, const Sender& sender, const sip::Message& request, const sip::Flow& came_by) {
  sip::RouteSet routes = read_routes(core, request);
  bool initial = !sip::in_dialog(request);
  sip::Target target;
  strip_from_handset(target.edits, request);
  if (!initial) {
    if (auto refusal = check_dialog(core, sender, routes)) return *refusal;
    if (request.has(HeaderId::p_preferred_identity)) target.edits.remove(HeaderId::p_preferred_identity);
  } else {
    assert_identity(target.edits, request, *sender.handset, "");
    // The stored Service-Route, whatever the handset wrote (section 5.2.6.3, lenient variant).
    std::lock_guard lock(sender.handset->mutex);
    routes.rest = strings(sender.handset->service_route);
  }
  // Section 6.2: media that the operator does not want.
  if (auto why = sdp::refuse(core.settings().media, request)) return Refusal{488, {}, *why};
  sip::write_route_set(target.edits, request, routes);
  if (routes.rest.empty()) return Refusal{400, "No Route To The Core"};
  auto hop = sip::NameAddr::parse(routes.rest.front());
  if (!hop.ok()) return Refusal{400, "Bad Route"};
  auto flow = sip::next_hop(hop->uri, {core.settings().mw}, core.settings().entry.protocol, core.settings().hosts);
  if (!flow.ok()) return Refusal{400, "Route Leads Nowhere"};
  target.flow = *flow;
  target.large = sip::by_tcp(*flow, hop->uri);
  target.edits.remove_token(HeaderId::require, "sec-agree");
  target.edits.remove_token(HeaderId::proxy_require, "sec-agree");
  target.edits.set(HeaderId::max_forwards, std::to_string(sip::max_forwards(request) - 1));
  if (initial) {
    target.edits.append(HeaderId::p_charging_vector,
                        absl::StrFormat("icid-value=%s;icid-generated-at=%s;orig-ioi=%s", random_hex(32),
                                        core.settings().name, sip::quote(core.settings().home_domain)));
  }
  if (sip::makes_dialog(request)) record_route(target.edits, core, *sender.handset, came_by, true);
  target.sent_by = core.settings().mw.text();
  target.timers = core.settings().core_timers;
  return target;
}

Decision toward_handset(Core& core, Handset& handset, const sip::Message& request, const sip::RouteSet& routes) {
  sip::Target target;
  {
    std::lock_guard lock(handset.mutex);
    auto flow = request_flow(handset, core.clock.now(), sip::Protocol::udp);
    if (!flow) return Refusal{480, "Handset Not Reachable"};
    target.flow = *flow;
  }
  strip_to_handset(target.edits, request);
  sip::write_route_set(target.edits, request, routes);
  target.edits.set(HeaderId::max_forwards, std::to_string(sip::max_forwards(request) - 1));
  if (sip::makes_dialog(request)) record_route(target.edits, core, handset, target.flow, false);
  if (core.on_protected_port(target.flow)) {
    target.large = target.flow;
    target.large->protocol = sip::Protocol::tcp;
  }
  target.sent_by = gm_sent_by(core, target.flow);
  target.timers = core.settings().handset_timers;
  return target;
}

// A NOTIFY may come by another worker than the 200 to the SUBSCRIBE before it, which that worker has handed to the
// SUBSCRIBE's own already. Waits until that one has sent it on: strict handsets want the 200 first.
Task<void> behind_answers(Core& core, Site& site, const Handset& handset) {
  Worker& other = core.sites[handset.subscribed_on].worker;
  if (&other == &site.worker) co_return;
  OneShot<bool> passed(site.worker);
  // Twice around: the response wakes the procedure that waits for it, which then sends.
  other.post([&other, sink = passed.sink()] { other.post([sink] { sink.set(true); }); });
  co_await passed.wait(std::chrono::milliseconds(500));
}

Task<void> forward(Core& core, Site& site, TransactionPtr transaction, Decision decision,
                   sip::Forwarding::EditResponse edit) {
  if (auto* refusal = std::get_if<Refusal>(&decision)) co_return refuse(*transaction, core, *refusal);
  auto context = sip::Forwarding::make(site.transactions, std::move(transaction), std::move(edit));
  co_await context->send_only(std::move(std::get<sip::Target>(decision)));
}

// To the S-CSCF, which answers an INVITE with 100 at once. When it says nothing to a request that begins something, the
// handset is told to register anew, and so finds another (section 5.2.6.3, TS 23.380 section 4.2).
Task<void> forward_to_core(Core& core, Site& site, TransactionPtr transaction, sip::Target target, std::string impi,
                           std::string path) {
  const sip::Message& request = transaction->request();
  auto context =
      sip::Forwarding::make(site.transactions, transaction,
                            [](sip::Edits& edits, const sip::Message& response) { strip_to_handset(edits, response); });
  if (sip::in_dialog(request)) co_return co_await context->send_only(std::move(target));
  std::optional<Duration> heard_within;
  if (request.method() == sip::Method::invite) heard_within = scscf_answers_within;
  std::string scscf = target.flow.remote.text();
  co_await context->send_to(std::move(target), heard_within);
  if (context->heard() || context->over()) co_return context->finish();
  core.report("scscf.silent", impi, "",
              absl::StrFormat("the S-CSCF at %s does not answer a %s: the handset is told to register anew", scscf,
                              request.method_text()));
  sip::tell_to_register_anew(*transaction, path, "The S-CSCF does not answer");
}

// Section 5.2.6.4: the handset's responses outside a dialog say who answers, and carry the request's charging vector.
sip::Forwarding::EditResponse responses_of(const Core& core, std::shared_ptr<Handset> handset,
                                           const sip::Message& request) {
  if (sip::in_dialog(request)) return [](sip::Edits& edits, const sip::Message& r) { strip_from_handset(edits, r); };
  auto party = sip::NameAddr::parse(request.header(HeaderId::p_called_party_id));
  std::string called = party.ok() ? std::string(party->uri.text) : "";
  std::string charging = sip::unfold(request.header(HeaderId::p_charging_vector));
  if (!charging.empty()) charging += ";term-ioi=" + sip::quote(core.settings().home_domain);
  return [handset = std::move(handset), called = std::move(called), charging = std::move(charging)](
             sip::Edits& edits, const sip::Message& response) {
    strip_from_handset(edits, response);
    if (response.status() == 100) return;
    assert_identity(edits, response, *handset, called);
    if (!charging.empty()) edits.append(HeaderId::p_charging_vector, charging);
  };
}

void send_ack(Site& site, const sip::Message& ack, Decision decision) {
  auto* target = std::get_if<sip::Target>(&decision);
  if (target) sip::forward_ack(site.transactions, ack, std::move(*target));
}

}  // namespace

Task<void> from_handset(Core& core, Site& site, TransactionPtr transaction) {
  const sip::Message& request = transaction->request();
  std::optional<Sender> sender = sender_of(core, transaction->flow());
  if (!sender) co_return transaction->reject(403, "Not Registered Here");
  if (sender->entry) transaction->reply_by(reply_flow(*sender->entry, transaction->flow()));
  if (request.method() == sip::Method::subscribe) sender->handset->subscribed_on = site.worker.index();
  // The handset uses its new set for more than registering: ours go on it too from now on.
  if (sender->entry) switch_to(core, site, sender->handset, sender->entry->id);
  Decision decision = toward_core(core, *sender, request, transaction->flow());
  report_policy(core, *sender->handset, request, decision);
  if (auto* refusal = std::get_if<Refusal>(&decision)) co_return refuse(*transaction, core, *refusal);
  co_await forward_to_core(core, site, std::move(transaction), std::move(std::get<sip::Target>(decision)),
                           sender->handset->impi, core.route_uri(*sender->handset));
}

Task<void> to_handset(Core& core, Site& site, TransactionPtr transaction) {
  const sip::Message& request = transaction->request();
  sip::RouteSet routes = read_routes(core, request);
  if (routes.own == 0 && request.method() == sip::Method::notify) {
    co_return co_await notified(core, site, std::move(transaction));
  }
  std::shared_ptr<Handset> handset = core.handsets.by_token(routes.user);
  if (!handset) co_return transaction->reject(404, "No Such Handset");
  if (request.method() == sip::Method::notify) co_await behind_answers(core, site, *handset);
  Decision decision = toward_handset(core, *handset, request, routes);
  sip::Forwarding::EditResponse edit = responses_of(core, handset, request);
  co_await forward(core, site, std::move(transaction), std::move(decision), std::move(edit));
}

void forward_ack(Core& core, Site& site, const sip::Message& ack, const sip::Flow& flow) {
  if (sip::max_forwards(ack) == 0) return;
  if (core.on_core_side(flow)) {
    if (!core.trusts(flow.remote.address)) return;
    sip::RouteSet routes = read_routes(core, ack);
    std::shared_ptr<Handset> handset = core.handsets.by_token(routes.user);
    if (handset) send_ack(site, ack, toward_handset(core, *handset, ack, routes));
  } else if (std::optional<Sender> sender = sender_of(core, flow)) {
    send_ack(site, ack, toward_core(core, *sender, ack, flow));
  }
}

}  // namespace lapwing::pcscf
