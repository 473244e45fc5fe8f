#include "common/runtime/ids.h"

#include <openssl/rand.h>

#include <array>
#include <cstdlib>
#include <cstring>

namespace lapwing {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

uint64_t random_u64() {
  thread_local std::array<uint64_t, 64> block;
  thread_local size_t left = 0;
  if (left == 0) {
    if (RAND_bytes(reinterpret_cast<unsigned char*>(block.data()), sizeof block) != 1) std::abort();
    left = block.size();
  }
  return block[--left];
}

uint32_t random_between(uint32_t low, uint32_t high) {
  uint64_t span = uint64_t{high} - low + 1;
  uint64_t limit = UINT64_MAX - UINT64_MAX % span;
  uint64_t drawn;
  do {
    drawn = random_u64();
  } while (drawn >= limit);
  return static_cast<uint32_t>(low + drawn % span);
}

std::string random_hex(size_t characters) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out(characters, '0');
  uint64_t bits = 0;
  for (size_t i = 0; i < characters; ++i) {
    if (i % 16 == 0) bits = random_u64();
    out[i] = digits[bits & 15];
    bits >>= 4;
  }
  return out;
}

std::string to_hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (char c : bytes) {
    auto byte = static_cast<unsigned char>(c);
    out.push_back(digits[byte >> 4]);
    out.push_back(digits[byte & 15]);
  }
  return out;
}

std::string from_hex(std::string_view hex) {
  std::string out;
  if (hex.size() % 2 != 0) return out;
  for (size_t i = 0; i < hex.size(); i += 2) {
    int high = hex_value(hex[i]), low = hex_value(hex[i + 1]);
    if (high < 0 || low < 0) return {};
    out.push_back(static_cast<char>(high * 16 + low));
  }
  return out;
}

}  // namespace lapwing
