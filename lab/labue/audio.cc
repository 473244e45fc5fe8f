#include "lab/labue/audio.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/runtime/ids.h"
#include "common/sip/headers.h"

namespace lapwing::labue {
namespace {

using sdp::Direction;
using sdp::Precondition;

Direction turned_round(Direction direction) {
  auto bits = static_cast<unsigned>(direction);
  return static_cast<Direction>(((bits & 1) << 1) | (bits >> 1));
}

Direction both(Direction a, Direction b) {
  return static_cast<Direction>(static_cast<unsigned>(a) & static_cast<unsigned>(b));
}

bool has(Direction direction, Direction bit) {
  return both(direction, bit) == bit;
}

// The section that can be our audio.
const sdp::MediaSection* audio_of(const sdp::SessionDescription& session) {
  for (const sdp::MediaSection& media : session.media) {
    if (sip::equals_ignoring_case(media.type, "audio") && media.active() && media.is_rtp()) return &media;
  }
  return nullptr;
}

}  // namespace

// static
const std::vector<Audio::Format>& Audio::offered() {
  static const std::vector<Format> formats{{116, "AMR-WB", 16000, "mode-change-capability=2;max-red=220"},
                                           {118, "AMR", 8000, "mode-change-capability=2;max-red=220"},
                                           {111, "telephone-event", 16000, "0-15"},
                                           {110, "telephone-event", 8000, "0-15"}};
  return formats;
}

// static
const Audio::Format* Audio::find(const std::vector<Format>& formats, const sdp::Format& format, bool any_type) {
  for (const Format& ours : formats) {
    if (sip::equals_ignoring_case(ours.encoding, format.encoding) && ours.clock_rate == format.clock_rate &&
        (any_type || ours.payload_type == *format.payload_type)) {
      return &ours;
    }
  }
  return nullptr;
}

Audio::Audio(Local local)
    : local_(local), formats_(offered()), session_id_(std::to_string(random_between(1'000'000, 999'999'999))) {}

std::string Audio::codec() const {
  if (!agreed_) return {};
  return absl::StrFormat("%s/%d", formats_.front().encoding, formats_.front().clock_rate);
}

bool Audio::sends() const {
  return agreed_ && peer_.port != 0 && peer_receives_ && has(wanted_, Direction::sendonly);
}

bool Audio::receives() const {
  return agreed_ && peer_sends_ && has(wanted_, Direction::recvonly);
}

std::string Audio::precondition_lines(bool is_answer) const {
  auto state = [](bool reserved) { return reserved ? "sendrecv" : "none"; };
  // The first offer does not know yet whether the peer has them (RFC 3312 section 11); as handsets do.
  const char* strength = is_answer || agreed_ ? "mandatory" : "optional";
  std::string out = absl::StrFormat(
      "a=curr:qos local %s\r\na=curr:qos remote %s\r\na=des:qos mandatory local sendrecv\r\na=des:qos %s remote "
      "sendrecv\r\n",
      state(reserved_), state(peer_reserved_), strength);
  if (is_answer && !peer_reserved_) out += "a=conf:qos remote sendrecv\r\n";
  return out;
}

std::string Audio::audio_section(bool is_answer, Direction direction) const {
  std::string payload_types, attributes;
  for (const Format& format : formats_) {
    absl::StrAppendFormat(&payload_types, " %d", format.payload_type);
    absl::StrAppendFormat(&attributes, "a=rtpmap:%d %s/%d\r\n", format.payload_type, format.encoding,
                          format.clock_rate);
    if (!format.fmtp.empty()) absl::StrAppendFormat(&attributes, "a=fmtp:%d %s\r\n", format.payload_type, format.fmtp);
  }
  std::string out =
      absl::StrFormat("m=audio %d RTP/AVP%s\r\nb=AS:41\r\nb=RS:512\r\nb=RR:1537\r\n", local_.port, payload_types);
  out += attributes;
  bool with_preconditions = agreed_ || is_answer ? preconditions() : local_.preconditions;
  if (with_preconditions) out += precondition_lines(is_answer);
  return out + absl::StrFormat("a=%s\r\na=ptime:20\r\na=maxptime:240\r\n", sdp::name_of(direction));
}

std::string Audio::description(bool is_answer, Direction direction) {
  std::string address = local_.address.to_string();
  const char* family = local_.address.is_v4() ? "IP4" : "IP6";
  std::string body = absl::StrFormat("s=-\r\nc=IN %s %s\r\nt=0 0\r\n", family, address);
  for (size_t i = 0; i < audio_at_; ++i) body += rejected_[i];
  body += audio_section(is_answer, direction);
  for (size_t i = audio_at_; i < rejected_.size(); ++i) body += rejected_[i];
  if (body != last_ && !last_.empty()) ++version_;  // RFC 3264 section 8
  last_ = body;
  return absl::StrFormat("v=0\r\no=- %s %d IN %s %s\r\n", session_id_, version_, family, address) + body;
}

std::string Audio::offer() {
  return description(false, wanted_);
}

// Keeps of the formats what both ends have: the first codec, and telephone events of its clock rate. theirs: in the
// order and with the payload types of an offer.
absl::Status Audio::choose(const sdp::MediaSection& media, bool theirs) {
  static const std::vector<Format> plain{{0, "PCMU", 8000, ""}, {8, "PCMA", 8000, ""}};  // taken, never offered
  std::vector<Format> common;
  for (const sdp::Format& format : media.formats) {
    if (!format.payload_type) continue;
    const Format* known = find(theirs ? offered() : formats_, format, theirs);
    if (!known && theirs) known = find(plain, format, theirs);
    if (!known) continue;
    common.push_back(*known);
    common.back().payload_type = *format.payload_type;
  }
  auto is_codec = [](const Format& format) { return !format.is_event(); };
  auto codec = std::find_if(common.begin(), common.end(), is_codec);
  if (codec == common.end()) return absl::FailedPreconditionError("no codec is common");
  std::vector<Format> chosen{*codec};
  auto event = std::find_if(common.begin(), common.end(), [&](const Format& format) {
    return format.is_event() && format.clock_rate == chosen.front().clock_rate;
  });
  if (event != common.end()) chosen.push_back(*event);
  formats_ = std::move(chosen);
  return absl::OkStatus();
}

void Audio::learn(const sdp::MediaSection& media) {
  peer_sends_ = media.sends();
  peer_receives_ = media.receives();
  peer_.port = media.port;
  if (media.connection && media.connection->address) peer_.address = *media.connection->address;
  for (const Precondition& one : media.preconditions) {
    peer_has_preconditions_ = true;
    // What is local to the peer. End to end is not ours to say.
    if (one.kind == Precondition::Kind::current && one.segment == Precondition::Segment::local) {
      peer_reserved_ = one.direction == Direction::sendrecv;
    }
  }
}

absl::Status Audio::read_answer(std::string_view body) {
  absl::StatusOr<sdp::SessionDescription> session = sdp::parse(body);
  if (!session.ok()) return session.status();
  const sdp::MediaSection* media = audio_of(*session);
  if (!media) return absl::FailedPreconditionError("the answer has no audio");
  if (absl::Status status = choose(*media, false); !status.ok()) return status;
  learn(*media);
  agreed_ = true;
  return absl::OkStatus();
}

absl::StatusOr<std::string> Audio::answer(std::string_view body) {
  absl::StatusOr<sdp::SessionDescription> session = sdp::parse(body);
  if (!session.ok()) return session.status();
  const sdp::MediaSection* media = audio_of(*session);
  if (!media) return absl::FailedPreconditionError("the offer has no audio");
  if (absl::Status status = choose(*media, true); !status.ok()) return status;
  learn(*media);
  agreed_ = true;
  rejected_.clear();
  for (const sdp::MediaSection& other : session->media) {
    if (&other == media) {
      audio_at_ = rejected_.size();
    } else {
      std::string format = other.formats.empty() ? "0" : other.formats.front().text;
      rejected_.push_back(absl::StrFormat("m=%s 0 %s %s\r\n", other.type, other.proto, format));
    }
  }
  return description(true, both(wanted_, turned_round(media->direction)));
}

}  // namespace lapwing::labue
