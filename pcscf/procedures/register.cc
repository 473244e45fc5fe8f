#include "pcscf/procedures/register.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/runtime/ids.h"
#include "common/runtime/log.h"
#include "common/sip/headers.h"
#include "common/sip/validate.h"
#include "pcscf/header_policy.h"
#include "pcscf/procedures/security_agreement.h"
#include "pcscf/procedures/subscribe_reg.h"
#include "pcscf/sa_sets.h"
#include "pcscf/state.h"

namespace lapwing::pcscf {
namespace {

using sip::HeaderId;
using TransactionPtr = std::shared_ptr<sip::ServerTransaction>;

// A set whose REGISTER failed lives this long, so that the failure response and its repetitions still go out on it.
constexpr Duration failure_linger = std::chrono::seconds(5);

// Everything of the REGISTER that the procedure keeps across awaits.
struct Attempt {
  std::shared_ptr<Handset> handset;
  std::optional<Carrier> carrier;
  Agreement agreement;
  std::string impi, impu, call_id, contact;
  std::string icid;
};

std::string impi_of(const sip::Message& request, const sip::NameAddr& to) {
  auto credentials = sip::Credentials::parse(request.header(HeaderId::authorization));
  if (credentials.ok() && credentials->is_digest()) {
    std::string username = credentials->get("username");
    if (!username.empty()) return username;
  }
  std::string canonical = to.uri.canonical();
  return canonical.substr(canonical.find(':') + 1);
}

// The Authorization value with our integrity-protected, and without any that the handset put there, nor keys.
std::string marked(std::string_view value, bool is_protected) {
  auto credentials = sip::Credentials::parse(value);
  if (!credentials.ok() || !credentials->is_digest()) return sip::unfold(value);
  std::string out = "Digest ";
  std::string_view rest = credentials->params_text;
  while (auto item = sip::Params::take(rest, ',')) {
    bool ours = sip::equals_ignoring_case(item->name, "integrity-protected");
    if (ours || sip::equals_ignoring_case(item->name, "ck") || sip::equals_ignoring_case(item->name, "ik")) continue;
    out.append(item->name).append(1, '=').append(item->value).append(1, ',');
  }
  return out + absl::StrFormat("integrity-protected=\"%s\"", is_protected ? "yes" : "no");
}

// TS 24.229 section 5.2.2.1: the REGISTER as it goes to the core.
std::string toward_core(const Core& core, const sip::Message& request, const Attempt& attempt, std::string_view via) {
  sip::Edits edits;
  strip_from_handset(edits, request);
  if (request.has(HeaderId::route)) edits.remove(HeaderId::route);
  edits.prepend(HeaderId::via, std::string(via));
  edits.set(HeaderId::max_forwards, std::to_string(sip::max_forwards(request) - 1));
  edits.remove_token(HeaderId::require, "sec-agree");
  edits.remove_token(HeaderId::proxy_require, "sec-agree");
  if (request.has(HeaderId::path)) {
    edits.prepend(HeaderId::path, core.route_uri(*attempt.handset));
  } else {
    edits.append(HeaderId::path, core.route_uri(*attempt.handset));
  }
  if (!sip::has_token(request, HeaderId::require, "path")) edits.append(HeaderId::require, "path");
  edits.append(HeaderId::p_visited_network_id, sip::quote(core.settings().home_domain));
  edits.append(HeaderId::p_charging_vector,
               absl::StrFormat("icid-value=%s;icid-generated-at=%s;orig-ioi=%s", attempt.icid, core.settings().name,
                               sip::quote(core.settings().home_domain)));
  if (request.has(HeaderId::authorization)) {
    edits.set(HeaderId::authorization, marked(request.header(HeaderId::authorization), attempt.carrier.has_value()));
  }
  return edits.write(request);
}

// A response on its way to the handset: our Via goes, and what is for the core alone.
sip::Edits toward_handset(const sip::Message& response) {
  sip::Edits edits;
  edits.remove_first_value(HeaderId::via);
  strip_to_handset(edits, response);
  return edits;
}

// The challenge without the keys, and the keys. Nullopt: it cannot be read, so nothing of it may be passed on.
struct Keys {
  std::string challenge;
  Secret ck, ik;
};
std::optional<Keys> take_keys(std::string_view value) {
  auto challenge = sip::Credentials::parse(value);
  if (!challenge.ok() || !challenge->is_digest()) return std::nullopt;
  Keys keys;
  keys.challenge = "Digest ";
  bool first = true;
  std::string_view rest = challenge->params_text;
  while (auto item = sip::Params::take(rest, ',')) {
    bool ck = sip::equals_ignoring_case(item->name, "ck"), ik = sip::equals_ignoring_case(item->name, "ik");
    if (ck || ik) {
      std::string bytes = from_hex(sip::unquote(item->value));
      Secret key(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
      OPENSSL_cleanse(bytes.data(), bytes.size());
      (ck ? keys.ck : keys.ik) = std::move(key);
      continue;
    }
    keys.challenge.append(first ? "" : ",").append(item->name).append(1, '=').append(item->value);
    first = false;
  }
  return keys;
}

void refuse(const Core& core, const TransactionPtr& transaction, int code, std::string_view why) {
  sip::Writer response = transaction->response(code);
  if (code == 421 || code == 494) {
    response.add(HeaderId::require, "sec-agree");
    response.add(HeaderId::security_server, own_list(core));
  }
  response.add(HeaderId::warning, "399 lapwing " + sip::quote(why));
  transaction->respond(code, std::move(response).finish());
}

void remember(const Core& core, const std::shared_ptr<Handset>& handset, HandsetState state, const std::string& why) {
  std::lock_guard lock(handset->mutex);
  handset->touched = core.clock.now();
  if (handset->registered && state != HandsetState::registered) return;
  if (handset->state != state) handset->since = core.clock.wall();
  handset->state = state;
  handset->why = why;
}

// What the operator wants to see of every attempt.
void note_arrival(Core& core, const sip::ServerTransaction& transaction, const Attempt& attempt) {
  const sip::Message& request = transaction.request();
  auto via = sip::Via::parse(request.values(HeaderId::via).front());
  std::lock_guard lock(attempt.handset->mutex);
  Handset& handset = *attempt.handset;
  handset.touched = core.clock.now();
  // Those of a registration stay until a 200 brings others: this REGISTER may fail, or come from anybody.
  if (!handset.registered) {
    handset.impu = attempt.impu;
    handset.contact = attempt.contact;
  }
  handset.user_agent = core.common.of(sip::unfold(request.header(HeaderId::user_agent)));
  handset.access = core.common.of(sip::unfold(request.header(HeaderId::p_access_network_info)));
  if (!via.ok()) return;
  asio::error_code error;
  auto sent_by = asio::ip::make_address(std::string(via->host), error);
  bool nat = !error && sent_by != transaction.flow().remote.address;
  if (nat && !handset.nat) {
    LW_LOG(warn, "%s is behind a NAT: its Via says %s, its packets come from %s; IPsec in transport mode will not work",
           log::printable(handset.impi), via->host, transaction.flow().remote.address.to_string());
  }
  handset.nat = nat;
  handset.via_host = std::string(via->host);
}

// Without security associations nothing else tells that the answer does not come.
void watch_unprotected_challenge(Core& core, Site& site, const std::shared_ptr<Handset>& handset) {
  {
    std::lock_guard lock(handset->mutex);
    handset->answer_by = core.clock.now() + core.settings().await_auth;
  }
  watch_deadlines(core, site, handset);
}

// Section 5.2.2.2, SM4 to SM6 of TS 33.203: keys out, security associations in, Security-Server along.
Task<void> challenged(Core& core, Site& site, TransactionPtr transaction, Attempt attempt,
                      std::shared_ptr<const sip::Message> response) {
  std::optional<Keys> keys = take_keys(response->header(HeaderId::www_authenticate));
  if (!keys) {
    remember(core, attempt.handset, HandsetState::rejected, "the core's 401 has no Digest challenge");
    co_return refuse(core, transaction, 500, "the challenge of the core cannot be read");
  }
  sip::Edits edits = toward_handset(*response);
  edits.set(HeaderId::www_authenticate, keys->challenge);
  if (!attempt.agreement.ipsec) {
    // A second challenge on a set that is being made has no ports of its own: the handset begins anew.
    if (attempt.carrier && attempt.carrier->entry.state == SetState::temporary) {
      retire_set(core, site, attempt.handset, attempt.carrier->entry.id,
                 std::min(core.settings().grace, failure_linger));
    }
    remember(core, attempt.handset, HandsetState::challenged, "waiting for the handset's answer to the 401");
    watch_unprotected_challenge(core, site, attempt.handset);
    core.report("register.challenged", attempt.impi, attempt.impu, "401 sent, without IPsec");
    co_return transaction->respond(401, edits.write(*response));
  }
  if (keys->ck.size() != 16 || keys->ik.size() != 16) {
    std::string why = "the core's 401 has no ck and ik: security associations cannot be made";
    remember(core, attempt.handset, HandsetState::rejected, why);
    core.report("sa.failed", attempt.impi, attempt.impu, why, Cause::sa_not_set_up);
    co_return refuse(core, transaction, 500, "no keys came with the challenge");
  }
  NewSet wanted;
  wanted.offered = attempt.agreement.offered;
  wanted.algorithms = attempt.agreement.algorithms;
  wanted.ck = keys->ck;
  wanted.ik = keys->ik;
  wanted.pcscf = transaction->flow().local.address;
  wanted.made_over = attempt.carrier ? attempt.carrier->entry.id : 0;
  wanted.call_id = attempt.call_id;
  wanted.security_client = attempt.agreement.security_client;
  absl::StatusOr<SaEntry> entry = co_await create_set(core, site, attempt.handset, std::move(wanted));
  if (!entry.ok()) {
    std::string why = "security associations could not be set up: " + std::string(entry.status().message());
    remember(core, attempt.handset, HandsetState::rejected, why);
    core.report("sa.failed", attempt.impi, attempt.impu, why,
                absl::IsAlreadyExists(entry.status()) ? Cause::sa_ports_clash : Cause::sa_not_set_up);
    LW_LOG(error, "%s: %s", log::printable(attempt.impi), why);
    co_return refuse(core, transaction, absl::IsAlreadyExists(entry.status()) ? 403 : 500,
                     "security associations could not be set up");
  }
  edits.set(HeaderId::security_server, entry->security_server);
  remember(core, attempt.handset, HandsetState::challenged, "waiting for the handset's answer to the 401");
  core.report("register.challenged", attempt.impi, attempt.impu,
              "401 sent, IPsec " + ipsec::text(attempt.agreement.algorithms) + " is ready");
  transaction->respond(401, edits.write(*response));
}

// The expiry that the registrar granted to this handset's contact; 0: it is not registered (any more).
uint32_t granted(const sip::Message& response, const std::string& contact) {
  for (std::string_view value : response.values(HeaderId::contact)) {
    auto parsed = sip::Contact::parse(value);
    if (!parsed.ok() || !sip::uris_equal(parsed->address.uri.text, contact)) continue;
    if (parsed->expires) return *parsed->expires;
    return sip::parse_seconds(response.header(HeaderId::expires)).value_or(3600);
  }
  return 0;
}

std::vector<std::string> uris_of(const sip::Message& response, HeaderId header) {
  std::vector<std::string> uris;
  for (std::string_view value : response.values(header)) {
    auto parsed = sip::NameAddr::parse(value);
    if (parsed.ok()) uris.emplace_back(parsed->uri.text);
  }
  return uris;
}

// Section 5.2.2.3 (200 OK): bind the contact, its routes and identities. True: this is its first registration.
bool keep_binding(Core& core, const TransactionPtr& transaction, const Attempt& attempt, const sip::Message& response,
                  uint32_t expires) {
  std::lock_guard lock(attempt.handset->mutex);
  Handset& handset = *attempt.handset;
  bool first = !handset.registered;
  handset.registered = true;
  handset.answer_by.reset();
  handset.contact = attempt.contact;
  handset.impu = attempt.impu;
  std::vector<std::string> associated = uris_of(response, HeaderId::p_associated_uri);
  handset.impus.assign(associated.begin(), associated.end());
  if (handset.impus.empty()) handset.impus = {handset.impu};
  handset.service_route.clear();
  for (std::string_view hop : response.values(HeaderId::service_route))
    handset.service_route.push_back(core.common.of(sip::unfold(hop)));
  handset.expires = core.clock.now() + std::chrono::seconds(expires);
  handset.expires_wall = core.clock.wall() + std::chrono::seconds(expires);
  if (!attempt.carrier) handset.unprotected = transaction->flow();
  const WallTime now = core.clock.wall();
  if (first && handset.state == HandsetState::challenged) core.registration_times.observe(now - handset.since);
  if (first || handset.state != HandsetState::registered) handset.since = now;
  handset.state = HandsetState::registered;
  handset.why.clear();
  return first;
}

Task<void> registered(Core& core, Site& site, TransactionPtr transaction, Attempt attempt,
                      std::shared_ptr<const sip::Message> response) {
  uint32_t expires = granted(*response, attempt.contact);
  std::string wire = toward_handset(*response).write(*response);
  if (expires == 0) {
    // Deregistered: the 200 first, the sets when everything on them is over (section 5.2.5).
    transaction->respond(response->status(), std::move(wire));
    std::vector<uint64_t> ids;
    {
      std::lock_guard lock(attempt.handset->mutex);
      if (attempt.handset->registered) attempt.handset->since = core.clock.wall();
      attempt.handset->registered = false;
      attempt.handset->reachable_until = core.clock.now() + core.settings().grace;
      attempt.handset->state = HandsetState::deregistered;
      attempt.handset->why = "the handset deregistered";
      for (const SaEntry& entry : attempt.handset->sets) ids.push_back(entry.id);
      keep_handset(core, *attempt.handset);
    }
    for (uint64_t id : ids) retire_set(core, site, attempt.handset, id, core.settings().grace);
    co_return core.report("register.deregistered", attempt.impi, attempt.impu, "the handset deregistered", Cause::left);
  }
  bool first = keep_binding(core, transaction, attempt, *response, expires);
  Duration lasts = std::chrono::seconds(expires);
  std::optional<ConfirmedSet> confirmed;
  if (attempt.carrier) confirmed = confirm_set(core, *attempt.handset, attempt.carrier->entry.id, lasts);
  {
    std::lock_guard lock(attempt.handset->mutex);
    keep_handset(core, *attempt.handset);
  }
  // The 200 promises that the registration is kept.
  if (!co_await core.store->committed(site.worker, commit_patience)) {
    LW_LOG(warn, "the store has not written a registration of %s within 50 ms: its 200 goes before", attempt.impi);
  }
  transaction->respond(response->status(), std::move(wire));
  std::string protection = attempt.carrier ? ipsec::text(attempt.carrier->entry.set.algorithms) : "none";
  core.report(first ? "register.accepted" : "register.refreshed", attempt.impi, attempt.impu,
              absl::StrFormat("registered %s for %d s, protection %s", attempt.contact, expires, protection));
  if (confirmed) {
    co_await settle_set(core, site, attempt.handset, std::move(*confirmed));
  } else {
    watch_deadlines(core, site, attempt.handset);
  }
  // A handset that began without protection may have done so because the S-CSCF forgot it, and our subscription with
  // it.
  bool afresh =
      attempt.carrier && attempt.carrier->entry.state == SetState::temporary && attempt.carrier->entry.made_over == 0;
  if (first || afresh) site.worker.spawn(subscribe_reg(core, site, attempt.handset));
}

// A final response that is neither 401 nor 200: it goes out on the set the REGISTER came by, and a temporary set ends.
void failed(Core& core, Site& site, const TransactionPtr& transaction, const Attempt& attempt, int code,
            std::string wire, std::string why, Cause cause) {
  transaction->respond(code, std::move(wire));
  remember(core, attempt.handset, HandsetState::rejected, why);
  core.report("register.rejected", attempt.impi, attempt.impu, why, cause);
  if (attempt.carrier && attempt.carrier->entry.state == SetState::temporary) {
    retire_set(core, site, attempt.handset, attempt.carrier->entry.id, std::min(core.settings().grace, failure_linger));
  }
}

// Reads and judges the REGISTER; nullopt: it was answered.
std::optional<Attempt> admit(Core& core, Site& site, const TransactionPtr& transaction) {
  const sip::Message& request = transaction->request();
  Attempt attempt;
  if (request.values(HeaderId::via).size() > 1) {
    refuse(core, transaction, 502, "more than one Via on the first hop (RFC 3329 section 2.3.1)");
    return std::nullopt;
  }
  auto to = sip::NameAddr::parse(request.header(HeaderId::to));
  auto uri = sip::Uri::parse(request.request_uri());
  if (!to.ok() || !uri.ok()) {
    transaction->reject(400);
    return std::nullopt;
  }
  attempt.impi = impi_of(request, *to);
  attempt.impu = to->uri.canonical();
  if (!sip::equals_ignoring_case(uri->host, core.settings().home_domain)) {
    core.report("register.rejected", attempt.impi, attempt.impu,
                absl::StrFormat("403: it wants to register with %s; our `home_domain` is %s",
                                std::string(uri->host.substr(0, 128)), core.settings().home_domain),
                Cause::foreign_domain);
    refuse(core, transaction, 403, "the Request-URI is not the home domain");
    return std::nullopt;
  }
  attempt.call_id = std::string(request.header(HeaderId::call_id));
  auto contact = sip::NameAddr::parse(request.values(HeaderId::contact).front());
  if (contact.ok()) attempt.contact = std::string(contact->uri.text);
  attempt.icid = random_hex(32);

  bool on_protected = core.on_protected_port(transaction->flow());
  if (on_protected) {
    attempt.carrier = carrier_of(core, transaction->flow());
    if (!attempt.carrier) {
      core.report("register.rejected", attempt.impi, attempt.impu,
                  absl::StrFormat("403: it came from %s to our protected port %d, and by no association that is known",
                                  transaction->flow().remote.text(), transaction->flow().local.port),
                  Cause::no_such_sa);
      refuse(core, transaction, 403, "no security association for this source");
      return std::nullopt;
    }
    transaction->reply_by(reply_flow(attempt.carrier->entry, transaction->flow()));
    attempt.handset = attempt.carrier->handset;
    if (attempt.handset->impi != attempt.impi) {
      std::string why = "403: its security association belongs to another private identity than its Authorization";
      remember(core, attempt.handset, HandsetState::rejected, why);
      core.report("register.rejected", attempt.handset->impi, attempt.impu, why, Cause::sa_of_other_user);
      refuse(core, transaction, 403, "the security association belongs to another user");
      if (attempt.carrier->entry.state == SetState::temporary) {
        retire_set(core, site, attempt.handset, attempt.carrier->entry.id,
                   std::min(core.settings().grace, failure_linger));
      }
      return std::nullopt;
    }
  } else {
    if (core.draining) {
      core.report("register.rejected", attempt.impi, attempt.impu, "503: this P-CSCF is being drained",
                  Cause::draining);
      transaction->try_later(503, retry_when_drained);
      return std::nullopt;
    }
    attempt.handset = core.handsets.get_or_make(transaction->flow().remote.address, attempt.impi);
    if (!attempt.handset) {
      refuse(core, transaction, 503, "as many handsets as this P-CSCF can remember");
      return std::nullopt;
    }
  }
  note_arrival(core, *transaction, attempt);
  attempt.agreement = agree(core, request, attempt.carrier);
  if (attempt.agreement.refuse != 0) {
    std::string why = absl::StrFormat("%d: %s", attempt.agreement.refuse, attempt.agreement.why);
    remember(core, attempt.handset, HandsetState::rejected, why);
    core.report("register.rejected", attempt.impi, attempt.impu, why, attempt.agreement.cause);
    refuse(core, transaction, attempt.agreement.refuse, attempt.agreement.why);
    if (attempt.agreement.abort_temporary) {
      retire_set(core, site, attempt.handset, attempt.carrier->entry.id,
                 std::min(core.settings().grace, failure_linger));
    }
    return std::nullopt;
  }
  return attempt;
}

// An unprotected REGISTER of a challenged handset gives the challenge up: it answers with auts, or with nothing, or
// begins afresh (TS 33.203 section 7.3).
std::vector<uint64_t> given_up(const Attempt& attempt) {
  std::vector<uint64_t> ids;
  if (attempt.carrier && attempt.carrier->entry.state == SetState::temporary) return ids;
  std::lock_guard lock(attempt.handset->mutex);
  for (const SaEntry& entry : attempt.handset->sets) {
    if (entry.state == SetState::temporary) ids.push_back(entry.id);
  }
  return ids;
}

}  // namespace

Task<void> register_(Core& core, Site& site, TransactionPtr transaction) {
  std::optional<Attempt> admitted = admit(core, site, transaction);
  if (!admitted) co_return;
  Attempt attempt = std::move(*admitted);
  std::string turn_key = attempt.impi + ' ' + attempt.handset->token;
  auto turn = co_await core.turns.take(site.worker, turn_key);
  if (!turn) co_return transaction->try_later(500, 5);
  for (uint64_t id : given_up(attempt)) {
    co_await drop_set(core, site, attempt.handset, id, "the handset began anew");
  }

  const sip::Message& request = transaction->request();
  sip::ClientRequest forwarded;
  forwarded.method = sip::Method::register_;
  forwarded.branch = site.transactions.new_branch();
  forwarded.flow = core.settings().entry;
  forwarded.timers = core.settings().core_timers;
  std::string via = sip::TransactionLayer::via(forwarded.flow.protocol, core.settings().mw.text(), forwarded.branch);
  forwarded.wire = toward_core(core, request, attempt, via);
  sip::Answer answer = co_await site.transactions.request(std::move(forwarded));

  if (!answer.response) {
    failed(core, site, transaction, attempt, 504, transaction->response(504).finish(),
           absl::StrFormat("the S-CSCF at %s gives no answer: %s", core.settings().entry.remote.text(), answer.why),
           Cause::core_silent);
    co_return;
  }
  int code = answer.response->status();
  if (code == 401) {
    co_await challenged(core, site, transaction, attempt, answer.response);
  } else if (code >= 200 && code < 300) {
    co_await registered(core, site, transaction, attempt, answer.response);
  } else {
    sip::Edits edits = toward_handset(*answer.response);
    failed(core, site, transaction, attempt, code, edits.write(*answer.response),
           absl::StrFormat("the core answered %d %s", code, sip::reason_phrase(code)),
           code == 423 ? Cause::interval_too_brief : Cause::none);
  }
}

}  // namespace lapwing::pcscf
