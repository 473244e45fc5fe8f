#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/sdp/session_description.h"
#include "common/sip/chars.h"
#include "common/sip/grammar.h"

namespace lapwing::sdp {
namespace {

using sip::chars::blank;
using sip::chars::same_ignoring_case;
using sip::grammar::number;

absl::Status bad(const char* why) {
  return absl::InvalidArgumentError(why);
}

absl::Status over(size_t limit, const char* what) {
  return absl::ResourceExhaustedError(absl::StrFormat("more than %d %s", limit, what));
}

absl::Status over_long_word(size_t limit) {
  return absl::ResourceExhaustedError(absl::StrFormat("a word over %d bytes", limit));
}

std::string_view take_word(std::string_view& rest) {
  while (!rest.empty() && blank(rest.front())) rest.remove_prefix(1);
  size_t size = 0;
  while (size < rest.size() && !blank(rest[size])) ++size;
  const std::string_view word = rest.substr(0, size);
  rest.remove_prefix(size);
  return word;
}

// What was left is told from an empty rest by its data(): null when there was no separator.
std::string_view take_until(std::string_view& rest, char separator) {
  const size_t end = rest.find(separator);
  const std::string_view part = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return part;
}

// The last word, off the end.
std::string_view take_last_word(std::string_view& rest) {
  while (!rest.empty() && blank(rest.back())) rest.remove_suffix(1);
  size_t start = rest.size();
  while (start > 0 && !blank(rest[start - 1])) --start;
  const std::string_view word = rest.substr(start);
  rest.remove_suffix(word.size());
  return word;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::optional<uint32_t> number_within(std::string_view digits, uint32_t low, uint32_t high) {
  const std::optional<uint32_t> value = number(digits);
  return value && *value >= low && *value <= high ? value : std::nullopt;
}

// RFC 8866 section 9; '/' for the protocol.
bool is_token(std::string_view text, bool slashes = false) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    if (c == '/') return slashes;
    return c > 0x20 && c < 0x7f && std::string_view("\"(),:;<=>?@[\\]").find(c) == std::string_view::npos;
  });
}

template <size_t N>
std::optional<uint8_t> index_of(const std::array<std::string_view, N>& words, std::string_view word) {
  const auto found =
      std::find_if(words.begin(), words.end(), [&](std::string_view known) { return same_ignoring_case(known, word); });
  if (found == words.end()) return std::nullopt;
  return static_cast<uint8_t>(std::distance(words.begin(), found));
}

struct StaticPayload {
  uint8_t type;
  std::string_view encoding;
  uint32_t clock_rate;
  uint16_t channels = 1;
};

// RFC 3551 section 6, tables 4 and 5.
constexpr StaticPayload kStaticPayloads[] = {
    {0, "PCMU", 8000},   {3, "GSM", 8000},   {4, "G723", 8000},   {5, "DVI4", 8000},     {6, "DVI4", 16000},
    {7, "LPC", 8000},    {8, "PCMA", 8000},  {9, "G722", 8000},   {10, "L16", 44100, 2}, {11, "L16", 44100},
    {12, "QCELP", 8000}, {13, "CN", 8000},   {14, "MPA", 90000},  {15, "G728", 8000},    {16, "DVI4", 11025},
    {17, "DVI4", 22050}, {18, "G729", 8000}, {25, "CelB", 90000}, {26, "JPEG", 90000},   {28, "nv", 90000},
    {31, "H261", 90000}, {32, "MPV", 90000}, {33, "MP2T", 90000}, {34, "H263", 90000},
};

constexpr std::array<std::string_view, 4> kDirections = {"inactive", "sendonly", "recvonly", "sendrecv"};

std::optional<Precondition> read_precondition(std::string_view name, std::string_view value) {
  using Kind = Precondition::Kind;
  constexpr std::array<std::string_view, 3> kKinds = {"curr", "des", "conf"};
  constexpr std::array<std::string_view, 5> kStrengths = {"none", "optional", "mandatory", "failure", "unknown"};
  constexpr std::array<std::string_view, 3> kSegments = {"e2e", "local", "remote"};
  constexpr std::array<std::string_view, 4> kTags = {"none", "send", "recv", "sendrecv"};
  const std::optional<uint8_t> kind = index_of(kKinds, name);
  if (!kind || !same_ignoring_case(take_word(value), "qos")) return std::nullopt;
  Precondition out{.kind = static_cast<Kind>(*kind)};
  if (out.kind == Kind::desired) {
    const std::optional<uint8_t> strength = index_of(kStrengths, take_word(value));
    if (!strength) return std::nullopt;
    out.strength = static_cast<Precondition::Strength>(*strength);
  }
  const std::optional<uint8_t> segment = index_of(kSegments, take_word(value));
  const std::optional<uint8_t> direction = index_of(kTags, take_word(value));
  if (!segment || !direction) return std::nullopt;
  out.segment = static_cast<Precondition::Segment>(*segment);
  out.direction = static_cast<Direction>(*direction);
  return out;
}

// "192.0.2.1", "224.2.1.1/127/3", "ff15::101/3", "host.example.org", after "IN IP4" or "IN IP6".
absl::Status read_address(std::string_view text, bool ipv6, Connection& out) {
  std::string_view numbers = text;
  std::string_view host = take_until(numbers, '/');
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  out.host = std::string(host);
  in6_addr six;
  in_addr four;
  if (ipv6 && sip::grammar::parse_ipv6(host, six)) {
    asio::ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), &six, bytes.size());
    out.address = asio::ip::address_v6(bytes);
  } else if (!ipv6 && sip::grammar::parse_ipv4(host, four)) {
    out.address = asio::ip::address_v4(ntohl(four.s_addr));
  } else if (host.empty() || !sip::grammar::all(host, sip::grammar::kHost) ||
             host.find_first_not_of("0123456789.") == std::string_view::npos) {
    return bad(ipv6 ? "neither an IPv6 address nor a name" : "neither an IPv4 address nor a name");
  }
  if (numbers.data() == nullptr) return absl::OkStatus();
  if (!ipv6) {
    const std::optional<uint32_t> ttl = number_within(take_until(numbers, '/'), 0, 255);
    if (!ttl) return bad("the TTL behind an address is not a number from 0 to 255");
    out.ttl = static_cast<uint8_t>(*ttl);
    if (numbers.data() == nullptr) return absl::OkStatus();
  }
  const std::optional<uint32_t> count = number_within(numbers, 1, 65535);
  if (!count) return bad("the number of addresses is not a number from 1 to 65535");
  out.count = static_cast<uint16_t>(*count);
  return absl::OkStatus();
}

// "IN IP4 192.0.2.1". Other networks than the Internet have addresses of their own (RFC 7195: "PSTN E164 +15550100").
absl::Status read_connection(std::string_view value, Connection& out) {
  const std::string_view network = take_word(value), family = take_word(value), address = take_word(value);
  if (address.empty()) return bad("an address needs three words, like IN IP4 192.0.2.1");
  if (same_ignoring_case(network, "IN")) {
    if (same_ignoring_case(family, "IP4")) return read_address(address, false, out);
    if (same_ignoring_case(family, "IP6")) return read_address(address, true, out);
  }
  out.host = std::string(address);
  return absl::OkStatus();
}

class Parser {
 public:
  explicit Parser(const Limits& limits) : limits_(limits) {}
  absl::StatusOr<SessionDescription> run(std::string_view body);

 private:
  absl::Status read_line(std::string_view line);
  absl::Status read_origin(std::string_view value);
  absl::Status read_connection_line(std::string_view value);
  absl::Status read_bandwidth(std::string_view value);
  absl::Status read_media(std::string_view value);
  absl::Status read_formats(std::string_view rest, MediaSection& media);
  absl::Status read_attribute(std::string_view value);
  // What is of the name is put where it belongs and `taken` set; without it the attribute is kept as text.
  absl::Status read_media_attribute(std::string_view name, std::string_view value, bool& taken);
  absl::Status read_rtpmap(std::string_view value, bool& taken);
  absl::Status read_fmtp(std::string_view value, bool& taken);
  absl::Status read_rtcp(std::string_view value, bool& taken);
  bool too_long(std::string_view word) const { return word.size() > limits_.word; }

  const Limits& limits_;
  SessionDescription session_;
  MediaSection* section_ = nullptr;  // the last of session_.media
  bool version_seen_ = false;
  size_t attributes_ = 0;              // a= lines of the section at hand
  bool own_connection_ = false;        // of the section at hand
  bool own_direction_ = false;         // likewise
  std::array<bool, 128> mapped_ = {};  // payload types of the section at hand with an rtpmap
};

absl::StatusOr<SessionDescription> Parser::run(std::string_view body) {
  if (body.size() > limits_.bytes) {
    return absl::ResourceExhaustedError(absl::StrFormat("SDP over %d bytes", limits_.bytes));
  }
  while (!body.empty() && body.back() == '\0') body.remove_suffix(1);
  session_.media.reserve(std::min<size_t>(limits_.media, 4));
  for (size_t count = 1; !body.empty(); ++count) {
    absl::Status read = read_line(take_until(body, '\n'));
    if (!read.ok()) {
      return absl::Status(read.code(), absl::StrFormat("SDP line %d: %s", count, std::string(read.message())));
    }
  }
  if (!version_seen_) return absl::InvalidArgumentError("SDP without a line");
  return std::move(session_);
}

absl::Status Parser::read_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() > limits_.line) return absl::ResourceExhaustedError(absl::StrFormat("over %d bytes", limits_.line));
  while (!line.empty() && (blank(line.back()) || line.back() == '\r')) line.remove_suffix(1);
  if (line.empty()) return absl::OkStatus();
  if (line.find('\r') != std::string_view::npos) return bad("a CR inside a line");
  if (line.find('\0') != std::string_view::npos) return bad("a NUL inside a line");
  if (line.size() < 2 || line[1] != '=') return bad("not of the form x=text");
  const char type = line.front();
  const std::string_view value = line.substr(2);
  if (!version_seen_) {
    if (type != 'v' || trim(value) != "0") return bad("v=0 must come first");
    version_seen_ = true;
    return absl::OkStatus();
  }
  switch (type) {
    case 'v':
      return bad("a second v=");
    case 'o':
      return read_origin(value);
    case 'c':
      return read_connection_line(value);
    case 'b':
      return read_bandwidth(value);
    case 'm':
      return read_media(value);
    case 'a':
      return read_attribute(value);
    default:
      return absl::OkStatus();
  }
}

absl::Status Parser::read_origin(std::string_view value) {
  if (section_ != nullptr) return bad("o= behind m=");
  if (session_.origin) return bad("a second o=");
  // From its end, since only the user name has been seen with spaces in it.
  std::string_view rest = value;
  const std::string_view host = take_last_word(rest);
  take_last_word(rest);  // IP4 or IP6
  take_last_word(rest);  // IN
  Origin origin;
  if (!read_connection(value.substr(rest.size()), origin.connection).ok()) {
    // Nothing is sent there, so that it need not be an address.
    origin.connection = {.host = std::string(host)};
  }
  origin.version = std::string(take_last_word(rest));
  origin.session_id = std::string(take_last_word(rest));
  origin.username = std::string(trim(rest));
  if (origin.username.empty()) return bad("o= needs six words");
  session_.origin = std::move(origin);
  return absl::OkStatus();
}

absl::Status Parser::read_connection_line(std::string_view value) {
  Connection connection;
  if (absl::Status read = read_connection(value, connection); !read.ok()) return read;
  if (section_ == nullptr) {
    if (session_.connection) return bad("a second c= of the session");
    session_.connection = std::move(connection);
  } else if (!std::exchange(own_connection_, true)) {
    section_->connection = std::move(connection);
  }
  return absl::OkStatus();
}

absl::Status Parser::read_bandwidth(std::string_view value) {
  std::vector<Bandwidth>& bandwidths = section_ != nullptr ? section_->bandwidths : session_.bandwidths;
  if (bandwidths.size() >= limits_.bandwidths) return over(limits_.bandwidths, "b= lines in one section");
  const std::string_view type = trim(take_until(value, ':'));
  if (too_long(type)) return over_long_word(limits_.word);
  const std::optional<uint32_t> amount = number(trim(value));
  if (!is_token(type) || !amount) return bad("b= needs a type, a colon and a number of at most 32 bits");
  bandwidths.push_back({std::string(type), *amount});
  return absl::OkStatus();
}

absl::Status Parser::read_media(std::string_view value) {
  if (session_.media.size() >= limits_.media) return over(limits_.media, "m= lines");
  const std::string_view type = take_word(value);
  std::string_view ports = take_word(value);
  const std::string_view proto = take_word(value);
  if (too_long(type) || too_long(proto)) return over_long_word(limits_.word);
  if (!is_token(type)) return bad("m= without a media type");
  const bool counted = ports.find('/') != std::string_view::npos;
  const std::optional<uint32_t> port = number_within(take_until(ports, '/'), 0, 65535);
  if (!port) return bad("the port is not a number from 0 to 65535");
  const std::optional<uint32_t> count = counted ? number_within(ports, 1, 65536 - *port) : 1;
  if (!count || *count > 65535) return bad("the number of ports is 0, no number, or leads beyond port 65535");
  if (!is_token(proto, true)) return bad("m= without a protocol");
  MediaSection media;
  media.type = std::string(type);
  media.port = static_cast<uint16_t>(*port);
  media.port_count = static_cast<uint16_t>(*count);
  media.proto = std::string(proto);
  media.connection = session_.connection;
  media.direction = session_.direction.value_or(Direction::sendrecv);
  if (absl::Status read = read_formats(value, media); !read.ok()) return read;
  session_.media.push_back(std::move(media));
  section_ = &session_.media.back();
  attributes_ = 0;
  own_connection_ = own_direction_ = false;
  mapped_ = {};
  return absl::OkStatus();
}

absl::Status Parser::read_formats(std::string_view rest, MediaSection& media) {
  const bool rtp = media.is_rtp();
  while (true) {
    const std::string_view word = take_word(rest);
    if (word.empty()) break;
    if (media.formats.size() >= limits_.formats) return over(limits_.formats, "formats in one m= line");
    if (too_long(word)) return over_long_word(limits_.word);
    if (!is_token(word)) return bad("a format has characters that it may not have");
    Format format;
    format.text = std::string(word);
    if (rtp) {
      const std::optional<uint32_t> payload_type = number_within(word, 0, 127);
      if (!payload_type) return bad("a payload type is not a number from 0 to 127");
      format.payload_type = static_cast<uint8_t>(*payload_type);
      for (const StaticPayload& known : kStaticPayloads) {
        if (known.type != *payload_type) continue;
        format.encoding = std::string(known.encoding);
        format.clock_rate = known.clock_rate;
        format.channels = known.channels;
      }
    }
    media.formats.push_back(std::move(format));
  }
  // Some answer "m=video 0 RTP/AVP" to what they reject.
  if (media.formats.empty() && media.port != 0) return bad("m= without formats");
  return absl::OkStatus();
}

absl::Status Parser::read_attribute(std::string_view value) {
  if (++attributes_ > limits_.attributes) return over(limits_.attributes, "attributes in one section");
  const std::string_view name = trim(take_until(value, ':'));
  if (name.empty()) return bad("an attribute without a name");
  value = trim(value);
  if (const std::optional<uint8_t> direction = index_of(kDirections, name); direction && value.empty()) {
    if (!std::exchange(own_direction_, true)) {
      (section_ != nullptr ? section_->direction : session_.direction.emplace()) = static_cast<Direction>(*direction);
      return absl::OkStatus();
    }
  }
  bool taken = false;
  if (section_ != nullptr) {
    if (absl::Status read = read_media_attribute(name, value, taken); !read.ok()) return read;
  }
  if (!taken) {
    std::vector<Attribute>& attributes = section_ != nullptr ? section_->attributes : session_.attributes;
    attributes.push_back({std::string(name), std::string(value)});
  }
  return absl::OkStatus();
}

absl::Status Parser::read_media_attribute(std::string_view name, std::string_view value, bool& taken) {
  if (same_ignoring_case(name, "rtpmap")) return read_rtpmap(value, taken);
  if (same_ignoring_case(name, "fmtp")) return read_fmtp(value, taken);
  if (same_ignoring_case(name, "rtcp")) return read_rtcp(value, taken);
  const bool maximum = same_ignoring_case(name, "maxptime");
  if (maximum || same_ignoring_case(name, "ptime")) {
    std::optional<uint32_t>& time = maximum ? section_->maxptime : section_->ptime;
    const std::optional<uint32_t> milliseconds = number_within(value, 1, 65535);
    taken = milliseconds && !time;
    if (taken) time = milliseconds;
  } else if (const std::optional<Precondition> precondition = read_precondition(name, value)) {
    section_->preconditions.push_back(*precondition);
    taken = true;
  }
  return absl::OkStatus();
}

// "116 AMR-WB/16000/1". The clock rate is not optional, yet sdp01 of RFC 4475 has one without.
absl::Status Parser::read_rtpmap(std::string_view value, bool& taken) {
  if (!section_->is_rtp()) return absl::OkStatus();
  const std::optional<uint32_t> payload_type = number_within(take_word(value), 0, 127);
  if (!payload_type) return bad("rtpmap without a payload type from 0 to 127");
  std::string_view rest = take_word(value);
  Format map;
  map.encoding = std::string(take_until(rest, '/'));
  if (too_long(map.encoding)) return over_long_word(limits_.word);
  if (!is_token(map.encoding)) return bad("rtpmap without an encoding name");
  if (rest.data() != nullptr) {
    const std::optional<uint32_t> clock_rate = number_within(take_until(rest, '/'), 1, UINT32_MAX);
    if (!clock_rate) return bad("the clock rate is not a number of at most 32 bits, or is 0");
    map.clock_rate = *clock_rate;
  }
  if (rest.data() != nullptr) {
    const std::optional<uint32_t> channels = number_within(rest, 1, 255);
    if (!channels) return bad("the number of channels is not a number from 1 to 255");
    map.channels = static_cast<uint16_t>(*channels);
  }
  const bool again = std::exchange(mapped_[*payload_type], true);
  for (Format& format : section_->formats) {
    if (format.payload_type != *payload_type) continue;
    if (again && !same_ignoring_case(format.codec(), map.codec())) return bad("another rtpmap for a payload type");
    format.encoding = map.encoding;
    format.clock_rate = map.clock_rate;
    format.channels = map.channels;
    taken = true;
  }
  return absl::OkStatus();
}

absl::Status Parser::read_fmtp(std::string_view value, bool& taken) {
  const std::string_view name = take_word(value);
  if (name.empty()) return bad("fmtp without a format");
  const std::optional<uint32_t> payload_type = number_within(name, 0, 127);
  const bool rtp = section_->is_rtp();
  if (rtp && !payload_type) return bad("fmtp without a payload type from 0 to 127");
  for (Format& format : section_->formats) {
    if (rtp ? format.payload_type != *payload_type : format.text != name) continue;
    if (!format.fmtp.empty()) continue;
    format.fmtp = std::string(trim(value));
    taken = true;
  }
  return absl::OkStatus();
}

absl::Status Parser::read_rtcp(std::string_view value, bool& taken) {
  const std::optional<uint32_t> port = number_within(take_word(value), 0, 65535);
  if (!port) return bad("the port of rtcp is not a number from 0 to 65535");
  Rtcp rtcp{.port = static_cast<uint16_t>(*port)};
  value = trim(value);
  if (!value.empty()) {
    if (absl::Status read = read_connection(value, rtcp.connection.emplace()); !read.ok()) return read;
  }
  taken = !section_->rtcp;
  if (taken) section_->rtcp = std::move(rtcp);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SessionDescription> parse(std::string_view body, const Limits& limits) {
  return Parser(limits).run(body);
}

}  // namespace lapwing::sdp
