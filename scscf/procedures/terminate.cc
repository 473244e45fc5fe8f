#include "scscf/procedures/terminate.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/sip/headers.h"
#include "common/sip/next_hop.h"
#include "scscf/caller_preferences.h"
#include "scscf/procedures/locate.h"
#include "scscf/procedures/restore_pcscf.h"
#include "scscf/procedures/select_server.h"
#include "scscf/procedures/served_user.h"
#include "scscf/procedures/services.h"
#include "scscf/procedures/subscribed_media.h"
#include "scscf/procedures/unregistered_user.h"

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
  std::vector<std::string> path = strings(contact.path);
  auto hop = sip::first_hop(path, contact.uri, core.settings().listen, sip::Protocol::udp, core.settings().hosts);
  if (!hop.ok()) return std::nullopt;
  sip::Target target = branch_of(core, passage, hop->flow, path);
  target.edits.request_uri(contact.uri);
  target.edits.set(HeaderId::p_called_party_id, "<" + called + ">");
  if (passage.request().has(HeaderId::p_served_user)) target.edits.remove(HeaderId::p_served_user);
  target.large = hop->large;
  return target;
}

// Nobody has the identity: of a number that is not whole another code is due (TS 24.229 section 5.4.3.2, RFC 3261
// section 21.4.22).
Outcome nobody(const Settings& settings, const sip::Uri& uri, Outcome outcome) {
  if (outcome.code != 404 || !is_incomplete(settings.numbers, uri, settings.home_domain)) return outcome;
  outcome.code = 484;
  outcome.why += ": a local number that is nobody's as it was dialled";
  outcome.why += settings.numbers.country_code.empty() ? ", and numbers.country_code is not set" : "";
  return outcome;
}

// Where the HSS can help, a P-CSCF that is down is noticed early.
Task<void> to_only_contact(Core& core, Site& site, Passage passage, ServedUser callee, sip::Target target) {
  if (!passage.context && !begin_forwarding(core, site, passage)) co_return;
  bool invite = passage.request().method() == sip::Method::invite;
  bool restorable = (callee.hss_features & cx::pcscf_restoration) != 0;
  std::optional<Duration> heard_within;
  if (invite && restorable) heard_within = core.settings().pcscf_answers_within;
  co_await passage.context->send_to(std::move(target), heard_within);
  if (restorable && !passage.context->heard() && !passage.context->over()) {
    bool told = co_await restore_pcscf(core, site, callee.impi, callee.identity, std::move(callee.contacts.front()));
    if (told && invite && !passage.context->over()) {
      co_return refuse(core, passage, 480, "P-CSCF Down",
                       absl::StrFormat("the P-CSCF of %s does not answer; the HSS has its handset register anew",
                                       callee.identity.uri));
    }
  }
  finish_passage(core, passage);
}

Task<void> to_contacts(Core& core, Site& site, Passage passage, ServedUser callee) {
  bool only = callee.contacts.size() == 1;
  std::vector<std::vector<Binding>> groups = order_contacts(callee.contacts, passage.request());
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
  if (only) {
    co_return co_await to_only_contact(core, site, std::move(passage), std::move(callee),
                                       std::move(targets.front().front()));
  }
  co_await pass_on(core, site, std::move(passage), std::move(targets));
}

void note_callee(Core& core, const Passage& passage, const ServedUser& user) {
  const std::shared_ptr<Call>& call = passage.joined ? passage.joined : passage.call;
  if (call) core.calls.set_callee(call, user.identity.uri, user.identity.canonical, user.impi);
}

// Steps 1 to 8: the callee's services; what comes back is for its contacts, when it has any.
Task<void> serve_callee(Core& core, Site& site, Passage passage, ServedUser callee, SessionCase session_case) {
  if (callee.identity.barred) {
    co_return refuse(core, passage, 404, "Not Found", callee.identity.uri + " is barred");
  }
  note_callee(core, passage, callee);
  if (auto why = refuse_media(core, callee.profile.get(), passage.request())) {
    co_return refuse(core, passage, 488, *why, absl::StrFormat("of what %s may use, %s", callee.identity.uri, *why));
  }
  if (!callee.charging.empty()) passage.edits.set(HeaderId::p_charging_function_addresses, callee.charging);
  auto onward = co_await invoke_services(core, site, std::move(passage), services_of(callee, session_case));
  if (!onward) co_return;
  if (session_case == SessionCase::terminating_unregistered) {
    co_return refuse(core, *onward, 480, "", callee.identity.uri + " is not registered");
  }
  co_await to_contacts(core, site, std::move(*onward), std::move(callee));
}

Task<void> serve_unregistered(Core& core, Site& site, Passage passage, std::string identity, std::string wildcard) {
  auto user = co_await unregistered_user(core, site, std::move(identity), std::move(wildcard));
  if (auto* refused = std::get_if<Outcome>(&user)) {
    co_return refuse(core, passage, refused->code, refused->reason, refused->why);
  }
  ServedUser& callee = std::get<ServedUser>(user);
  // Its registration may have been restored.
  SessionCase session_case =
      callee.contacts.empty() ? SessionCase::terminating_unregistered : SessionCase::terminating_registered;
  co_await serve_callee(core, site, std::move(passage), std::move(callee), session_case);
}

// Sends it to another S-CSCF, which answers an INVITE with 100 at once. False: it said nothing, and another may be
// asked.
Task<bool> try_server(Core& core, Passage& passage, OtherServer server) {
  sip::Target target = branch_of(core, passage, server.flow, {absl::StrFormat("<%s;lr>", server.name)});
  if (passage.request().has(HeaderId::p_served_user)) target.edits.remove(HeaderId::p_served_user);
  std::optional<Duration> heard_within;
  if (passage.request().method() == sip::Method::invite && find_server(core, server.name)) {
    heard_within = core.settings().server_answers_within;
  }
  std::shared_ptr<sip::Forwarding> context = passage.context;
  co_await context->send_to(std::move(target), heard_within);
  if (context->heard() || context->over()) {
    core.silent_servers.answered(server.name);
    co_return true;
  }
  core.silent_servers.did_not_answer(server.name);
  co_return false;
}

// Section 5.3.2.1: to the S-CSCF that has the user; when it is down, to another (TS 23.380 section 4.3).
Task<void> to_server(Core& core, Site& site, Passage passage, OtherServer server, std::string identity) {
  if (!passage.context && !begin_forwarding(core, site, passage)) co_return;
  bool replaceable = find_server(core, server.name) != nullptr;  // not the application server of a PSI
  bool skipped = replaceable && core.silent_servers.contains(server.name);
  if (!skipped) {
    bool answered = co_await try_server(core, passage, server);
    // Whoever sent another request than an INVITE has given it up by now.
    bool late = passage.request().method() != sip::Method::invite;
    if (answered || late || !replaceable) co_return finish_passage(core, passage);
  }
  passage.context->forget();
  core.report("server.silent", "", identity,
              absl::StrFormat("%s does not answer: the HSS is asked for another S-CSCF", server.name));
  Location found = co_await locate_another(core, site, identity, server.name);
  if (std::holds_alternative<ServedHere>(found.where)) {
    co_return co_await serve_unregistered(core, site, std::move(passage), std::move(identity),
                                          std::move(std::get<ServedHere>(found.where).wildcard));
  }
  if (auto* other = std::get_if<OtherServer>(&found.where)) {
    (void)co_await try_server(core, passage, std::move(*other));
  } else if (skipped) {
    (void)co_await try_server(core, passage, std::move(server));  // there is no other
  }
  finish_passage(core, passage);
}

}  // namespace

Task<void> terminate(Core& core, Site& site, Passage passage) {
  auto uri = sip::Uri::parse(passage.request().request_uri());
  if (!uri.ok()) co_return refuse(core, passage, 400, "Bad Request-URI", "the Request-URI cannot be read");
  if (!is_home(*uri, core.settings().home_domain)) {
    co_return refuse(core, passage, 404, "No Route To That Domain",
                     absl::StrFormat("%s is not in the home domain %s", uri->text, core.settings().home_domain));
  }
  std::vector<std::string> identities = possible_identities(core.settings().numbers, *uri, core.settings().home_domain);
  for (const std::string& identity : identities) {
    std::optional<ServedUser> callee = find_served_user(core, identity);
    if (!callee) continue;
    co_return co_await serve_callee(core, site, std::move(passage), std::move(*callee),
                                    SessionCase::terminating_registered);
  }
  // Another interrogating role has chosen us already.
  if (passage.sent_to_us) co_return co_await serve_unregistered(core, site, std::move(passage), identities.front(), "");
  Location found = co_await locate(core, site, std::move(identities));
  if (auto* nowhere = std::get_if<Outcome>(&found.where)) {
    Outcome outcome = nobody(core.settings(), *uri, std::move(*nowhere));
    co_return refuse(core, passage, outcome.code, outcome.reason, outcome.why);
  }
  if (auto* here = std::get_if<ServedHere>(&found.where)) {
    co_return co_await serve_unregistered(core, site, std::move(passage), std::move(found.identity),
                                          std::move(here->wildcard));
  }
  co_await to_server(core, site, std::move(passage), std::move(std::get<OtherServer>(found.where)),
                     std::move(found.identity));
}

Task<void> terminate_at(Core& core, Site& site, Passage passage, std::string user) {
  std::optional<ServedUser> callee = find_served_user(core, user);
  if (!callee) co_return refuse(core, passage, 480, "", user + " is not registered");
  note_callee(core, passage, *callee);
  co_await to_contacts(core, site, std::move(passage), std::move(*callee));
}

Task<void> terminate(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction) {
  bool sent_to_us = read_routes(core, transaction->request()).own > 0;
  std::optional<Passage> passage = begin_passage(core, site, std::move(transaction));
  if (!passage) co_return;
  passage->sent_to_us = sent_to_us;
  co_await terminate(core, site, std::move(*passage));
}

}  // namespace lapwing::scscf
