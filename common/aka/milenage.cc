#include "common/aka/milenage.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace lapwing::aka {
namespace {

const EVP_CIPHER* aes_128_ecb() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-128-ECB", nullptr);
  return cipher;
}

// r1..r5 of TS 35.206 section 4.1 are multiples of 8 bits: here in bytes. c1..c5 sit in the last byte.
constexpr size_t rotation[6] = {0, 8, 0, 4, 8, 12};
constexpr uint8_t constant[6] = {0, 0, 1, 2, 4, 8};

Block rotate(const Block& in, size_t bytes) {
  Block out;
  for (size_t i = 0; i < out.size(); ++i) out[i] = in[(i + bytes) % in.size()];
  return out;
}

Sqn first_48_bits(const uint8_t* bytes) {
  Sqn value = 0;
  for (int i = 0; i < 6; ++i) value = value << 8 | bytes[i];
  return value;
}

}  // namespace

void Milenage::Free::operator()(evp_cipher_ctx_st* context) const {
  EVP_CIPHER_CTX_free(context);
}

absl::StatusOr<Milenage::Context> Milenage::key(const Secret& k) {
  if (k.size() != 16) return absl::InvalidArgumentError("K must have 16 bytes");
  Context context(EVP_CIPHER_CTX_new());
  if (!context || EVP_EncryptInit_ex2(context.get(), aes_128_ecb(), k.reveal().data(), nullptr, nullptr) != 1 ||
      EVP_CIPHER_CTX_set_padding(context.get(), 0) != 1) {
    return absl::InternalError("OpenSSL gives no AES-128");
  }
  return context;
}

void Milenage::encrypt(evp_cipher_ctx_st* context, uint8_t* blocks, size_t count) {
  int written = 0;
  const int size = static_cast<int>(16 * count);
  if (EVP_EncryptUpdate(context, blocks, &written, blocks, size) != 1 || written != size) {
    std::fputs("AES failed in a context that was keyed\n", stderr);
    std::abort();
  }
}

absl::StatusOr<Milenage> Milenage::create(const Secret& k, const Secret& opc) {
  if (opc.size() != 16) return absl::InvalidArgumentError("OPc must have 16 bytes");
  absl::StatusOr<Context> context = key(k);
  if (!context.ok()) return context.status();
  return Milenage(*std::move(context), opc);
}

absl::StatusOr<Secret> opc_from_op(const Secret& k, const Secret& op) {
  if (op.size() != 16) return absl::InvalidArgumentError("OP must have 16 bytes");
  absl::StatusOr<Milenage::Context> context = Milenage::key(k);
  if (!context.ok()) return context.status();
  Block block;
  std::ranges::copy(op.reveal(), block.begin());
  Milenage::encrypt(context->get(), block.data(), 1);
  for (size_t i = 0; i < block.size(); ++i) block[i] ^= op.reveal()[i];
  Secret opc(block);
  OPENSSL_cleanse(block.data(), block.size());
  return opc;
}

Block Milenage::xor_opc(const Block& block) const {
  Block out;
  const uint8_t* opc = opc_.reveal().data();
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<uint8_t>(block[i] ^ opc[i]);
  return out;
}

Block Milenage::temp(const Block& rand) {
  Block out = xor_opc(rand);
  encrypt(context_.get(), out.data(), 1);
  return out;
}

Block Milenage::input_1(const Block& temp, Sqn sqn, Amf amf) const {
  Block in1;
  for (size_t i = 0; i < 6; ++i) in1[i] = in1[i + 8] = static_cast<uint8_t>(sqn >> (40 - 8 * i));
  in1[6] = in1[14] = static_cast<uint8_t>(amf >> 8);
  in1[7] = in1[15] = static_cast<uint8_t>(amf);
  Block out = rotate(xor_opc(in1), rotation[1]);
  for (size_t i = 0; i < out.size(); ++i) out[i] ^= temp[i];
  return out;
}

Block Milenage::input(const Block& temp, unsigned i) const {
  Block out = rotate(xor_opc(temp), rotation[i]);
  out[15] ^= constant[i];
  return out;
}

Milenage::Macs Milenage::f1(const Block& rand, Sqn sqn, Amf amf) {
  Block out = input_1(temp(rand), sqn, amf);
  encrypt(context_.get(), out.data(), 1);
  out = xor_opc(out);
  Macs macs;
  std::copy_n(out.begin(), 8, macs.mac_a.begin());
  std::copy_n(out.begin() + 8, 8, macs.mac_s.begin());
  return macs;
}

Milenage::Outputs Milenage::f2345(const Block& rand) {
  return challenge(rand, 0, 0).outputs;
}

Sqn Milenage::f5star(const Block& rand) {
  Block out = input(temp(rand), 5);
  encrypt(context_.get(), out.data(), 1);
  return first_48_bits(xor_opc(out).data());
}

Milenage::All Milenage::challenge(const Block& rand, Sqn sqn, Amf amf) {
  const Block shared = temp(rand);
  // The four blocks do not depend on each other: one call encrypts them side by side.
  std::array<Block, 4> blocks = {input_1(shared, sqn, amf), input(shared, 2), input(shared, 3), input(shared, 4)};
  encrypt(context_.get(), blocks[0].data(), blocks.size());
  for (Block& block : blocks) block = xor_opc(block);
  All all;
  std::copy_n(blocks[0].begin(), 8, all.mac_a.begin());
  all.outputs.res = Secret(std::span(blocks[1]).subspan(8, 8));
  all.outputs.ak = first_48_bits(blocks[1].data());
  all.outputs.ck = Secret(blocks[2]);
  all.outputs.ik = Secret(blocks[3]);
  OPENSSL_cleanse(&blocks, sizeof blocks);
  return all;
}

}  // namespace lapwing::aka
