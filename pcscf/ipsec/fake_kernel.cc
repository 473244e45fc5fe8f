#include "pcscf/ipsec/fake_kernel.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/runtime/one_shot.h"

namespace lapwing::ipsec {
namespace {

constexpr Duration kDeadline = std::chrono::seconds(2);

std::optional<TimePoint> limit_of(const Worker& worker, Duration lifetime) {
  if (lifetime == Duration::zero()) return std::nullopt;
  return worker.clock().now() + lifetime;
}

bool matches(Port selector, Port port) {
  return selector.value == 0 || selector == port;
}

}  // namespace

absl::StatusOr<std::vector<SaSet>> FakeKernel::adopt(std::vector<SaSet> candidates) {
  std::lock_guard lock(mutex_);
  std::erase_if(candidates, [this](const SaSet& set) {
    for (const Association& flow : associations(set)) {
      auto found = sas_.find(Key(flow.destination, flow.spi));
      if (found == sas_.end() || !ours(found->second, flow)) return true;
    }
    for (const Association& flow : associations(set)) adopted_.insert(Key(flow.destination, flow.spi));
    return false;
  });
  return candidates;
}

absl::Status FakeKernel::prepare(End end, const std::vector<asio::ip::address>& local, Port /*server_port*/,
                                 const std::vector<Port>& client_ports, const std::vector<Algorithms>& /*algorithms*/) {
  if (std::optional<Fault> fault = take_fault(Call::prepare)) return fault->status;
  if (end == End::pcscf && local.empty()) return absl::InvalidArgumentError("a P-CSCF names its addresses");
  std::lock_guard lock(mutex_);
  std::erase_if(sas_,
                [this](const auto& entry) { return entry.second.reqid == reqid_ && !adopted_.contains(entry.first); });
  adopted_.clear();
  end_ = end;
  policies_ = 2 * (1 + client_ports.size()) * (local.empty() ? 2 : local.size());
  return absl::OkStatus();
}

void FakeKernel::clear() {
  std::lock_guard lock(mutex_);
  std::erase_if(sas_, [this](const auto& entry) { return entry.second.reqid == reqid_; });
  policies_ = 0;
}

Task<absl::Status> FakeKernel::install(Worker& worker, SaSet set, Duration lifetime) {
  std::optional<Fault> fault = take_fault(Call::install);
  absl::Status status = fault ? absl::OkStatus() : add_set(set, limit_of(worker, lifetime));
  co_return co_await finish(worker, std::move(fault), std::move(status));
}

Task<absl::Status> FakeKernel::set_lifetime(Worker& worker, SaSet set, Duration lifetime) {
  std::optional<Fault> fault = take_fault(Call::set_lifetime);
  absl::Status status = fault ? absl::OkStatus() : change_lifetime(set, limit_of(worker, lifetime));
  co_return co_await finish(worker, std::move(fault), std::move(status));
}

Task<absl::Status> FakeKernel::remove(Worker& worker, SaSet set) {
  std::optional<Fault> fault = take_fault(Call::remove);
  if (!fault) drop_set(set);
  co_return co_await finish(worker, std::move(fault), absl::OkStatus());
}

Task<absl::StatusOr<std::vector<KernelSa>>> FakeKernel::list(Worker& worker) {
  absl::Status status = co_await finish(worker, take_fault(Call::list), absl::OkStatus());
  if (!status.ok()) co_return status;
  std::vector<KernelSa> found;
  for (const InstalledSa& sa : installed()) {
    if (sa.reqid != reqid_) continue;
    KernelSa seen;
    seen.source = sa.flow.source;
    seen.destination = sa.flow.destination;
    seen.spi = sa.flow.spi;
    seen.reqid = sa.reqid;
    seen.source_port = sa.selector_source;
    seen.destination_port = sa.selector_destination;
    seen.algorithms = text(sa.algorithms);
    if (sa.hard_limit)
      seen.hard_expires_in_s =
          std::chrono::duration_cast<std::chrono::seconds>(*sa.hard_limit - worker.clock().now()).count();
    found.push_back(std::move(seen));
  }
  co_return found;
}

void FakeKernel::on_expire(std::function<void(KernelExpiry)> handler) {
  std::lock_guard lock(mutex_);
  handler_ = std::move(handler);
}

// Answers from the event loop, as the netlink thread would, or not at all.
Task<absl::Status> FakeKernel::finish(Worker& worker, std::optional<Fault> fault, absl::Status status) {
  OneShot<absl::Status> answer(worker);
  if (fault) status = fault->status;
  if (!fault || !fault->silent) worker.post([sink = answer.sink(), status]() { sink.set(status); });
  std::optional<absl::Status> arrived = co_await answer.wait(kDeadline);
  if (!arrived) co_return absl::DeadlineExceededError("the kernel did not answer within 2 s");
  co_return *arrived;
}

std::optional<FakeKernel::Fault> FakeKernel::take_fault(Call call) {
  std::lock_guard lock(mutex_);
  auto found = faults_.find(call);
  if (found == faults_.end()) return std::nullopt;
  Fault fault = std::move(found->second);
  faults_.erase(found);
  return fault;
}

absl::Status FakeKernel::add_set(const SaSet& set, std::optional<TimePoint> limit) {
  std::lock_guard lock(mutex_);
  if (set.reqid != 0 && set.reqid != reqid_) return absl::InvalidArgumentError("the set carries another reqid");
  std::vector<Key> added;
  for (const Association& flow : associations(set)) {
    bool inbound = flow.destination == (end_ == End::pcscf ? set.pcscf : set.ue);
    bool any = inbound && selectors_ == Selectors::address_only;
    InstalledSa sa{.flow = flow,
                   .selector_source = any ? Port{} : flow.source_port,
                   .selector_destination = any ? Port{} : flow.destination_port,
                   .algorithms = set.algorithms,
                   .integrity_key = integrity_key(set),
                   .encryption_key = encryption_key(set),
                   .reqid = reqid_,
                   .hard_limit = limit};
    if (absl::Status status = add(sa); !status.ok()) {
      for (const Key& key : added) sas_.erase(key);
      return status;
    }
    added.emplace_back(flow.destination, flow.spi);
  }
  return absl::OkStatus();
}

absl::Status FakeKernel::add(const InstalledSa& sa) {
  if (failing_sa_ > 0 && --failing_sa_ == 0) return failing_sa_status_;
  auto [at, added] = sas_.try_emplace(Key(sa.flow.destination, sa.flow.spi), sa);
  if (!added)
    return absl::AlreadyExistsError(
        absl::StrFormat("SPI %d is in use at %s", sa.flow.spi.value, sa.flow.destination.to_string()));
  at->second.age = ++last_age_;
  return absl::OkStatus();
}

absl::Status FakeKernel::change_lifetime(const SaSet& set, std::optional<TimePoint> limit) {
  std::lock_guard lock(mutex_);
  for (const Association& flow : associations(set)) {
    auto found = sas_.find(Key(flow.destination, flow.spi));
    if (found == sas_.end() || !ours(found->second, flow)) return absl::NotFoundError("the SA is gone");
    found->second.hard_limit = limit;
  }
  return absl::OkStatus();
}

void FakeKernel::drop_set(const SaSet& set) {
  std::lock_guard lock(mutex_);
  for (const Association& flow : associations(set)) {
    auto found = sas_.find(Key(flow.destination, flow.spi));
    if (found != sas_.end() && ours(found->second, flow)) sas_.erase(found);
  }
}

// The same SPI may belong to another set by now.
bool FakeKernel::ours(const InstalledSa& sa, const Association& flow) const {
  return sa.reqid == reqid_ && sa.flow.source == flow.source && sa.flow.source_port == flow.source_port &&
         sa.flow.destination_port == flow.destination_port;
}

std::vector<FakeKernel::InstalledSa> FakeKernel::installed() const {
  std::lock_guard lock(mutex_);
  std::vector<InstalledSa> all;
  for (const auto& [key, sa] : sas_) all.push_back(sa);
  return all;
}

size_t FakeKernel::policies() const {
  std::lock_guard lock(mutex_);
  return policies_;
}

std::optional<FakeKernel::InstalledSa> FakeKernel::outbound(const asio::ip::address& source, Port source_port,
                                                            const asio::ip::address& destination,
                                                            Port destination_port) const {
  std::lock_guard lock(mutex_);
  std::optional<InstalledSa> newest;
  for (const auto& [key, sa] : sas_) {
    if (sa.reqid != reqid_ || sa.flow.source != source || sa.flow.destination != destination) continue;
    if (!matches(sa.selector_source, source_port) || !matches(sa.selector_destination, destination_port)) continue;
    if (!newest || sa.age > newest->age) newest = sa;
  }
  return newest;
}

bool FakeKernel::accepts(Spi spi, const asio::ip::address& source, Port source_port,
                         const asio::ip::address& destination, Port destination_port) const {
  std::lock_guard lock(mutex_);
  auto found = sas_.find(Key(destination, spi));
  return found != sas_.end() && found->second.flow.source == source &&
         matches(found->second.selector_source, source_port) &&
         matches(found->second.selector_destination, destination_port);
}

void FakeKernel::fail_next(Call call, absl::Status status) {
  std::lock_guard lock(mutex_);
  faults_[call] = Fault{.silent = false, .status = std::move(status)};
}

void FakeKernel::time_out_next(Call call) {
  std::lock_guard lock(mutex_);
  faults_[call] = Fault{.silent = true, .status = absl::DeadlineExceededError("the kernel did not answer")};
}

void FakeKernel::fail_new_sa(int nth, absl::Status status) {
  std::lock_guard lock(mutex_);
  failing_sa_ = nth;
  failing_sa_status_ = std::move(status);
}

void FakeKernel::add_foreign(const Association& flow, uint32_t reqid) {
  std::lock_guard lock(mutex_);
  InstalledSa sa;
  sa.flow = flow;
  sa.selector_source = flow.source_port;
  sa.selector_destination = flow.destination_port;
  sa.reqid = reqid;
  sa.age = ++last_age_;
  sas_.insert_or_assign(Key(flow.destination, flow.spi), std::move(sa));
}

void FakeKernel::expire(const asio::ip::address& destination, Spi spi, bool hard) {
  KernelExpiry expiry{.destination = destination, .spi = spi, .reqid = reqid_, .hard = hard};
  {
    std::lock_guard lock(mutex_);
    if (hard && sas_.erase(Key(destination, spi)) == 0) return;
  }
  tell({expiry});
}

void FakeKernel::expire_due(TimePoint now) {
  std::vector<KernelExpiry> due;
  {
    std::lock_guard lock(mutex_);
    for (auto at = sas_.begin(); at != sas_.end();) {
      const InstalledSa& sa = at->second;
      if (!sa.hard_limit || *sa.hard_limit > now) {
        ++at;
        continue;
      }
      due.push_back({.destination = sa.flow.destination, .spi = sa.flow.spi, .reqid = sa.reqid, .hard = true});
      at = sas_.erase(at);
    }
  }
  tell(due);
}

void FakeKernel::lose_events(bool lose) {
  std::vector<KernelExpiry> late;
  {
    std::lock_guard lock(mutex_);
    losing_ = lose;
    // A dump shows what is gone, never that a soft limit was passed.
    if (!lose) std::swap(late, lost_);
    std::erase_if(late, [](const KernelExpiry& expiry) { return !expiry.hard; });
  }
  tell(late);
}

void FakeKernel::tell(const std::vector<KernelExpiry>& expiries) {
  std::function<void(KernelExpiry)> handler;
  {
    std::lock_guard lock(mutex_);
    if (losing_) {
      lost_.insert(lost_.end(), expiries.begin(), expiries.end());
      return;
    }
    handler = handler_;
  }
  if (!handler) return;
  for (const KernelExpiry& expiry : expiries) handler(expiry);
}

}  // namespace lapwing::ipsec
