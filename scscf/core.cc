#include "scscf/core.h"

#include <algorithm>

#include "common/sip/headers.h"
#include "common/sip/validate.h"
#include "scscf/procedures/interrogate.h"
#include "scscf/procedures/register.h"
#include "scscf/procedures/subscribe_reg.h"

namespace lapwing::scscf {
namespace {

using sip::HeaderId;

// Option tags that may stand in Require (RFC 3261 section 8.2.2.3).
constexpr std::string_view known_options[] = {"path", "sec-agree"};

// Is the Request-URI our own S-CSCF name, as an I-CSCF that chose us writes it (TS 24.229 section 5.3.1.2)?
bool names_us(const Core& core, const sip::Message& request) {
  auto uri = sip::Uri::parse(request.request_uri());
  auto name = sip::Uri::parse(core.settings.name);
  return uri.ok() && name.ok() && sip::equals_ignoring_case(uri->host, name->host) && uri->port == name->port;
}

bool our_domain(const Core& core, const sip::Message& request) {
  auto uri = sip::Uri::parse(request.request_uri());
  return uri.ok() && sip::equals_ignoring_case(uri->host, core.settings.home_domain);
}

Task<void> serve_register(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction) {
  auto read = read_register(transaction->request(), core.settings, sent_by(core, transaction->flow()));
  if (auto* refused = std::get_if<Outcome>(&read)) co_return reply(*transaction, *refused);
  SharedRegisterRequest request = std::get<SharedRegisterRequest>(read);
  Outcome outcome = co_await register_(core, site, request);
  reply(*transaction, outcome);
}

Task<void> register_entry(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction) {
  if (core.settings.serving && names_us(core, transaction->request())) {
    co_await serve_register(core, site, transaction);
  } else if (!our_domain(core, transaction->request())) {
    transaction->reject(403, "Not Our Domain");
  } else if (core.settings.interrogating) {
    co_await interrogate_register(core, site, transaction);
  } else {
    co_await serve_register(core, site, transaction);
  }
}

// With us, or with another S-CSCF in our stead.
bool ends_here(const sip::Message& request) {
  if (request.method() == sip::Method::register_) return true;
  if (request.method() != sip::Method::subscribe) return false;
  auto event = sip::TokenParams::parse(request.header(HeaderId::event));
  return event.ok() && event->token == "reg";
}

}  // namespace

sip::TransactionLayer::Options transaction_options(const Core& core) {
  sip::TransactionLayer::Options options;
  options.timers_for = [&core](const sip::Flow&) { return core.settings.timers; };
  options.ends_here = ends_here;
  return options;
}

std::string sent_by(const Core& core, const sip::Flow& flow) {
  auto nearness = [&](const sip::Endpoint& ours) {
    if (ours == flow.local) return 3;
    if (ours.address == flow.local.address) return 2;  // a connection that we opened: from any port
    return ours.address.is_v4() == flow.local.address.is_v4() ? 1 : 0;
  };
  const std::vector<sip::Endpoint>& listen = core.settings.listen;
  auto nearest =
      std::max_element(listen.begin(), listen.end(), [&](auto& a, auto& b) { return nearness(a) < nearness(b); });
  return nearest->text();
}

void reply(sip::ServerTransaction& transaction, const Outcome& outcome) {
  sip::Writer response = transaction.response(outcome.code, outcome.reason);
  for (const auto& [id, value] : outcome.headers) response.add(id, value);
  transaction.respond(outcome.code, std::move(response).finish());
  if (outcome.then) outcome.then();
}

void handle_request(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction) {
  const sip::Message& request = transaction->request();
  std::string unknown = sip::unsupported_options(request, HeaderId::require, known_options);
  if (!unknown.empty() && request.method() != sip::Method::cancel) {
    sip::Writer bad = transaction->response(420);
    bad.add(HeaderId::unsupported, unknown);
    return transaction->respond(420, std::move(bad).finish());
  }
  switch (request.method()) {
    case sip::Method::register_:
      return site.worker.spawn(register_entry(core, site, std::move(transaction)));
    case sip::Method::subscribe:
      return site.worker.spawn(subscribe_reg(core, site, std::move(transaction)));
    case sip::Method::options: {
      sip::Writer ok = transaction->response(200);
      ok.add(HeaderId::allow, "REGISTER, SUBSCRIBE, OPTIONS");
      ok.add(HeaderId::accept, "application/reginfo+xml");
      return transaction->respond(200, std::move(ok).finish());
    }
    default: {
      sip::Writer no = transaction->response(405);
      no.add(HeaderId::allow, "REGISTER, SUBSCRIBE, OPTIONS");
      return transaction->respond(405, std::move(no).finish());
    }
  }
}

}  // namespace lapwing::scscf
