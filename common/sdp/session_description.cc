#include "common/sdp/session_description.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/sip/chars.h"

namespace lapwing::sdp {
namespace {

using sip::chars::same_ignoring_case;

const Attribute* find(const std::vector<Attribute>& attributes, std::string_view name) {
  for (const Attribute& attribute : attributes) {
    if (same_ignoring_case(attribute.name, name)) return &attribute;
  }
  return nullptr;
}

bool has_bit(Direction direction, Direction bit) {
  return (static_cast<uint8_t>(direction) & static_cast<uint8_t>(bit)) != 0;
}

bool covers(Direction all, Direction part) {
  return (static_cast<uint8_t>(all) & static_cast<uint8_t>(part)) == static_cast<uint8_t>(part);
}

// CT is of sessions only (RFC 8866 section 5.8).
uint32_t largest_kbps(const std::vector<Bandwidth>& bandwidths, bool session) {
  uint32_t largest = 0;
  for (const Bandwidth& bandwidth : bandwidths) {
    if (same_ignoring_case(bandwidth.type, "TIAS")) {
      largest = std::max(largest, bandwidth.value / 1000 + (bandwidth.value % 1000 != 0 ? 1 : 0));
    } else if (same_ignoring_case(bandwidth.type, "AS") || (session && same_ignoring_case(bandwidth.type, "CT"))) {
      largest = std::max(largest, bandwidth.value);
    }
  }
  return largest;
}

}  // namespace

std::string_view name_of(Direction direction) {
  switch (direction) {
    case Direction::inactive:
      return "inactive";
    case Direction::sendonly:
      return "sendonly";
    case Direction::recvonly:
      return "recvonly";
    case Direction::sendrecv:
      break;
  }
  return "sendrecv";
}

std::string Format::codec() const {
  if (encoding.empty()) return text;
  if (clock_rate == 0) return encoding;
  if (channels == 1) return absl::StrFormat("%s/%d", encoding, clock_rate);
  return absl::StrFormat("%s/%d/%d", encoding, clock_rate, channels);
}

bool Format::is_telephone_event() const {
  return same_ignoring_case(encoding, "telephone-event");
}

bool MediaSection::active() const {
  return port != 0 || attribute("bundle-only") != nullptr;
}

bool MediaSection::is_rtp() const {
  for (size_t at = 0; at + 4 <= proto.size(); ++at) {
    if ((at == 0 || proto[at - 1] == '/') && same_ignoring_case(std::string_view(proto).substr(at, 4), "RTP/")) {
      return true;
    }
  }
  return false;
}

bool MediaSection::sends() const {
  return has_bit(direction, Direction::sendonly);
}

bool MediaSection::receives() const {
  if (connection && connection->address && connection->address->is_unspecified()) return false;
  return has_bit(direction, Direction::recvonly);
}

std::vector<std::string> MediaSection::codecs() const {
  std::vector<std::string> names;
  for (const Format& format : formats) {
    std::string name = format.codec();
    const bool known = std::any_of(names.begin(), names.end(),
                                   [&](const std::string& other) { return same_ignoring_case(name, other); });
    if (!known) names.push_back(std::move(name));
  }
  return names;
}

uint32_t MediaSection::kbps() const {
  return largest_kbps(bandwidths, false);
}

bool MediaSection::preconditions_met() const {
  // Several current ones of a segment add up.
  uint8_t current[3] = {};
  for (const Precondition& one : preconditions) {
    if (one.kind == Precondition::Kind::current) {
      current[static_cast<size_t>(one.segment)] |= static_cast<uint8_t>(one.direction);
    }
  }
  return std::all_of(preconditions.begin(), preconditions.end(), [&](const Precondition& one) {
    if (one.kind != Precondition::Kind::desired || one.strength != Precondition::Strength::mandatory) return true;
    return covers(static_cast<Direction>(current[static_cast<size_t>(one.segment)]), one.direction);
  });
}

const Attribute* MediaSection::attribute(std::string_view name) const {
  return find(attributes, name);
}

uint64_t SessionDescription::kbps() const {
  uint64_t sum = 0;
  for (const MediaSection& section : media) {
    if (section.active()) sum += section.kbps();
  }
  return std::max<uint64_t>(sum, largest_kbps(bandwidths, true));
}

const Attribute* SessionDescription::attribute(std::string_view name) const {
  return find(attributes, name);
}

}  // namespace lapwing::sdp
