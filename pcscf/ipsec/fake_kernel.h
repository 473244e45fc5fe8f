// A Kernel in memory for tests, with the rules of Linux that matter: a second SA with the same destination and SPI is
// refused, an SA passes only what its selector matches, outbound packets take the newest SA that matches.
//
//   FakeKernel kernel(7);
//   kernel.fail_new_sa(3, absl::ResourceExhaustedError("no memory"));   // the third SA from now
//   ... install a set: the first two are rolled back ...
//   EXPECT_TRUE(kernel.installed().empty());
//
// Any thread may call it. Handlers run on the caller's thread without a lock held.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "pcscf/ipsec/kernel.h"

namespace lapwing::ipsec {

class FakeKernel final : public Kernel {
 public:
  explicit FakeKernel(uint32_t reqid = 1, Selectors selectors = Selectors::ports)
      : reqid_(reqid), selectors_(selectors) {}

  absl::StatusOr<std::vector<SaSet>> adopt(std::vector<SaSet> candidates) override;
  absl::Status prepare(End end, const std::vector<asio::ip::address>& local, Port server_port,
                       const std::vector<Port>& client_ports, const std::vector<Algorithms>& algorithms) override;
  void clear() override;
  Task<absl::Status> install(Worker& worker, SaSet set, Duration lifetime) override;
  Task<absl::Status> set_lifetime(Worker& worker, SaSet set, Duration lifetime) override;
  Task<absl::Status> remove(Worker& worker, SaSet set) override;
  Task<absl::StatusOr<std::vector<KernelSa>>> list(Worker& worker) override;
  void on_expire(std::function<void(KernelExpiry)> handler) override;

  struct InstalledSa {
    Association flow;
    Port selector_source, selector_destination;  // 0: any
    Algorithms algorithms;
    Secret integrity_key, encryption_key;
    uint32_t reqid = 0;
    std::optional<TimePoint> hard_limit;
    uint64_t age = 0;  // higher: newer
  };

  // What a test looks at.
  std::vector<InstalledSa> installed() const;
  size_t policies() const;  // {in, out} x ports x addresses
  // The SA that an outbound packet takes; nullopt: dropped by the policy, never sent in clear.
  std::optional<InstalledSa> outbound(const asio::ip::address& source, Port source_port,
                                      const asio::ip::address& destination, Port destination_port) const;
  // Would a packet that arrived under this SPI pass the SA's selector?
  bool accepts(Spi spi, const asio::ip::address& source, Port source_port, const asio::ip::address& destination,
               Port destination_port) const;

  // What a test does to it. Each fault happens once.
  enum class Call { prepare, install, set_lifetime, remove, list };
  void fail_next(Call call, absl::Status status);
  void time_out_next(Call call);                   // no answer: DeadlineExceeded after 2 s on the worker's timers
  void fail_new_sa(int nth, absl::Status status);  // 1: the next SA installed
  void add_foreign(const Association& flow, uint32_t reqid);  // another program's SA
  // Expiries. hard removes the SA.
  void expire(const asio::ip::address& destination, Spi spi, bool hard);
  void expire_due(TimePoint now);  // every SA whose limit has come
  // While events are lost (a full socket: ENOBUFS) nobody is told of expiries; the end of the loss reports them, as
  // NetlinkKernel does after its dump.
  void lose_events(bool lose);

 private:
  using Key = std::pair<asio::ip::address, Spi>;
  struct Fault {
    bool silent = false;
    absl::Status status;
  };

  std::optional<Fault> take_fault(Call call);
  absl::Status add_set(const SaSet& set, std::optional<TimePoint> limit);
  absl::Status add(const InstalledSa& sa);
  absl::Status change_lifetime(const SaSet& set, std::optional<TimePoint> limit);
  void drop_set(const SaSet& set);
  bool ours(const InstalledSa& sa, const Association& flow) const;
  void tell(const std::vector<KernelExpiry>& expiries);
  Task<absl::Status> finish(Worker& worker, std::optional<Fault> fault, absl::Status status);

  mutable std::mutex mutex_;
  const uint32_t reqid_;
  const Selectors selectors_;
  End end_ = End::pcscf;
  std::map<Key, InstalledSa> sas_;
  size_t policies_ = 0;
  std::set<Key> adopted_;  // until prepare()
  uint64_t last_age_ = 0;
  std::map<Call, Fault> faults_;
  int failing_sa_ = 0;
  absl::Status failing_sa_status_;
  bool losing_ = false;
  std::vector<KernelExpiry> lost_;
  std::function<void(KernelExpiry)> handler_;
};

}  // namespace lapwing::ipsec
