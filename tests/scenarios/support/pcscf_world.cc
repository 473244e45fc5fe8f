#include "tests/scenarios/support/pcscf_world.h"

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "pcscf/sa_sets.h"

namespace lapwing::scenarios {
namespace {

std::vector<std::string> list(const std::string& text) {
  return absl::StrSplit(text, absl::ByAnyChar(", "), absl::SkipEmpty());
}

Duration duration(const std::string& text) {
  auto parsed = duration_from(text);
  if (!parsed.ok()) throw Failure("not a duration: " + text);
  return *parsed;
}

ipsec::Port port(const std::string& text) {
  return {static_cast<uint16_t>(std::stoul(text))};
}

std::string value_of(const SettingsText& text, const std::string& key, const std::string& otherwise) {
  auto found = text.find(key);
  return found == text.end() ? otherwise : found->second;
}

pcscf::Settings settings_from(const SettingsText& text) {
  auto value = [&](const char* key, const char* otherwise) { return value_of(text, key, otherwise); };
  pcscf::Settings s;
  s.name = value("pcscf_name", "pcscf.ims.example.org");
  s.home_domain = value("home_domain", "ims.example.org");
  for (const std::string& gm : list(value("gm", "10.4.128.21:5060"))) s.gm.push_back(*endpoint_from(gm));
  s.ps = port(value("ps", "6100"));
  for (const std::string& pc : list(value("pc", "6101 6102 6103 6104"))) s.pc.push_back(port(pc));
  s.mw = *endpoint_from(value("mw", "10.4.128.21:4060"));
  s.entry = {sip::Protocol::udp, s.mw, *endpoint_from(value("entry", "10.4.128.22:6060")), 0};
  std::string policy = value("policy", "required");
  s.policy = policy == "off"        ? pcscf::IpsecPolicy::off
             : policy == "optional" ? pcscf::IpsecPolicy::optional
                                    : pcscf::IpsecPolicy::required;
  for (const std::string& pair : list(value("algorithms", "hmac-sha-1-96/aes-cbc hmac-sha-1-96/null"))) {
    auto algorithms = ipsec::algorithms_from(pair);
    if (!algorithms.ok()) throw Failure(std::string(algorithms.status().message()));
    s.algorithms.push_back(*algorithms);
  }
  s.reqid = 7;
  s.await_auth = duration(value("await_auth", "4m"));
  s.grace = duration(value("grace", "128s"));
  s.expiry_margin = duration(value("expiry_margin", "30s"));
  s.address_selectors = value("address_selectors", "off") == "on";
  s.media.codecs = list(value("media_codecs", ""));
  s.media.media = list(value("media_types", ""));
  if (text.contains("media_max_kbps")) s.media.max_kbps = static_cast<uint32_t>(std::stoul(text.at("media_max_kbps")));
  for (const std::string& prefix : list(value("trusted", ""))) s.trusted.push_back(*prefix_from(prefix));
  return s;
}

uint32_t spi(const SettingsText& text, size_t which) {
  return static_cast<uint32_t>(std::stoul(list(value_of(text, "spis", "1000 9999")).at(which)));
}

ipsec::FakeKernel::Call call_named(const std::string& name) {
  using Call = ipsec::FakeKernel::Call;
  for (auto [text, call] : {std::pair("install", Call::install), std::pair("set_lifetime", Call::set_lifetime),
                            std::pair("remove", Call::remove), std::pair("list", Call::list)}) {
    if (name == text) return call;
  }
  throw Failure("the kernel has no call " + name);
}

}  // namespace

Pcscf::Pcscf(World& w, sip::Transport& transport, const SettingsText& settings)
    : world(w),
      core(settings_from(settings), kernel, w.clock, w.report(), spi(settings, 0), spi(settings, 1)),
      layer(w.worker, transport, index, pcscf::transaction_options(core)) {
  core.sites.push_back({w.worker, layer});
  pcscf::serve(core, core.sites.front());
  kernel.on_expire([this](ipsec::KernelExpiry expiry) {
    world.worker.post([this, expiry] { world.worker.spawn(pcscf::kernel_expired(core, core.sites.front(), expiry)); });
  });
  std::vector<asio::ip::address> addresses;
  for (const sip::Endpoint& gm : core.settings().gm) addresses.push_back(gm.address);
  (void)kernel.prepare(ipsec::End::pcscf, addresses, core.settings().ps, core.settings().pc,
                       core.settings().algorithms);
}

bool Pcscf::step(const Step& step, Variables& variables) {
  std::string all = variables.expand(step.rest);
  Arguments arguments = arguments_of(all);
  if (step.word == "kernel:") {
    kernel_step(arguments.words);
  } else if (step.word == "drain" || step.word == "resume") {
    core.draining = step.word == "drain";
  } else if (step.word != "expect" || !expectation(arguments.words, all)) {
    return false;
  }
  world.settle();
  return true;
}

void Pcscf::kernel_step(const std::vector<std::string>& words) {
  if (words.at(0) == "expire") {
    return kernel.expire(asio::ip::make_address(words.at(1)), {static_cast<uint32_t>(std::stoul(words.at(2)))}, true);
  }
  if (words.at(0) == "time-out") return kernel.time_out_next(call_named(words.at(1)));
  absl::Status refused = absl::ResourceExhaustedError("the kernel has no memory");
  if (words.at(1) == "sa") return kernel.fail_new_sa(std::stoi(words.at(2)), refused);
  kernel.fail_next(call_named(words.at(1)), refused);
}

bool Pcscf::expectation(const std::vector<std::string>& words, const std::string& all) {
  const std::string& what = words.at(0);
  if (what == "sas") {
    require("security associations in the kernel", words.at(1), std::to_string(kernel.installed().size()));
  } else if (what == "spis") {
    require("SPIs in use", words.at(1), std::to_string(core.spis.in_use()));
  } else if (what == "sets") {
    std::string sets = "sets";
    for (auto& handset : core.handsets.all()) {
      for (const pcscf::SaEntry& entry : handset->sets) sets += " " + std::string(pcscf::state_text(entry.state));
    }
    require("sets", all, sets);
  } else if (what == "outbound-port") {
    std::string now = "none";
    for (auto& handset : core.handsets.all()) {
      if (const pcscf::SaEntry* entry = handset->outbound_set()) now = std::to_string(entry->set.pc.value);
    }
    require("port-pc of our requests", words.at(1), now);
  } else if (what == "state" || what == "why" || what == "nat") {
    std::string state = "(no such handset)", why;
    bool nat = false;
    for (auto& handset : core.handsets.all()) {
      if (handset->impi != words.at(1)) continue;
      state = pcscf::state_text(handset->state);
      why = handset->why;
      nat = handset->nat;
    }
    if (what == "nat") {
      require("NAT noticed", "yes", nat ? "yes" : "no");
      return true;
    }
    std::string rest = all.substr(all.find(words[1]) + words[1].size() + 1);
    if (what == "state") {
      require("state", rest, state);
    } else if (why.find(rest) == std::string::npos) {
      throw Failure("why: " + why);
    }
  } else {
    return false;
  }
  return true;
}

}  // namespace lapwing::scenarios
