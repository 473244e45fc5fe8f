#include "scscf/procedures/services.h"

#include "absl/strings/str_format.h"
#include "common/sip/headers.h"
#include "common/sip/next_hop.h"
#include "scscf/procedures/originate.h"
#include "scscf/procedures/terminate.h"
#include "scscf/procedures/track_call.h"

namespace lapwing::scscf {
namespace {

using sip::HeaderId;

// RFC 5502, RFC 8498.
std::string served_user_value(const Services& services) {
  std::string value = "<" + services.identity + ">";
  switch (services.session_case) {
    case SessionCase::originating:
      return value + ";sescase=orig;regstate=reg";
    case SessionCase::originating_unregistered:
      return value + ";sescase=orig;regstate=unreg";
    case SessionCase::terminating_registered:
      return value + ";sescase=term;regstate=reg";
    case SessionCase::terminating_unregistered:
      return value + ";sescase=term;regstate=unreg";
    case SessionCase::originating_cdiv:
      return value + ";orig-cdiv";
  }
  return value;
}

std::string loose(const std::string& server_name) {
  auto uri = sip::Uri::parse(server_name);
  return "<" + server_name + (uri.ok() && uri->has_param("lr") ? ">" : ";lr>");
}

// To the application server, and from there back to us. NotFound: its name leads nowhere.
absl::StatusOr<sip::Target> toward_server(const Core& core, const Passage& passage, const Services& services,
                                          const ApplicationServer& server, const std::string& identifier) {
  auto uri = sip::Uri::parse(server.server_name);
  if (!uri.ok()) return uri.status();
  auto flow = sip::next_hop(*uri, core.settings().listen, sip::Protocol::udp, core.settings().hosts);
  if (!flow.ok()) return flow.status();
  sip::Target target = branch_of(core, passage, *flow, {loose(server.server_name), own_route(core, identifier, *flow)});
  target.edits.set(HeaderId::p_served_user, served_user_value(services));
  target.large = sip::by_tcp(*flow, *uri);
  return target;
}

// Section 5.4.3.2: no answer, 408 or 5xx, before anything of it went to the caller. nullopt: it took the request.
std::optional<std::string> failure(const sip::Forwarding& context) {
  if (context.over() || context.progressed()) return std::nullopt;
  if (!context.best()) return context.unreachable() ? "it could not be reached" : "it did not answer";
  int code = context.best()->status();
  if (code != 408 && (code < 500 || code >= 600)) return std::nullopt;
  return absl::StrFormat("it answered %d %s", code, context.best()->reason());
}

// Is it the user that the request was for when it left? Application servers write other forms of the same identity.
bool same_target(Core& core, const Services& services, const std::string& before, std::string_view now) {
  if (sip::uris_equal(before, now)) return true;
  auto uri = sip::Uri::parse(now);
  if (!uri.ok()) return false;
  bool same = false;
  core.registrar.with_existing(services.impi, [&](User& user) {
    Registration* registration = user.registration_of(services.canonical);
    same = registration && registration->find(uri->canonical());
  });
  return same;
}

bool terminating(SessionCase session_case) {
  return session_case == SessionCase::terminating_registered || session_case == SessionCase::terminating_unregistered;
}

// RFC 8498: the application server diverted the request in its user's name.
bool says_diverted(const sip::Message& request) {
  auto served = sip::NameAddr::parse(request.header(HeaderId::p_served_user));
  return served.ok() && served->params.has("orig-cdiv");
}

}  // namespace

Task<std::optional<Passage>> invoke_services(Core& core, Site& site, Passage passage, Services services) {
  if (!services.criteria) co_return passage;
  const FilterCriteria& criteria = *services.criteria;
  ServicePoint point{.request = passage.request(), .session_case = services.session_case};
  size_t met = services.next;
  while ((met = criteria.next(met, point)) < criteria.size()) {
    const InitialFilterCriteria& criterion = criteria.at(met);
    const ApplicationServer& server = criterion.application_server;
    services.next = ++met;
    if (!passage.context && !begin_forwarding(core, site, passage)) co_return std::nullopt;
    std::string identifier =
        core.original_dialogs.keep({.services = services,
                                    .request_uri = std::string(passage.request().request_uri()),
                                    .call_id = std::string(passage.request().header(HeaderId::call_id)),
                                    .call = passage.joined ? passage.joined : passage.call,
                                    .sent = core.clock.now()});
    absl::StatusOr<sip::Target> target = absl::ResourceExhaustedError("too many requests are with application servers");
    if (!identifier.empty()) target = toward_server(core, passage, services, server, identifier);
    std::optional<std::string> failed;
    if (target.ok()) {
      core.report("service.invoked", services.impi, services.identity,
                  absl::StrFormat("%s goes to %s (priority %d, %s)", passage.request().method_text(),
                                  server.server_name, criterion.priority, text_of(services.session_case)));
      co_await passage.context->send_to(std::move(*target), core.settings().services.answer_within);
      failed = failure(*passage.context);
    } else {
      failed = std::string(target.status().message());
    }
    if (!failed) {
      if (!passage.context->accepted() || !passage.call) core.original_dialogs.forget(identifier);
      finish_passage(core, passage);
      co_return std::nullopt;
    }
    core.original_dialogs.forget(identifier);
    bool goes_on = server.default_handling == DefaultHandling::session_continued;
    core.report("service.failed", services.impi, services.identity,
                absl::StrFormat("%s at %s: %s; %s", passage.request().method_text(), server.server_name, *failed,
                                goes_on ? "it goes on without it" : "its criterion ends it (DefaultHandling 1)"),
                Cause::service_failed);
    if (!goes_on) {
      // An INVITE gets 408, as TS 24.229 says; nothing else may (RFC 4320 section 4.2).
      if (!passage.context->best() && !passage.call && !passage.joined) passage.transaction->reject(504);
      finish_passage(core, passage);
      co_return std::nullopt;
    }
    passage.context->forget();
  }
  co_return passage;
}

Task<void> resume_services(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction,
                           std::string identifier) {
  std::optional<OriginalDialog> original = core.original_dialogs.find(identifier);
  if (!original) co_return transaction->reject(480, "Original Dialog Not Known");
  const sip::Message& request = transaction->request();
  std::shared_ptr<Call> call;
  if (request.header(HeaderId::call_id) == original->call_id) call = original->call.lock();
  std::optional<Passage> passage = begin_passage(core, site, std::move(transaction), std::move(call));
  if (!passage) co_return;
  Services services = std::move(original->services);
  if (terminating(services.session_case) &&
      !same_target(core, services, original->request_uri, passage->request().request_uri())) {
    // Section 5.4.3.3: for somebody else now. What is left of the callee's services is not invoked; those for calls
    // that the callee diverts are, where the application server says that it is one.
    core.report("service.diverted", services.impi, services.identity,
                absl::StrFormat("an application server sends it on to %s", passage->request().request_uri()));
    if (!says_diverted(passage->request())) co_return co_await terminate(core, site, std::move(*passage));
    services.session_case = SessionCase::originating_cdiv;
    services.next = 0;
  }
  SessionCase side = services.session_case;
  std::string canonical = services.canonical;
  passage = co_await invoke_services(core, site, std::move(*passage), std::move(services));
  if (!passage) co_return;
  if (terminating(side)) co_return co_await terminate_at(core, site, std::move(*passage), std::move(canonical));
  co_await terminate(core, site, std::move(*passage));
}

}  // namespace lapwing::scscf
