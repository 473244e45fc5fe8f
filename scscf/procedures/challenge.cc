#include "scscf/procedures/challenge.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/runtime/ids.h"
#include "common/sip/headers.h"
#include "scscf/procedures/deadlines.h"
#include "scscf/procedures/restore_registration.h"

namespace lapwing::scscf {
namespace {

using sip::HeaderId;

constexpr std::string_view scheme = "Digest-AKAv1-MD5";

// The vector of the answer that can be used: lowest item number first, lengths as TS 29.229 section 6.3 has them.
const cx::AuthDataItem* usable(const cx::MultimediaAuthAnswer& answer) {
  for (const cx::AuthDataItem& item : answer.vectors) {
    bool sized = item.authenticate.size() == 32 && item.authorization.size() >= 4 && item.authorization.size() <= 16 &&
                 item.confidentiality_key.size() == 16 && item.integrity_key.size() == 16;
    if (sized && (item.scheme.empty() || sip::equals_ignoring_case(item.scheme, scheme))) return &item;
  }
  return nullptr;
}

std::string hex(const Secret& secret) {
  auto bytes = secret.reveal();
  return to_hex(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

// TS 24.229 section 5.4.1.2.1 (6): with ik and ck, which the P-CSCF takes out.
std::string www_authenticate(const Settings& settings, const std::string& nonce, const cx::AuthDataItem& vector) {
  std::string value = absl::StrFormat("Digest realm=%s,nonce=%s,algorithm=AKAv1-MD5", sip::quote(settings.home_domain),
                                      sip::quote(nonce));
  if (!settings.qop.empty()) value += ",qop=" + sip::quote(settings.qop);
  return value + absl::StrFormat(",ik=\"%s\",ck=\"%s\"", hex(vector.integrity_key), hex(vector.confidentiality_key));
}

}  // namespace

Cause cause_of(const cx::Result& result) {
  namespace ex = cx::experimental;
  if (result == ex::user_unknown) return Cause::hss_user_unknown;
  if (result == ex::identities_dont_match) return Cause::hss_identities_differ;
  if (result == ex::identity_not_registered) return Cause::hss_not_registered;
  if (result == ex::roaming_not_allowed) return Cause::hss_roaming_refused;
  if (result == ex::auth_scheme_not_supported) return Cause::hss_scheme_refused;
  if (result == cx::base::authorization_rejected) return Cause::hss_barred;
  return Cause::hss_error;
}

Outcome hss_failed(const HssFailure& failure, std::string_view command) {
  // Nobody to ask is 480, as for an S-CSCF that cannot be chosen; a question without an answer is a time-out.
  int code = failure.kind == HssFailure::Kind::timeout ? 504 : 480;
  Cause cause = failure.kind == HssFailure::Kind::timeout ? Cause::hss_silent : Cause::hss_not_connected;
  return Outcome{.code = code, .why = absl::StrFormat("%s: %s", command, failure.text), .cause = cause};
}

Outcome hss_refused(const cx::Result& result, std::string_view command) {
  int code = 480;
  namespace ex = cx::experimental;
  if (result == ex::user_unknown || result == ex::identities_dont_match || result == ex::roaming_not_allowed ||
      result == ex::auth_scheme_not_supported || result == ex::identity_not_registered ||
      result == cx::base::authorization_rejected) {
    code = 403;
  }
  return Outcome{.code = code,
                 .why = absl::StrFormat("%s: the HSS answered %s", command, cx::result_text(result)),
                 .cause = cause_of(result)};
}

Task<Outcome> challenge(Core& core, Site& site, SharedRegisterRequest request,
                        std::optional<Resynchronisation> failed) {
  cx::MultimediaAuthRequest mar;
  mar.impi = request->impi;
  mar.impu = request->impu_uri;
  mar.server_name = core.settings().name;
  mar.item.scheme = std::string(scheme);
  mar.features = our_features();
  if (failed) {
    std::vector<uint8_t> rand_auts(failed->rand.begin(), failed->rand.end());
    rand_auts.insert(rand_auts.end(), failed->auts.begin(), failed->auts.end());
    mar.item.authorization = Secret(rand_auts);
  }
  core.registrar.with_existing(request->impi, [&](User& user) {
    if (user.challenge) mar.routing.destination_host = user.challenge->hss_host;
    if (!user.registrations.empty()) mar.routing.destination_host = user.registrations.front().hss_host;
  });

  auto outcome = co_await core.hss.authenticate(site.worker, std::move(mar));
  if (auto* failure = std::get_if<HssFailure>(&outcome)) co_return hss_failed(*failure, "MAR");
  auto& maa = std::get<cx::MultimediaAuthAnswer>(outcome);
  if (!maa.result.success()) co_return hss_refused(maa.result, "MAR");
  const cx::AuthDataItem* vector = usable(maa);
  if (!vector) {
    co_return Outcome{
        .code = 480, .why = "MAR: the HSS gave no usable Digest-AKAv1-MD5 vector", .cause = Cause::no_vector};
  }

  Challenge pending;
  pending.deadline = core.clock.now() + core.settings().await_auth;
  pending.call_id = request->call_id;
  pending.impu = request->impu;
  pending.impu_uri = request->impu_uri;
  aka::Block autn;
  std::copy_n(vector->authenticate.begin(), 16, pending.rand.begin());
  std::copy_n(vector->authenticate.begin() + 16, 16, autn.begin());
  pending.nonce = aka::encode_nonce(pending.rand, autn);
  pending.xres = vector->authorization;
  pending.hss_host = maa.routing.origin_host;
  pending.resynchronisations = failed ? failed->count : 0;

  Outcome unauthorized{.code = 401, .why = failed ? "challenged again after a synchronisation failure" : "challenged"};
  unauthorized.headers.emplace_back(HeaderId::www_authenticate,
                                    www_authenticate(core.settings(), pending.nonce, *vector));
  bool remembered = core.registrar.with(request->impi, [&](User& user) {
    user.challenge = std::make_shared<const Challenge>(std::move(pending));
    user.hss_features = features_of_hss(maa.features);
    user.last_impu = request->impu;
    user.last_contact = request->contact_text();
    user.last_user_agent = request->user_agent;
    user.last_path = request->path.empty() ? "" : request->path.front();
    if (user.registered()) return;
    user.enter(UserState::challenged, core.clock.wall(), "waiting for the handset's answer to the 401");
  });
  if (!remembered) co_return Outcome{.code = 503, .why = "as many users as this S-CSCF can remember"};
  watch_deadlines(core, site, request->impi);
  co_return unauthorized;
}

Task<void> challenge_unanswered(Core& core, Site& site, std::string impi) {
  auto turn = co_await core.turns.take(site.worker, impi);
  if (!turn) co_return;  // the alarm is set again
  std::shared_ptr<const Challenge> gone;
  core.registrar.with_existing(impi, [&](User& user) {
    if (!user.challenge || user.challenge->deadline > core.clock.now()) return;
    gone = std::move(user.challenge);
    user.challenge.reset();
    if (user.registered()) return;
    user.enter(
        UserState::challenge_unanswered, core.clock.wall(),
        "the 401 was sent and no answer came: most likely the SIM's K or OPc differs from the HSS's (OP given for "
        "OPc?), else the handset could not use the security associations, or the 401 did not reach it");
  });
  if (!gone) co_return;
  core.report("register.unanswered", impi, gone->impu_uri, "no answer to the challenge came in time",
              Cause::challenge_unanswered);
  co_await clear_pending(core, site, impi, gone->impu_uri, gone->hss_host,
                         cx::ServerAssignmentType::authentication_timeout);
}

Verdict judge(const RegisterRequest& request, const Challenge& challenge, const Settings& settings) {
  if (!request.answer) return {Verdict::Kind::other, "no credentials", {}};
  const Answered& answer = *request.answer;
  if (answer.nonce != challenge.nonce) return {Verdict::Kind::other, "the nonce is not that of the challenge", {}};
  if (!answer.auts.empty()) {
    std::optional<aka::Auts> auts = aka::decode_auts(answer.auts);
    if (!auts) return {Verdict::Kind::wrong, "auts is not 14 bytes of base64", {}};
    return {Verdict::Kind::synchronise, "the SIM's sequence number is ahead of the HSS's", auts};
  }
  if (!answer.has_response) {
    return {Verdict::Kind::refused_network,
            "the SIM did not accept the network (MAC failure): its K or OPc differs from the HSS's",
            {},
            Cause::mac_failure};
  }
  if (request.impu != challenge.impu) return {Verdict::Kind::wrong, "To differs from the challenged REGISTER's", {}};
  if (!sip::equals_ignoring_case(answer.realm, settings.home_domain)) {
    return {Verdict::Kind::wrong, "the realm is not our domain", {}};
  }
  auto algorithm = aka::parse_digest_algorithm(answer.algorithm.empty() ? "AKAv1-MD5" : answer.algorithm);
  if (!algorithm || algorithm->scheme != aka::DigestAlgorithm::Scheme::akav1 || algorithm->session) {
    return {Verdict::Kind::wrong, "the algorithm is not AKAv1-MD5", {}};
  }
  if (!answer.qop.empty()) {
    std::string offered = "," + settings.qop + ",";
    if (offered.find("," + answer.qop + ",") == std::string::npos) {
      return {Verdict::Kind::wrong, "a qop that was not offered", {}};
    }
  }
  aka::DigestInput input{.username = answer.username,
                         .realm = answer.realm,
                         .nonce = answer.nonce,
                         .uri = answer.uri,
                         .method = "REGISTER",
                         .nc = answer.nc,
                         .cnonce = answer.cnonce,
                         .qop = answer.qop,
                         .body = request.body};
  if (!aka::same_response(answer.response, aka::digest_response(input, challenge.xres))) {
    return {Verdict::Kind::wrong,
            "the response is wrong: the SIM's K or OPc differs from the HSS's",
            {},
            Cause::wrong_response};
  }
  return {Verdict::Kind::right, "the response is right", {}};
}

Task<void> clear_pending(Core& core, Site& site, std::string impi, std::string impu, std::string hss_host,
                         cx::ServerAssignmentType type) {
  cx::ServerAssignmentRequest sar;
  sar.routing.destination_host = std::move(hss_host);
  sar.impi = impi;
  sar.impus = {impu};
  sar.server_name = core.settings().name;
  sar.type = type;
  auto outcome = co_await core.hss.assign(site.worker, std::move(sar));
  if (auto* failure = std::get_if<HssFailure>(&outcome)) {
    core.report("hss.failed", impi, impu, "SAR after a failed authentication: " + failure->text);
  }
}

}  // namespace lapwing::scscf
