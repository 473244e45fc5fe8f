// What the procedures of the P-CSCF work with. main.cc builds it; tests build it over fakes.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "common/control/report.h"
#include "common/metrics/distribution.h"
#include "common/runtime/live.h"
#include "common/runtime/turns.h"
#include "common/runtime/worker.h"
#include "common/sdp/policy.h"
#include "common/sip/next_hop.h"
#include "common/sip/transaction_layer.h"
#include "common/store/store.h"
#include "pcscf/handsets.h"
#include "pcscf/ipsec/drop_counters.h"
#include "pcscf/ipsec/kernel.h"
#include "pcscf/ipsec/spi_pool.h"

namespace lapwing::pcscf {

enum class IpsecPolicy { required, optional, off };

struct Settings {
  std::string name, home_domain;
  std::vector<sip::Endpoint> gm;  // addresses with the unprotected port
  ipsec::Port ps;
  std::vector<ipsec::Port> pc;
  sip::Endpoint mw;  // our side of the core
  sip::Flow entry;   // the way to the I-CSCF
  IpsecPolicy policy = IpsecPolicy::required;
  std::vector<ipsec::Algorithms> algorithms;
  uint32_t reqid = 0;
  Duration await_auth = std::chrono::minutes(4);
  Duration grace = std::chrono::seconds(128);
  Duration expiry_margin = std::chrono::seconds(30);
  bool address_selectors = false;  // ports are checked here, not by the kernel
  bool export_keys = false;        // to the operator who asks
  sip::TimerValues core_timers, handset_timers = sip::TimerValues::handset();
  sdp::Policy media;            // of the sessions that handsets offer
  std::vector<Prefix> trusted;  // networks of the core besides the entry's address
  sip::Hosts hosts;             // names in URIs that lead somewhere
};

struct Site {
  Worker& worker;
  sip::TransactionLayer& transactions;
};

struct Core {
  Live<Settings> configured;
  ipsec::Kernel& kernel;
  const Clock& clock;
  control::Report report;
  CommonTexts common;
  Handsets handsets;
  ipsec::SpiPool spis;
  ipsec::DropCounters drops;
  // From the first REGISTER, which was challenged, to its 200: with the handset's own time.
  metrics::Histogram registration_times{metrics::seconds_bounds};
  Turns turns;
  std::unique_ptr<Store> store = std::make_unique<NoStore>();
  std::vector<Site> sites;
  std::atomic<bool> draining{false};  // nothing new begins here: 503

  Core(Settings s, ipsec::Kernel& k, const Clock& c, control::Report r, uint32_t spi_low, uint32_t spi_high)
      : configured(std::move(s)),
        kernel(k),
        clock(c),
        report(std::move(r)),
        handsets(c),
        spis(c, spi_low, spi_high, settings().grace) {}
  const Settings& settings() const { return configured.get(); }
  // Of all that begins from now on. What is fixed at start (gm, mw.listen, ...) must be as it was.
  void configure(Settings next) { configured.set(std::move(next)); }

  bool on_core_side(const sip::Flow& flow) const {
    return flow.local.address == settings().mw.address && flow.local.port == settings().mw.port;
  }
  bool on_protected_port(const sip::Flow& flow) const;  // ps or one of pc
  bool trusts(const asio::ip::address& address) const;
  // Our Path or Record-Route URI for the handset, toward the core.
  std::string route_uri(const Handset& handset) const;
};

// Retry-After of what is refused because we drain; seconds.
inline constexpr uint32_t retry_when_drained = 30;

// How the transactions of each worker behave.
sip::TransactionLayer::Options transaction_options(Core& core);

// The entry: from now on the core takes what the site's transactions deliver.
void serve(Core& core, Site& site);

}  // namespace lapwing::pcscf
