#include "pcscf/procedures/relay.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/runtime/ids.h"
#include "common/runtime/one_shot.h"
#include "common/sip/headers.h"
#include "common/sip/next_hop.h"
#include "common/sip/validate.h"
#include "pcscf/header_policy.h"
#include "pcscf/procedures/subscribe_reg.h"
#include "pcscf/sa_sets.h"

namespace lapwing::pcscf {
namespace {

using sip::HeaderId;
using TransactionPtr = std::shared_ptr<sip::ServerTransaction>;

// A request over this many bytes goes by TCP where it can (RFC 3261 section 18.1.1).
constexpr size_t datagram_limit = 1300;

bool makes_dialog(const sip::Message& request) {
  if (request.method() != sip::Method::subscribe && request.method() != sip::Method::refer &&
      request.method() != sip::Method::invite) {
    return false;
  }
  auto to = sip::NameAddr::parse(request.header(HeaderId::to));
  return to.ok() && to->tag().empty();
}

// Is the Route value one of ours: any of our addresses with the unprotected, a protected or the core's port?
bool is_ours(const Core& core, const sip::Uri& uri) {
  std::optional<asio::ip::address> address = uri.address();
  if (!address) return sip::equals_ignoring_case(uri.host, core.settings.name);
  uint16_t port = uri.port == 0 ? 5060 : uri.port;
  if (*address == core.settings.mw.address && port == core.settings.mw.port) return true;
  return std::any_of(core.settings.gm.begin(), core.settings.gm.end(), [&](const sip::Endpoint& gm) {
    return gm.address == *address && (gm.port == port || core.settings.ps.value == port);
  });
}

// The Route values behind our own ones at the top.
struct Routes {
  std::vector<std::string> rest;
  std::string token;  // the user part of our first one
  size_t own = 0;
};
Routes read_routes(const Core& core, const sip::Message& request) {
  Routes routes;
  for (std::string_view value : request.values(HeaderId::route)) {
    auto hop = sip::NameAddr::parse(value);
    if (hop.ok() && routes.rest.empty() && is_ours(core, hop->uri)) {
      if (routes.own++ == 0) routes.token = std::string(hop->uri.user);
      continue;
    }
    routes.rest.push_back(sip::unfold(value));
  }
  return routes;
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

// TS 24.229 section 5.2.6.3 (2): P-Preferred-Identity where it is one of the registered identities, else the default.
std::string asserted(const Handset& locked, const sip::Message& request) {
  for (std::string_view value : request.values(HeaderId::p_preferred_identity)) {
    auto preferred = sip::NameAddr::parse(value);
    if (!preferred.ok()) continue;
    for (const std::string& impu : locked.impus) {
      if (sip::uris_equal(preferred->uri.text, impu)) return impu;
    }
  }
  return locked.impus.empty() ? locked.impu : locked.impus.front();
}

std::string authority(const asio::ip::address& address, uint16_t port) {
  return sip::Endpoint{address, port}.text();
}

// The dialog's later requests come through us on both sides (section 5.2.6.3): the handset sees port-ps, the core our
// side.
void record_route(sip::Edits& edits, const Core& core, const Handset& handset, const sip::Flow& gm, bool toward_core) {
  uint16_t gm_port = core.on_protected_port(gm) ? core.settings.ps.value : gm.local.port;
  std::string gm_side = absl::StrFormat("<sip:%s@%s;lr>", handset.token, authority(gm.local.address, gm_port));
  std::string core_side = absl::StrFormat("<sip:%s@%s;lr>", handset.token, core.settings.mw.text());
  edits.prepend(HeaderId::record_route, toward_core ? gm_side : core_side);
  edits.prepend(HeaderId::record_route, toward_core ? core_side : gm_side);
}

void set_routes(sip::Edits& edits, const sip::Message& request, const std::vector<std::string>& routes) {
  if (request.has(HeaderId::route)) edits.remove(HeaderId::route);
  for (const std::string& hop : routes) edits.append(HeaderId::route, hop);
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

void relay_answer(const TransactionPtr& transaction, const sip::Answer& answer, bool to_handset) {
  if (!answer.response) {
    // RFC 4320 section 4.1: a non-INVITE request that was not answered in time is not answered at all.
    if (answer.outcome == sip::Answer::Outcome::transport_failed) transaction->reject(500, "Next Hop Unreachable");
    return;
  }
  sip::Edits edits;
  edits.remove_first_value(HeaderId::via);
  if (to_handset) {
    strip_to_handset(edits, *answer.response);
  } else {
    strip_from_handset(edits, *answer.response);
  }
  // RFC 3261 section 16.7 step 6: a 503 is about the hop that sent it.
  int code = answer.response->status() == 503 ? 500 : answer.response->status();
  if (code != answer.response->status()) edits.status(code, std::string(sip::reason_phrase(code)));
  transaction->respond(code, edits.write(*answer.response));
}

}  // namespace

Task<void> from_handset(Core& core, Site& site, TransactionPtr transaction) {
  const sip::Message& request = transaction->request();
  std::optional<Sender> sender = sender_of(core, transaction->flow());
  if (!sender) co_return transaction->reject(403, "Not Registered Here");
  if (sender->entry) transaction->reply_by(reply_flow(*sender->entry, transaction->flow()));
  if (request.method() == sip::Method::invite) co_return transaction->reject(501);
  if (request.method() == sip::Method::subscribe) sender->handset->subscribed_on = site.worker.index();
  // The handset uses its new set for more than registering: ours go on it too from now on.
  if (sender->entry) switch_to(core, site, sender->handset, sender->entry->id);

  sip::ClientRequest forwarded;
  forwarded.method = request.method();
  forwarded.branch = site.transactions.new_branch();
  forwarded.timers = core.settings.core_timers;
  Routes routes = read_routes(core, request);
  bool initial = makes_dialog(request);
  sip::Edits edits;
  strip_from_handset(edits, request);
  {
    std::lock_guard lock(sender->handset->mutex);
    auto to = sip::NameAddr::parse(request.header(HeaderId::to));
    bool in_dialog = to.ok() && !to->tag().empty();
    // Initial requests take the stored Service-Route, whatever the handset wrote (section 5.2.6.3, lenient variant).
    if (!in_dialog) routes.rest = sender->handset->service_route;
    edits.append(HeaderId::p_asserted_identity, "<" + asserted(*sender->handset, request) + ">");
  }
  if (request.has(HeaderId::p_preferred_identity)) edits.remove(HeaderId::p_preferred_identity);
  set_routes(edits, request, routes.rest);
  if (routes.rest.empty()) co_return transaction->reject(400, "No Route To The Core");
  auto hop = sip::NameAddr::parse(routes.rest.front());
  if (!hop.ok()) co_return transaction->reject(400, "Bad Route");
  auto flow = sip::next_hop(hop->uri, {core.settings.mw}, core.settings.entry.protocol);
  if (!flow.ok()) co_return transaction->reject(400, "Route Leads Nowhere");
  forwarded.flow = *flow;
  edits.remove_token(HeaderId::require, "sec-agree");
  edits.remove_token(HeaderId::proxy_require, "sec-agree");
  edits.set(HeaderId::max_forwards, std::to_string(sip::max_forwards(request) - 1));
  edits.append(HeaderId::p_charging_vector,
               absl::StrFormat("icid-value=%s;icid-generated-at=%s;orig-ioi=%s", random_hex(32), core.settings.name,
                               sip::quote(core.settings.home_domain)));
  if (initial) record_route(edits, core, *sender->handset, transaction->flow(), true);
  edits.prepend(HeaderId::via, sip::TransactionLayer::via(flow->protocol, core.settings.mw.text(), forwarded.branch));
  forwarded.wire = edits.write(request);
  sip::Answer answer = co_await site.transactions.request(std::move(forwarded));
  relay_answer(transaction, answer, true);
}

Task<void> to_handset(Core& core, Site& site, TransactionPtr transaction) {
  const sip::Message& request = transaction->request();
  Routes routes = read_routes(core, request);
  if (routes.own == 0 && request.method() == sip::Method::notify) {
    co_return co_await notified(core, site, std::move(transaction));
  }
  std::shared_ptr<Handset> handset = core.handsets.by_token(routes.token);
  if (!handset) co_return transaction->reject(404, "No Such Handset");
  if (request.method() == sip::Method::invite) co_return transaction->reject(501);
  if (request.method() == sip::Method::notify) co_await behind_answers(core, site, *handset);

  sip::ClientRequest forwarded;
  forwarded.method = request.method();
  forwarded.branch = site.transactions.new_branch();
  forwarded.timers = core.settings.handset_timers;
  std::optional<sip::Flow> flow;
  {
    std::lock_guard lock(handset->mutex);
    flow = request_flow(*handset, core.clock.now(), sip::Protocol::udp);
  }
  if (!flow) co_return transaction->reject(480, "Handset Not Reachable");
  sip::Edits edits;
  strip_to_handset(edits, request);
  set_routes(edits, request, routes.rest);
  edits.set(HeaderId::max_forwards, std::to_string(sip::max_forwards(request) - 1));
  if (makes_dialog(request)) record_route(edits, core, *handset, *flow, false);
  bool is_protected = core.on_protected_port(*flow);
  if (is_protected && request.buffer().size() > datagram_limit) flow->protocol = sip::Protocol::tcp;
  std::string sent_by = authority(flow->local.address, is_protected ? core.settings.ps.value : flow->local.port);
  edits.prepend(HeaderId::via, sip::TransactionLayer::via(flow->protocol, sent_by, forwarded.branch));
  forwarded.flow = *flow;
  forwarded.wire = edits.write(request);
  sip::Answer answer = co_await site.transactions.request(std::move(forwarded));
  if (answer.outcome == sip::Answer::Outcome::transport_failed && flow->protocol == sip::Protocol::tcp) {
    // RFC 3261 section 18.1.1: what the peer does not take by TCP goes by UDP after all.
    flow->protocol = sip::Protocol::udp;
    sip::ClientRequest again;
    again.method = request.method();
    again.branch = site.transactions.new_branch();
    again.timers = core.settings.handset_timers;
    again.flow = *flow;
    sip::Edits replaced = edits;
    replaced.replace_first_value(HeaderId::via, sip::TransactionLayer::via(flow->protocol, sent_by, again.branch));
    again.wire = replaced.write(request);
    answer = co_await site.transactions.request(std::move(again));
  }
  relay_answer(transaction, answer, false);
}

}  // namespace lapwing::pcscf
