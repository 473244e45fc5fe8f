#include "cli/preflight/preflight.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <future>
#include <iterator>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "cli/json.h"
#include "cli/preflight/configuration.h"
#include "cli/preflight/dns.h"
#include "cli/preflight/host.h"
#include "cli/preflight/hss.h"
#include "cli/preflight/kernel.h"
#include "cli/preflight/nat.h"
#include "cli/preflight/network.h"
#include "cli/preflight/ports.h"

namespace lapwing::cli::preflight {
namespace {

constexpr std::chrono::milliseconds hss_limit{2000};
constexpr std::chrono::milliseconds dns_limit{1000};

std::string content(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The checks of one run, in the order they are shown.
class Run {
 public:
  explicit Run(Files files) : files_(std::move(files)), ours_(host_addresses()), interfaces_(interfaces()) {}

  v1::Preflight all() {
    if (!files_.pcscf_path.empty()) add(read_pcscf_file(files_));
    if (!files_.scscf_path.empty()) add(read_scscf_file(files_));
    add(check_files_together(files_));
    // Both may take their time limit: meanwhile the rest is looked at.
    std::future<std::vector<HssTrial>> hss;
    std::future<DnsAnswers> dns;
    if (files_.scscf) {
      hss = std::async(std::launch::async, [this] { return try_hss(files_.scscf->cx(), hss_limit); });
    }
    if (files_.pcscf) {
      dns = std::async(std::launch::async, [this] { return ask_dns(*files_.pcscf, dns_limit); });
      pcscf(*files_.pcscf);
    }
    if (files_.scscf) scscf(*files_.scscf);
    if (hss.valid()) add(check_hss(hss.get(), hss_limit));
    if (dns.valid()) add(check_dns(*files_.pcscf, dns.get()));
    add(check_clock(read_clock()));
    add(check_open_files(hard_file_limit()));
    done_.set_failed(std::any_of(done_.checks().begin(), done_.checks().end(), is_failed));
    return std::move(done_);
  }

 private:
  void add(Check check) { *done_.add_checks() = std::move(check); }
  void add(std::vector<Check> checks) {
    for (Check& check : checks) add(std::move(check));
  }

  const Interface* interface_of(const asio::ip::address& address) const {
    for (const HostAddress& one : ours_) {
      if (one.address != address) continue;
      for (const Interface& interface : interfaces_) {
        if (interface.name == one.interface) return &interface;
      }
    }
    return nullptr;
  }

  // Is the address there; without it a port cannot be tried.
  bool address(std::string_view key, const Endpoint& at) {
    add(check_listen_address(key, at, route_to(at.address), ours_));
    return !is_failed(*done_.checks().rbegin());
  }

  void places(std::string_view program, const std::string& file, const std::string& control,
              const std::string& state_file) {
    constexpr std::string_view scheme = "unix:";
    const std::string key = absl::StrFormat("control.listen of %s", file);
    if (control.starts_with(scheme)) {
      add(check_control_socket(key, look_at(control.substr(scheme.size()))));
    } else if (const Endpoint at = *endpoint_from(control); !at.address.is_loopback()) {
      add(failed(
          "control-socket", absl::StrFormat("%s, %s", key, control),
          absl::StrFormat("%s listens for its operator on a unix socket or a loopback address only", program),
          {absl::StrFormat("control: {listen: \"unix:/run/lapwing/%s.sock\"}; from elsewhere: ssh -L", program)}));
    } else {
      add(check_ports("control.listen", program, file, try_ports({at})));
    }
    if (!state_file.empty()) add(check_file(absl::StrFormat("state_file of %s", file), look_at(state_file)));
  }

  void pcscf(const v1::PcscfConfig& config) {
    add(check_capability(config, effective_capabilities(content("/proc/self/status"))));
    add(check_esp(config, try_esp(config)));
    const bool protects = config.ipsec().policy() != "off";
    std::string gm_interface;
    const std::vector<Ruleset> rules = read_rulesets();
    for (const std::string& listen : config.gm().listen()) {
      const Endpoint gm = *endpoint_from(listen);
      if (!address("gm.listen", gm)) continue;
      add(check_ports("gm.listen", "pcscf", files_.pcscf_path, try_ports({gm})));
      if (protects) {
        std::vector<Endpoint> ports = {{gm.address, static_cast<uint16_t>(config.gm().protected_server_port())}};
        for (uint32_t port : config.gm().protected_client_ports()) {
          ports.push_back({gm.address, static_cast<uint16_t>(port)});
        }
        add(check_ports("gm.protected_server_port and gm.protected_client_ports", "pcscf", files_.pcscf_path,
                        try_ports(ports)));
      }
      const Interface* on = interface_of(gm.address);
      if (on != nullptr) gm_interface = on->name;
      add(check_mtu(config, gm, on));
      add(check_nat(gm, on == nullptr ? "" : on->name, rules));
    }
    add(check_reverse_path(interfaces_, gm_interface));
    const Endpoint mw = *endpoint_from(config.mw().listen());
    if (address("mw.listen", mw)) add(check_ports("mw.listen", "pcscf", files_.pcscf_path, try_ports({mw})));
    const Endpoint entry = *endpoint_from(config.mw().entry());
    add(check_route("mw.entry", entry, &mw.address, route_to(entry.address)));
    places("pcscf", files_.pcscf_path, config.control().listen(), config.state_file());
  }

  void scscf(const v1::ScscfConfig& config) {
    for (const std::string& listen : config.listen()) {
      const Endpoint at = *endpoint_from(listen);
      if (address("listen", at)) add(check_ports("listen", "scscf", files_.scscf_path, try_ports({at})));
    }
    for (int i = 0; i < config.cx().peers_size(); ++i) {
      const Endpoint peer = *endpoint_from(config.cx().peers(i).address());
      add(check_route(absl::StrFormat("cx.peers[%d].address", i), peer, nullptr, route_to(peer.address)));
    }
    places("scscf", files_.scscf_path, config.control().listen(), config.state_file());
    if (!config.calls().records().empty()) {
      add(check_file(absl::StrFormat("calls.records of %s", files_.scscf_path), look_at(config.calls().records())));
    }
  }

  Files files_;
  const std::vector<HostAddress> ours_;
  const std::vector<Interface> interfaces_;
  v1::Preflight done_;
};

}  // namespace

std::string preflight_text(const v1::Preflight& done) {
  std::string out;
  size_t ok_count = 0;
  size_t failed_count = 0;
  for (const Check& check : done.checks()) {
    ok_count += is_ok(check) ? 1 : 0;
    failed_count += is_failed(check) ? 1 : 0;
    const std::string outcome = is_failed(check) ? "FAILED" : check.outcome();
    absl::StrAppend(&out, absl::StrFormat("%-7s  %s: %s\n", outcome, check.about(),
                                          absl::StrReplaceAll(check.text(), {{"\n", "\n           "}})));
    for (const std::string& line : check.advice()) absl::StrAppend(&out, "           - ", line, "\n");
  }
  const size_t warnings = static_cast<size_t>(done.checks_size()) - ok_count - failed_count;
  absl::StrAppend(
      &out,
      absl::StrFormat("\n%d ok, %d %s, %d FAILED: ", ok_count, warnings, warnings == 1 ? "warning" : "warnings",
                      failed_count),
      done.failed() ? "correct what FAILED before you start the daemons\n" : "the daemons can be started\n");
  return out;
}

int preflight(const Options& options, std::ostream& out, std::ostream& err, const Surroundings& around) {
  Files files;
  files.pcscf_path = options.pcscf_config;
  files.scscf_path = options.scscf_config;
  if (files.pcscf_path.empty() && files.scscf_path.empty()) {
    for (const auto& [path, name] : {std::pair(&files.pcscf_path, "pcscf"), std::pair(&files.scscf_path, "scscf")}) {
      const std::string usual = absl::StrCat(around.etc, "/lapwing/", name, ".yaml");
      if (access(usual.c_str(), F_OK) == 0) *path = usual;
    }
  }
  if (files.pcscf_path.empty() && files.scscf_path.empty()) {
    err << "imsctl: there is no " << around.etc
        << "/lapwing/pcscf.yaml and no scscf.yaml beside it: give --pcscf-config "
        << "FILE or --scscf-config FILE, or have them written by: imsctl init\n";
    return 2;
  }
  const v1::Preflight done = Run(std::move(files)).all();
  out << (options.json ? absl::StrCat(json_text(done, true), "\n") : preflight_text(done));
  return done.failed() ? 1 : 0;
}

}  // namespace lapwing::cli::preflight
