// The messages that the SIP tests share: the torture cases of RFC 4475 and RFC 5118 beside this file, and captured
// ones.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "common/sip/validate.h"

namespace lapwing::sip {

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline std::string torture(const std::string& name) {
  return read_file(std::filesystem::path(LAPWING_SOURCE_DIR) / "tests/unit/sip/torture" / (name + ".dat"));
}

inline std::map<std::string, std::string> all_in(const std::filesystem::path& folder, const std::string& extension) {
  std::map<std::string, std::string> messages;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    if (entry.path().extension() == extension) messages[entry.path().stem()] = read_file(entry.path());
  }
  return messages;
}

inline std::map<std::string, std::string> all_torture() {
  return all_in(std::filesystem::path(LAPWING_SOURCE_DIR) / "tests/unit/sip/torture", ".dat");
}

// Empty where no captured messages are to be had.
inline std::map<std::string, std::string> all_captured() {
  const char* set = std::getenv("LAPWING_HANDSET_DATA");
  return all_in(set != nullptr ? set : LAPWING_SOURCE_DIR "/../shared/data/handset", ".sip");
}

inline constexpr int kAccepted = 0, kDropped = -1;

// What a core element does with the message, as far as parser and validation can tell: a status, or one of the above.
inline int answer_to(const ParseResult& parsed) {
  if (parsed.failure) return parsed.failure->status == 0 ? kDropped : parsed.failure->status;
  if (!parsed.message->is_request()) return validate_response(*parsed.message).ok() ? kAccepted : kDropped;
  return validate_request(*parsed.message).status;
}

}  // namespace lapwing::sip
