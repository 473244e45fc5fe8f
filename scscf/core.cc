#include "scscf/core.h"

#include <algorithm>

#include "common/sip/dialog.h"
#include "common/sip/headers.h"
#include "common/sip/validate.h"
#include "scscf/procedures/in_dialog.h"
#include "scscf/procedures/interrogate.h"
#include "scscf/procedures/originate.h"
#include "scscf/procedures/passage.h"
#include "scscf/procedures/register.h"
#include "scscf/procedures/services.h"
#include "scscf/procedures/subscribe_reg.h"
#include "scscf/procedures/terminate.h"

namespace lapwing::scscf {
namespace {

using sip::HeaderId;

// Option tags that may stand in Require (RFC 3261 section 8.2.2.3).
constexpr std::string_view known_options[] = {"path", "sec-agree"};
constexpr std::string_view allowed_methods = "REGISTER, SUBSCRIBE, OPTIONS";  // of requests to ourselves

// Is the Request-URI our own S-CSCF name, as an I-CSCF that chose us writes it (TS 24.229 section 5.3.1.2)?
bool names_us(const Core& core, const sip::Message& request) {
  auto uri = sip::Uri::parse(request.request_uri());
  auto name = sip::Uri::parse(core.settings().name);
  return uri.ok() && name.ok() && sip::equals_ignoring_case(uri->host, name->host) && uri->port == name->port;
}

bool our_domain(const Core& core, const sip::Message& request) {
  auto uri = sip::Uri::parse(request.request_uri());
  return uri.ok() && sip::equals_ignoring_case(uri->host, core.settings().home_domain);
}

// Registered, or on the way to it.
bool is_known(Core& core, const std::string& impi) {
  bool known = false;
  core.registrar.with_existing(impi, [&](User& user) { known = user.registered() || user.challenge; });
  return known;
}

Task<void> serve_register(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction) {
  auto read = read_register(transaction, core.settings(), sent_by(core, transaction->flow()));
  if (auto* refused = std::get_if<Outcome>(&read)) co_return reply(*transaction, *refused);
  SharedRegisterRequest request = std::get<SharedRegisterRequest>(read);
  if (core.draining && !is_known(core, request->impi)) {
    // Whoever interrogates chooses another S-CSCF (section 5.3.1.3).
    co_return reply(*transaction, Outcome{.code = 480, .why = "this S-CSCF takes no new users: it is draining"});
  }
  Outcome outcome = co_await register_(core, site, request);
  reply(*transaction, outcome);
}

Task<void> register_entry(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction) {
  if (core.settings().serving && names_us(core, transaction->request())) {
    co_await serve_register(core, site, transaction);
  } else if (!our_domain(core, transaction->request())) {
    transaction->reject(403, "Not Our Domain");
  } else if (core.settings().interrogating) {
    co_await interrogate_register(core, site, transaction);
  } else {
    co_await serve_register(core, site, transaction);
  }
}

// With us, or with another S-CSCF in our stead.
bool ends_here(const sip::Message& request) {
  if (request.method() == sip::Method::register_) return true;
  return sip::subscribes_to_reg(request);
}

// Requests that we answer ourselves may not require what we do not know (RFC 3261 section 8.2.2.3). True: refused.
bool refuse_unknown_options(sip::ServerTransaction& transaction) {
  std::string unknown = sip::unsupported_options(transaction.request(), HeaderId::require, known_options);
  if (unknown.empty()) return false;
  sip::Writer bad = transaction.response(420);
  bad.add(HeaderId::unsupported, unknown);
  transaction.respond(420, std::move(bad).finish());
  return true;
}

void answer_options(sip::ServerTransaction& transaction) {
  sip::Writer ok = transaction.response(200);
  ok.add(HeaderId::allow, allowed_methods);
  ok.add(HeaderId::accept, "application/reginfo+xml");
  transaction.respond(200, std::move(ok).finish());
}

// While we drain, nothing new begins: whoever asked may try elsewhere, or later (RFC 3261 section 21.5.4).
bool refuse_draining(const Core& core, sip::ServerTransaction& transaction) {
  if (core.draining) transaction.try_later(503, retry_when_drained);
  return core.draining;
}

// A request that is not for us to answer: it goes on to a user.
void proxy(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction) {
  const sip::Message& request = transaction->request();
  if (sip::Verdict verdict = sip::check_forwarding(request, {}); !verdict.ok()) {
    sip::Writer no = transaction->response(verdict.status);
    if (!verdict.unsupported.empty()) no.add(HeaderId::unsupported, verdict.unsupported);
    return transaction->respond(verdict.status, std::move(no).finish());
  }
  if (sip::in_dialog(request)) return site.worker.spawn(in_dialog(core, site, std::move(transaction)));
  sip::RouteSet routes = read_routes(core, request);
  if (OriginalDialogs::is_identifier(routes.user)) {
    return site.worker.spawn(resume_services(core, site, std::move(transaction), std::move(routes.user)));
  }
  if (refuse_draining(core, *transaction)) return;
  if (routes.own > 0 && (routes.orig || routes.user == "orig")) {
    Origin origin = routes.orig || request.has(HeaderId::p_served_user) ? Origin::application_server : Origin::handset;
    return site.worker.spawn(originate(core, site, std::move(transaction), origin));
  }
  site.worker.spawn(terminate(core, site, std::move(transaction)));
}

void handle_request(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction) {
  const sip::Message& request = transaction->request();
  auto uri = sip::Uri::parse(request.request_uri());
  bool for_us = uri.ok() && is_ours(core, *uri);
  if (request.method() == sip::Method::register_) {
    if (refuse_unknown_options(*transaction)) return;
    return site.worker.spawn(register_entry(core, site, std::move(transaction)));
  }
  if (sip::subscribes_to_reg(request) || (for_us && request.method() == sip::Method::subscribe)) {
    if (refuse_unknown_options(*transaction)) return;
    return site.worker.spawn(subscribe_reg(core, site, std::move(transaction)));
  }
  if (!for_us || sip::in_dialog(request)) return proxy(core, site, std::move(transaction));
  if (refuse_unknown_options(*transaction)) return;
  if (request.method() == sip::Method::options) {
    if (!refuse_draining(core, *transaction)) answer_options(*transaction);
    return;
  }
  sip::Writer no = transaction->response(405);
  no.add(HeaderId::allow, allowed_methods);
  transaction->respond(405, std::move(no).finish());
}

}  // namespace

bool Core::trusts(const asio::ip::address& address) const {
  const std::vector<Prefix>& trusted = settings().trusted;
  return trusted.empty() ||
         std::any_of(trusted.begin(), trusted.end(), [&](const Prefix& network) { return network.contains(address); });
}

void Core::configure(Settings next) {
  const Settings& before = settings();
  if (next.services.shared_sets != before.services.shared_sets ||
      next.services.request_uri != before.services.request_uri) {
    profiles.configure(next.services.shared_sets, next.services.request_uri);
  }
  short_messages.limit_to(next.short_messages.limit, next.short_messages.per_receiver);
  configured.set(std::move(next));
}

bool is_ours(const Core& core, const sip::Uri& uri) {
  if (!uri.is_sip()) return false;
  uint16_t port = uri.port == 0 ? 5060 : uri.port;
  if (std::optional<asio::ip::address> address = uri.address()) {
    return std::any_of(core.settings().listen.begin(), core.settings().listen.end(),
                       [&](const sip::Endpoint& at) { return at.address == *address && at.port == port; });
  }
  auto name = sip::Uri::parse(core.settings().name);
  return name.ok() && sip::equals_ignoring_case(uri.host, name->host) && uri.port == name->port &&
         !sip::equals_ignoring_case(uri.host, core.settings().home_domain);
}

sip::TransactionLayer::Options transaction_options(const Core& core) {
  sip::TransactionLayer::Options options;
  options.timers_for = [&core](const sip::Flow&) { return core.settings().timers; };
  options.ends_here = ends_here;
  return options;
}

std::string sent_by(const Core& core, const sip::Flow& flow) {
  auto nearness = [&](const sip::Endpoint& ours) {
    if (ours == flow.local) return 3;
    if (ours.address == flow.local.address) return 2;  // a connection that we opened: from any port
    return ours.address.is_v4() == flow.local.address.is_v4() ? 1 : 0;
  };
  const std::vector<sip::Endpoint>& listen = core.settings().listen;
  auto nearest =
      std::max_element(listen.begin(), listen.end(), [&](auto& a, auto& b) { return nearness(a) < nearness(b); });
  return nearest->text();
}

void reply(sip::ServerTransaction& transaction, const Outcome& outcome) {
  sip::Writer response = transaction.response(outcome.code, outcome.reason);
  for (const auto& [id, value] : outcome.headers) response.add(id, value);
  std::string wire = std::move(response).finish();
  if (!outcome.then) return transaction.respond(outcome.code, std::move(wire));
  transaction.respond(outcome.code, wire);
  outcome.then(wire);
}

void serve(Core& core, Site& site) {
  site.transactions.on_request([&core, &site](std::shared_ptr<sip::ServerTransaction> transaction) {
    if (!core.trusts(transaction->flow().remote.address)) return transaction->reject(403, "Not Trusted");
    handle_request(core, site, std::move(transaction));
  });
  site.transactions.on_ack([&core, &site](const sip::Message& ack, const sip::Flow& flow) {
    if (core.trusts(flow.remote.address)) forward_ack(core, site, ack);
  });
}

}  // namespace lapwing::scscf
