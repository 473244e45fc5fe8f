// A file that a key of a configuration names, whole: certificates and keys for TLS.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace lapwing {

// InvalidArgument names the key and the file: it cannot be read, or is empty.
absl::StatusOr<std::string> read_pem_file(const char* key, const std::string& path);

}  // namespace lapwing
