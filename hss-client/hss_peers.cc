#include "hss-client/hss_peers.h"

#include <algorithm>

#include "common/runtime/log.h"

namespace lapwing {
namespace {

// FNV-1a with a final mix: the same in every process and after every restart.
uint64_t weight(std::string_view host, std::string_view user) {
  uint64_t hash = 0xcbf29ce484222325;
  auto take = [&hash](std::string_view text) {
    for (char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  };
  take(user);
  take("|");
  take(host);
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccd;
  return hash ^ hash >> 33;
}

constexpr double mean_share = 1.0 / 16;  // of the newest answer in the mean

}  // namespace

HssPeers::HssPeers(const std::vector<std::pair<std::string, std::string>>& hosts, Options options) : options_(options) {
  for (const auto& [host, address] : hosts) {
    Peer peer;
    peer.shown.host = host;
    peer.shown.address = address;
    peers_.push_back(std::move(peer));
  }
}

HssPeers::Peer* HssPeers::find(std::string_view host) {
  auto found = std::find_if(peers_.begin(), peers_.end(), [&](const Peer& p) { return p.shown.host == host; });
  return found == peers_.end() ? nullptr : &*found;
}

bool HssPeers::usable(const Peer& peer, const Connection& connection, TimePoint now) {
  return connection.open && (!peer.shown.circuit_open || now >= peer.next_probe);
}

std::optional<HssPeers::Choice> HssPeers::choose(std::string_view user, std::string_view preferred,
                                                 std::string_view avoid, const std::vector<Connection>& connections,
                                                 TimePoint now) {
  std::lock_guard lock(mutex_);
  size_t best = peers_.size();
  uint64_t best_weight = 0;
  bool preferred_is_peer = false;
  for (size_t i = 0; i < peers_.size() && i < connections.size(); ++i) {
    const std::string& host = peers_[i].shown.host;
    bool is_preferred = host == preferred;
    preferred_is_peer |= is_preferred;
    if (host == avoid || !usable(peers_[i], connections[i], now)) continue;
    // Highest random weight: when a peer goes, only its own users move.
    uint64_t w = is_preferred ? UINT64_MAX : weight(host, user) >> 1;
    if (best == peers_.size() || w > best_weight) {
      best = i;
      best_weight = w;
    }
  }
  if (best == peers_.size()) return std::nullopt;
  Peer& peer = peers_[best];
  // One probe at a time: the next only after another pause, whatever becomes of this one.
  if (peer.shown.circuit_open) peer.next_probe = now + options_.open_for;
  Choice choice{peer.shown.host, {}};
  if (!preferred.empty() && !preferred_is_peer) {
    choice.destination_host = preferred;  // an HSS behind an agent
  } else if (!connections[best].relay) {
    choice.destination_host = choice.peer;
  }
  return choice;
}

bool HssPeers::other_usable(std::string_view than, const std::vector<Connection>& connections, TimePoint now) const {
  std::lock_guard lock(mutex_);
  for (size_t i = 0; i < peers_.size() && i < connections.size(); ++i) {
    if (peers_[i].shown.host != than && usable(peers_[i], connections[i], now)) return true;
  }
  return false;
}

void HssPeers::sent(std::string_view host) {
  std::lock_guard lock(mutex_);
  if (Peer* peer = find(host)) ++peer->shown.sent;
}

void HssPeers::answered(std::string_view host, Duration took) {
  std::lock_guard lock(mutex_);
  Peer* peer = find(host);
  if (peer == nullptr) return;
  double ms = std::chrono::duration<double, std::milli>(took).count();
  double& mean = peer->shown.mean_answer_ms;
  mean = peer->shown.answered == 0 ? ms : mean + (ms - mean) * mean_share;
  ++peer->shown.answered;
  peer->failures = 0;
  if (peer->shown.circuit_open) LW_LOG(info, "HSS %s answers again: its circuit closes", peer->shown.host);
  peer->shown.circuit_open = false;
}

void HssPeers::malformed(std::string_view host) {
  std::lock_guard lock(mutex_);
  Peer* peer = find(host);
  if (peer == nullptr) return;
  ++peer->shown.malformed;
  peer->failures = 0;
  peer->shown.circuit_open = false;
}

void HssPeers::failed(std::string_view host, Failure failure, TimePoint now) {
  std::lock_guard lock(mutex_);
  Peer* peer = find(host);
  if (peer == nullptr) return;
  ++(failure == Failure::timeout ? peer->shown.timeouts : peer->shown.errors);
  ++peer->failures;
  if (peer->failures < options_.failures_to_open) return;
  if (!peer->shown.circuit_open) {
    LW_LOG(warn, "HSS %s failed %d times in a row: its circuit opens", peer->shown.host, peer->failures);
    peer->next_probe = now + options_.open_for;
  }
  peer->shown.circuit_open = true;
}

std::vector<HssPeerState> HssPeers::states(const std::vector<Connection>& connections) const {
  std::lock_guard lock(mutex_);
  std::vector<HssPeerState> out;
  for (size_t i = 0; i < peers_.size(); ++i) {
    out.push_back(peers_[i].shown);
    out.back().state = i < connections.size() ? connections[i].state : "closed";
    if (i < connections.size()) out.back().why = connections[i].why;
  }
  return out;
}

}  // namespace lapwing
