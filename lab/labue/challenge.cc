#include "lab/labue/challenge.h"

#include "absl/strings/str_format.h"
#include "common/runtime/ids.h"
#include "common/sip/headers.h"

namespace lapwing::labue {
namespace {

std::string start_of(const Identity& who, std::string_view realm, std::string_view nonce, std::string_view response) {
  return absl::StrFormat(R"(Digest username=%s,realm=%s,uri="sip:%s",nonce=%s,response="%s",algorithm=AKAv1-MD5)",
                         sip::quote(who.impi), sip::quote(realm), who.domain, sip::quote(nonce), response);
}

// Is the value in the comma list of the challenge's qop?
bool offers(std::string_view list, std::string_view wanted) {
  while (!list.empty()) {
    if (sip::equals_ignoring_case(sip::take_list_value(list), wanted)) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<Challenge> Challenge::parse(std::string_view value) {
  absl::StatusOr<sip::Credentials> credentials = sip::Credentials::parse(value);
  if (!credentials.ok()) return credentials.status();
  auto algorithm = aka::parse_digest_algorithm(credentials->get("algorithm"));
  if (!credentials->is_digest() || !algorithm || algorithm->scheme != aka::DigestAlgorithm::Scheme::akav1 ||
      algorithm->hash != aka::DigestHash::md5 || algorithm->session) {
    return absl::InvalidArgumentError("the challenge is not Digest AKAv1-MD5");
  }
  Challenge challenge;
  challenge.realm = credentials->get("realm");
  challenge.nonce = credentials->get("nonce");
  challenge.opaque = credentials->get("opaque");
  std::optional<aka::Challenge> decoded = aka::decode_nonce(challenge.nonce);
  if (!decoded) return absl::InvalidArgumentError("the challenge's nonce holds no RAND and AUTN");
  challenge.rand = decoded->rand;
  challenge.autn = decoded->autn;
  std::string offered = credentials->get("qop");
  if (offers(offered, "auth-int")) {
    challenge.qop = "auth-int";
  } else if (offers(offered, "auth")) {
    challenge.qop = "auth";
  }
  return challenge;
}

std::string Challenge::answer(const Identity& who, const Secret& res, std::string_view method, std::string_view body,
                              uint32_t nc) const {
  std::string count = absl::StrFormat("%08x", nc), cnonce = random_hex(32), uri = "sip:" + who.domain;
  aka::DigestInput input{.username = who.impi, .realm = realm, .nonce = nonce, .uri = uri, .method = method};
  input.body = body;
  if (!qop.empty()) {
    input.nc = count;
    input.cnonce = cnonce;
    input.qop = qop;
  }
  std::string out = start_of(who, realm, nonce, aka::digest_response(input, res));
  if (!qop.empty()) absl::StrAppendFormat(&out, R"(,nc=%s,qop=%s,cnonce="%s")", count, qop, cnonce);
  if (!opaque.empty()) absl::StrAppendFormat(&out, ",opaque=%s", sip::quote(opaque));
  return out;
}

std::string Challenge::resynchronise(const Identity& who, const aka::Auts& auts, std::string_view method) const {
  std::string out = answer(who, Secret(), method, {}, 1);
  absl::StrAppendFormat(&out, R"(,auts="%s")", aka::encode_auts(auts));
  return out;
}

std::string Challenge::reject_network(const Identity& who) const {
  return start_of(who, realm, nonce, "");
}

std::string initial_authorization(const Identity& who) {
  return start_of(who, who.domain, "", "");
}

}  // namespace lapwing::labue
