// Session descriptions (SDP: RFC 8866, and what offer and answer of RFC 3264 need of it), read and never rewritten: for
// policy (policy.h), for the operator's list of calls (summary.h), for media control.
//
//   absl::StatusOr<SessionDescription> offer = sdp::parse(message.body());
//   offer->media[0].type == "audio"; offer->media[0].port == 49170; offer->media[0].connection->address
//   offer->media[0].codecs() == {"AMR-WB/16000", "telephone-event/16000"}
// Everything is a value: an offer outlives the message that brought it, since its answer comes later. Text out of words
// (types, protocols, formats, codecs) is visible ASCII; all other text is as it came, whatever its bytes.
#pragma once

#include <asio/ip/address.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace lapwing::sdp {

// Seen from the writer of the description. A set of two bits, so that directions can be intersected. In preconditions
// it is "none", "send", "recv", "sendrecv".
enum class Direction : uint8_t { inactive = 0, sendonly = 1, recvonly = 2, sendrecv = 3 };
std::string_view name_of(Direction direction);

// c=, and the address behind a=rtcp.
struct Connection {
  std::string host = {};                          // as it came, without brackets and the numbers of multicast
  std::optional<asio::ip::address> address = {};  // nullopt: a name, or no address of the Internet ("c=PSTN - -")
  std::optional<uint8_t> ttl = {};                // of IPv4 multicast
  uint16_t count = 1;                             // addresses from this one on, of multicast
  bool operator==(const Connection&) const = default;
};

// o=. Identifier and version are digits in the specification, and anything without a space here: they are only
// compared.
struct Origin {
  std::string username = {};  // handsets have put spaces into it
  std::string session_id = {};
  std::string version = {};
  Connection connection = {};
  bool operator==(const Origin&) const = default;
};

// b=
struct Bandwidth {
  std::string type = {};  // "AS", "TIAS", "RS", "RR", "CT", ... as it came
  uint32_t value = 0;     // kbit/s for AS and CT, bit/s for the others
  bool operator==(const Bandwidth&) const = default;
};

// a=name:value or a=name.
struct Attribute {
  std::string name = {};
  std::string value = {};
  bool operator==(const Attribute&) const = default;
};

// One format of a media section, with what its a=rtpmap and a=fmtp say.
struct Format {
  std::string text = {};                     // "116"; "t38", "*" where the protocol is not RTP
  std::optional<uint8_t> payload_type = {};  // 0 to 127; RTP only
  std::string encoding = {};                 // "AMR-WB"; empty: not RTP, or a dynamic payload type without rtpmap
  uint32_t clock_rate = 0;                   // Hz; 0: not given
  uint16_t channels = 1;
  std::string fmtp = {};  // "mode-change-capability=2;max-red=0"

  // "AMR-WB/16000", "opus/48000/2"; the text when there is no encoding.
  std::string codec() const;
  bool is_telephone_event() const;
  bool operator==(const Format&) const = default;
};

// a=rtcp (RFC 3605).
struct Rtcp {
  uint16_t port = 0;
  std::optional<Connection> connection = {};  // nullopt: that of the media
  bool operator==(const Rtcp&) const = default;
};

// a=curr:qos, a=des:qos, a=conf:qos (RFC 3312). Those of other types than qos stay among the attributes.
struct Precondition {
  enum class Kind : uint8_t { current, desired, confirm };
  enum class Strength : uint8_t { none, optional, mandatory, failure, unknown };
  enum class Segment : uint8_t { e2e, local, remote };
  Kind kind = Kind::current;
  Strength strength = Strength::none;  // of Kind::desired
  Segment segment = Segment::e2e;
  Direction direction = Direction::inactive;
  bool operator==(const Precondition&) const = default;
};

// m= and what follows it.
struct MediaSection {
  std::string type = {};    // "audio", "video", ... as it came
  uint16_t port = 0;        // 0: rejected, or no longer wanted
  uint16_t port_count = 1;  // never beyond port 65535
  std::string proto = {};   // "RTP/AVP", "UDP/TLS/RTP/SAVPF", "TCP/MSRP", ...
  std::vector<Format> formats = {};
  std::optional<Connection> connection = {};  // its own, else the session's; the first of several
  std::vector<Bandwidth> bandwidths = {};     // its own
  Direction direction = Direction::sendrecv;  // its own, else the session's
  std::optional<uint32_t> ptime = {};         // ms
  std::optional<uint32_t> maxptime = {};      // ms
  std::optional<Rtcp> rtcp = {};
  std::vector<Precondition> preconditions = {};
  // All that is in none of the above, in order: unknown ones, known ones that cannot be read and matter to nobody here
  // ("ptime:0"), known ones given twice, rtpmap and fmtp of formats that are not in the m= line.
  std::vector<Attribute> attributes = {};

  // Neither rejected nor off. A port of 0 with bundle-only is neither (RFC 9143).
  bool active() const;
  bool is_rtp() const;
  // Does the writer send, and does it want to receive? An address of 0.0.0.0 or :: wants nothing, which is how hold was
  // said before there were directions (RFC 3264 section 8.4).
  bool sends() const;
  bool receives() const;
  // The codecs of the formats in the order of preference, each once.
  std::vector<std::string> codecs() const;
  // The larger of AS, and TIAS rounded up; 0: not said.
  uint32_t kbps() const;
  // Is every mandatory desired precondition covered by a current one (RFC 3312)?
  bool preconditions_met() const;
  // Of `attributes`, in any case of the name; nullptr: not there.
  const Attribute* attribute(std::string_view name) const;
  bool operator==(const MediaSection&) const = default;
};

struct SessionDescription {
  std::optional<Origin> origin = {};
  std::optional<Connection> connection = {};
  std::vector<Bandwidth> bandwidths = {};
  std::optional<Direction> direction = {};
  std::vector<Attribute> attributes = {};  // other than the direction
  std::vector<MediaSection> media = {};

  // The session's AS, CT or TIAS, or the sum over its active media, whichever is larger: 0 when nobody says.
  uint64_t kbps() const;
  const Attribute* attribute(std::string_view name) const;
  bool operator==(const SessionDescription&) const = default;
};

struct Limits {
  size_t bytes = 64 * 1024;
  size_t line = 4 * 1024;   // bytes, without its end
  size_t word = 128;        // a media type, protocol, format, encoding name, type of bandwidth
  size_t media = 32;        // sections
  size_t formats = 64;      // of one section
  size_t attributes = 256;  // of one section; of the session likewise
  size_t bandwidths = 16;   // likewise
};

// Errors, with the number of the line and what is wrong there: ResourceExhausted when a limit is passed,
// InvalidArgument for all else. What handsets get wrong without harm is tolerated: lines that end in LF, no end of the
// last line, white space or NULs at the end, lines that are blank, missing, unknown or in another order (v=0 must come
// first). Not tolerated is what another reader could see otherwise: a CR or NUL inside a line, numbers out of range,
// two different rtpmap for one payload type, two o= or two c= for the session.
absl::StatusOr<SessionDescription> parse(std::string_view body, const Limits& limits = {});

}  // namespace lapwing::sdp
