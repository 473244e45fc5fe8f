#include "pcscf/core.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/runtime/log.h"
#include "common/sip/dialog.h"
#include "common/sip/validate.h"
#include "pcscf/procedures/register.h"
#include "pcscf/procedures/relay.h"
#include "pcscf/sa_sets.h"

namespace lapwing::pcscf {
namespace {

using sip::HeaderId;

// Option tags that may stand in Proxy-Require (RFC 3261 section 16.3).
constexpr std::string_view known_options[] = {"sec-agree", "path"};

// Where an answer of ours to a handset goes when it came protected; nullopt: as RFC 3261 has it.
std::optional<sip::Flow> protected_reply(Core& core, const sip::Flow& came_by) {
  if (!core.on_protected_port(came_by)) return std::nullopt;
  std::optional<Carrier> carrier = carrier_of(core, came_by);
  if (!carrier) return std::nullopt;
  return reply_flow(carrier->entry, came_by);
}

// Neither part of a dialog nor of a registration, which a subscription to it is: what we do not begin while we drain.
bool begins_something(const sip::Message& request) {
  bool of_registration = request.method() == sip::Method::register_ || sip::subscribes_to_reg(request);
  return !of_registration && !sip::in_dialog(request);
}

void handle_request(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction) {
  const sip::Message& request = transaction->request();
  const sip::Flow& flow = transaction->flow();
  if (sip::Verdict verdict = sip::check_forwarding(request, known_options); !verdict.ok()) {
    if (std::optional<sip::Flow> back = protected_reply(core, flow)) transaction->reply_by(*back);
    sip::Writer no = transaction->response(verdict.status);
    if (!verdict.unsupported.empty()) no.add(HeaderId::unsupported, verdict.unsupported);
    return transaction->respond(verdict.status, std::move(no).finish());
  }
  if (core.draining && begins_something(request)) {
    if (std::optional<sip::Flow> back = protected_reply(core, flow)) transaction->reply_by(*back);
    return transaction->try_later(503, retry_when_drained);
  }
  if (core.on_core_side(flow)) {
    if (!core.trusts(flow.remote.address)) {
      LW_LOG(warn, "%s from %s on the core side refused: not the entry and in none of mw.trusted",
             log::printable(request.method_text()), flow.remote.text());
      return transaction->reject(403, "Not Trusted");
    }
    if (request.method() == sip::Method::register_) return transaction->reject(403);
    if (request.method() == sip::Method::options && !request.has(HeaderId::route)) return transaction->reject(200);
    // Behind what responses have already set going on this worker: a 200 and the NOTIFY after it come in one batch.
    return site.worker.post([&core, &site, transaction = std::move(transaction)]() mutable {
      site.worker.spawn(to_handset(core, site, std::move(transaction)));
    });
  }
  if (request.method() == sip::Method::register_) {
    return site.worker.spawn(register_(core, site, std::move(transaction)));
  }
  site.worker.spawn(from_handset(core, site, std::move(transaction)));
}

}  // namespace

bool Core::on_protected_port(const sip::Flow& flow) const {
  if (on_core_side(flow)) return false;
  if (flow.local.port == settings().ps.value) return true;
  return std::any_of(settings().pc.begin(), settings().pc.end(),
                     [&](ipsec::Port port) { return port.value == flow.local.port; });
}

bool Core::trusts(const asio::ip::address& address) const {
  if (address == settings().entry.remote.address) return true;
  return std::any_of(settings().trusted.begin(), settings().trusted.end(),
                     [&](const Prefix& prefix) { return prefix.contains(address); });
}

std::string Core::route_uri(const Handset& handset) const {
  return absl::StrFormat("<sip:%s@%s;lr>", handset.token, settings().mw.text());
}

sip::TransactionLayer::Options transaction_options(Core& core) {
  sip::TransactionLayer::Options options;
  options.timers_for = [&core](const sip::Flow& flow) {
    return core.on_core_side(flow) ? core.settings().core_timers : core.settings().handset_timers;
  };
  options.refuse_by = [&core](const sip::Flow& flow) { return protected_reply(core, flow); };
  return options;
}

void serve(Core& core, Site& site) {
  site.transactions.on_request([&core, &site](std::shared_ptr<sip::ServerTransaction> transaction) {
    handle_request(core, site, std::move(transaction));
  });
  site.transactions.on_ack(
      [&core, &site](const sip::Message& ack, const sip::Flow& flow) { forward_ack(core, site, ack, flow); });
}

}  // namespace lapwing::pcscf
