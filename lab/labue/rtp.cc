#include "lab/labue/rtp.h"

#include <utility>

#include "common/runtime/ids.h"

namespace lapwing::labue {
namespace {

constexpr Duration packet_time = std::chrono::milliseconds(20);
constexpr uint64_t well_heard = 10;  // packets
constexpr size_t header_size = 12;
// AMR and AMR-WB, bandwidth-efficient (RFC 4867 section 4.3): any mode, one frame of type 15 (no data), its quality
// bit.
constexpr std::string_view silence("\xf7\xc0", 2);

void put(std::string& out, uint32_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

uint32_t get(std::string_view from, size_t at, size_t bytes) {
  uint32_t value = 0;
  for (size_t i = at; i < at + bytes; ++i) value = value << 8 | static_cast<uint8_t>(from[i]);
  return value;
}

}  // namespace

std::string rtp_packet(const RtpHeader& header, std::string_view payload) {
  std::string out;
  out.reserve(header_size + payload.size());
  put(out, 0x80, 1);  // version 2; no padding, extension and contributing sources
  put(out, static_cast<uint32_t>(header.marker ? 0x80 : 0) | header.payload_type, 1);
  put(out, header.sequence, 2);
  put(out, header.timestamp, 4);
  put(out, header.ssrc, 4);
  return out.append(payload);
}

std::optional<RtpHeader> read_rtp(std::string_view packet) {
  if (packet.size() < header_size || (get(packet, 0, 1) >> 6) != 2) return std::nullopt;
  RtpHeader header;
  header.marker = (get(packet, 1, 1) & 0x80) != 0;
  header.payload_type = static_cast<uint8_t>(get(packet, 1, 1) & 0x7f);
  header.sequence = static_cast<uint16_t>(get(packet, 2, 2));
  header.timestamp = get(packet, 4, 4);
  header.ssrc = get(packet, 8, 4);
  return header;
}

RtpStream::RtpStream(Worker& worker, std::unique_ptr<MediaPort> port) : worker_(worker), port_(std::move(port)) {
  port_->on_packet([this](std::string_view packet) { packet_in(packet); });
  next_.marker = true;  // RFC 4867 section 4.1: the first of a talkspurt
  next_.sequence = static_cast<uint16_t>(random_u64());
  next_.timestamp = static_cast<uint32_t>(random_u64());
  next_.ssrc = static_cast<uint32_t>(random_u64());
}

void RtpStream::start(const Audio& audio, std::function<void()> heard) {
  audio_ = &audio;
  heard_ = std::move(heard);
  tick();
}

void RtpStream::stop() {
  worker_.timers().cancel(std::exchange(timer_, 0));
  audio_ = nullptr;
}

void RtpStream::close() {
  stop();
  port_.reset();
}

void RtpStream::tick() {
  timer_ = worker_.timers().after(packet_time, [this] { tick(); });
  // Time goes on while nothing is sent.
  next_.timestamp += audio_->clock_rate() / 50;
  if (!audio_->sends()) return;
  next_.payload_type = audio_->payload_type();
  port_->send(audio_->peer(), rtp_packet(next_, silence));
  ++next_.sequence;
  next_.marker = false;
  ++sent_;
}

void RtpStream::packet_in(std::string_view packet) {
  std::optional<RtpHeader> header = read_rtp(packet);
  if (!audio_ || !header || header->payload_type != audio_->payload_type()) return;
  if (++received_ == well_heard && heard_) heard_();
}

}  // namespace lapwing::labue
