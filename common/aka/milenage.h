// Milenage (TS 35.206): the functions f1 to f5* of a USIM and its home network, for one subscriber's K and OPc.
//
//   auto milenage = Milenage::create(k, opc);            // keeps the AES key schedule; make it once for a subscriber
//   Milenage::Outputs out = milenage->f2345(rand);
//
// An object serves one thread at a time. Sizes: K, OP, OPc, RAND, CK, IK 16 bytes; SQN and AK 48 bits; AMF 16 bits;
// MAC and RES 8 bytes.
// Errors: INVALID_ARGUMENT when a key has another size than 16 bytes; the key itself is never in the text.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "common/runtime/secret.h"

struct evp_cipher_ctx_st;

namespace lapwing::aka {

using Block = std::array<uint8_t, 16>;
using Mac = std::array<uint8_t, 8>;
using Sqn = uint64_t;  // 48 bits; SEQ || IND
using Amf = uint16_t;

inline constexpr Sqn max_sqn = (Sqn{1} << 48) - 1;

// OPc = E_K(OP) ^ OP.
absl::StatusOr<Secret> opc_from_op(const Secret& k, const Secret& op);

class Milenage {
 public:
  static absl::StatusOr<Milenage> create(const Secret& k, const Secret& opc);
  Milenage(Milenage&&) noexcept = default;
  Milenage& operator=(Milenage&&) noexcept = default;

  struct Macs {
    Mac mac_a;  // f1, of the network
    Mac mac_s;  // f1*, of the USIM at resynchronisation
  };
  Macs f1(const Block& rand, Sqn sqn, Amf amf);

  struct Outputs {
    Secret res;  // f2
    Secret ck;   // f3
    Secret ik;   // f4
    Sqn ak = 0;  // f5, to be xored onto SQN
  };
  Outputs f2345(const Block& rand);

  // f5*: AK of resynchronisation.
  Sqn f5star(const Block& rand);

  // f1 to f5 of one challenge, sharing what they have in common.
  struct All {
    Mac mac_a;
    Outputs outputs;
  };
  All challenge(const Block& rand, Sqn sqn, Amf amf);

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  using Context = std::unique_ptr<evp_cipher_ctx_st, Free>;

  Milenage(Context context, Secret opc) : context_(std::move(context)), opc_(std::move(opc)) {}
  static absl::StatusOr<Context> key(const Secret& k);
  static void encrypt(evp_cipher_ctx_st* context, uint8_t* blocks, size_t count);
  friend absl::StatusOr<Secret> opc_from_op(const Secret& k, const Secret& op);

  Block temp(const Block& rand);
  Block input_1(const Block& temp, Sqn sqn, Amf amf) const;
  Block input(const Block& temp, unsigned i) const;
  Block xor_opc(const Block& block) const;

  Context context_;
  Secret opc_;
};

}  // namespace lapwing::aka
