// Any bytes as a session description: what is read is within its limits whatever ends the lines, and what is said of it
// is visible ASCII.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/sdp/policy.h"
#include "common/sdp/session_description.h"
#include "common/sdp/summary.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

bool visible(std::string_view text) {
  for (char c : text) {
    if (c < 0x20 || c > 0x7e) return false;
  }
  return !text.empty();
}

// CRLF as LF, and no end of the last line.
std::string with_lf(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r' || i + 1 == text.size() || text[i + 1] != '\n') out += text[i];
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace sdp = lapwing::sdp;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = sdp::parse(text);
  if (!parsed.ok()) {
    check(visible(std::string(parsed.status().message())));
    return 0;
  }
  const auto again = sdp::parse(with_lf(text));
  check(again.ok() && *again == *parsed);
  const sdp::Limits limits;
  check(parsed->media.size() <= limits.media && parsed->attributes.size() <= limits.attributes);
  for (const sdp::MediaSection& media : parsed->media) {
    check(media.formats.size() <= limits.formats && media.attributes.size() <= limits.attributes);
    check(media.bandwidths.size() <= limits.bandwidths && (media.port == 0 || !media.formats.empty()));
    check(media.port + media.port_count - 1 <= 65535);
    for (const sdp::Format& format : media.formats) {
      check(visible(format.codec()) && media.is_rtp() == format.payload_type.has_value());
      check(format.payload_type.value_or(0) <= 127);
    }
    media.preconditions_met();
  }
  check(visible(sdp::summary(*parsed)) && visible(sdp::summary(*parsed, &*parsed)));
  check(!sdp::refuse({}, *parsed));
  const auto refused = sdp::refuse({.codecs = {"AMR-WB"}, .media = {"audio"}, .max_kbps = 64}, *parsed);
  check(!refused || visible(*refused));
  return 0;
}
