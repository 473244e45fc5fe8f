// An S-CSCF over a fake HSS.
//
// Settings: name, home_domain, listen `ADDRESS:PORT ...`, qop (none: no qop), await_auth, min_expires, max_expires,
// default_expires, reauthenticate_after, max_resynchronisations, max_contacts, accept_unprotected_aka on, keep_profile
// on, interrogating off, serving off, servers `NAME ADDRESS:PORT [capability,...]; ...`, country_code, area_code,
// international_prefix, national_prefix, next_contact_after, session_expires, min_session_expires, longest_call,
// scscf_trusted (a prefix), short_messages on (service centre +15550000000), short_messages_longest,
// short_messages_limit, short_messages_per_receiver.
//
// Steps: hss: (fake_hss.h), and
//   push: RTR IMPI REASON [IMPU,...] -> 2001         as the HSS, and its answer
//   push: PPR IMPI TEXT -> 2001                      TEXT: the name of a variable, the User-Data; with ccf=URI charging
//   too operator: deregister IMPI deactivated|rejected operator: hangup                                 every call
//   expect state IMPI STATE | why IMPI TEXT | contacts N | challenges N | subscriptions N | hss-idle
//   drain | resume                                   as the operator says
//   reload KEY VALUE                                 another value of a setting while it runs
//   every-minute                                     what the daemon does each minute with short messages
//   expect calls N | call STATE ...                  of all calls
//   expect short-messages N                          that wait
#pragma once

#include "scscf/core.h"
#include "scscf/procedures/pushes.h"
#include "tests/scenarios/support/fake_hss.h"
#include "tests/scenarios/support/world.h"

namespace lapwing::scenarios {

class Scscf {
 public:
  Scscf(World& world, sip::Transport& transport, const SettingsText& settings);
  bool step(const Step& step, Variables& variables);
  std::string left_over() const { return hss.waiting(); }

  World& world;
  SettingsText settings_text;
  FakeHss hss;
  sip::TransactionIndex index;
  scscf::Core core;
  sip::TransactionLayer layer;
  scscf::Pushes pushes;

 private:
  void push(const std::string& text, Variables& variables);
  bool expectation(const Arguments& arguments, const Step& step, Variables& variables);
  std::optional<std::vector<std::string>> gone_;  // what an operator's deregistration returned
};

class ScscfWorld final : public World {
 public:
  explicit ScscfWorld(const SettingsText& settings) : scscf(*this, transport, settings) {}
  void receive(const std::string& bytes, const sip::Flow& flow) override { scscf.layer.received(bytes, flow); }
  bool step(const Step& step, Variables& variables) override { return scscf.step(step, variables); }
  std::string left_over() override { return scscf.left_over(); }
  Scscf scscf;
};

}  // namespace lapwing::scenarios
