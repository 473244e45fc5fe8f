// The kernel's IPsec as a port: NetlinkKernel (netlink_kernel.h) in production, FakeKernel (fake_kernel.h) in tests.
// Both ends use it: the P-CSCF, and labue as a handset.
//
// Per P-CSCF address a fixed few policies with wildcard peers serve every handset; each SA's own selector binds it to
// its handset. A set is one owner: install() leaves all four SAs or none.
//
// What leaves a protected port without a matching SA is dropped, and the sender does not hear of it: a datagram is
// "sent", a TCP connection times out. So the table of SAs decides on egress, not the kernel's answer. Clear text that
// comes to a protected port is dropped too.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/runtime/worker.h"
#include "pcscf/ipsec/sa.h"

namespace lapwing::ipsec {

// Which end of the set this host is: what is inbound there is outbound here.
enum class End { pcscf, handset };

// How tightly an inbound SA's selector binds (some handsets answer from us to ps or send from uc to pc).
enum class Selectors { ports, address_only };

// One SA as the kernel reports it.
struct KernelSa {
  asio::ip::address source, destination;
  Spi spi;
  uint32_t reqid = 0;
  Port source_port, destination_port;  // of its selector; 0: any
  std::string algorithms;              // the kernel's names, "hmac(sha1) cbc(aes)"
  uint64_t bytes = 0, packets = 0;
  uint32_t replay_errors = 0, integrity_failures = 0;
  int64_t age_s = 0;
  int64_t hard_expires_in_s = -1;  // -1: never
};

struct KernelExpiry {  // from the kernel's expire events
  asio::ip::address destination;
  Spi spi;
  uint32_t reqid = 0;
  bool hard = false;
};

class Kernel {
 public:
  virtual ~Kernel() = default;

  // Sets of an earlier life of the program, which may still be in the kernel: returns those of which it has all four
  // SAs. They are ours again, with their counters and keys; CK and IK of the values are not looked at. Blocking; before
  // prepare(), which deletes what was not adopted.
  virtual absl::StatusOr<std::vector<SaSet>> adopt(std::vector<SaSet> candidates) = 0;

  // Loads every algorithm once (a first use may load a module), reads what carries our reqid from the kernel and
  // deletes it unless it was adopted, and sets the policies {in,out} x {server port, each client port} for every local
  // address. An empty `local` means any local address, IPv4 and IPv6: for End::handset, whose network namespace may
  // hold thousands of handsets; End::pcscf names its addresses. Blocking; called at start. Errors say what is missing
  // in words for the operator (no CAP_NET_ADMIN, no ESP in this kernel, no such algorithm).
  virtual absl::Status prepare(End end, const std::vector<asio::ip::address>& local, Port server_port,
                               const std::vector<Port>& client_ports, const std::vector<Algorithms>& algorithms) = 0;
  // Removes our policies and every SA with our reqid. Blocking; called at a clean stop.
  virtual void clear() = 0;

  // Each resumes on the worker. DeadlineExceeded after 2 s, and then nothing of the set stays installed; what the
  // kernel said otherwise: AlreadyExists (an SPI is in use), NotFound, ResourceExhausted, ... set.reqid is the kernel
  // object's own, or 0 for the same. lifetime: hard limit in the kernel, counted from now; zero: none.
  virtual Task<absl::Status> install(Worker& worker, SaSet set, Duration lifetime) = 0;
  virtual Task<absl::Status> set_lifetime(Worker& worker, SaSet set, Duration lifetime) = 0;
  virtual Task<absl::Status> remove(Worker& worker, SaSet set) = 0;              // what is gone already is no error
  virtual Task<absl::StatusOr<std::vector<KernelSa>>> list(Worker& worker) = 0;  // ours, by reqid

  // Called from the kernel's thread; post to a worker. Set before prepare().
  virtual void on_expire(std::function<void(KernelExpiry)> handler) = 0;
};

}  // namespace lapwing::ipsec
