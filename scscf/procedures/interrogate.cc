#include "scscf/procedures/interrogate.h"

#include "absl/strings/str_format.h"
#include "common/runtime/one_shot.h"
#include "common/sip/headers.h"
#include "common/sip/validate.h"
#include "scscf/procedures/challenge.h"
#include "scscf/procedures/register.h"
#include "scscf/procedures/register_request.h"
#include "scscf/procedures/select_server.h"

namespace lapwing::scscf {
namespace {

using sip::HeaderId;

Task<Chosen> ask_hss(Core& core, Site& site, SharedRegisterRequest request, cx::UserAuthorizationType type,
                     std::vector<std::string> tried) {
  cx::UserAuthorizationRequest uar;
  uar.impi = request->impi;
  uar.impu = request->impu_uri;
  uar.visited_network = request->visited_network.empty() ? core.settings().home_domain : request->visited_network;
  uar.type = type;
  auto outcome = co_await core.hss.authorize(site.worker, std::move(uar));
  if (auto* failure = std::get_if<HssFailure>(&outcome)) co_return hss_failed(*failure, "UAR");
  auto& uaa = std::get<cx::UserAuthorizationAnswer>(outcome);
  // Plain success with a name answers a deregistration.
  bool served = uaa.result == cx::experimental::subsequent_registration || uaa.result.success();
  if (served && !uaa.server_name.empty()) {
    co_return choose_named(core, uaa.server_name);
  }
  // Some HSSs give the name with DIAMETER_FIRST_REGISTRATION too (PyHSS), some leave it empty with 2002 (Open5GS).
  if (uaa.result == cx::experimental::first_registration || uaa.result == cx::experimental::subsequent_registration ||
      uaa.result.success()) {
    co_return choose_capable(core, uaa.capabilities, tried);
  }
  co_return hss_refused(uaa.result, "UAR");
}

// The transaction goes on by itself, should the time be over before it.
Task<sip::Answer> answer_in_time(Core& core, Site& site, sip::ClientRequest request) {
  OneShot<sip::Answer> answered(site.worker);
  site.transactions.start(std::move(request), [sink = answered.sink()](const sip::Answer& answer) {
    if (!answer.response || answer.response->status() >= 200) sink.set(answer);
  });
  std::optional<sip::Answer> answer = co_await answered.wait(core.settings().server_answers_within);
  co_return answer ? std::move(*answer) : sip::Answer{};
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
  request.timers = core.settings().timers;
  sip::Edits edits;
  edits.request_uri(to.name);
  edits.prepend(HeaderId::via, sip::TransactionLayer::via(to.flow.protocol, sent_by(core, to.flow), request.branch));
  const sip::Message& message = transaction->request();
  edits.set(HeaderId::max_forwards, std::to_string(sip::max_forwards(message) - 1));
  request.wire = edits.write(message);
  sip::Answer answer = co_await answer_in_time(core, site, std::move(request));
  if (answer.response) {
    core.silent_servers.answered(to.name);
  } else {
    core.silent_servers.did_not_answer(to.name);
  }
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

Task<void> interrogate_register(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction) {
  auto read = read_register(transaction, core.settings(), sent_by(core, transaction->flow()));
  if (auto* refused = std::get_if<Outcome>(&read)) co_return reply(*transaction, *refused);
  SharedRegisterRequest request = std::get<SharedRegisterRequest>(read);
  auto type =
      request->deregisters() ? cx::UserAuthorizationType::de_registration : cx::UserAuthorizationType::registration;

  std::vector<std::string> tried;
  std::optional<OtherServer> passed_over;  // not asked, since it was silent a moment ago
  // Twice at most: the first choice, and one reselection (section 5.3.1.3).
  for (int round = 0; round < 2; ++round) {
    Chosen chosen = co_await ask_hss(core, site, request, type, tried);
    if (passed_over && std::holds_alternative<Outcome>(chosen)) {
      co_await forward(core, site, transaction, *passed_over, false);  // there is no other
      co_return;
    }
    if (auto* refused = std::get_if<Outcome>(&chosen)) {
      core.report("register.rejected", request->impi, request->impu_uri,
                  absl::StrFormat("%d: %s", refused->code, refused->why), refused->cause);
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
    // One that did not answer a moment ago is not waited for again.
    bool skipped = may_reselect && core.silent_servers.contains(choice.other.name);
    if (!skipped && co_await forward(core, site, transaction, choice.other, may_reselect)) co_return;
    if (skipped) passed_over = choice.other;
    tried.push_back(choice.other.name);
    type = cx::UserAuthorizationType::registration_and_capabilities;
  }
  transaction->reject(480);
}

}  // namespace lapwing::scscf
