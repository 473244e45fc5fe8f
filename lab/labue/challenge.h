// The 401 of IMS AKA as the handset reads it, and its answers (RFC 3310; TS 24.229 section 5.1.1.5).
//
//   absl::StatusOr<Challenge> challenge = Challenge::parse(response.header(HeaderId::www_authenticate));
//   std::string authorization = challenge->answer(who, accepted.res, "REGISTER", "", 1);
//
// Errors: INVALID_ARGUMENT for what is no AKAv1-MD5 challenge, with the reason.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/aka/digest.h"
#include "common/runtime/secret.h"
#include "lab/labue/identity.h"

namespace lapwing::labue {

struct Challenge {
  std::string realm, nonce, opaque;
  std::string qop;  // what the answer uses: "auth-int" where it is offered, as Samsungs do, else "auth"; empty: none
  aka::Block rand{}, autn{};

  static absl::StatusOr<Challenge> parse(std::string_view value);

  // Authorization with the response over RES. nc: how often this nonce was answered, this time included.
  std::string answer(const Identity& who, const Secret& res, std::string_view method, std::string_view body,
                     uint32_t nc) const;
  // AUTS, and the response over an empty password (RFC 3310 section 3.4).
  std::string resynchronise(const Identity& who, const aka::Auts& auts, std::string_view method) const;
  // MAC-A was wrong: an empty response without auts (TS 24.229 section 5.1.1.5.3).
  std::string reject_network(const Identity& who) const;
};

// Authorization of a REGISTER that answers nothing.
std::string initial_authorization(const Identity& who);

}  // namespace lapwing::labue
