#include "scscf/procedures/passage.h"

#include "absl/strings/str_format.h"
#include "common/runtime/ids.h"
#include "common/sip/dialog.h"
#include "common/sip/headers.h"
#include "common/sip/validate.h"
#include "scscf/procedures/track_call.h"
#include "scscf/session_timer.h"

namespace lapwing::scscf {
namespace {

using sip::HeaderId;

// RFC 5393 section 4.2: what decides where a request goes, so that one that comes again unchanged is known.
std::string loop_mark(const sip::Message& request) {
  size_t hash = std::hash<std::string_view>{}(request.request_uri());
  auto mix = [&hash](std::string_view text) { hash = hash * 31 + std::hash<std::string_view>{}(text); };
  for (HeaderId id : {HeaderId::route, HeaderId::p_asserted_identity, HeaderId::p_served_user}) {
    for (std::string_view value : request.values(id)) mix(value);
  }
  mix(request.header(HeaderId::call_id));
  mix(request.header(HeaderId::cseq));
  return absl::StrFormat(".%016x", hash);
}

bool looped(const sip::Message& request, const std::string& mark) {
  for (std::string_view value : request.values(HeaderId::via)) {
    auto via = sip::Via::parse(value);
    if (via.ok() && via->branch().ends_with(mark)) return true;
  }
  return false;
}

void start_call(Core& core, Site& site, Passage& passage) {
  const sip::Message& invite = passage.request();
  passage.call = std::make_shared<Call>();
  passage.call->id = passage.token;
  passage.call->worker = site.worker.index();
  note_invite(*passage.call, invite, core.clock.wall());
}

// A group rings only so long while there is another to try.
Task<void> try_group(Core& core, Site& site, std::shared_ptr<sip::Forwarding> context, std::vector<sip::Target> targets,
                     bool last) {
  Timers::Id patience = 0;
  if (!last) {
    patience = site.worker.timers().after(core.settings().next_contact_after, [weak = std::weak_ptr(context)] {
      if (auto waiting = weak.lock()) waiting->cancel("SIP;cause=408;text=\"No answer\"");
    });
  }
  co_await context->send(std::move(targets));
  site.worker.timers().cancel(patience);
}

}  // namespace

std::string own_route(const Core& core, std::string_view user, const sip::Flow& flow) {
  return absl::StrFormat("<sip:%s@%s;lr>", user, sent_by(core, flow));
}

sip::RouteSet read_routes(const Core& core, const sip::Message& request) {
  return sip::read_route_set(request, [&core](const sip::Uri& uri) { return is_ours(core, uri); });
}

std::optional<Passage> begin_passage(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction,
                                     std::shared_ptr<Call> joined) {
  const sip::Message& request = transaction->request();
  std::string mark = loop_mark(request);
  if (looped(request, mark)) {
    transaction->reject(482);
    return std::nullopt;
  }
  Passage passage{.transaction = std::move(transaction),
                  .edits = {},
                  .token = joined ? joined->id : random_hex(16),
                  .mark = std::move(mark),
                  .call = nullptr,
                  .joined = std::move(joined),
                  .context = nullptr,
                  .sent_to_us = false};
  passage.edits.set(HeaderId::max_forwards, std::to_string(sip::max_forwards(request) - 1));
  if (request.method() == sip::Method::invite && !passage.joined) {
    if (uint32_t least = too_brief(core.settings(), request)) {
      sip::Writer no = passage.transaction->response(422);
      no.add(HeaderId::min_se, std::to_string(least));
      passage.transaction->respond(422, std::move(no).finish());
      return std::nullopt;
    }
    start_call(core, site, passage);
    ask_for_session_timer(core.settings(), request, passage.edits);
  }
  return passage;
}

void refuse(Core& core, const Passage& passage, int code, std::string_view reason, const std::string& why) {
  passage.transaction->reject(code, reason);
  Cause cause = code == 404   ? Cause::callee_unknown
                : code == 480 ? Cause::callee_not_registered
                : code == 488 ? Cause::media_refused
                              : Cause::none;
  if (passage.call) end_call(core, *passage.call, code, why, cause);
}

sip::Target branch_of(const Core& core, const Passage& passage, const sip::Flow& flow,
                      const std::vector<std::string>& route) {
  const sip::Message& request = passage.request();
  sip::Target target;
  target.edits = passage.edits;
  if (request.has(HeaderId::route)) target.edits.remove(HeaderId::route);
  for (const std::string& hop : route) target.edits.append(HeaderId::route, hop);
  if (sip::makes_dialog(request)) {
    // Two of them where the sides have different address families, so that each finds us.
    const sip::Flow& came = passage.transaction->flow();
    if (came.local.address.is_v4() != flow.local.address.is_v4()) {
      target.edits.prepend(HeaderId::record_route, own_route(core, passage.token, came));
    }
    target.edits.prepend(HeaderId::record_route, own_route(core, passage.token, flow));
  }
  target.flow = flow;
  target.sent_by = sent_by(core, flow);
  target.mark = passage.mark;
  target.timers = core.settings().timers;
  return target;
}

bool begin_forwarding(Core& core, Site& site, Passage& passage) {
  if (passage.call) {
    if (!core.calls.add(passage.call)) {
      refuse(core, passage, 503, "Too Many Calls", "too many calls");
      return false;
    }
    call_started(core, *passage.call);
  }
  passage.context =
      sip::Forwarding::make(site.transactions, passage.transaction, watch_responses(core, site, passage.call));
  if (passage.call) passage.call->inviting = passage.context;
  return true;
}

void finish_passage(Core& core, const Passage& passage) {
  passage.context->finish();
  if (passage.call) end_unanswered(core, *passage.call, *passage.context);
}

Task<void> pass_on(Core& core, Site& site, Passage passage, std::vector<std::vector<sip::Target>> groups) {
  if (!passage.context && !begin_forwarding(core, site, passage)) co_return;
  for (size_t i = 0; i < groups.size() && !passage.context->over(); ++i) {
    co_await try_group(core, site, passage.context, std::move(groups[i]), i + 1 == groups.size());
  }
  finish_passage(core, passage);
}

}  // namespace lapwing::scscf
