#include "scscf/procedures/interrogate.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/sip/headers.h"
#include "common/sip/validate.h"
#include "scscf/procedures/challenge.h"
#include "scscf/procedures/register.h"
#include "scscf/procedures/register_request.h"

namespace lapwing::scscf {
namespace {

using sip::HeaderId;

// The S-CSCF that shall serve: ourselves, or another with the way to it.
struct Choice {
  bool ourselves = false;
  OtherServer other;
};
using Chosen = std::variant<Choice, Outcome>;

Chosen by_name(const Core& core, const std::string& name) {
  if (core.settings.serving && same_server(name, core.settings.name)) return Choice{.ourselves = true, .other = {}};
  if (const OtherServer* server = find_server(core, name)) return Choice{.ourselves = false, .other = *server};
  return Outcome{.code = 480, .why = absl::StrFormat("the HSS named the S-CSCF %s, which is not in `servers`", name)};
}

bool meets(const std::vector<uint32_t>& has, const std::vector<uint32_t>& wants) {
  return std::all_of(wants.begin(), wants.end(),
                     [&](uint32_t c) { return std::find(has.begin(), has.end(), c) != has.end(); });
}

// TS 29.228 section 6.7: names that the HSS lists come first; then every mandatory capability, and most optional ones.
// `tried` are names that failed already.
Chosen by_capabilities(const Core& core, const std::optional<cx::ServerCapabilities>& wanted,
                       const std::vector<std::string>& tried) {
  auto was_tried = [&](const std::string& name) {
    return std::any_of(tried.begin(), tried.end(), [&](const std::string& t) { return same_server(t, name); });
  };
  cx::ServerCapabilities wants = wanted.value_or(cx::ServerCapabilities{});
  for (const std::string& name : wants.server_names) {
    Chosen chosen = by_name(core, name);
    if (std::holds_alternative<Choice>(chosen) && !was_tried(name)) return chosen;
  }
  // Our own serving role has no capabilities list of its own: it takes users that demand none.
  if (core.settings.serving && wants.mandatory.empty() && !was_tried(core.settings.name)) {
    return Choice{.ourselves = true, .other = {}};
  }
  const OtherServer* best = nullptr;
  size_t best_optional = 0;
  for (const OtherServer& server : core.settings.servers) {
    if (was_tried(server.name) || !meets(server.capabilities, wants.mandatory)) continue;
    size_t optional = static_cast<size_t>(std::count_if(wants.optional.begin(), wants.optional.end(), [&](uint32_t c) {
      return std::find(server.capabilities.begin(), server.capabilities.end(), c) != server.capabilities.end();
    }));
    if (!best || optional > best_optional) {
      best = &server;
      best_optional = optional;
    }
  }
  if (best) return Choice{.ourselves = same_server(best->name, core.settings.name), .other = *best};
  return Outcome{.code = 480, .why = "no S-CSCF has the capabilities that the HSS demands"};
}

Task<Chosen> ask_hss(Core& core, Site& site, SharedRegisterRequest request, cx::UserAuthorizationType type,
                     std::vector<std::string> tried) {
  cx::UserAuthorizationRequest uar;
  uar.impi = request->impi;
  uar.impu = request->impu_uri;
  uar.visited_network = request->visited_network.empty() ? core.settings.home_domain : request->visited_network;
  uar.type = type;
  auto outcome = co_await core.hss.authorize(site.worker, std::move(uar));
  if (auto* failure = std::get_if<HssFailure>(&outcome)) co_return hss_failed(*failure, "UAR");
  auto& uaa = std::get<cx::UserAuthorizationAnswer>(outcome);
  // Plain success with a name answers a deregistration.
  bool served = uaa.result == cx::experimental::subsequent_registration || uaa.result.success();
  if (served && !uaa.server_name.empty()) {
    co_return by_name(core, uaa.server_name);
  }
  // Some HSSs give the name with DIAMETER_FIRST_REGISTRATION too (PyHSS), some leave it empty with 2002 (Open5GS).
  if (uaa.result == cx::experimental::first_registration || uaa.result == cx::experimental::subsequent_registration ||
      uaa.result.success()) {
    co_return by_capabilities(core, uaa.capabilities, tried);
  }
  co_return hss_refused(uaa.result, "UAR");
}

// Forwards to another S-CSCF; true when its answer was relayed, false when another may be tried.
Task<bool> forward(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction, OtherServer to,
                   bool may_reselect) {
  if (sip::Verdict verdict = sip::check_forwarding(transaction->request(), {}); verdict.status == 483) {
    transaction->reject(483);
    co_return true;
  }
  sip::ClientRequest request;
  request.method = sip::Method::register_;
  request.branch = site.transactions.new_branch();
  request.flow = to.flow;
  request.timers = core.settings.timers;
  sip::Edits edits;
  edits.request_uri(to.name);
  edits.prepend(HeaderId::via, sip::TransactionLayer::via(to.flow.protocol, sent_by(core, to.flow), request.branch));
  const sip::Message& message = transaction->request();
  edits.set(HeaderId::max_forwards, std::to_string(sip::max_forwards(message) - 1));
  request.wire = edits.write(message);
  sip::Answer answer = co_await site.transactions.request(std::move(request));
  int code = answer.response ? answer.response->status() : 504;
  bool failed = !answer.response || code == 480 || (code >= 300 && code < 400);
  if (failed && may_reselect) co_return false;
  if (!answer.response) {
    transaction->reject(504);
    co_return true;
  }
  sip::Edits back;
  back.remove_first_value(HeaderId::via);
  transaction->respond(code, back.write(*answer.response));
  co_return true;
}

}  // namespace

bool same_server(std::string_view a, std::string_view b) {
  auto left = sip::Uri::parse(a), right = sip::Uri::parse(b);
  if (!left.ok() || !right.ok()) return a == b;
  auto port = [](const sip::Uri& uri) { return uri.port == 0 ? 5060 : uri.port; };
  return sip::equals_ignoring_case(left->host, right->host) && left->user == right->user && port(*left) == port(*right);
}

const OtherServer* find_server(const Core& core, std::string_view name) {
  for (const OtherServer& server : core.settings.servers) {
    if (same_server(name, server.name)) return &server;
  }
  return nullptr;
}

Task<void> interrogate_register(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction) {
  auto read = read_register(transaction->request(), core.settings, sent_by(core, transaction->flow()));
  if (auto* refused = std::get_if<Outcome>(&read)) co_return reply(*transaction, *refused);
  SharedRegisterRequest request = std::get<SharedRegisterRequest>(read);
  auto type =
      request->deregisters() ? cx::UserAuthorizationType::de_registration : cx::UserAuthorizationType::registration;

  std::vector<std::string> tried;
  // Twice at most: the first choice, and one reselection (section 5.3.1.3).
  for (int round = 0; round < 2; ++round) {
    Chosen chosen = co_await ask_hss(core, site, request, type, tried);
    if (auto* refused = std::get_if<Outcome>(&chosen)) {
      core.report("register.rejected", request->impi, request->impu_uri,
                  absl::StrFormat("%d: %s", refused->code, refused->why));
      core.registrar.with(request->impi, [&](User& user) {
        user.last_impu = request->impu;
        user.last_contact = request->contact_text();
        user.last_user_agent = request->user_agent;
        if (user.registered()) return;
        user.enter(UserState::rejected, core.clock.wall(), refused->why);
      });
      co_return reply(*transaction, *refused);
    }
    Choice& choice = std::get<Choice>(chosen);
    if (choice.ourselves) {
      Outcome outcome = co_await register_(core, site, request);
      co_return reply(*transaction, outcome);
    }
    bool may_reselect = round == 0 && request->protection != Protection::yes;
    bool done = co_await forward(core, site, transaction, choice.other, may_reselect);
    if (done) co_return;
    tried.push_back(choice.other.name);
    type = cx::UserAuthorizationType::registration_and_capabilities;
  }
  transaction->reject(480);
}

}  // namespace lapwing::scscf
