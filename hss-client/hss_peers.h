// Which HSS a request goes to: the one that the user's data came from, else one picked by a hash of the user, so that a
// user stays with one HSS; never one whose connection is down or whose circuit is open.
//
// A circuit opens after some failures in a row. After a while one request goes through as a probe: its success closes
// the circuit, its failure keeps it open.
//
// From any thread.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/runtime/clock.h"
#include "hss-client/hss.h"

namespace lapwing {

class HssPeers {
 public:
  struct Options {
    int failures_to_open = 5;
    Duration open_for = std::chrono::seconds(5);
  };
  struct Connection {  // how a peer's connection is now, in the order of the hosts
    std::string state;
    bool open = false;
    bool relay = false;    // a Diameter agent: Destination-Host does not name it
    std::string why = {};  // in plain words, why it is not open
  };
  struct Choice {
    std::string peer, destination_host;
  };

  // hosts: Diameter identity and address of each.
  HssPeers(const std::vector<std::pair<std::string, std::string>>& hosts, Options options);

  // preferred: the HSS that has the user, empty when not known yet. avoid: the peer that failed for this request.
  // nullopt: none is usable.
  std::optional<Choice> choose(std::string_view user, std::string_view preferred, std::string_view avoid,
                               const std::vector<Connection>& connections, TimePoint now);
  // Whether choose() would find another peer than this.
  bool other_usable(std::string_view than, const std::vector<Connection>& connections, TimePoint now) const;

  enum class Failure { timeout, error };  // error: a 3xxx result
  void sent(std::string_view host);
  void answered(std::string_view host, Duration took);
  void malformed(std::string_view host);  // an answer, so the peer lives
  void failed(std::string_view host, Failure failure, TimePoint now);

  std::vector<HssPeerState> states(const std::vector<Connection>& connections) const;

 private:
  struct Peer {
    HssPeerState shown;
    int failures = 0;  // in a row
    TimePoint next_probe{};
  };
  Peer* find(std::string_view host);
  static bool usable(const Peer& peer, const Connection& connection, TimePoint now);

  const Options options_;
  mutable std::mutex mutex_;
  std::vector<Peer> peers_;
};

}  // namespace lapwing
