// Authentication vectors and tokens of TS 33.102 section 6.3: what the home network makes, and what the USIM opens.
//
//   home network:  AuthVector v = make_vector(milenage, random_rand(), sqn, 0x8000);
//                  absl::StatusOr<Sqn> sqn_ms = check_auts(milenage, rand, auts);     // after a synchronisation
//                  failure
//   USIM:          absl::StatusOr<OpenedAutn> opened = open_autn(milenage, rand, autn);
//                  Auts auts = make_auts(milenage, rand, sqn_ms);                     // when opened->sqn is not fresh
//
// Errors: check_auts gives INVALID_ARGUMENT for another size than 14 bytes, UNAUTHENTICATED when MAC-S is wrong;
// open_autn gives UNAUTHENTICATED when MAC-A is wrong.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/aka/milenage.h"
#include "common/runtime/secret.h"

namespace lapwing::aka {

using Auts = std::array<uint8_t, 14>;  // (SQNms ^ AK*) || MAC-S

struct AuthVector {
  Block rand{};
  Block autn{};  // (SQN ^ AK) || AMF || MAC-A
  Secret xres, ck, ik;
  // RAND || AUTN, 32 bytes: SIP-Authenticate of Cx, and what the nonce encodes.
  std::string authenticate() const;
};

// 16 random bytes. Ends the program when the system has no randomness to give.
Block random_rand();

AuthVector make_vector(Milenage& milenage, const Block& rand, Sqn sqn, Amf amf);

struct OpenedAutn {
  Sqn sqn = 0;
  Amf amf = 0;
  Secret res, ck, ik;
};
// Whether sqn is fresh is the caller's next question: UsimSqn in sqn.h.
absl::StatusOr<OpenedAutn> open_autn(Milenage& milenage, const Block& rand, const Block& autn);

// amf: zero by TS 33.102 section 6.3.3; other values imitate tools that use the challenge's.
Auts make_auts(Milenage& milenage, const Block& rand, Sqn sqn_ms, Amf amf = 0);
// rand: that of the challenge which the USIM rejected. Returns SQNms.
absl::StatusOr<Sqn> check_auts(Milenage& milenage, const Block& rand, std::span<const uint8_t> auts);

}  // namespace lapwing::aka
