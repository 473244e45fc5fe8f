// What becomes of the connections to our peers, and why: from freeDiameter's hooks, which tell it in pieces.
#include <netinet/tcp.h>

#include <cstdlib>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "common/runtime/log.h"
#include "hss-client/freediameter/core_state.h"
#include "hss-client/freediameter/peer_trouble.h"

namespace lapwing {
namespace {

constexpr uint32_t capabilities_exchange = 257, disconnect_peer = 282;
constexpr uint32_t origin_host = 264, disconnect_cause = 273;

// Of this thread's last attempt: freeDiameter has a thread for each.
thread_local std::string connect_error;

const char* state_text(int state) {
  switch (state) {
    case STATE_OPEN:
    case STATE_OPEN_NEW:
      return "open";
    case STATE_SUSPECT:
    case STATE_REOPEN:
      return "suspect";
    case STATE_NEW:
    case STATE_WAITCNXACK:
    case STATE_WAITCNXACK_ELEC:
    case STATE_WAITCEA:
    case STATE_OPEN_HANDSHAKE:
      return "connecting";
    default:
      return "closed";
  }
}

bool no_group(uint32_t, uint32_t) {
  return false;
}

// What freeDiameter's words for a failure mean in the state it came in. detail: for trouble_text().
PeerTrouble trouble_of(std::string_view words, int state, std::string& detail) {
  if (words.starts_with("All connection attempts failed")) {
    detail = std::exchange(connect_error, {});
    return PeerTrouble::cannot_connect;
  }
  if (words.starts_with("Timeout")) {
    if (state == STATE_WAITCNXACK) return PeerTrouble::connect_timeout;
    return state == STATE_WAITCEA ? PeerTrouble::no_cea : PeerTrouble::no_watchdog;
  }
  if (words == "The connection was broken") {
    return state == STATE_WAITCEA ? PeerTrouble::closed_at_cer : PeerTrouble::broken;
  }
  detail = std::string(words);
  return PeerTrouble::broken;
}

}  // namespace

int connection_socket(peer_hdr* peer) {
  // It tells the socket's number in a text only: "TCP,soc#12".
  char text[128];
  if (fd_peer_cnx_proto_info(peer, text, sizeof text) != 0) return -1;
  const char* number = strstr(text, "soc#");
  return number ? atoi(number + 4) : -1;
}

std::string name_of(peer_hdr* peer) {
  return peer ? std::string(peer->info.pi_diamid, peer->info.pi_diamidlen) : std::string("an unknown peer");
}

void remember_connect_error(const char* format, va_list arguments) {
  if (strcmp(format, "TCP connection to %s failed: %s") != 0) return;
  char line[512];
  if (vsnprintf(line, sizeof line, format, arguments) < 0) return;
  const char* error = strstr(line, " failed: ");
  if (error != nullptr) connect_error = error + strlen(" failed: ");
}

using State = DiameterCore::State;

State::Peer* State::find_peer(const peer_hdr* peer) {
  for (Peer& known : peers) {
    if (peer != nullptr && known.hdr == peer) return &known;
  }
  return nullptr;
}

void State::refresh_peers() {
  for (Peer& peer : peers) {
    if (peer.hdr == nullptr) continue;
    int state = fd_peer_get_state(peer.hdr);
    bool relay = peer.hdr->info.runtime.pir_relay != 0;
    std::lock_guard lock(mutex);
    peer.shown.open = state == STATE_OPEN && !peer.unusable;
    peer.shown.state = state == STATE_OPEN && peer.unusable ? "unusable" : state_text(state);
    peer.shown.relay = relay;
  }
}

void State::cer_sent(peer_hdr* peer, msg* message) {
  msg_hdr* header = nullptr;
  if (fd_msg_hdr(message, &header) != 0 || header->msg_code != capabilities_exchange) return;
  if (!(header->msg_flags & CMD_FLAG_REQUEST)) return;
  std::lock_guard lock(mutex);
  Peer* known = find_peer(peer);
  if (known == nullptr) return;
  known->cer = header->msg_eteid;
  known->refusal.clear();
  known->unusable = false;
}

// Read here and not from freeDiameter's hooks, which have no answer that it could not parse, and none before the words
// "the connection was broken".
void State::base_message_received(std::span<const uint8_t> bytes) {
  if (bytes.size() < diameter::header_size) return;
  const uint32_t command = uint32_t{bytes[5]} << 16 | uint32_t{bytes[6]} << 8 | bytes[7];
  if (command != capabilities_exchange && command != disconnect_peer) return;
  auto parsed = diameter::decode({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, no_group);
  auto* message = std::get_if<diameter::Message>(&parsed);
  if (message == nullptr) return;
  if (command == disconnect_peer && message->request()) return disconnect_received(*message);
  if (command != capabilities_exchange || message->request()) return;
  std::lock_guard lock(mutex);
  for (Peer& known : peers) {
    if (known.cer != 0 && known.cer == message->end_to_end) {
      known.refusal = refusal_in_cea(*message, options, known.options);
    }
  }
}

void State::disconnect_received(const diameter::Message& request) {
  const diameter::Avp* from = diameter::find(request.avps, origin_host, 0);
  const diameter::Avp* cause = diameter::find(request.avps, disconnect_cause, 0);
  if (from == nullptr) return;
  const auto number = cause == nullptr ? std::nullopt : diameter::value32(*cause);
  const peer_hdr* peer = nullptr;
  std::string text;
  {
    std::lock_guard lock(mutex);
    for (const Peer& known : peers) {
      if (!known.shown.open || !absl::EqualsIgnoreCase(known.options.host, from->data)) continue;
      peer = known.hdr;
      text = trouble_text(PeerTrouble::said_goodbye, options, known.options,
                          disconnect_cause_text(number.value_or(UINT32_MAX)));
    }
  }
  if (peer != nullptr) set_why(peer, std::move(text));
}

bool State::cea_not_parsed(msg* message, std::string_view why) {
  msg_hdr* header = nullptr;
  if (message == nullptr || fd_msg_hdr(message, &header) != 0) return false;
  if (header->msg_code != capabilities_exchange || (header->msg_flags & CMD_FLAG_REQUEST)) return false;
  std::lock_guard lock(mutex);
  for (Peer& known : peers) {
    if (known.cer == 0 || known.cer != header->msg_eteid) continue;
    if (known.refusal.empty()) {
      known.refusal = trouble_text(PeerTrouble::unusable_cea, options, known.options, why);
    }
    return true;
  }
  return false;
}

void State::peer_connected(peer_hdr* peer) {
  // freeDiameter leaves Nagle's algorithm on: a small burst would wait 40 ms for an acknowledgement.
  int socket = peer ? connection_socket(peer) : -1;
  int on = 1;
  if (socket < 0 || setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
    LW_LOG(warn, "no TCP_NODELAY toward %s: answers may take 40 ms longer", name_of(peer));
  }
  // freeDiameter takes a peer that offers nothing of ours, and answers 3002 to whatever is for it.
  std::string missing;
  if (peer != nullptr && peer->info.runtime.pir_relay == 0) {
    for (const auto& [id, name] : application_names) {
      fd_app* offered = nullptr;
      if (fd_app_check(&peer->info.runtime.pir_apps, id, &offered) != 0 || offered != nullptr) continue;
      absl::StrAppendFormat(&missing, "%s%s (application %d)", missing.empty() ? "" : " nor ", name, id);
    }
  }
  std::string unusable;
  {
    std::lock_guard lock(mutex);
    Peer* known = find_peer(peer);
    if (known != nullptr && missing.empty()) known->shown.why.clear();
    if (known != nullptr && !missing.empty()) {
      known->unusable = true;
      unusable = trouble_text(PeerTrouble::no_application, options, known->options, missing);
    }
  }
  if (!unusable.empty()) return set_why(peer, std::move(unusable));
  LW_LOG(info, "Diameter peer %s connected", name_of(peer));
}

void State::peer_failed(peer_hdr* peer, const char* why) {
  const std::string_view words = why ? why : "";
  const int state = peer == nullptr ? 0 : fd_peer_get_state(peer);
  std::string text, detail;
  const PeerTrouble trouble = trouble_of(words, state, detail);
  {
    std::lock_guard lock(mutex);
    Peer* known = find_peer(peer);
    if (known != nullptr) {
      text = known->refusal.empty() ? trouble_text(trouble, options, known->options, detail) : known->refusal;
    }
  }
  if (!text.empty()) return set_why(peer, std::move(text));
  if (peer == nullptr) {
    LW_LOG(warn, "Diameter peer %s: connection lost: %s", name_of(peer), log::printable(words));
  } else {
    LW_LOG(debug, "Diameter peer %s: not connected: %s", name_of(peer), log::printable(words));
  }
}

// The log has it when it goes and when the reason changes, not at each try to connect again.
void State::set_why(const peer_hdr* peer, std::string why) {
  std::string host;
  bool news = false;
  {
    std::lock_guard lock(mutex);
    Peer* known = find_peer(peer);
    if (known == nullptr) return;
    news = known->shown.open || known->shown.why != why;
    known->shown.open = false;
    known->shown.state = known->unusable ? "unusable" : "closed";
    known->shown.why = why;
    host = known->shown.host;
  }
  if (news) {
    LW_LOG(warn, "Diameter peer %s: %s", host, why);
  } else {
    LW_LOG(debug, "Diameter peer %s: still %s", host, why);
  }
}

}  // namespace lapwing
