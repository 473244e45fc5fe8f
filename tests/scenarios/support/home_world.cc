#include "tests/scenarios/support/home_world.h"

#include "tests/scenarios/support/header_changes.h"

namespace lapwing::scenarios {

HomeWorld::HomeWorld(const SettingsText& settings)
    : pcscf(*this, transport, settings), scscf(*this, transport, settings) {
  transport.divert = [this](const sip::Flow& flow, const std::string& bytes) { return divert(flow, bytes); };
}

void HomeWorld::receive(const std::string& bytes, const sip::Flow& flow) {
  passed_.clear();
  passed_.push_back({"", bytes});
  pcscf.layer.received(bytes, flow);
}

bool HomeWorld::step(const Step& step, Variables& variables) {
  if (step.word == "hop") {
    hop(step, variables);
    return true;
  }
  if (step.word == "last-hop") {
    require("messages sent besides", "0", std::to_string(passed_.size() - 1));
    return true;
  }
  return scscf.step(step, variables) || pcscf.step(step, variables);
}

void HomeWorld::hop(const Step& step, Variables& variables) {
  if (passed_.size() < 2) throw Failure("it went no further");
  std::string changes = header_changes(passed_[0].bytes, passed_[1].bytes);
  passed_.pop_front();
  require("the hop", step.rest, passed_.front().by);
  if (auto difference = variables.match(step.block, changes)) throw Failure(*difference + "\nof\n" + changes);
}

bool HomeWorld::divert(const sip::Flow& flow, const std::string& bytes) {
  bool from_scscf = flow.local == scscf.core.settings().listen.front() || flow.remote == pcscf.core.settings().mw;
  passed_.push_back({from_scscf ? "scscf" : "pcscf", bytes});
  bool to_scscf = flow.remote == scscf.core.settings().listen.front();
  bool to_pcscf = flow.remote == pcscf.core.settings().mw;
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

}  // namespace lapwing::scenarios
