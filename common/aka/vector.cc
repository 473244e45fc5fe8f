#include "common/aka/vector.h"

#include <openssl/rand.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace lapwing::aka {
namespace {

void put_48_bits(Sqn value, uint8_t* out) {
  for (int i = 0; i < 6; ++i) out[i] = static_cast<uint8_t>(value >> (40 - 8 * i));
}

Sqn get_48_bits(const uint8_t* in) {
  Sqn value = 0;
  for (int i = 0; i < 6; ++i) value = value << 8 | in[i];
  return value;
}

}  // namespace

std::string AuthVector::authenticate() const {
  std::string out(rand.begin(), rand.end());
  out.append(autn.begin(), autn.end());
  return out;
}

Block random_rand() {
  Block rand;
  if (RAND_bytes(rand.data(), static_cast<int>(rand.size())) != 1) {
    std::fputs("the system's random generator failed\n", stderr);
    std::abort();
  }
  return rand;
}

AuthVector make_vector(Milenage& milenage, const Block& rand, Sqn sqn, Amf amf) {
  Milenage::All all = milenage.challenge(rand, sqn, amf);
  AuthVector vector;
  vector.rand = rand;
  put_48_bits(sqn ^ all.outputs.ak, vector.autn.data());
  vector.autn[6] = static_cast<uint8_t>(amf >> 8);
  vector.autn[7] = static_cast<uint8_t>(amf);
  std::ranges::copy(all.mac_a, vector.autn.begin() + 8);
  vector.xres = std::move(all.outputs.res);
  vector.ck = std::move(all.outputs.ck);
  vector.ik = std::move(all.outputs.ik);
  return vector;
}

absl::StatusOr<OpenedAutn> open_autn(Milenage& milenage, const Block& rand, const Block& autn) {
  Milenage::Outputs outputs = milenage.f2345(rand);
  OpenedAutn opened;
  opened.sqn = get_48_bits(autn.data()) ^ outputs.ak;
  opened.amf = static_cast<Amf>(autn[6] << 8 | autn[7]);
  const Mac mac = milenage.f1(rand, opened.sqn, opened.amf).mac_a;
  if (CRYPTO_memcmp(mac.data(), autn.data() + 8, mac.size()) != 0) {
    return absl::UnauthenticatedError("MAC-A of AUTN is wrong: K or OPc differs from the network's");
  }
  opened.res = std::move(outputs.res);
  opened.ck = std::move(outputs.ck);
  opened.ik = std::move(outputs.ik);
  return opened;
}

Auts make_auts(Milenage& milenage, const Block& rand, Sqn sqn_ms, Amf amf) {
  Auts auts;
  put_48_bits(sqn_ms ^ milenage.f5star(rand), auts.data());
  const Mac mac = milenage.f1(rand, sqn_ms, amf).mac_s;
  std::ranges::copy(mac, auts.begin() + 6);
  return auts;
}

absl::StatusOr<Sqn> check_auts(Milenage& milenage, const Block& rand, std::span<const uint8_t> auts) {
  if (auts.size() != Auts{}.size()) return absl::InvalidArgumentError("AUTS must have 14 bytes");
  const Sqn sqn_ms = get_48_bits(auts.data()) ^ milenage.f5star(rand);
  const Mac mac = milenage.f1(rand, sqn_ms, 0).mac_s;
  if (CRYPTO_memcmp(mac.data(), auts.data() + 6, mac.size()) != 0) {
    return absl::UnauthenticatedError("MAC-S of AUTS is wrong");
  }
  return sqn_ms;
}

}  // namespace lapwing::aka
