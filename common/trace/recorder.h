// The last messages that a daemon sent and received, SIP and Cx, so that what went wrong can be looked at afterwards.
//
//   trace::Recorder recorder(clock, 8 << 20, workers + 1);
//   recorder.record(worker, {.kind = Kind::sip, .incoming = true, .local = ..., .remote = ...}, bytes);
//   for (const trace::Record& one : recorder.after(0)) ...
//
// A message costs its copy. Keys never get in: ck and ik of a challenge are overwritten; whoever records Diameter has
// wiped its secrets. The oldest messages go when the memory is full.
#pragma once

#include <asio/ip/address.hpp>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/runtime/clock.h"

namespace lapwing::trace {

enum class Kind : uint8_t { sip, diameter };
enum class Carrier : uint8_t { udp, tcp, tls };
std::string_view text_of(Carrier carrier);  // "udp"

struct Party {
  asio::ip::address address;
  uint16_t port = 0;
};

struct Envelope {
  Kind kind = Kind::sip;
  bool incoming = false;
  Carrier carrier = Carrier::udp;
  Party local, remote;
};

struct Record {
  uint64_t number = 0;  // counts up over the whole daemon
  WallTime at{};
  Envelope envelope;
  std::string bytes;
};

class Recorder {
 public:
  static constexpr size_t message_limit = 256 * 1024;  // longer ones are cut

  // writers: threads that record, each with an equal share of the memory. memory: bytes; 0 records nothing.
  Recorder(const Clock& clock, size_t memory, size_t writers);

  // From the thread that is this writer; from any thread for the last one.
  void record(size_t writer, const Envelope& envelope, std::string_view bytes);

  // What came after this number, oldest first; numbers are missing only where the memory was full. Any thread.
  std::vector<Record> after(uint64_t number) const;
  uint64_t last() const { return last_.load(std::memory_order_relaxed); }

 private:
  struct Entry {
    uint64_t number;
    WallTime at;
    Envelope envelope;
    size_t offset, size;
  };
  // Messages one behind the other, each in one piece; behind the end it begins at 0 again.
  struct Ring {
    mutable std::mutex mutex;
    std::unique_ptr<char[]> memory;  // of `size`; no page is used before its first message
    size_t size = 0;
    std::deque<Entry> entries;  // oldest first
    size_t next = 0;            // where the next goes

    char* make_room(size_t bytes);
  };

  const Clock& clock_;
  std::vector<std::unique_ptr<Ring>> rings_;
  std::atomic<uint64_t> last_{0};
};

}  // namespace lapwing::trace
