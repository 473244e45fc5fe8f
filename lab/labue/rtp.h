// RTP as far as a call without sound needs it: the fixed header (RFC 3550 section 5.1), a packet of silence each 20 ms
// while the call's direction allows, and counters of what went and came.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/runtime/worker.h"
#include "lab/labue/audio.h"
#include "lab/labue/ports.h"

namespace lapwing::labue {

struct RtpHeader {
  bool marker = false;
  uint8_t payload_type = 0;
  uint16_t sequence = 0;
  uint32_t timestamp = 0, ssrc = 0;
  bool operator==(const RtpHeader&) const = default;
};
std::string rtp_packet(const RtpHeader& header, std::string_view payload);
// nullopt: no RTP of version 2, or cut short.
std::optional<RtpHeader> read_rtp(std::string_view packet);

class RtpStream {
 public:
  RtpStream(Worker& worker, std::unique_ptr<MediaPort> port);
  ~RtpStream() { stop(); }
  RtpStream(const RtpStream&) = delete;
  RtpStream& operator=(const RtpStream&) = delete;

  uint16_t port() const { return port_ ? port_->port() : uint16_t{0}; }
  // From now on, as the audio says at each packet; it outlives the stream. heard: called once, when the peer is heard
  // well (10 packets).
  void start(const Audio& audio, std::function<void()> heard);
  void stop();
  // Gives up the port; only the counters are left.
  void close();
  uint64_t sent() const { return sent_; }
  uint64_t received() const { return received_; }

 private:
  void tick();
  void packet_in(std::string_view packet);

  Worker& worker_;
  std::unique_ptr<MediaPort> port_;
  const Audio* audio_ = nullptr;  // null: not started, or stopped
  std::function<void()> heard_;
  Timers::Id timer_ = 0;
  RtpHeader next_;
  uint64_t sent_ = 0, received_ = 0;
};

}  // namespace lapwing::labue
