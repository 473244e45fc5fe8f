#include "common/runtime/pem_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "absl/strings/str_format.h"

namespace lapwing {

absl::StatusOr<std::string> read_pem_file(const char* key, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (file && !text.empty()) return text;
  return absl::InvalidArgumentError(absl::StrFormat("%s: %s: %s", key, path, file ? "is empty" : std::strerror(errno)));
}

}  // namespace lapwing
