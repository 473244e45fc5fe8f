// The kernel's IPsec over netlink. One thread owns two sockets: one for requests, whose every message is acknowledged,
// and one for expire events; workers hand it jobs and await their outcome.
//
//   NetlinkKernel kernel({.reqid = 5060});
//   kernel.on_expire([&](KernelExpiry expiry) { worker.post(...); });
//   absl::Status ready = kernel.prepare(End::pcscf, {address}, ps, {pc1, pc2, pc3, pc4}, algorithms);
//
// What the program put into the kernel carries its reqid and nothing else is ever touched: another program's SAs and
// policies stay, and the host's tables are never flushed. The reqid must be the program's alone on the host (in the
// network namespace). Destroying the object leaves SAs and policies as they are; clear() takes them away.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "pcscf/ipsec/kernel.h"
#include "pcscf/ipsec/port_policies.h"
#include "pcscf/ipsec/xfrm_codec.h"
#include "pcscf/ipsec/xfrm_socket.h"

namespace lapwing::ipsec {

class NetlinkKernel final : public Kernel {
 public:
  struct Options {
    uint32_t reqid = 0;  // not 0
    Selectors selectors = Selectors::ports;
    int event_buffer_bytes = 4 << 20;  // of the socket; some 10,000 expiries at a time
  };
  explicit NetlinkKernel(const Options& options) : options_(options), policies_(requests_, options.reqid) {}
  ~NetlinkKernel() override;
  NetlinkKernel(const NetlinkKernel&) = delete;
  NetlinkKernel& operator=(const NetlinkKernel&) = delete;

  absl::StatusOr<std::vector<SaSet>> adopt(std::vector<SaSet> candidates) override;
  absl::Status prepare(End end, const std::vector<asio::ip::address>& local, Port server_port,
                       const std::vector<Port>& client_ports, const std::vector<Algorithms>& algorithms) override;
  void clear() override;
  Task<absl::Status> install(Worker& worker, SaSet set, Duration lifetime) override;
  Task<absl::Status> set_lifetime(Worker& worker, SaSet set, Duration lifetime) override;
  Task<absl::Status> remove(Worker& worker, SaSet set) override;
  Task<absl::StatusOr<std::vector<KernelSa>>> list(Worker& worker) override;
  void on_expire(std::function<void(KernelExpiry)> handler) override { handler_ = std::move(handler); }

 private:
  using Key = std::pair<asio::ip::address, Spi>;
  // in_time is false when the caller has given up already: the job then does nothing that would need undoing.
  struct Job {
    absl::AnyInvocable<void(bool in_time)> run;
    std::chrono::steady_clock::time_point not_after;
  };

  absl::Status start();
  absl::Status enqueue(absl::AnyInvocable<void(bool)> run, bool always);
  void run_and_wait(absl::AnyInvocable<void()> run);
  void loop();
  bool run_one();

  // On the netlink thread.
  absl::Status prepare_now(End end, const std::vector<asio::ip::address>& local, const std::vector<Port>& ports,
                           const std::vector<Algorithms>& algorithms);
  absl::Status warm(bool ipv6, const std::vector<Algorithms>& algorithms);
  absl::Status warm_one(bool ipv6, const Algorithms& algorithms);
  absl::Status install_now(const SaSet& set, Duration lifetime);
  absl::Status set_lifetime_now(const SaSet& set, Duration lifetime);
  absl::Status remove_now(const SaSet& set);
  void take_back(const SaSet& set, const std::vector<int>& errors);
  absl::StatusOr<std::vector<KernelSa>> dump_ours();
  absl::Status delete_sas(const std::vector<Key>& sas);
  absl::StatusOr<std::vector<SaSet>> adopt_now(const std::vector<SaSet>& candidates);
  absl::Status delete_strangers();  // what carries our reqid and is no set of ours
  absl::Status delete_all_ours();
  void read_expiries();
  void reconcile();
  SaParameters parameters(const SaSet& set, const Association& flow) const;

  const Options options_;
  std::function<void(KernelExpiry)> handler_;

  // The netlink thread's own.
  End end_ = End::pcscf;
  XfrmSocket requests_, events_;
  PortPolicies policies_;
  std::map<Key, Association> installed_;
  bool used_ = false;  // something was installed

  std::thread thread_;
  int wake_ = -1;  // eventfd
  std::mutex mutex_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
};

}  // namespace lapwing::ipsec
