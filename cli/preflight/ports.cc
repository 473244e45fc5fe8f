#include "cli/preflight/ports.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/runtime/bind_trial.h"

namespace lapwing::cli::preflight {
namespace {

constexpr std::string_view listening = "0A";  // TCP_LISTEN

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// "0100007F:13C4": words of 32 bits as this machine has them.
bool read_endpoint(const std::string& text, Endpoint& out) {
  const size_t colon = text.find(':');
  if (colon != 8 && colon != 32) return false;
  uint32_t port = 0;
  if (!absl::SimpleHexAtoi(text.substr(colon + 1), &port) || port > 65535) return false;
  std::array<unsigned char, 16> bytes{};
  for (size_t word = 0; word < colon / 8; ++word) {
    uint32_t value = 0;
    if (!absl::SimpleHexAtoi(text.substr(word * 8, 8), &value)) return false;
    std::memcpy(bytes.data() + word * 4, &value, 4);
  }
  out.port = static_cast<uint16_t>(port);
  if (colon == 32) {
    out.address = asio::ip::address_v6(bytes);
  } else {
    out.address = asio::ip::address_v4({bytes[0], bytes[1], bytes[2], bytes[3]});
  }
  return true;
}

Holder holder_from(const std::filesystem::path& process, int pid) {
  Holder holder;
  holder.pid = pid;
  holder.program = content(process / "comm");
  while (!holder.program.empty() && holder.program.back() == '\n') holder.program.pop_back();
  const std::vector<std::string> words = absl::StrSplit(content(process / "cmdline"), '\0');
  for (size_t i = 1; i < words.size(); ++i) {
    if (words[i].starts_with("--config=")) holder.config = words[i].substr(9);
    if (words[i - 1] == "--config") holder.config = words[i];
  }
  std::error_code failed;
  if (!holder.config.empty()) {
    holder.config = (std::filesystem::read_symlink(process / "cwd", failed) / holder.config).lexically_normal();
  }
  return holder;
}

// Who has sockets with these inodes; of programs that this user may look into.
std::map<uint64_t, std::vector<Holder>> holders_of(const std::set<uint64_t>& inodes) {
  std::map<uint64_t, std::vector<Holder>> found;
  std::error_code failed;
  if (inodes.empty()) return found;
  for (const auto& process : std::filesystem::directory_iterator("/proc", failed)) {
    int pid = 0;
    if (!absl::SimpleAtoi(process.path().filename().string(), &pid)) continue;
    std::set<uint64_t> its;
    std::filesystem::directory_iterator files(process.path() / "fd", failed);
    if (failed) continue;
    for (const auto& file : files) {
      const std::string target = std::filesystem::read_symlink(file.path(), failed).string();
      uint64_t inode = 0;
      if (target.starts_with("socket:[") && absl::SimpleAtoi(target.substr(8, target.size() - 9), &inode) &&
          inodes.contains(inode)) {
        its.insert(inode);
      }
    }
    for (uint64_t inode : its) found[inode].push_back(holder_from(process.path(), pid));
  }
  return found;
}

bool stands_in_the_way(const PortSocket& socket, const PortTrial& trial) {
  if (socket.tcp != trial.tcp || socket.local.port != trial.at.port) return false;
  if (socket.local.address == trial.at.address) return true;
  // [::] takes IPv4 too unless it was told not to.
  return socket.local.address.is_unspecified() && (socket.local.address.is_v6() || trial.at.address.is_v4());
}

std::string port_text(const PortTrial& trial) {
  return absl::StrFormat("%s/%s", trial.at.text(), trial.tcp ? "TCP" : "UDP");
}

bool same_file(const std::string& one, const std::string& other) {
  std::error_code failed;
  return one.empty() || std::filesystem::equivalent(one, other, failed) ||
         std::filesystem::absolute(other, failed).lexically_normal() == one;
}

// "port 5060", "ports 6100 to 6104", "ports 6100, 6200".
std::string ports_text(const std::set<uint16_t>& ports) {
  if (ports.empty()) return "no port";
  if (ports.size() == 1) return absl::StrCat("port ", *ports.begin());
  if (*ports.rbegin() - *ports.begin() + 1U == ports.size()) {
    return absl::StrCat("ports ", *ports.begin(), " to ", *ports.rbegin());
  }
  return absl::StrCat("ports ", absl::StrJoin(ports, ", "));
}

std::string holder_text(const Holder& holder) {
  return absl::StrFormat("%s (pid %d%s)", holder.program, holder.pid,
                         holder.config.empty() ? "" : absl::StrCat(", ", holder.config));
}

}  // namespace

std::vector<PortSocket> sockets_from(std::string_view proc_net, bool tcp) {
  std::vector<PortSocket> found;
  std::istringstream lines{std::string(proc_net)};
  std::string line;
  while (std::getline(lines, line)) {
    // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode ...
    std::istringstream fields(line);
    std::string number, local, remote, state, queues, timer, retransmits, uid, timeout;
    PortSocket socket;
    socket.tcp = tcp;
    fields >> number >> local >> remote >> state >> queues >> timer >> retransmits >> uid >> timeout >> socket.inode;
    if (!fields || (tcp && state != listening) || !read_endpoint(local, socket.local)) continue;
    found.push_back(std::move(socket));
  }
  return found;
}

std::vector<PortTrial> try_ports(const std::vector<Endpoint>& ports) {
  std::vector<PortTrial> trials;
  for (const Endpoint& at : ports) {
    for (const bool tcp : {false, true}) trials.push_back({tcp, at, bind_error(at, tcp), {}});
  }
  if (std::none_of(trials.begin(), trials.end(), [](const auto& one) { return one.error == EADDRINUSE; })) {
    return trials;
  }
  std::vector<PortSocket> sockets;
  for (const char* table : {"udp", "udp6", "tcp", "tcp6"}) {
    auto some = sockets_from(content(std::filesystem::path("/proc/self/net") / table), table[0] == 't');
    sockets.insert(sockets.end(), some.begin(), some.end());
  }
  std::set<uint64_t> inodes;
  for (const PortTrial& trial : trials) {
    for (const PortSocket& socket : sockets) {
      if (trial.error == EADDRINUSE && stands_in_the_way(socket, trial)) inodes.insert(socket.inode);
    }
  }
  const auto holders = holders_of(inodes);
  for (PortTrial& trial : trials) {
    for (const PortSocket& socket : sockets) {
      const auto known = holders.find(socket.inode);
      if (trial.error != EADDRINUSE || known == holders.end() || !stands_in_the_way(socket, trial)) continue;
      for (const Holder& one : known->second) {
        // A daemon has a socket for each of its workers.
        if (std::none_of(trial.holders.begin(), trial.holders.end(), [&](const auto& h) { return h.pid == one.pid; })) {
          trial.holders.push_back(one);
        }
      }
    }
  }
  return trials;
}

Check check_ports(std::string_view key, std::string_view program, const std::string& file,
                  const std::vector<PortTrial>& trials) {
  constexpr std::string_view code = "port";
  std::vector<std::string> taken;
  std::vector<std::string> not_allowed;
  std::set<std::string> others;
  std::set<std::string> our_own;
  Advice advice;
  std::set<uint16_t> ports;
  for (const PortTrial& trial : trials) {
    ports.insert(trial.at.port);
    if (trial.error == 0) continue;
    if (trial.error == EACCES) {
      not_allowed.push_back(port_text(trial));
      continue;
    }
    if (trial.error != EADDRINUSE) {
      taken.push_back(absl::StrFormat("%s: %s", port_text(trial), std::strerror(trial.error)));
      continue;
    }
    bool own = !trial.holders.empty();
    std::vector<std::string> names;
    for (const Holder& holder : trial.holders) {
      names.push_back(holder_text(holder));
      const bool ours = holder.program == program && same_file(holder.config, file);
      if (ours) our_own.insert(absl::StrFormat("%s (pid %d)", holder.program, holder.pid));
      if (!ours) others.insert(absl::StrFormat("kill %d", holder.pid));
      own = own && ours;
    }
    if (own) continue;
    taken.push_back(absl::StrFormat("%s is taken by %s", port_text(trial),
                                    names.empty() ? "a program that only root may see" : absl::StrJoin(names, ", ")));
  }
  const std::string about = absl::StrCat(
      std::string(key), trials.empty() ? "" : " on " + trials[0].at.address.to_string(), ", ", ports_text(ports));
  if (!not_allowed.empty()) {
    return failed(code, about, absl::StrFormat("this program may not use %s", absl::StrJoin(not_allowed, ", ")),
                  {"ports below 1024 need root or CAP_NET_BIND_SERVICE; or write another port"});
  }
  if (!taken.empty()) {
    const std::string first = std::to_string(*ports.begin());
    if (others.empty()) {
      advice.push_back(absl::StrFormat("see who it is: sudo ss -lnput 'sport = :%s'", first));
    } else {
      advice.push_back(absl::StrFormat("stop that program: with its own unit, or %s", absl::StrJoin(others, "; ")));
    }
    advice.push_back(absl::StrFormat("or write another port into %s in %s", key, file));
    return failed(code, about, absl::StrJoin(taken, "; "), advice);
  }
  if (!our_own.empty()) {
    return passed(code, about, absl::StrFormat("in use by %s: it runs already", absl::StrJoin(our_own, ", ")));
  }
  return passed(code, about, "free, UDP and TCP");
}

}  // namespace lapwing::cli::preflight
