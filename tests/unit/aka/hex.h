// Test data as hex text.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "common/aka/milenage.h"

namespace lapwing::aka {

inline std::string bytes(std::string_view hex) {
  return absl::HexStringToBytes({hex.data(), hex.size()});
}

template <typename Array = Block>
Array array(std::string_view hex) {
  Array out{};
  const std::string raw = bytes(hex);
  std::copy_n(raw.begin(), std::min(raw.size(), out.size()), out.begin());
  return out;
}

inline Secret secret(std::string_view hex) {
  const std::string raw = bytes(hex);
  return Secret(std::span(reinterpret_cast<const uint8_t*>(raw.data()), raw.size()));
}

inline std::string hex(std::span<const uint8_t> in) {
  return absl::BytesToHexString({reinterpret_cast<const char*>(in.data()), in.size()});
}
inline std::string hex(const Secret& in) {
  return hex(in.reveal());
}

inline Sqn number(std::string_view hex) {
  return std::stoull(std::string(hex), nullptr, 16);
}

}  // namespace lapwing::aka
