// Messages through the core: the sender thread's work, and what freeDiameter's threads call.
#include <cinttypes>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/runtime/log.h"
#include "hss-client/freediameter/core_state.h"

namespace lapwing {
namespace {

void* data_of(uint64_t id) {
  return reinterpret_cast<void*>(id);
}
uint64_t id_of(void* data) {
  return reinterpret_cast<uint64_t>(data);
}

timespec real_time_after(Duration delay) {
  auto wall = std::chrono::system_clock::now().time_since_epoch() + delay;
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(wall);
  return {seconds.count(), std::chrono::duration_cast<std::chrono::nanoseconds>(wall - seconds).count()};
}

// freeDiameter keeps what has not been answered a little longer than our deadline, so that ours decides.
constexpr auto grace = std::chrono::milliseconds(500);

}  // namespace

using State = DiameterCore::State;

std::optional<State::Pending> State::take(uint64_t id) {
  std::lock_guard lock(mutex);
  auto found = pending.find(id);
  if (found == pending.end()) return std::nullopt;
  Pending taken = std::move(found->second);
  drop(found);
  return taken;
}

void State::drop(absl::flat_hash_map<uint64_t, Pending>::iterator at) {
  auto known = by_end_to_end.find(at->second.end_to_end);
  if (known != by_end_to_end.end() && known->second == at->first) by_end_to_end.erase(known);
  pending.erase(at);
}

void State::reply(uint64_t id, Reply reply) {
  std::optional<Pending> waiting = take(id);
  if (waiting) {
    if (waiting->on_reply) waiting->on_reply(std::move(reply));
    return;
  }
  std::lock_guard lock(mutex);
  ++late;
}

void State::fail_all(std::string_view why) {
  absl::flat_hash_map<uint64_t, Pending> failed;
  {
    std::lock_guard lock(mutex);
    failed.swap(pending);
    by_end_to_end.clear();
    queue.clear();
  }
  for (auto& [id, waiting] : failed) {
    if (waiting.on_reply) waiting.on_reply(Reply{Reply::Kind::stopped, {}, std::string(why)});
  }
}

void State::expire(TimePoint now) {
  std::vector<Pending> expired;
  {
    std::lock_guard lock(mutex);
    for (auto at = pending.begin(); at != pending.end();) {
      auto here = at++;
      if (here->second.deadline > now) continue;
      if (here->second.on_reply) expired.push_back(std::move(here->second));
      drop(here);
    }
  }
  for (Pending& waiting : expired) {
    waiting.on_reply(Reply{Reply::Kind::expired, {}, absl::StrFormat("no answer from %s", waiting.peer)});
  }
}

void State::transmit(SendRequest job) {
  {
    std::lock_guard lock(mutex);
    if (!pending.contains(job.id)) return;  // nobody waits any more
  }
  TimePoint now = std::chrono::steady_clock::now();
  if (job.retransmitted) job.message.flags |= diameter::command_flag::retransmitted;
  msg* message = dictionary.new_request(job.message);
  if (message == nullptr) {
    reply(job.id, Reply{Reply::Kind::malformed, {}, "our request does not fit freeDiameter's dictionary"});
    return;
  }
  timespec limit = real_time_after(job.deadline - now + grace);
  int error = fd_msg_send_timeout(&message, on_answer, data_of(job.id), on_expiry, &limit);
  if (error != 0) {
    if (message != nullptr) fd_msg_free(message);
    reply(job.id, Reply{Reply::Kind::stopped, {}, absl::StrFormat("freeDiameter does not send: %s", strerror(error))});
  }
  Duration took = std::chrono::steady_clock::now() - now;
  if (took > std::chrono::milliseconds(300)) {
    LW_LOG(warn, "Diameter sending was held up for %d ms: a peer does not read",
           std::chrono::duration_cast<std::chrono::milliseconds>(took).count());
  }
}

void State::transmit(SendAnswer job) {
  msg* message = nullptr;
  {
    std::lock_guard lock(mutex);
    auto found = held.find(job.id);
    if (found == held.end()) return;
    message = found->second;
    held.erase(found);
  }
  const diameter::Avp* result = diameter::find(job.avps, 268, 0);
  bool protocol_error = result != nullptr && diameter::value32(*result).value_or(0) / 1000 == 3;
  msg* request = message;
  if (fd_msg_new_answer_from_req(fd_g_config->cnf_dict, &message, protocol_error ? MSGFL_ANSW_ERROR : 0) != 0) {
    fd_msg_free(request);
    return;
  }
  if (!dictionary.add(message, job.avps))
    LW_LOG(warn, "a Diameter answer leaves without an AVP freeDiameter does not know");
  if (fd_msg_send(&message, nullptr, nullptr) != 0 && message != nullptr) fd_msg_free(message);
}

void State::on_answer(void* data, msg** message) {
  NotCancelled guard;
  Reply reply{Reply::Kind::answer, to_tree(*message), {}};
  fd_msg_free(*message);  // and with it the request
  *message = nullptr;
  // The data are a number, not a pointer: a callback that comes too late finds nothing.
  State* core = the_state();
  if (core != nullptr) core->reply(id_of(data), std::move(reply));
}

void State::on_expiry(void*, DiamId_t, size_t, msg** message) {
  // Our own deadline has passed already.
  NotCancelled guard;
  if (*message != nullptr) fd_msg_free(*message);
  *message = nullptr;
}

int State::on_request_received(msg** message, struct avp*, session*, void* data, disp_action* action) {
  NotCancelled guard;
  auto* core = static_cast<State*>(data);
  Incoming incoming{0, to_tree(*message), {}};
  DiamId_t from = nullptr;
  size_t length = 0;
  if (fd_msg_source_get(*message, &from, &length) == 0 && from != nullptr) incoming.from.assign(from, length);
  auto handler = core->handlers.find(incoming.message.application);
  msg* request = std::exchange(*message, nullptr);  // ours until it is answered
  *action = DISP_ACT_CONT;
  if (handler == core->handlers.end()) {
    core->answer_with(request, ER_DIAMETER_UNABLE_TO_COMPLY, "");
    return 0;  // anything else would end freeDiameter
  }
  bool busy;
  {
    std::lock_guard lock(core->mutex);
    incoming.id = ++core->last_id;
    busy = core->held.size() >= core->options.held_limit;
    if (!busy) core->held.emplace(incoming.id, request);
  }
  if (busy) {
    core->answer_with(request, ER_DIAMETER_TOO_BUSY, "");
    return 0;
  }
  std::lock_guard running(core->handlers_mutex);
  if (!core->handlers_closed) handler->second(std::move(incoming));
  return 0;
}

// Takes the request. Twice held_limit wait for the sender at most: beyond it they are dropped.
void State::answer_with(msg* request, uint32_t result, std::string_view why) {
  std::vector<diameter::Avp> avps = {diameter::unsigned32(268, 0, true, result),
                                     diameter::octets(264, 0, true, options.identity),
                                     diameter::octets(296, 0, true, options.realm)};
  if (!why.empty()) avps.push_back(diameter::octets(281, 0, false, why));
  {
    std::lock_guard lock(mutex);
    if (!stopping && held.size() < 2 * options.held_limit) {
      held.emplace(++last_id, request);
      queue.push_back(SendAnswer{last_id, std::move(avps)});
      wake.notify_one();
      return;
    }
  }
  fd_msg_free(request);
}

// freeDiameter's Routing-IN thread answers what it refuses (another host or realm, an unknown application, wrong flags)
// by itself after it has called the hook, and ends the whole framework when the connection is gone by then. So the
// sender answers a copy, by a way that bears that; and for the original no peer is found to answer to, so it is
// dropped.
void State::refused_by_routing(msg* request, const char* why, bool elsewhere) {
  msg_hdr* header = nullptr;
  DiamId_t from = nullptr;
  size_t from_length = 0;
  if (fd_msg_hdr(request, &header) != 0 || !(header->msg_flags & CMD_FLAG_REQUEST)) return;
  if (fd_msg_source_get(request, &from, &from_length) != 0 || from == nullptr) return;  // our own
  std::string_view text = why ? why : "";
  uint32_t result = ER_DIAMETER_INVALID_AVP_BITS;
  if (header->msg_flags & CMD_FLAG_ERROR) {
    result = ER_DIAMETER_INVALID_HDR_BITS;
  } else if (dictionary.application(header->msg_appl) == nullptr) {
    result = ER_DIAMETER_APPLICATION_UNSUPPORTED;
  } else if (elsewhere) {
    result = ER_DIAMETER_UNABLE_TO_DELIVER;
  } else if (text == "DIAMETER_LOOP_DETECTED") {
    result = ER_DIAMETER_LOOP_DETECTED;
  } else if (text.starts_with("Non-routable")) {  // no Destination-Realm
    result = ER_DIAMETER_COMMAND_UNSUPPORTED;
  }
  LW_LOG(warn, "a request from %s is refused with %d: %s", std::string(from, from_length), result,
         log::printable(text));
  uint8_t* bytes = nullptr;
  size_t length = 0;
  msg* copy = nullptr;
  if (fd_msg_bufferize(request, &bytes, &length) == 0) {
    if (fd_msg_parse_buffer(&bytes, length, &copy) != 0) {
      free(bytes);
      copy = nullptr;
    } else if (fd_msg_source_set(copy, from, from_length) == 0) {
      answer_with(copy, result, text);
    } else {
      fd_msg_free(copy);
    }
  }
  char nobody[] = " ";  // no peer's name has a space
  fd_msg_source_set(request, nobody, 1);
}

int State::choose_peer(void* data, msg** message, fd_list* candidates) {
  NotCancelled guard;
  auto* core = static_cast<State*>(data);
  void (*callback)(void*, msg**) = nullptr;
  void* own = nullptr;
  if (fd_msg_anscb_get(*message, &callback, nullptr, &own) != 0 || callback != on_answer) return 0;
  std::string target;
  {
    std::lock_guard lock(core->mutex);
    auto found = core->pending.find(id_of(own));
    if (found != core->pending.end()) target = found->second.peer;
  }
  // We choose the peer: with none left freeDiameter answers 3002 at once, and we decide where to try next. So a request
  // is never moved to another peer behind our back when its connection breaks.
  for (fd_list* at = candidates->next; at != candidates; at = at->next) {
    auto* candidate = reinterpret_cast<rtd_candidate*>(at);
    bool chosen = target == std::string_view(candidate->diamid, candidate->diamidlen);
    candidate->score += chosen ? FD_SCORE_FINALDEST : 10 * FD_SCORE_NO_DELIVERY;
  }
  return 0;
}

void State::on_hook(fd_hook_type type, msg* message, peer_hdr* peer, void* other, fd_hook_permsgdata*, void* data) {
  auto* core = static_cast<State*>(data);
  switch (type) {
    case HOOK_DATA_RECEIVED: {
      NotCancelled guard;
      auto* received = static_cast<fd_cnx_rcvdata*>(other);
      core->tell_message(true, peer, {reinterpret_cast<const char*>(received->buffer), received->length});
      core->base_message_received({received->buffer, received->length});
      if (!core->options.guarded) break;
      if (core->take_answer({received->buffer, received->length})) break;
      std::string fault = make_safe({received->buffer, received->length}, core->rules, core->commands);
      if (!fault.empty()) LW_LOG(warn, "a malformed answer came: %s", fault);
      break;
    }
    case HOOK_MESSAGE_SENT: {
      NotCancelled guard;
      core->message_sent(message);
      core->tell_sent(peer, message);
      core->cer_sent(peer, message);
      break;
    }
    case HOOK_MESSAGE_DROPPED: {
      NotCancelled guard;
      core->message_dropped(message, static_cast<const char*>(other));
      break;
    }
    case HOOK_PEER_CONNECT_SUCCESS: {
      NotCancelled guard;
      core->peer_connected(peer);
      break;
    }
    case HOOK_PEER_CONNECT_FAILED: {
      NotCancelled guard;
      core->peer_failed(peer, static_cast<const char*>(other));
      break;
    }
    case HOOK_MESSAGE_PARSING_ERROR: {
      NotCancelled guard;
      // Without a message the text is a buffer of bytes instead.
      const char* why = message ? static_cast<const char*>(other) : "no Diameter message";
      if (core->cea_not_parsed(message, why ? why : "")) break;
      LW_LOG(warn, "what %s sent cannot be parsed: %s", name_of(peer), log::printable(why ? why : ""));
      // Before Routing-IN passed the first message on, no other thread has any to parse that is routed.
      pthread_t routing = core->routing_in;
      bool in_routing = routing == pthread_t{} || pthread_equal(routing, pthread_self());
      if (message != nullptr && fd_msg_is_routable(message) && peer == nullptr && in_routing && core->options.guarded) {
        core->refused_by_routing(message, why, false);
      }
      break;
    }
    case HOOK_MESSAGE_ROUTING_ERROR: {
      NotCancelled guard;
      if (core->options.guarded) core->refused_by_routing(message, static_cast<const char*>(other), true);
      break;
    }
    case HOOK_MESSAGE_ROUTING_LOCAL:
      core->routing_in = pthread_self();
      break;
    default:
      break;
  }
}

// Remembers under which hop-by-hop identifier one of our requests leaves.
void State::tell_message(bool incoming, const peer_hdr* peer, std::string_view bytes) const {
  if (!options.on_message) return;
  options.on_message(incoming, peer ? std::string_view(peer->info.pi_diamid, peer->info.pi_diamidlen) : "", bytes);
}

void State::tell_sent(const peer_hdr* peer, msg* message) const {
  if (!options.on_message) return;
  uint8_t* bytes = nullptr;
  size_t length = 0;
  if (fd_msg_bufferize(message, &bytes, &length) != 0) return;
  tell_message(false, peer, {reinterpret_cast<const char*>(bytes), length});
  free(bytes);
}

void State::message_sent(msg* message) {
  void (*callback)(void*, msg**) = nullptr;
  void* own = nullptr;
  msg_hdr* header = nullptr;
  if (fd_msg_anscb_get(message, &callback, nullptr, &own) != 0 || callback != on_answer) return;
  if (fd_msg_hdr(message, &header) != 0) return;
  std::lock_guard lock(mutex);
  auto found = pending.find(id_of(own));
  if (found != pending.end()) found->second.hop_by_hop = header->msg_hbhid;
}

// An answer to one of our requests, just received and not parsed yet: the caller has it at once instead of three
// threads later, and freeDiameter gets an empty one, by which it lets go of the request. False: freeDiameter has it
// whole, which is the way of what is malformed, late or an error of the protocol.
bool State::take_answer(std::span<uint8_t> bytes) {
  std::optional<AnswerHeader> header = answer_header(bytes);
  if (!header || std::find(commands.begin(), commands.end(), header->command) == commands.end()) return false;
  auto group = is_group.find(header->application);
  if (group == is_group.end()) return false;
  uint64_t id = 0;
  {
    std::lock_guard lock(mutex);
    auto known = by_end_to_end.find(header->end_to_end);
    if (known == by_end_to_end.end()) return false;
    id = known->second;
    auto found = pending.find(id);
    if (found == pending.end() || found->second.hop_by_hop != header->hop_by_hop) return false;
  }
  auto parsed =
      diameter::decode(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), group->second);
  auto* answer = std::get_if<diameter::Message>(&parsed);
  if (answer == nullptr) return false;
  absl::AnyInvocable<void(Reply)> on_reply;
  {
    std::lock_guard lock(mutex);
    auto found = pending.find(id);
    if (found == pending.end() || !found->second.on_reply) return false;
    on_reply = std::exchange(found->second.on_reply, nullptr);
  }
  blank(bytes);
  on_reply(Reply{Reply::Kind::answer, std::move(*answer), {}});
  return true;
}

void State::message_dropped(msg* message, const char* why) {
  if (message == nullptr) return;
  msg_hdr* header = nullptr;
  if (fd_msg_hdr(message, &header) != 0) return;
  msg* request = message;
  if (!(header->msg_flags & CMD_FLAG_REQUEST) && (fd_msg_answ_getq(message, &request) != 0 || request == nullptr)) {
    return;
  }
  void (*callback)(void*, msg**) = nullptr;
  void* own = nullptr;
  if (fd_msg_anscb_get(request, &callback, nullptr, &own) != 0 || callback != on_answer) return;
  fd_msg_anscb_reset(request, 1, 1);
  std::string text = log::printable(why ? why : "dropped by freeDiameter");
  reply(id_of(own), Reply{Reply::Kind::malformed, {}, std::move(text)});
}

}  // namespace lapwing
