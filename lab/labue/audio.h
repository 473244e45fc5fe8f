// The audio of one dialog: offer and answer (RFC 3264) of AMR-WB and AMR as VoLTE handsets make them, with the
// preconditions of RFC 3312 where both ends want them.
//
//   Audio audio({.address = ours, .port = 40000, .preconditions = true});
//   std::string offer = audio.offer();                   // in INVITE: curr:qos local none
//   absl::Status good = audio.read_answer(body);         // of the 183
//   audio.reserve(); std::string next = audio.offer();   // in UPDATE: curr:qos local sendrecv
//
// Errors: INVALID_ARGUMENT when a description cannot be read, FAILED_PRECONDITION when nothing in it suits us: the
// answer is 488 then.
#pragma once

#include <asio/ip/address.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/runtime/values.h"
#include "common/sdp/session_description.h"

namespace lapwing::labue {

class Audio {
 public:
  struct Local {
    asio::ip::address address;
    uint16_t port = 0;
    bool preconditions = false;  // ask for them, and go along with them
  };
  explicit Audio(Local local);

  // What we want: sendonly while the peer is on hold.
  void want(sdp::Direction wanted) { wanted_ = wanted; }
  // Our resources are there.
  void reserve() { reserved_ = true; }

  std::string offer();
  absl::Status read_answer(std::string_view body);
  // The peer's offer, and our answer to it.
  absl::StatusOr<std::string> answer(std::string_view body);

  bool agreed() const { return agreed_; }
  // Does the dialog use preconditions: do both ends have them in their descriptions?
  bool preconditions() const { return local_.preconditions && peer_has_preconditions_; }
  bool peer_reserved() const { return peer_reserved_; }
  // "AMR-WB/16000"; empty until agreed.
  std::string codec() const;
  uint8_t payload_type() const { return formats_.front().payload_type; }
  uint32_t clock_rate() const { return formats_.front().clock_rate; }
  Endpoint peer() const { return peer_; }
  bool sends() const;     // may our packets go?
  bool receives() const;  // may the peer's come?
  // Has the peer put us on hold?
  bool held_by_peer() const { return agreed_ && !peer_receives_; }

 private:
  struct Format {
    uint8_t payload_type;
    std::string encoding;
    uint32_t clock_rate;
    std::string fmtp;
    bool is_event() const { return encoding == "telephone-event"; }
  };
  static const std::vector<Format>& offered();
  static const Format* find(const std::vector<Format>& formats, const sdp::Format& format, bool any_type);
  std::string description(bool is_answer, sdp::Direction direction);
  std::string audio_section(bool is_answer, sdp::Direction direction) const;
  std::string precondition_lines(bool is_answer) const;
  absl::Status choose(const sdp::MediaSection& media, bool theirs);
  void learn(const sdp::MediaSection& media);

  const Local local_;
  sdp::Direction wanted_ = sdp::Direction::sendrecv;
  std::vector<Format> formats_;        // ours to offer; once agreed the codec, and its telephone-event
  std::vector<std::string> rejected_;  // other sections of the session, as m= lines; audio stands at audio_at_
  size_t audio_at_ = 0;
  bool agreed_ = false, reserved_ = false, peer_has_preconditions_ = false, peer_reserved_ = false;
  bool peer_sends_ = true, peer_receives_ = true;
  Endpoint peer_;
  std::string session_id_, last_;
  uint32_t version_ = 0;
};

}  // namespace lapwing::labue
