#include "pcscf/ipsec/netlink_kernel.h"

#include <openssl/rand.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <future>

#include "absl/strings/str_format.h"
#include "common/runtime/log.h"
#include "common/runtime/one_shot.h"

namespace lapwing::ipsec {
namespace {

constexpr Duration kDeadline = std::chrono::seconds(2);
constexpr size_t kMostJobs = 4096;
// Packets that were decrypted wait in a work queue of the kernel's for their sockets: 10 ms have been seen with
// Linux 6.1 on a busy machine.
constexpr auto kDecryptedWait = std::chrono::milliseconds(150);
constexpr size_t kDeletesInOneBatch = 64;

int64_t wall_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

uint64_t whole_seconds(Duration lifetime) {
  auto seconds = std::chrono::ceil<std::chrono::seconds>(lifetime).count();
  return seconds > 0 ? static_cast<uint64_t>(seconds) : 0;
}

bool same_flow(const Association& a, const Association& b) {
  return a.source == b.source && a.destination == b.destination && a.source_port == b.source_port &&
         a.destination_port == b.destination_port && a.spi == b.spi;
}

std::string described(const Association& flow) {
  return absl::StrFormat("SA %d from %s:%d to %s:%d", flow.spi.value, flow.source.to_string(), flow.source_port.value,
                         flow.destination.to_string(), flow.destination_port.value);
}

absl::Status checked(const SaSet& set, uint32_t reqid) {
  if (set.reqid != 0 && set.reqid != reqid) return absl::InvalidArgumentError("the set carries another reqid");
  if (!set.algorithms.valid()) return absl::InvalidArgumentError("the set's algorithms do not go together");
  if (set.ck.size() != 16 || set.ik.size() != 16) return absl::InvalidArgumentError("CK and IK are 16 bytes");
  if (set.ue.is_v6() != set.pcscf.is_v6()) return absl::InvalidArgumentError("the set's addresses mix IPv4 and IPv6");
  return absl::OkStatus();
}

absl::Status not_prepared() {
  return absl::FailedPreconditionError("the kernel was not prepared");
}
absl::Status too_late() {
  return absl::DeadlineExceededError("the kernel did not answer within 2 s");
}

}  // namespace

NetlinkKernel::~NetlinkKernel() {
  if (thread_.joinable()) {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    eventfd_write(wake_, 1);
    thread_.join();
  }
  if (wake_ >= 0) close(wake_);
}

// ---- From any thread ----

absl::Status NetlinkKernel::start() {
  if (thread_.joinable()) return absl::OkStatus();
  if (options_.reqid == 0) return absl::InvalidArgumentError("the reqid must not be 0");
  if (absl::Status status = requests_.open(0, 1 << 20); !status.ok()) return status;
  // Never ACQUIRE: with a listener on it the kernel would hold packets and wait for SAs that do not come.
  if (absl::Status status = events_.open(XFRMNLGRP_EXPIRE, options_.event_buffer_bytes); !status.ok()) return status;
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0) return kernel_status(errno, "eventfd");
  thread_ = std::thread([this] { loop(); });
  return absl::OkStatus();
}

absl::Status NetlinkKernel::enqueue(absl::AnyInvocable<void(bool)> run, bool always) {
  {
    std::lock_guard lock(mutex_);
    if (!thread_.joinable()) return not_prepared();
    if (!always && jobs_.size() >= kMostJobs)
      return absl::ResourceExhaustedError("too many requests to the kernel are waiting");
    auto not_after =
        always ? std::chrono::steady_clock::time_point::max() : std::chrono::steady_clock::now() + kDeadline;
    jobs_.push_back(Job{std::move(run), not_after});
  }
  eventfd_write(wake_, 1);
  return absl::OkStatus();
}

void NetlinkKernel::run_and_wait(absl::AnyInvocable<void()> run) {
  std::promise<void> done;
  absl::Status queued = enqueue(
      [&](bool) {
        run();
        done.set_value();
      },
      true);
  if (queued.ok()) done.get_future().wait();
}

absl::StatusOr<std::vector<SaSet>> NetlinkKernel::adopt(std::vector<SaSet> candidates) {
  if (candidates.empty()) return candidates;
  if (absl::Status status = start(); !status.ok()) return status;
  absl::StatusOr<std::vector<SaSet>> result = not_prepared();
  run_and_wait([&] { result = adopt_now(candidates); });
  return result;
}

absl::Status NetlinkKernel::prepare(End end, const std::vector<asio::ip::address>& local, Port server_port,
                                    const std::vector<Port>& client_ports, const std::vector<Algorithms>& algorithms) {
  if (end == End::pcscf && local.empty()) return absl::InvalidArgumentError("a P-CSCF names its addresses");
  if (absl::Status status = start(); !status.ok()) return status;
  std::vector<Port> ports = client_ports;
  ports.push_back(server_port);
  absl::Status result;
  run_and_wait([&] { result = prepare_now(end, local, ports, algorithms); });
  return result;
}

void NetlinkKernel::clear() {
  run_and_wait([&] {
    absl::Status sas = delete_all_ours();
    // The kernel answers what still comes to a closed connection with a reset, and without a policy in clear.
    if (used_) std::this_thread::sleep_for(kDecryptedWait);
    absl::Status status = policies_.clear();
    status.Update(sas);
    if (!status.ok()) LW_LOG(warn, "IPsec: not everything could be removed: %s", status.ToString());
  });
}

Task<absl::Status> NetlinkKernel::install(Worker& worker, SaSet set, Duration lifetime) {
  OneShot<absl::Status> answer(worker);
  absl::Status queued = enqueue([this, set, lifetime, sink = answer.sink()](
                                    bool in_time) { sink.set(in_time ? install_now(set, lifetime) : too_late()); },
                                false);
  if (!queued.ok()) co_return queued;
  std::optional<absl::Status> result = co_await answer.wait(kDeadline);
  if (result) co_return *result;
  // Whoever waited has given the set up: it must not stay if it comes to be after all.
  (void)enqueue([this, set](bool) { (void)remove_now(set); }, true);
  co_return too_late();
}

Task<absl::Status> NetlinkKernel::set_lifetime(Worker& worker, SaSet set, Duration lifetime) {
  OneShot<absl::Status> answer(worker);
  absl::Status queued = enqueue([this, set, lifetime, sink = answer.sink()](
                                    bool in_time) { sink.set(in_time ? set_lifetime_now(set, lifetime) : too_late()); },
                                false);
  if (!queued.ok()) co_return queued;
  std::optional<absl::Status> result = co_await answer.wait(kDeadline);
  co_return result ? *result : too_late();
}

Task<absl::Status> NetlinkKernel::remove(Worker& worker, SaSet set) {
  OneShot<absl::Status> answer(worker);
  absl::Status queued =
      enqueue([this, set, sink = answer.sink()](bool) { sink.set(remove_now(set)); }, /*always=*/true);
  if (!queued.ok()) co_return queued;
  std::optional<absl::Status> result = co_await answer.wait(kDeadline);
  co_return result ? *result : too_late();
}

Task<absl::StatusOr<std::vector<KernelSa>>> NetlinkKernel::list(Worker& worker) {
  using Answer = absl::StatusOr<std::vector<KernelSa>>;
  OneShot<Answer> answer(worker);
  absl::Status queued = enqueue(
      [this, sink = answer.sink()](bool in_time) { sink.set(in_time ? dump_ours() : Answer(too_late())); }, false);
  if (!queued.ok()) co_return queued;
  std::optional<Answer> result = co_await answer.wait(kDeadline);
  if (!result) co_return too_late();
  co_return std::move(*result);
}

// ---- On the netlink thread ----

void NetlinkKernel::loop() {
  while (true) {
    bool more = run_one();
    {
      std::lock_guard lock(mutex_);
      if (stopping_ && jobs_.empty()) return;
    }
    pollfd ready[] = {{wake_, POLLIN, 0}, {events_.descriptor(), POLLIN, 0}};
    poll(ready, 2, more ? 0 : -1);
    eventfd_t count;
    if (ready[0].revents != 0) eventfd_read(wake_, &count);
    if (ready[1].revents != 0) read_expiries();
  }
}

// Runs the oldest job, if there is one, and drops it: it holds keys. Are there more?
bool NetlinkKernel::run_one() {
  Job job;
  {
    std::lock_guard lock(mutex_);
    if (jobs_.empty()) return false;
    job = std::move(jobs_.front());
    jobs_.pop_front();
  }
  job.run(std::chrono::steady_clock::now() <= job.not_after);
  std::lock_guard lock(mutex_);
  return !jobs_.empty();
}

absl::Status NetlinkKernel::prepare_now(End end, const std::vector<asio::ip::address>& local,
                                        const std::vector<Port>& ports, const std::vector<Algorithms>& algorithms) {
  end_ = end;
  if (absl::Status status = delete_strangers(); !status.ok()) return status;

  std::vector<PortPolicy> wanted;
  auto want = [&](bool ipv6, const std::optional<asio::ip::address>& address) {
    for (Port port : ports)
      for (Direction direction : {Direction::in, Direction::out})
        wanted.push_back(
            {.direction = direction, .ipv6 = ipv6, .local = address, .local_port = port, .reqid = options_.reqid});
  };
  bool ipv4 = local.empty(), ipv6 = local.empty();
  for (const asio::ip::address& address : local) {
    (address.is_v6() ? ipv6 : ipv4) = true;
    want(address.is_v6(), address);
  }
  if (ipv4) {
    if (absl::Status status = warm(false, algorithms); !status.ok()) return status;
  }
  if (ipv6) {
    absl::Status status = warm(true, algorithms);
    if (!status.ok() && !local.empty()) return status;
    ipv6 = status.ok();
    if (!ipv6) LW_LOG(warn, "IPsec over IPv6 is not available: %s", status.message());
  }
  if (local.empty()) {
    want(false, std::nullopt);
    if (ipv6) want(true, std::nullopt);
  }
  return policies_.set(wanted);
}

absl::Status NetlinkKernel::warm(bool ipv6, const std::vector<Algorithms>& algorithms) {
  for (const Algorithms& pair : algorithms)
    if (absl::Status status = warm_one(ipv6, pair); !status.ok()) return status;
  return absl::OkStatus();
}

// A throw-away SA between addresses for documentation: whatever the kernel lacks shows now, and modules get loaded.
absl::Status NetlinkKernel::warm_one(bool ipv6, const Algorithms& algorithms) {
  SaSet set;
  set.ue = asio::ip::make_address(ipv6 ? "2001:db8::2" : "192.0.2.2");
  set.pcscf = asio::ip::make_address(ipv6 ? "2001:db8::1" : "192.0.2.1");
  set.uc = set.us = set.pc = set.ps = Port{1};
  uint8_t random[36];
  if (RAND_bytes(random, sizeof(random)) != 1) return absl::InternalError("no random numbers");
  set.ck = Secret(std::span<const uint8_t>(random, 16));
  set.ik = Secret(std::span<const uint8_t>(random + 16, 16));
  set.spi_ps = Spi{0x40000000u | static_cast<uint32_t>(random[32] << 16 | random[33] << 8 | random[34])};
  set.algorithms = algorithms;

  SaParameters sa = parameters(set, associations(set)[0]);
  auto batch = requests_.new_batch();
  if (!batch->add_sa(sa)) return absl::InternalError("the batch is full");
  std::vector<int> errors;
  if (absl::Status status = requests_.transact(*batch, &errors); !status.ok()) return status;
  if (errors[0] == EEXIST) return absl::OkStatus();  // the same documentation address and a random SPI: someone's test
  if (errors[0] != 0)
    return kernel_status(errors[0], absl::StrFormat("%s (%s)", text(algorithms), kernel_names(algorithms)));
  return delete_sas({Key(sa.flow.destination, sa.flow.spi)});
}

SaParameters NetlinkKernel::parameters(const SaSet& set, const Association& flow) const {
  bool inbound = flow.destination == (end_ == End::pcscf ? set.pcscf : set.ue);
  SaParameters sa;
  sa.flow = flow;
  sa.any_ports = inbound && options_.selectors == Selectors::address_only;
  sa.algorithms = set.algorithms;
  sa.integrity_key = integrity_key(set);
  sa.encryption_key = encryption_key(set);
  sa.reqid = options_.reqid;
  return sa;
}

absl::Status NetlinkKernel::install_now(const SaSet& set, Duration lifetime) {
  if (absl::Status status = checked(set, options_.reqid); !status.ok()) return status;
  const std::array<Association, 4> flows = associations(set);
  auto batch = requests_.new_batch();
  for (const Association& flow : flows) {
    SaParameters sa = parameters(set, flow);
    sa.hard_add_expires_s = whole_seconds(lifetime);
    if (!batch->add_sa(sa)) return absl::InternalError("the batch is full");
  }
  std::vector<int> errors;
  absl::Status result = requests_.transact(*batch, &errors);
  for (size_t i = 0; result.ok() && i < flows.size(); ++i) result = kernel_status(errors[i], described(flows[i]));
  if (!result.ok()) {
    take_back(set, errors);
    return result;
  }
  for (const Association& flow : flows) installed_[Key(flow.destination, flow.spi)] = flow;
  used_ = true;
  return absl::OkStatus();
}

// Deletes what of the set came to be. Where the answer is missing, the kernel is asked: the SPI may be another set's.
void NetlinkKernel::take_back(const SaSet& set, const std::vector<int>& errors) {
  const std::array<Association, 4> flows = associations(set);
  std::vector<Key> added;
  bool unsure = false;
  for (size_t i = 0; i < flows.size(); ++i) {
    if (errors[i] == 0) added.emplace_back(flows[i].destination, flows[i].spi);
    unsure = unsure || errors[i] == XfrmSocket::kUnanswered;
  }
  if (unsure) {
    absl::StatusOr<std::vector<KernelSa>> ours = dump_ours();
    if (!ours.ok()) LW_LOG(warn, "IPsec: the kernel's state is unknown: %s", ours.status().ToString());
    for (const Association& flow : flows) {
      Key key(flow.destination, flow.spi);
      bool there = ours.ok() && std::any_of(ours->begin(), ours->end(), [&](const KernelSa& sa) {
                     return sa.destination == flow.destination && sa.spi == flow.spi;
                   });
      if (there && !installed_.contains(key) && std::find(added.begin(), added.end(), key) == added.end())
        added.push_back(key);
    }
  }
  if (absl::Status status = delete_sas(added); !status.ok())
    LW_LOG(warn, "IPsec: a set that failed could not be removed: %s", status.ToString());
}

absl::Status NetlinkKernel::set_lifetime_now(const SaSet& set, Duration lifetime) {
  if (absl::Status status = checked(set, options_.reqid); !status.ok()) return status;
  const std::array<Association, 4> flows = associations(set);
  for (const Association& flow : flows) {
    auto found = installed_.find(Key(flow.destination, flow.spi));
    if (found == installed_.end() || !same_flow(found->second, flow)) return kernel_status(ESRCH, described(flow));
  }
  // The kernel counts from when the SA was added, and it alone knows when that was.
  auto question = requests_.new_batch();
  if (!question->get_sa(flows[0].destination, flows[0].spi)) return absl::InternalError("the batch is full");
  std::vector<int> errors;
  int64_t age_s = 0;
  absl::Status status = requests_.transact(*question, &errors, [&](const nlmsghdr& message) {
    if (std::optional<KernelSa> sa = read_sa(message, wall_seconds())) age_s = sa->age_s;
  });
  if (status.ok()) status = kernel_status(errors[0], described(flows[0]));
  if (!status.ok()) return status;

  auto batch = requests_.new_batch();
  for (const Association& flow : flows) {
    SaParameters sa = parameters(set, flow);
    uint64_t seconds = whole_seconds(lifetime);
    sa.hard_add_expires_s = seconds == 0 ? 0 : seconds + static_cast<uint64_t>(age_s);
    if (!batch->update_sa(sa)) return absl::InternalError("the batch is full");
  }
  status = requests_.transact(*batch, &errors);
  for (size_t i = 0; status.ok() && i < flows.size(); ++i) status = kernel_status(errors[i], described(flows[i]));
  return status;
}

absl::Status NetlinkKernel::remove_now(const SaSet& set) {
  std::vector<Key> ours;
  for (const Association& flow : associations(set)) {
    auto found = installed_.find(Key(flow.destination, flow.spi));
    if (found != installed_.end() && same_flow(found->second, flow)) ours.push_back(found->first);
  }
  return delete_sas(ours);
}

absl::Status NetlinkKernel::delete_sas(const std::vector<Key>& sas) {
  absl::Status result;
  std::vector<int> errors;
  for (size_t from = 0; from < sas.size(); from += kDeletesInOneBatch) {
    size_t to = std::min(sas.size(), from + kDeletesInOneBatch);
    auto batch = requests_.new_batch();
    for (size_t i = from; i < to; ++i)
      if (!batch->delete_sa(sas[i].first, sas[i].second)) return absl::InternalError("the batch is full");
    result.Update(requests_.transact(*batch, &errors));
    for (size_t i = from; i < to; ++i) {
      int error = errors[i - from];
      if (error == 0 || error == ESRCH) {
        installed_.erase(sas[i]);
      } else {
        result.Update(kernel_status(error, absl::StrFormat("deletion of SA %d", sas[i].second.value)));
      }
    }
  }
  return result;
}

absl::StatusOr<std::vector<SaSet>> NetlinkKernel::adopt_now(const std::vector<SaSet>& candidates) {
  absl::StatusOr<std::vector<KernelSa>> present = dump_ours();
  if (!present.ok()) return present.status();
  std::map<Key, const KernelSa*> by_key;
  for (const KernelSa& sa : *present) by_key[Key(sa.destination, sa.spi)] = &sa;
  // A selector without ports is that of Selectors::address_only.
  auto is_there = [&](const Association& flow) {
    auto found = by_key.find(Key(flow.destination, flow.spi));
    if (found == by_key.end() || found->second->source != flow.source) return false;
    const KernelSa& sa = *found->second;
    bool any_ports = sa.source_port.value == 0 && sa.destination_port.value == 0;
    return any_ports || (sa.source_port == flow.source_port && sa.destination_port == flow.destination_port);
  };
  std::vector<SaSet> adopted;
  for (const SaSet& set : candidates) {
    const std::array<Association, 4> flows = associations(set);
    if (!std::all_of(flows.begin(), flows.end(), is_there)) continue;
    for (const Association& flow : flows) installed_[Key(flow.destination, flow.spi)] = flow;
    adopted.push_back(set);
  }
  return adopted;
}

absl::Status NetlinkKernel::delete_strangers() {
  absl::StatusOr<std::vector<KernelSa>> present = dump_ours();
  if (!present.ok()) return present.status();
  std::vector<Key> keys;
  for (const KernelSa& sa : *present) {
    if (!installed_.contains(Key(sa.destination, sa.spi))) keys.emplace_back(sa.destination, sa.spi);
  }
  return delete_sas(keys);
}

absl::Status NetlinkKernel::delete_all_ours() {
  installed_.clear();
  return delete_strangers();
}

absl::StatusOr<std::vector<KernelSa>> NetlinkKernel::dump_ours() {
  auto batch = requests_.new_batch();
  if (!batch->dump_sas()) return absl::InternalError("the batch is full");
  std::vector<KernelSa> ours;
  std::vector<int> errors;
  int64_t now_s = wall_seconds();
  absl::Status status = requests_.transact(*batch, &errors, [&](const nlmsghdr& message) {
    std::optional<KernelSa> sa = read_sa(message, now_s);
    if (sa && sa->reqid == options_.reqid) ours.push_back(std::move(*sa));
  });
  if (status.ok()) status = kernel_status(errors[0], "list of SAs");
  if (!status.ok()) return status;
  return ours;
}

void NetlinkKernel::read_expiries() {
  std::vector<KernelExpiry> expiries;
  absl::Status status = events_.read_events([&](const nlmsghdr& message) {
    std::optional<KernelExpiry> expiry = read_expire(message);
    if (expiry && expiry->reqid == options_.reqid) expiries.push_back(*expiry);
  });
  for (const KernelExpiry& expiry : expiries) {
    bool known = installed_.contains(Key(expiry.destination, expiry.spi));
    if (expiry.hard) installed_.erase(Key(expiry.destination, expiry.spi));
    if (known && handler_) handler_(expiry);
  }
  if (!status.ok()) {
    LW_LOG(warn, "IPsec: expire events were lost (%s): comparing with the kernel's table", status.message());
    reconcile();
  }
}

// Reports as expired whatever of ours the kernel no longer has.
void NetlinkKernel::reconcile() {
  absl::StatusOr<std::vector<KernelSa>> present = dump_ours();
  if (!present.ok()) {
    LW_LOG(warn, "IPsec: the kernel's table could not be read: %s", present.status().ToString());
    return;
  }
  std::map<Key, Association> left;
  for (const KernelSa& sa : *present) {
    auto node = installed_.extract(Key(sa.destination, sa.spi));
    if (!node.empty()) left.insert(std::move(node));
  }
  std::swap(installed_, left);
  if (!handler_) return;
  for (const auto& [key, flow] : left)
    handler_({.destination = key.first, .spi = key.second, .reqid = options_.reqid, .hard = true});
}

}  // namespace lapwing::ipsec
