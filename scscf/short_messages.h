// The short messages that wait for their receivers, and the reports that are awaited: the memory of the IP-SM-GW role
// (TS 24.341, TS 23.204). A mailbox belongs to a public identity as the sender wrote it; one message of it is under way
// at a time.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/runtime/clock.h"
#include "common/runtime/one_shot.h"
#include "common/sms/rp.h"
#include "common/sms/tpdu.h"

namespace lapwing::scscf {

struct ShortMessage {
  uint64_t number = 0;       // given by put()
  std::string submit = {};   // TPDU
  std::string deliver = {};  // of a status report, which is already what it will be; else empty
  sms::Address originator = {};
  WallTime sent = {};
  TimePoint expires = {};
  // For a status report; empty sender: none is wanted.
  std::string sender = {};  // canonical identity
  uint8_t reference = 0;
  sms::Address recipient = {};
};

class ShortMessages {
 public:
  explicit ShortMessages(size_t limit = 100'000, size_t per_receiver = 100)
      : limit_(limit), per_receiver_(per_receiver) {}

  // Those that wait already stay.
  void limit_to(size_t limit, size_t per_receiver);

  // Hear of every message that comes to wait, and of every one that waits no longer: to keep them over a restart.
  // Called under the lock.
  std::function<void(const std::string& receiver, const ShortMessage& message)> on_put;
  std::function<void(const ShortMessage& message)> on_gone;
  // One that waited before the restart: its number is kept.
  void put_back(const std::string& receiver, ShortMessage message);

  // False: a limit is reached.
  bool put(const std::string& receiver, ShortMessage message);
  // Takes the receiver's turn: false when somebody has it, nothing waits, or the handset's memory is full.
  // retry: of the pause that is over; false too when somebody tried since. 0: something new makes it worth trying.
  bool begin(const std::string& receiver, uint64_t retry = 0);
  // The oldest message, and whether others wait behind it; with the turn.
  struct Next {
    ShortMessage message;
    bool more = false;
  };
  std::optional<Next> next(const std::string& receiver);
  void remove_first(const std::string& receiver);
  // Gives the turn back. Pause: how long until it is worth trying again, longer each time; nullopt: nothing waits, or
  // the receiver is to come first.
  enum class End { all_sent, try_later, receiver_absent, memory_full };
  struct Pause {
    Duration length{};
    uint64_t retry = 0;  // for begin(): each receiver has one pause that counts, its last
  };
  std::optional<Pause> end(const std::string& receiver, End how);
  void memory_available(const std::string& receiver);
  // Takes what nobody came for in time; receiver and message.
  std::vector<std::pair<std::string, ShortMessage>> take_expired(TimePoint now);
  std::vector<std::string> receivers();
  size_t size();
  bool empty();

  // A report that a handset (impi) is to give to the message with this reference. When all 256 are awaited, the oldest
  // report is given up.
  uint8_t expect_report(const std::string& impi, OneShot<sms::RpMessage>::Sink sink);
  void forget_report(const std::string& impi, uint8_t reference);
  // False: nobody waits for it.
  bool report(const std::string& impi, uint8_t reference, sms::RpMessage message);

 private:
  struct Mailbox {
    std::deque<ShortMessage> waiting;
    bool busy = false, memory_full = false;
    uint32_t failures = 0;
    uint64_t retry = 0;
  };
  std::mutex mutex_;
  size_t limit_, per_receiver_;
  size_t count_ = 0;
  absl::flat_hash_map<std::string, Mailbox> mailboxes_;
  absl::flat_hash_map<std::string, OneShot<sms::RpMessage>::Sink> reports_;
  uint64_t last_number_ = 0;
  uint8_t last_reference_ = 0;
  uint64_t last_retry_ = 0;
};

}  // namespace lapwing::scscf
