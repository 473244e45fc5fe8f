// A P-CSCF and an S-CSCF on one worker, joined by their ports: what one sends to the other arrives there. Settings and
// steps are those of both; `home_domain` is common. Keys never pass to a handset: the worlds check every message that
// leaves the home network.
//
// Steps:
//   hop pcscf|scscf        the next on the way of the message that came in last, and what it changed: the lines below,
//                          as header_changes.h writes them
//   last-hop               behind the last of them: the message went no further
#pragma once

#include "tests/scenarios/support/pcscf_world.h"
#include "tests/scenarios/support/scscf_world.h"

namespace lapwing::scenarios {

class HomeWorld final : public World {
 public:
  explicit HomeWorld(const SettingsText& settings);
  void receive(const std::string& bytes, const sip::Flow& flow) override;
  bool step(const Step& step, Variables& variables) override;
  std::string left_over() override { return scscf.left_over(); }

  Pcscf pcscf;
  Scscf scscf;

 private:
  bool divert(const sip::Flow& flow, const std::string& bytes);
  void hop(const Step& step, Variables& variables);

  // The message that came in last, and what was sent since, by whom.
  struct Passed {
    std::string by, bytes;
  };
  std::deque<Passed> passed_;
};

}  // namespace lapwing::scenarios
