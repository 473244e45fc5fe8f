// HTTP Digest as SIP uses it: AKAv1 (RFC 3310) and AKAv2 (RFC 4169) for handsets, plain MD5 and SHA-256 (RFC 3261,
// 8760) for trunks. The password is raw bytes: RES may hold NUL or ':'.
//
//   DigestInput in{.username = impi, .realm = realm, .nonce = nonce, .uri = uri, .method = "REGISTER",
//                  .nc = "00000001", .cnonce = cnonce, .qop = "auth"};
//   bool good = same_response(response_of_handset, digest_response(in, vector.xres));
//
// Nothing here fails: a response over wrong input is a wrong response. Parsers return nullopt for what is malformed.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/aka/milenage.h"
#include "common/aka/vector.h"
#include "common/runtime/secret.h"

namespace lapwing::aka {

enum class DigestHash { md5, sha256 };

struct DigestAlgorithm {
  enum class Scheme { plain, akav1, akav2 };
  Scheme scheme = Scheme::plain;
  DigestHash hash = DigestHash::md5;
  bool session = false;  // "-sess"
  bool operator==(const DigestAlgorithm&) const = default;
};
// "AKAv1-MD5", "AKAv2-SHA-256", "MD5", "SHA-256" and each with "-sess", in any case; empty is MD5 (RFC 7616
// section 3.3).
std::optional<DigestAlgorithm> parse_digest_algorithm(std::string_view token);
std::string digest_algorithm_text(const DigestAlgorithm& algorithm);

// All text without quotes, otherwise exactly as sent. nc, cnonce and qop are empty where the answer has no qop.
struct DigestInput {
  std::string_view username = {}, realm = {}, nonce = {}, uri = {}, method = {}, nc = {}, cnonce = {}, qop = {};
  std::string_view body = {};  // for qop=auth-int
  DigestHash hash = DigestHash::md5;
  bool session = false;
};

// Lower-case hex: 32 characters for MD5, 64 for SHA-256. password: RES, XRES, or the password of a trunk.
std::string digest_response(const DigestInput& input, const Secret& password);
// rspauth of Authentication-Info: as the response, with an empty method.
std::string digest_rspauth(const DigestInput& input, const Secret& password);
// H(username ":" realm ":" password) in hex, as HSSs keep it for SIP Digest, and the responses made from it.
Secret digest_ha1(const DigestInput& input, const Secret& password);
std::string digest_response_from_ha1(const DigestInput& input, const Secret& ha1);
std::string digest_rspauth_from_ha1(const DigestInput& input, const Secret& ha1);

// In constant time for equal lengths; upper-case hex from a handset is taken too.
bool same_response(std::string_view received, std::string_view computed);

// AKAv2 (RFC 4169 section 4): the password and the keys in place of RES, IK and CK.
struct Akav2Keys {
  Secret password;  // base64 text
  Secret ik, ck;
};
Akav2Keys akav2_keys(DigestHash hash, const Secret& res, const Secret& ik, const Secret& ck);

// The nonce: base64 of RAND || AUTN, and after them data of the server's own.
struct Challenge {
  Block rand{}, autn{};
  std::string server_data;
};
std::string encode_nonce(const Block& rand, const Block& autn, std::string_view server_data = {});
std::optional<Challenge> decode_nonce(std::string_view nonce);

// The auts parameter: base64 of 14 bytes.
std::string encode_auts(const Auts& auts);
std::optional<Auts> decode_auts(std::string_view text);

}  // namespace lapwing::aka
