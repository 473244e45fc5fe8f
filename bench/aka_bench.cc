// What one registration costs in cryptography: one Milenage vector at the HSS, one digest check at the S-CSCF.
#include <benchmark/benchmark.h>

#include "common/aka/digest.h"
#include "common/aka/vector.h"

namespace lapwing::aka {
namespace {

Secret bytes(uint8_t first, size_t size) {
  std::vector<uint8_t> out(size);
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<uint8_t>(first + i * 7);
  return Secret(out);
}

void milenage_vector(benchmark::State& state) {
  Milenage milenage = *Milenage::create(bytes(1, 16), bytes(2, 16));
  Block rand{};
  for (auto _ : state) {
    ++rand[0];
    benchmark::DoNotOptimize(make_vector(milenage, rand, 33, 0x8000));
  }
}
BENCHMARK(milenage_vector);

// With the key schedule made anew, as for a subscriber that is seldom seen.
void milenage_vector_cold(benchmark::State& state) {
  const Secret k = bytes(1, 16), opc = bytes(2, 16);
  Block rand{};
  for (auto _ : state) {
    Milenage milenage = *Milenage::create(k, opc);
    ++rand[0];
    benchmark::DoNotOptimize(make_vector(milenage, rand, 33, 0x8000));
  }
}
BENCHMARK(milenage_vector_cold);

void digest_check(benchmark::State& state) {
  const Secret xres = bytes(3, 8);
  const DigestInput input{.username = "001010000000001@ims.mnc001.mcc001.3gppnetwork.org",
                          .realm = "ims.mnc001.mcc001.3gppnetwork.org",
                          .nonce = "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M=",
                          .uri = "sip:ims.mnc001.mcc001.3gppnetwork.org",
                          .method = "REGISTER",
                          .nc = "00000001",
                          .cnonce = "a61fbe8516b77984b522256da5f7c32f",
                          .qop = "auth"};
  const std::string response = digest_response(input, xres);
  for (auto _ : state) {
    benchmark::DoNotOptimize(same_response(response, digest_response(input, xres)));
  }
}
BENCHMARK(digest_check);

}  // namespace
}  // namespace lapwing::aka
