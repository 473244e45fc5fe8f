// pcscf: the edge of the IMS core. Wires the parts together; the procedures are in procedures/.
#include <thread>

#include "absl/strings/ascii.h"
#include "common/control/daemon.h"
#include "common/control/report.h"
#include "common/runtime/config.h"
#include "common/runtime/log.h"
#include "common/sip/stack.h"
#include "common/store/sqlite_store.h"
#include "lapwing/v1/config.pb.h"
#include "page/doors.h"
#include "pcscf/config_check.h"
#include "pcscf/core.h"
#include "pcscf/ipsec/netlink_kernel.h"
#include "pcscf/operator.h"
#include "pcscf/sa_sets.h"
#include "pcscf/state.h"

namespace lapwing::pcscf {
namespace {

using config::duration;

sip::Endpoint endpoint(const std::string& checked) {
  return *endpoint_from(checked);
}

Settings settings_from(const v1::PcscfConfig& config) {
  Settings s;
  s.name = config.name();
  s.home_domain = config.home_domain();
  for (const std::string& listen : config.gm().listen()) s.gm.push_back(endpoint(listen));
  s.ps.value = static_cast<uint16_t>(config.gm().protected_server_port());
  for (uint32_t port : config.gm().protected_client_ports()) s.pc.push_back({static_cast<uint16_t>(port)});
  s.mw = endpoint(config.mw().listen());
  s.entry.protocol = config.mw().transport() == "tcp" ? sip::Protocol::tcp : sip::Protocol::udp;
  s.entry.remote = endpoint(config.mw().entry());
  s.entry.local = s.mw;
  if (s.entry.protocol == sip::Protocol::tcp) s.entry.local.port = 0;
  for (const std::string& network : config.mw().trusted()) s.trusted.push_back(*prefix_from(network));
  for (const v1::Host& host : config.hosts()) s.hosts[absl::AsciiStrToLower(host.name())] = endpoint(host.address());
  const v1::Ipsec& ipsec = config.ipsec();
  s.policy = ipsec.policy() == "required"   ? IpsecPolicy::required
             : ipsec.policy() == "optional" ? IpsecPolicy::optional
                                            : IpsecPolicy::off;
  for (const std::string& pair : ipsec.algorithms()) s.algorithms.push_back(*ipsec::algorithms_from(pair));
  s.reqid = ipsec.reqid();
  s.await_auth = duration(ipsec.await_auth());
  s.grace = duration(ipsec.grace());
  s.expiry_margin = duration(ipsec.expiry_margin());
  s.address_selectors = ipsec.selectors() == "address";
  s.export_keys = ipsec.export_keys();
  s.media = sdp::policy_from(config.media());
  const v1::Timers& t = config.timers();
  s.core_timers = sip::TimerValues::of(duration(t.core_t1()), duration(t.core_t2()), duration(t.core_t4()));
  s.handset_timers = sip::TimerValues::of(duration(t.handset_t1()), duration(t.handset_t2()), duration(t.handset_t4()));
  return s;
}

absl::Status listen_all(sip::Stack& stack, const Settings& settings) {
  auto both = [&](const sip::Endpoint& at) {
    absl::Status status = stack.listen(sip::Protocol::udp, at);
    return status.ok() ? stack.listen(sip::Protocol::tcp, at) : status;
  };
  if (absl::Status status = both(settings.mw); !status.ok()) return status;
  for (const sip::Endpoint& gm : settings.gm) {
    if (absl::Status status = both(gm); !status.ok()) return status;
    if (settings.policy == IpsecPolicy::off) continue;
    if (absl::Status status = both({gm.address, settings.ps.value}); !status.ok()) return status;
    // Client ports: UDP for what we send; TCP connections are bound to them one by one.
    for (ipsec::Port pc : settings.pc) {
      if (absl::Status status = stack.listen(sip::Protocol::udp, {gm.address, pc.value}); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

absl::Status prepare_kernel(ipsec::NetlinkKernel& kernel, const Settings& settings) {
  if (settings.policy == IpsecPolicy::off) return absl::OkStatus();
  std::vector<asio::ip::address> addresses;
  for (const sip::Endpoint& gm : settings.gm) addresses.push_back(gm.address);
  return kernel.prepare(ipsec::End::pcscf, addresses, settings.ps, settings.pc, settings.algorithms);
}

// What the state file and the kernel have of a life before.
absl::Status take_up(Core& core, const v1::PcscfConfig& config) {
  if (config.state_file().empty()) return absl::OkStatus();
  auto store = SqliteStore::open({.file = config.state_file(), .owner = "pcscf " + config.name()});
  if (!store.ok()) return store.status();
  core.store = std::move(*store);
  absl::StatusOr<Restored> restored = restore(core);
  if (!restored.ok()) return restored.status();
  if (restored->handsets + restored->lost + restored->unreadable > 0) {
    LW_LOG(info, "taken up from the state file: %d handsets with %d security association sets%s", restored->handsets,
           restored->sets,
           restored->unreadable == 0 ? "" : absl::StrFormat("; %d records could not be used", restored->unreadable));
  }
  if (restored->lost > 0) {
    LW_LOG(warn,
           "the kernel does not have the security associations of %d handsets any more, as after a reboot: they "
           "register anew when they find out",
           restored->lost);
  }
  return absl::OkStatus();
}

int run(control::Daemon& daemon, const v1::PcscfConfig& config) {
  SystemClock clock;
  uint32_t count = config.workers() != 0 ? config.workers() : std::max(1U, std::thread::hardware_concurrency());
  control::Events events(clock);
  ipsec::NetlinkKernel kernel({.reqid = config.ipsec().reqid(),
                               .selectors = config.ipsec().selectors() == "address" ? ipsec::Selectors::address_only
                                                                                    : ipsec::Selectors::ports});
  WorkerPool pool(count, clock);
  Core core(settings_from(config), kernel, clock, control::report_to(events), config.ipsec().spi_min(),
            config.ipsec().spi_max());

  std::optional<trace::Recorder> recorder;
  if (config.trace().megabytes() > 0) recorder.emplace(clock, size_t{config.trace().megabytes()} << 20, count);
  sip::Stack::Options options;
  options.transport.recorder = recorder ? &*recorder : nullptr;
  options.connections_per_address = config.gm().connections_per_address();
  options.transport.idle_timeout = duration(config.gm().idle_timeout());
  options.layer = transaction_options(core);
  sip::Stack stack(pool, options);
  for (uint32_t i = 0; i < pool.size(); ++i) core.sites.push_back({pool.at(i), stack.layer(i)});
  for (Site& site : core.sites) serve(core, site);
  kernel.on_expire([&core](ipsec::KernelExpiry expiry) {
    Site& site = core.sites.front();
    site.worker.post([&core, &site, expiry] { site.worker.spawn(kernel_expired(core, site, expiry)); });
  });

  // With a state file the security associations stay in the kernel, to be adopted at the next start.
  auto leave_kernel = [&kernel, keep = !config.state_file().empty()] {
    if (!keep) kernel.clear();
  };
  if (absl::Status taken = take_up(core, config); !taken.ok()) return control::could_not_start(taken);
  if (absl::Status ready = prepare_kernel(kernel, core.settings()); !ready.ok()) return control::could_not_start(ready);
  if (absl::Status listening = listen_all(stack, core.settings()); !listening.ok()) {
    leave_kernel();
    return control::could_not_start(listening);
  }
  daemon.applies<v1::PcscfConfig>([&core](const v1::PcscfConfig& next) {
    core.configure(settings_from(next));
    log::configure(next.log());
  });
  PcscfOperator oper(core, pool, stack);
  pool.at(0).timers().every(std::chrono::minutes(1), [&core] { core.handsets.sweep(); });
  auto note_drops = [&core] {
    if (auto counts = ipsec::read_drop_counts()) core.drops.note(core.clock.wall(), *counts);
  };
  note_drops();
  pool.at(0).timers().every(std::chrono::seconds(1), note_drops);
  pool.start();
  resume(core);
  auto doors = page::open_doors(
      config, cli::Role::pcscf,
      {.workers = count, .reload = [&daemon] { return daemon.reload(); }, .recorder = recorder ? &*recorder : nullptr},
      oper, events);
  if (!doors.ok()) {
    pool.stop();
    leave_kernel();
    return control::could_not_start(doors.status());
  }
  LW_LOG(info, "%s is up: Gm on %s, core on %s, %d workers", config.name(), core.settings().gm.front().text(),
         core.settings().mw.text(), count);
  int code = daemon.wait_for_stop();
  LW_LOG(info, "stopping");
  doors->close();
  pool.stop();
  // The kernel would go on sending the rest of a protected connection, and in clear as soon as the policies are gone.
  stack.close([&core](const sip::Flow& flow) { return core.on_protected_port(flow); });
  leave_kernel();
  log::stop();
  return code;
}

}  // namespace
}  // namespace lapwing::pcscf

int main(int argc, char** argv) {
  using namespace lapwing;
  v1::PcscfConfig config;
  control::Daemon daemon("pcscf", "The P-CSCF: handsets register through it, over IPsec.");
  if (auto code = daemon.start(argc, argv, config, pcscf::check)) return *code;
  if (absl::Status logging = log::start("pcscf", config.log()); !logging.ok()) return 1;
  return pcscf::run(daemon, config);
}
