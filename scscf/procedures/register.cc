#include "scscf/procedures/register.h"

#include "common/sip/headers.h"
#include "scscf/procedures/bind.h"
#include "scscf/procedures/challenge.h"
#include "scscf/procedures/deregister.h"
#include "scscf/procedures/restore_registration.h"

namespace lapwing::scscf {
namespace {

// What the registrar knows of the user at this moment.
struct Standing {
  std::shared_ptr<const Challenge> challenge;  // of this Call-ID
  bool challenged = false;                     // by this Call-ID or another
  bool registered = false;
  bool contact_known = false;   // every contact of the request is registered already
  bool reauthenticate = false;  // the operator's period has passed
};

Standing standing_of(Core& core, const RegisterRequest& request) {
  Standing standing;
  core.registrar.with_existing(request.impi, [&](User& user) {
    if (user.challenge && user.challenge->call_id == request.call_id) standing.challenge = user.challenge;
    standing.challenged = user.challenge != nullptr;
    Registration* registration = user.registration_of(request.impu);
    if (!registration) return;
    standing.registered = true;
    standing.reauthenticate = core.clock.now() - registration->authenticated >= core.settings().reauthenticate_after;
    standing.contact_known = true;
    for (const RequestedContact& contact : request.contacts) {
      bool found = false;
      for (const Binding& binding : registration->bindings) found = found || sip::uris_equal(binding.uri, contact.uri);
      standing.contact_known = standing.contact_known && found;
    }
  });
  return standing;
}

// A vector is used once, whatever comes of it (TS 33.203 section 6.1.1).
void forget_challenge(Core& core, const RegisterRequest& request) {
  core.registrar.with_existing(request.impi, [](User& user) { user.challenge.reset(); });
}

void remember_rejection(Core& core, const RegisterRequest& request, const std::string& why) {
  core.registrar.with_existing(request.impi, [&](User& user) {
    if (user.registered()) return;
    user.enter(UserState::rejected, core.clock.wall(), why);
  });
}

Task<Outcome> authenticated(Core& core, Site& site, SharedRegisterRequest request) {
  if (request->deregisters()) co_return co_await deregister_user(core, site, std::move(request));
  co_return co_await bind(core, site, std::move(request), true);
}

// TS 24.229 section 5.4.1.2.2: the answer to the outstanding challenge, nullopt when the request is not an answer to
// it.
Task<std::optional<Outcome>> take_answer(Core& core, Site& site, SharedRegisterRequest request, Challenge challenge,
                                         Verdict verdict, bool response_counts) {
  switch (verdict.kind) {
    case Verdict::Kind::other:
      co_return std::nullopt;
    case Verdict::Kind::right:
      if (!response_counts) co_return std::nullopt;
      forget_challenge(core, *request);
      co_return co_await authenticated(core, site, std::move(request));
    case Verdict::Kind::synchronise: {
      if (challenge.resynchronisations >= core.settings().max_resynchronisations) break;
      Resynchronisation failed{challenge.rand, *verdict.auts, challenge.resynchronisations + 1};
      co_return co_await scscf::challenge(core, site, std::move(request), failed);
    }
    case Verdict::Kind::wrong:
      if (!response_counts) co_return std::nullopt;
      break;
    case Verdict::Kind::refused_network:
      break;
  }
  bool never_right = verdict.kind == Verdict::Kind::synchronise;
  std::string why =
      never_right ? "the SIM reported a wrong sequence number again and again; two HSSs sharing its K?" : verdict.why;
  forget_challenge(core, *request);
  remember_rejection(core, *request, why);
  co_await clear_pending(core, site, request->impi, request->impu_uri, challenge.hss_host,
                         cx::ServerAssignmentType::authentication_failure);
  co_return Outcome{.code = 403,
                    .reason = "Forbidden - Authentication Failed",
                    .why = why,
                    .cause = never_right ? Cause::sqn_loop : verdict.cause};
}

Outcome bindings_of(Core& core, const RegisterRequest& request) {
  Outcome outcome{.code = 481, .why = "a query of bindings by a user that is not registered"};
  core.registrar.with_existing(request.impi, [&](User& user) {
    Registration* registration = user.registration_of(request.impu);
    if (registration) outcome = registered_response(core, request, *registration);
  });
  return outcome;
}

// A right answer that the P-CSCF could not vouch for is challenged for ever (TS 24.229 section 5.4.1.2.1): say why.
void explain_unprotected(Core& core, const RegisterRequest& request, Outcome& outcome) {
  outcome.why =
      "the answer to the challenge was right, but it came without IPsec: let the handset use IPsec, or in a lab set "
      "registrar.accept_unprotected_aka";
  outcome.cause = Cause::answer_unprotected;
  core.registrar.with_existing(request.impi, [&](User& user) {
    if (!user.registered()) user.why = outcome.why;
  });
}

Task<Outcome> serve(Core& core, Site& site, SharedRegisterRequest request) {
  Standing standing = standing_of(core, *request);
  bool is_protected = request->protection == Protection::yes;

  bool was_right = false;
  if (standing.challenge) {
    bool response_counts = is_protected || core.settings().accept_unprotected_aka;
    Verdict verdict = judge(*request, *standing.challenge, core.settings());
    was_right = verdict.kind == Verdict::Kind::right;
    auto answered = co_await take_answer(core, site, request, *standing.challenge, std::move(verdict), response_counts);
    if (answered) co_return std::move(*answered);
  }
  if (!is_protected) {
    Outcome outcome = co_await challenge(core, site, request, std::nullopt);
    if (was_right) explain_unprotected(core, *request, outcome);
    co_return outcome;
  }

  // Section 5.4.1.2.2: protected and not an answer: the user is registered, or the HSS has it from before, or it must
  // begin afresh.
  if (!standing.registered && !standing.challenged) {
    bool restored = co_await restore_registration(core, site, request->impi, request->impu_uri, true);
    if (restored) standing = standing_of(core, *request);
  }
  if (!standing.registered) {
    co_return Outcome{.code = 500,
                      .why = "marked as protected, but the user is neither registered nor challenged here"};
  }
  if (request->query) co_return bindings_of(core, *request);
  if (request->deregisters()) co_return co_await deregister_user(core, site, std::move(request));
  if (standing.reauthenticate || !standing.contact_known) {
    co_return co_await challenge(core, site, std::move(request), std::nullopt);
  }
  co_return co_await bind(core, site, std::move(request), false);
}

}  // namespace

Task<Outcome> register_(Core& core, Site& site, SharedRegisterRequest request) {
  auto turn = co_await core.turns.take(site.worker, request->impi);
  if (!turn) {
    Outcome busy{.code = 500, .why = "too many REGISTERs of this user at once"};
    busy.headers.emplace_back(sip::HeaderId::retry_after, "5");
    co_return busy;
  }
  std::string impi = request->impi, impu = request->impu_uri;
  Outcome outcome = co_await serve(core, site, request);
  if (outcome.code == 401) {
    core.report("register.challenged", impi, impu, outcome.why, outcome.cause);
  } else if (outcome.code >= 300) {
    remember_rejection(core, *request, outcome.why);
    core.report("register.rejected", impi, impu, std::to_string(outcome.code) + ": " + outcome.why, outcome.cause);
  }
  co_return outcome;
}

}  // namespace lapwing::scscf
