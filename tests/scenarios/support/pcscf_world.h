// A P-CSCF over a fake kernel.
//
// Settings: pcscf_name, home_domain, gm, ps, pc (list), mw, entry, policy (required, optional, off), algorithms (list
// of pairs), spis `LOW HIGH`, await_auth, grace, expiry_margin, address_selectors on, trusted (list of prefixes),
// media_codecs, media_types (lists), media_max_kbps.
//
// Steps:
//   kernel: fail install|set_lifetime|remove|list     the next such call is refused
//   kernel: fail sa N                                 the N-th security association from now is refused
//   kernel: time-out install|remove|...               the next such call is not answered for 2 s
//   kernel: expire ADDRESS SPI                        its hard limit has come
//   drain | resume                                    as the operator says
//   expect sas N | sets STATE ... | outbound-port N   of the kernel; of all sets, oldest first; port-pc of our requests
//   expect state IMPI STATE | why IMPI TEXT | nat IMPI | spis N
#pragma once

#include "pcscf/core.h"
#include "pcscf/ipsec/fake_kernel.h"
#include "tests/scenarios/support/world.h"

namespace lapwing::scenarios {

class Pcscf {
 public:
  Pcscf(World& world, sip::Transport& transport, const SettingsText& settings);
  bool step(const Step& step, Variables& variables);

  World& world;
  ipsec::FakeKernel kernel{7};
  sip::TransactionIndex index;
  pcscf::Core core;
  sip::TransactionLayer layer;

 private:
  void kernel_step(const std::vector<std::string>& words);
  bool expectation(const std::vector<std::string>& words, const std::string& all);
};

class PcscfWorld final : public World {
 public:
  explicit PcscfWorld(const SettingsText& settings) : pcscf(*this, transport, settings) {}
  void receive(const std::string& bytes, const sip::Flow& flow) override { pcscf.layer.received(bytes, flow); }
  bool step(const Step& step, Variables& variables) override { return pcscf.step(step, variables); }
  Pcscf pcscf;
};

}  // namespace lapwing::scenarios
