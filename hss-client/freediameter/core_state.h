// What the core shares between its callers, its sender thread and freeDiameter's threads. Internal to this folder.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <variant>

#include "absl/container/flat_hash_map.h"
#include "hss-client/freediameter/convert.h"
#include "hss-client/freediameter/core.h"

namespace lapwing {

struct DiameterCore::State {
  struct SendRequest {
    uint64_t id;
    diameter::Message message;
    bool retransmitted;
    TimePoint deadline;
  };
  struct SendAnswer {
    uint64_t id;
    std::vector<diameter::Avp> avps;
  };
  struct Pending {
    std::string peer;
    TimePoint deadline;
    absl::AnyInvocable<void(Reply)> on_reply;  // empty: it has had its answer, and freeDiameter is yet to let go of it
    uint32_t end_to_end = 0;
    std::optional<uint32_t> hop_by_hop = {};  // once it was sent
  };
  struct Peer {
    peer_hdr* hdr = nullptr;  // lives until freeDiameter ends
    DiameterOptions::Peer options;
    PeerState shown;
    uint32_t cer = 0;       // End-to-End Identifier of our last Capabilities-Exchange-Request
    std::string refusal;    // what in the answer to it speaks against the connection
    bool unusable = false;  // connected, and offers no application of ours
  };

  DiameterOptions options;
  FrameworkDictionary dictionary;
  AvpRules rules = [this](uint32_t code, uint32_t vendor) { return dictionary.rule(code, vendor); };
  std::vector<uint32_t> commands;                     // of the applications; not changed after create()
  std::map<uint32_t, diameter::IsGroup> is_group;     // by application; likewise
  std::map<uint32_t, std::string> application_names;  // likewise
  std::function<void()> on_death;
  absl::flat_hash_map<uint32_t, std::function<void(Incoming)>> handlers;  // not changed after start()
  std::mutex handlers_mutex;  // held while one runs, so that stop() can wait for it
  bool handlers_closed = false;
  std::mutex stop_mutex;
  bool stopped = false;

  mutable std::mutex mutex;
  std::condition_variable wake, ended_changed;
  std::deque<std::variant<SendRequest, SendAnswer>> queue;
  absl::flat_hash_map<uint64_t, Pending> pending;
  absl::flat_hash_map<uint32_t, uint64_t> by_end_to_end;  // the newest of pending
  absl::flat_hash_map<uint64_t, msg*> held;
  std::vector<Peer> peers;  // the vector itself does not change after start()
  uint64_t last_id = 0;
  uint64_t late = 0;
  bool stopping = false;  // we end it
  bool ended = false;     // freeDiameter has ended
  bool sender_ended = false;
  bool sender_waits = false;  // only then it must be woken

  // freeDiameter's thread of that name, once it has passed a message on.
  std::atomic<pthread_t> routing_in{};
  std::atomic<bool> dying{false};   // it ends by itself
  std::atomic<bool> ending{false};  // stopping, for those who must not take the mutex
  std::atomic<uint32_t> session_low{0};
  uint32_t session_high = 0;
  session* dummy = nullptr;
  std::thread sender, watcher;

  absl::Status initialize(const std::vector<DiameterApplication>& applications);
  void run_sender();
  void run_watcher();
  void stop();

  // The pending request of this id, taken out; empty when it was answered, forgotten or has expired.
  std::optional<Pending> take(uint64_t id);
  void drop(absl::flat_hash_map<uint64_t, Pending>::iterator at);  // with the mutex
  void reply(uint64_t id, Reply reply);
  void fail_all(std::string_view why);
  void transmit(SendRequest job);
  void transmit(SendAnswer job);
  void expire(TimePoint now);

  // freeDiameter calls these.
  static void on_answer(void* data, msg** message);
  static void on_expiry(void* data, DiamId_t, size_t, msg** message);
  static int on_request_received(msg** message, struct avp*, session*, void*, disp_action* action);
  static void on_hook(fd_hook_type type, msg* message, peer_hdr* peer, void* other, fd_hook_permsgdata*, void*);
  static int choose_peer(void*, msg** message, fd_list* candidates);
  void message_sent(msg* message);
  void tell_message(bool incoming, const peer_hdr* peer, std::string_view bytes) const;
  void tell_sent(const peer_hdr* peer, msg* message) const;
  bool take_answer(std::span<uint8_t> bytes);
  void message_dropped(msg* message, const char* why);
  void refused_by_routing(msg* request, const char* why, bool elsewhere);
  void answer_with(msg* request, uint32_t result, std::string_view why);
  // peer_events.cc
  Peer* find_peer(const peer_hdr* peer);  // with the mutex; null when it is not one of options.peers
  void refresh_peers();
  void cer_sent(peer_hdr* peer, msg* message);
  void base_message_received(std::span<const uint8_t> bytes);
  bool cea_not_parsed(msg* message, std::string_view why);  // false: it is no answer of a peer of ours
  void disconnect_received(const diameter::Message& request);
  void peer_connected(peer_hdr* peer);
  void peer_failed(peer_hdr* peer, const char* why);
  void set_why(const peer_hdr* peer, std::string why);
};

// The core of this process, or null: freeDiameter's log handler, peer check and answer callbacks carry no pointer.
DiameterCore::State* the_state();
// The socket of a peer's connection; -1 when it has none.
int connection_socket(peer_hdr* peer);
std::string name_of(peer_hdr* peer);
// Keeps what freeDiameter's log says of a failed TCP connection, for the hook that comes next on this thread and does
// not say it. Takes every line below a notice.
void remember_connect_error(const char* format, va_list arguments);
// A thread that freeDiameter cancels inside our code would unwind through destructors and end the program.
class NotCancelled {
 public:
  NotCancelled() { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
  ~NotCancelled() { pthread_setcancelstate(before_, nullptr); }

 private:
  int before_ = 0;
};
// freeDiameter's text configuration, or what is wrong with the options.
absl::StatusOr<std::string> framework_config(const DiameterOptions& options);

}  // namespace lapwing
