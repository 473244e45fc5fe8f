// Where handsets get their keys: the lab HSS's subscriber file, or generated ones for load.
//
//   absl::StatusOr<Keys> keys = keys_from_file("labhss.yaml", "001010000000001");
//
// Errors: those of config::load_yaml; NOT_FOUND when the file has no such IMSI; INVALID_ARGUMENT for bad hex.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/runtime/secret.h"

namespace lapwing::labue {

struct Keys {
  Secret k, opc;
  int mnc_digits = 2;
};

// 32 hex digits; what names the key in the error, never the digits.
absl::StatusOr<Secret> key_from_hex(std::string_view hex, std::string_view what);
absl::StatusOr<Keys> keys_from_file(const std::string& path, std::string_view imsi);

// The subscribers of a load: consecutive IMSIs, K and OPc made of a fixed base and the number in the row. They are
// known to everyone who reads this: for tests only.
Keys generated_keys(uint64_t number);
// first + number, as many digits as first has. INVALID_ARGUMENT when first is no IMSI or the digits do not suffice.
absl::StatusOr<std::string> imsi_after(std::string_view first, uint64_t number);
// A configuration of labhss with them: the one place where keys are written.
absl::StatusOr<std::string> labhss_config(std::string_view first_imsi, uint64_t count, int mnc_digits);

}  // namespace lapwing::labue
