#include "cli/preflight/kernel.h"

#include <linux/capability.h>

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/runtime/values.h"
#include "pcscf/ipsec/netlink_kernel.h"

namespace lapwing::cli::preflight {
namespace {

// Above what ipsec.reqid may be.
constexpr uint32_t own_reqid = 0x4c500001;

bool off(const v1::PcscfConfig& config) {
  return config.ipsec().policy() == "off";
}

void add_once(std::vector<std::string>& list, const std::string& text) {
  if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
}

// Modules of the kernel's crypto API; what is built in, modprobe takes as loaded.
std::string modules_of(std::string_view pair) {
  std::vector<std::string> modules;
  const auto has = [&](std::string_view name) { return pair.find(name) != pair.npos; };
  if (has("hmac")) modules.emplace_back("hmac");
  if (has("md5")) modules.emplace_back("md5");
  if (has("sha-1")) modules.emplace_back("sha1_generic");
  if (has("aes-cbc") || has("des")) modules.emplace_back("cbc");
  if (has("aes")) modules.emplace_back("aes_generic");
  if (has("des")) modules.emplace_back("des_generic");
  if (has("gcm") || has("gmac")) modules.emplace_back("gcm");
  if (has("/null")) modules.emplace_back("crypto_null");
  return absl::StrJoin(modules, " ");
}

Advice advice_without_esp(const v1::PcscfConfig& config) {
  const bool optional = config.ipsec().policy() == "optional";
  return {"as root: modprobe -a xfrm_user esp4 esp6",
          "where modprobe finds none, this kernel was built without: install the distribution's own (Debian: "
          "linux-image-amd64); what it has: grep -E 'INET_ESP=|INET6_ESP=|XFRM_USER=' /boot/config-$(uname -r)",
          "in a container the modules are the host's to load: the same modprobe there",
          absl::StrCat("in a lab, for handsets without IPsec: ipsec: {policy: off}",
                       optional ? " (optional needs ESP as well)" : "")};
}

}  // namespace

std::optional<uint64_t> effective_capabilities(std::string_view proc_status) {
  constexpr std::string_view name = "CapEff:";
  const size_t at = proc_status.find(name);
  if (at == proc_status.npos) return std::nullopt;
  std::string_view rest = proc_status.substr(at + name.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  uint64_t set = 0;
  const std::string digits(rest.substr(0, rest.find('\n')));
  if (!absl::SimpleHexAtoi(digits, &set)) return std::nullopt;
  return set;
}

Check check_capability(const v1::PcscfConfig& config, std::optional<uint64_t> effective) {
  constexpr std::string_view code = "cap-net-admin";
  constexpr std::string_view about = "CAP_NET_ADMIN";
  if (off(config)) return passed(code, about, "not needed: ipsec.policy is off");
  if (!effective) {
    return warned(code, about, "/proc/self/status does not say which capabilities this program has",
                  {"mount -t proc proc /proc"});
  }
  if ((*effective >> CAP_NET_ADMIN & 1) != 0) return passed(code, about, "this program has it, so pcscf will");
  return failed(
      code, about, "this program does not have it: a pcscf that is started likewise cannot put keys into the kernel",
      {"start pcscf as root; or give it the capability: setcap cap_net_admin=ep $(command -v pcscf)",
       "in a systemd unit: AmbientCapabilities=CAP_NET_ADMIN",
       "then run this as pcscf runs: as root, or in the unit's place with `setpriv --reuid USER --clear-groups "
       "--inh-caps +net_admin --ambient-caps +net_admin imsctl preflight`"});
}

std::vector<EspTrial> try_esp(const v1::PcscfConfig& config) {
  std::vector<EspTrial> trials;
  if (off(config)) return trials;
  ipsec::NetlinkKernel kernel({.reqid = own_reqid, .event_buffer_bytes = 1 << 16});
  for (const bool ipv6 : {false, true}) {
    const bool wanted = std::any_of(config.gm().listen().begin(), config.gm().listen().end(),
                                    [&](const auto& listen) { return endpoint_from(listen)->address.is_v6() == ipv6; });
    if (!wanted) continue;
    const auto local = asio::ip::make_address(ipv6 ? "2001:db8::1" : "192.0.2.1");
    for (const std::string& pair : config.ipsec().algorithms()) {
      const auto algorithms = ipsec::algorithms_from(pair);
      absl::Status status = algorithms.status();
      if (status.ok()) status = kernel.prepare(ipsec::End::pcscf, {local}, {1}, {}, {*algorithms});
      trials.push_back({pair, ipv6, std::move(status)});
      // Nothing was begun: the rest would say the same.
      if (absl::IsPermissionDenied(trials.back().status) || absl::IsUnavailable(trials.back().status)) return trials;
    }
  }
  kernel.clear();
  return trials;
}

Check check_esp(const v1::PcscfConfig& config, const std::vector<EspTrial>& trials) {
  constexpr std::string_view code = "esp";
  constexpr std::string_view about = "ESP in the kernel";
  if (off(config)) return passed(code, about, "not needed: ipsec.policy is off");
  std::vector<std::string> families;
  std::vector<std::string> right;
  std::vector<std::string> wrong;
  Advice lacking;
  for (const EspTrial& trial : trials) {
    const std::string family = trial.ipv6 ? "IPv6" : "IPv4";
    if (trial.status.ok()) {
      add_once(families, family);
      add_once(right, trial.algorithms);
      continue;
    }
    const std::string why(trial.status.message());
    if (absl::IsPermissionDenied(trial.status)) {
      return warned(code, about, absl::StrCat("could not be tried: ", why),
                    {"run this as root: sudo imsctl preflight"});
    }
    // No ESP at all, or no XFRM: which algorithms there are does not matter then.
    if (absl::IsFailedPrecondition(trial.status) || absl::IsUnavailable(trial.status)) {
      return failed(code, about, absl::StrFormat("over %s: %s", family, why), advice_without_esp(config));
    }
    wrong.push_back(absl::StrFormat("%s over %s: %s", trial.algorithms, family, why));
    add_once(lacking, absl::StrFormat("as root: modprobe -a %s; or take %s out of ipsec.algorithms",
                                      modules_of(trial.algorithms), trial.algorithms));
  }
  if (!wrong.empty()) return failed(code, about, absl::StrJoin(wrong, "; "), lacking);
  return passed(code, about,
                absl::StrFormat("security associations were added and deleted over %s with %s",
                                absl::StrJoin(families, " and "), absl::StrJoin(right, ", ")));
}

}  // namespace lapwing::cli::preflight
