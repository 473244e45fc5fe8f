#include "scscf/procedures/passage.h"

#include "absl/strings/str_format.h"
#include "common/runtime/ids.h"
#include "common/sip/headers.h"
#include "common/sip/next_hop.h"
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

std::string record_route_uri(const Core& core, const std::string& token, const sip::Flow& flow) {
  return absl::StrFormat("<sip:%s@%s;lr>", token, sent_by(core, flow));
}

bool makes_dialog(sip::Method method) {
  return method == sip::Method::invite || method == sip::Method::subscribe || method == sip::Method::refer;
}

}  // namespace

bool in_dialog(const sip::Message& request) {
  auto to = sip::NameAddr::parse(request.header(HeaderId::to));
  return to.ok() && !to->tag().empty();
}

sip::RouteSet read_routes(const Core& core, const sip::Message& request) {
  return sip::read_route_set(request, [&core](const sip::Uri& uri) { return is_ours(core, uri); });
}

std::optional<Passage> begin_passage(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction) {
  const sip::Message& request = transaction->request();
  if (looped(request, loop_mark(request))) {
    transaction->reject(482);
    return std::nullopt;
  }
  Passage passage{.transaction = std::move(transaction),
                  .request_uri = std::string(request.request_uri()),
                  .edits = {},
                  .token = random_hex(16),
                  .call = nullptr};
  passage.edits.set(HeaderId::max_forwards, std::to_string(sip::max_forwards(request) - 1));
  if (request.method() == sip::Method::invite) {
    if (uint32_t least = too_brief(core.settings, request)) {
      sip::Writer no = passage.transaction->response(422);
      no.add(HeaderId::min_se, std::to_string(least));
      passage.transaction->respond(422, std::move(no).finish());
      return std::nullopt;
    }
    start_call(core, site, passage);
    ask_for_session_timer(core.settings, request, passage.edits);
  }
  return passage;
}

void refuse(Core& core, const Passage& passage, int code, std::string_view reason, const std::string& why) {
  passage.transaction->reject(code, reason);
  if (passage.call) end_call(core, *passage.call, code, why);
}

sip::Target branch_of(const Core& core, const Passage& passage, const sip::Flow& flow,
                      const std::vector<std::string>& route) {
  const sip::Message& request = passage.request();
  sip::Target target;
  target.edits = passage.edits;
  if (passage.request_uri != request.request_uri()) target.edits.request_uri(passage.request_uri);
  if (request.has(HeaderId::route)) target.edits.remove(HeaderId::route);
  for (const std::string& hop : route) target.edits.append(HeaderId::route, hop);
  if (makes_dialog(request.method())) {
    // Two of them where the sides have different address families, so that each finds us.
    const sip::Flow& came = passage.transaction->flow();
    if (came.local.address.is_v4() != flow.local.address.is_v4()) {
      target.edits.prepend(HeaderId::record_route, record_route_uri(core, passage.token, came));
    }
    target.edits.prepend(HeaderId::record_route, record_route_uri(core, passage.token, flow));
  }
  target.flow = flow;
  target.sent_by = sent_by(core, flow);
  target.mark = loop_mark(request);
  target.timers = core.settings.timers;
  return target;
}

Task<void> pass_on(Core& core, Site& site, Passage passage, sip::Target target) {
  std::shared_ptr<Call> call = passage.call;
  if (call && !core.calls.add(call)) co_return refuse(core, passage, 503, "Too Many Calls", "too many calls");
  auto context = sip::Forwarding::make(site.transactions, passage.transaction, watch_responses(core, site, call));
  if (call) {
    call_started(core, *call);
    call->inviting = context;
  }
  std::vector<sip::Target> targets;
  targets.push_back(std::move(target));
  co_await context->send(std::move(targets));
  context->finish();
  if (call) end_unanswered(core, *call, *context);
}

}  // namespace lapwing::scscf
