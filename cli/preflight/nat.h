// Rules of this host that rewrite source addresses, and could rewrite those of packets to handsets: IPsec in transport
// mode binds both addresses, so what is rewritten is dropped by the handset.
//
// Only what a rule says of source and outgoing interface is looked at; whatever else it asks for may be met.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/preflight/check.h"
#include "common/runtime/values.h"

namespace lapwing::cli::preflight {

struct NatRule {
  std::string text;   // for people
  std::string chain;  // in which an earlier rule may end what comes after it
  bool ipv4 = true;
  bool ipv6 = true;
  std::optional<Prefix> source;  // nullopt: any, or said in a way that is not read here
  bool not_source = false;       // all but it
  std::string out_interface;     // empty: any; "eth+": all that begin so
  bool not_out_interface = false;
  // true: it rewrites; false: it ends the chain for what it matches (ACCEPT, RETURN), and asks for nothing else.
  bool rewrites = true;
};

// The text of `nft -j list ruleset`; nullopt: it is no such text. Chains of type nat at the postrouting hook, and those
// that rules jump to.
std::optional<std::vector<NatRule>> rules_from_nft(const std::string& json);
// The text of iptables-save or ip6tables-save, table nat.
std::vector<NatRule> rules_from_save(std::string_view text, bool ipv6);

// What one tool of the host said.
struct Ruleset {
  std::string tool;   // "nft -j list ruleset"
  std::string error;  // why it could not be read; empty: it was
  std::vector<NatRule> rules;
};
// Of each tool that is installed.
std::vector<Ruleset> read_rulesets();

// interface: by which packets leave toward handsets; empty: not known.
Check check_nat(const Endpoint& gm, std::string_view interface, const std::vector<Ruleset>& sets);

}  // namespace lapwing::cli::preflight
