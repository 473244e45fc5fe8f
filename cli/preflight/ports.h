// The ports that the daemons listen on: free, held by our own daemon that runs already, or taken by another program.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/preflight/check.h"
#include "common/runtime/values.h"

namespace lapwing::cli::preflight {

// A line of /proc/net/{udp,udp6,tcp,tcp6} that holds a port.
struct PortSocket {
  bool tcp = false;
  Endpoint local;
  uint64_t inode = 0;
};
// Of TCP the listening sockets only.
std::vector<PortSocket> sockets_from(std::string_view proc_net, bool tcp);

// Who has a socket. config: the file after its --config, as an absolute path; empty: none was given.
struct Holder {
  int pid = 0;
  std::string program;
  std::string config;
};

struct PortTrial {
  bool tcp = false;
  Endpoint at;
  int error = 0;                // errno of bind(); 0: free
  std::vector<Holder> holders;  // of EADDRINUSE; empty: nobody whom we may see
};
// Binds each, UDP and TCP, for a moment, and looks up who holds those that are taken.
std::vector<PortTrial> try_ports(const std::vector<Endpoint>& ports);

// key: of the configuration; program, file: the daemon that will listen, and its file.
Check check_ports(std::string_view key, std::string_view program, const std::string& file,
                  const std::vector<PortTrial>& trials);

}  // namespace lapwing::cli::preflight
