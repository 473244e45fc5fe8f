// A P-CSCF and an S-CSCF on one worker, joined by their ports: what one sends to the other arrives there. Settings and
// steps are those of both; `home_domain` is common. Keys never pass to a handset: the worlds check every message that
// leaves the home network.
#pragma once

#include "tests/scenarios/support/pcscf_world.h"
#include "tests/scenarios/support/scscf_world.h"

namespace lapwing::scenarios {

class HomeWorld final : public World {
 public:
  explicit HomeWorld(const SettingsText& settings)
      : pcscf(*this, transport, settings), scscf(*this, transport, settings) {
    transport.divert = [this](const sip::Flow& flow, const std::string& bytes) { return divert(flow, bytes); };
  }
  void receive(const std::string& bytes, const sip::Flow& flow) override { pcscf.layer.received(bytes, flow); }
  bool step(const Step& step, Variables& variables) override {
    return scscf.step(step, variables) || pcscf.step(step, variables);
  }
  std::string left_over() override { return scscf.left_over(); }

  Pcscf pcscf;
  Scscf scscf;

 private:
  bool divert(const sip::Flow& flow, const std::string& bytes) {
    bool to_scscf = flow.remote == scscf.core.settings.listen.front();
    bool to_pcscf = flow.remote == pcscf.core.settings.mw;
    sip::Flow there{flow.protocol, flow.remote, flow.local, 0};
    if (to_scscf || to_pcscf) {
      worker.post([this, to_scscf, bytes, there] { (to_scscf ? scscf.layer : pcscf.layer).received(bytes, there); });
      return true;
    }
    for (const char* name : {"ck=", "ik="}) {
      if (bytes.find(name) != std::string::npos) ADD_FAILURE() << "a key goes to the handset:\n" << bytes;
    }
    return false;
  }
};

}  // namespace lapwing::scenarios
