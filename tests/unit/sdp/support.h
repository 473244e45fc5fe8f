// What the SDP tests share.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "common/sdp/session_description.h"

namespace lapwing::sdp {

inline SessionDescription parsed(std::string_view body) {
  absl::StatusOr<SessionDescription> result = parse(body);
  EXPECT_TRUE(result.ok()) << std::string(result.status().message()) << "\n" << body;
  return result.ok() ? *std::move(result) : SessionDescription{};
}

// The first media section of a description that has these lines, written with LF, behind v=0.
inline MediaSection media_of(std::string_view lines) {
  const SessionDescription description = parsed("v=0\n" + std::string(lines));
  EXPECT_FALSE(description.media.empty()) << lines;
  return description.media.empty() ? MediaSection{} : description.media.front();
}

// The error, or "" when there is none.
inline std::string error_of(std::string_view body, const Limits& limits = {}) {
  const absl::StatusOr<SessionDescription> result = parse(body, limits);
  return result.ok() ? "" : std::string(result.status().message());
}

inline std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

}  // namespace lapwing::sdp
