#include "scscf/procedures/in_dialog.h"

#include "common/sip/headers.h"
#include "common/sip/next_hop.h"
#include "common/sip/validate.h"
#include "scscf/procedures/passage.h"
#include "scscf/procedures/subscribed_media.h"
#include "scscf/procedures/track_call.h"

namespace lapwing::scscf {
namespace {

using sip::HeaderId;

// Where the request goes behind us; nullopt: nowhere.
std::optional<sip::Target> onward(const Core& core, const sip::Message& request, const sip::RouteSet& routes,
                                  const Call* call) {
  auto hop = sip::first_hop(routes.rest, routes.request_uri, core.settings().listen, sip::Protocol::udp,
                            core.settings().hosts);
  if (!hop.ok()) return std::nullopt;
  sip::Target target;
  sip::write_route_set(target.edits, request, routes);
  target.edits.set(HeaderId::max_forwards, std::to_string(sip::max_forwards(request) - 1));
  // The call's charging identifier goes with all its requests (TS 24.229 section 4.5.2).
  if (call && !call->icid.empty() && !request.has(HeaderId::p_charging_vector)) {
    target.edits.append(HeaderId::p_charging_vector, "icid-value=" + call->icid);
  }
  target.flow = hop->flow;
  target.large = hop->large;
  target.sent_by = sent_by(core, target.flow);
  target.timers = core.settings().timers;
  return target;
}

// A BYE ends the call of its dialog, whatever is answered to it.
void note_bye(Core& core, Call& call, const sip::Message& bye) {
  auto from = sip::NameAddr::parse(bye.header(HeaderId::from));
  auto to = sip::NameAddr::parse(bye.header(HeaderId::to));
  if (!from.ok() || !to.ok()) return;
  std::string why;
  {
    std::lock_guard lock(call.mutex);
    Party* sender = call.party_with_tag(from->tag());
    Party* other = call.party_with_tag(to->tag());
    if (!sender || !other || sender == other) return;
    why = sender == &call.caller ? "the caller hung up" : "the callee hung up";
    std::string reason = sip::unfold(bye.header(HeaderId::reason));
    if (!reason.empty()) why += " (" + reason + ")";
  }
  end_call(core, call, 200, why);
}

}  // namespace

Task<void> in_dialog(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction) {
  const sip::Message& request = transaction->request();
  sip::RouteSet routes = read_routes(core, request);
  if (routes.own == 0) co_return transaction->reject(481);
  std::shared_ptr<Call> call = core.calls.find(routes.user);
  std::optional<sip::Target> target = onward(core, request, routes, call.get());
  if (!target) co_return transaction->reject(404, "Route Leads Nowhere");
  if (auto why = call ? refuse_media(core, *call, request) : std::nullopt) co_return transaction->reject(488, *why);
  sip::Forwarding::EditResponse edit;
  if (call) {
    note_request(*call, request);
    edit = [&core, &site, call](sip::Edits&, const sip::Message& response) {
      note_response(core, site, call, response);
    };
  }
  auto context = sip::Forwarding::make(site.transactions, transaction, std::move(edit));
  co_await context->send_only(std::move(*target));
  if (call && request.method() == sip::Method::bye) note_bye(core, *call, request);
}

void forward_ack(Core& core, Site& site, const sip::Message& ack) {
  sip::RouteSet routes = read_routes(core, ack);
  if (routes.own == 0 || sip::max_forwards(ack) == 0) return;
  std::shared_ptr<Call> call = core.calls.find(routes.user);
  if (call) note_request(*call, ack);
  std::optional<sip::Target> target = onward(core, ack, routes, nullptr);
  if (target) sip::forward_ack(site.transactions, ack, std::move(*target));
}

}  // namespace lapwing::scscf
