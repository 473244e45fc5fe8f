#include "cli/preflight/configuration.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "pcscf/config_check.h"
#include "scscf/config_check.h"

namespace lapwing::cli::preflight {
namespace {

template <typename Config, typename Rules>
Check read_file(std::string_view program, const std::string& path, std::optional<Config>& out, Rules rules) {
  Config config;
  config::Locations where;
  absl::Status read = config::load_yaml(path, config, &where);
  if (read.ok()) read = rules(config, where);
  if (!read.ok()) {
    return failed("configuration", path, std::string(read.message()),
                  {absl::StrFormat("correct it; what is right then: %s --config %s --check", program, path)});
  }
  out = std::move(config);
  return passed("configuration", path, "every key is right");
}

bool trusts(const v1::ScscfConfig& scscf, const Endpoint& mw) {
  return scscf.trusted().empty() || std::any_of(scscf.trusted().begin(), scscf.trusted().end(), [&](const auto& text) {
           return prefix_from(text)->contains(mw.address);
         });
}

}  // namespace

Check read_pcscf_file(Files& files) {
  return read_file("pcscf", files.pcscf_path, files.pcscf, pcscf::check);
}

Check read_scscf_file(Files& files) {
  return read_file("scscf", files.scscf_path, files.scscf, scscf::check);
}

std::vector<Check> check_files_together(const Files& files) {
  std::vector<Check> checks;
  if (!files.pcscf || !files.scscf) return checks;
  const v1::PcscfConfig& pcscf = *files.pcscf;
  const v1::ScscfConfig& scscf = *files.scscf;
  constexpr std::string_view code = "files-together";
  if (pcscf.home_domain() != scscf.home_domain()) {
    checks.push_back(failed(code, "home_domain",
                            absl::StrFormat("the P-CSCF's is %s, the S-CSCF's %s: the one takes what the other refuses",
                                            pcscf.home_domain(), scscf.home_domain()),
                            {absl::StrFormat("write the same home_domain into %s and %s: that of the handsets' IMSIs, "
                                             "ims.mncMNC.mccMCC.3gppnetwork.org",
                                             files.pcscf_path, files.scscf_path)}));
  }
  const Endpoint mw = *endpoint_from(pcscf.mw().listen());
  if (!trusts(scscf, mw)) {
    checks.push_back(failed(code, "trusted",
                            absl::StrFormat("the S-CSCF takes SIP from %s only, and the P-CSCF sends from %s",
                                            absl::StrJoin(scscf.trusted(), ", "), mw.address.to_string()),
                            {absl::StrFormat("add %s to trusted in %s", mw.address.to_string(), files.scscf_path)}));
  }
  if (std::find(scscf.listen().begin(), scscf.listen().end(), pcscf.mw().entry()) == scscf.listen().end()) {
    checks.push_back(warned(code, "mw.entry",
                            absl::StrFormat("the P-CSCF sends REGISTERs to %s, and this S-CSCF listens on %s",
                                            pcscf.mw().entry(), absl::StrJoin(scscf.listen(), ", ")),
                            {absl::StrFormat("unless another S-CSCF is meant: mw: {entry: \"%s\"} in %s",
                                             scscf.listen(0), files.pcscf_path)}));
  }
  if (pcscf.ipsec().policy() != "required" && !scscf.registrar().accept_unprotected_aka()) {
    checks.push_back(warned(
        code, "ipsec.policy",
        absl::StrFormat("the P-CSCF lets handsets in without IPsec (%s), and the S-CSCF challenges them for ever",
                        pcscf.ipsec().policy()),
        {absl::StrFormat("in a lab: registrar: {accept_unprotected_aka: true} in %s", files.scscf_path),
         absl::StrFormat("else: ipsec: {policy: required} in %s", files.pcscf_path)}));
  }
  if (checks.empty()) checks.push_back(passed(code, "both files", "they fit together"));
  return checks;
}

}  // namespace lapwing::cli::preflight
