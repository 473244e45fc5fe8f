#include "cli/preflight/nat.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/runtime/log.h"

namespace lapwing::cli::preflight {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;

const Value* member(const Struct& object, const std::string& name) {
  const auto found = object.fields().find(name);
  return found == object.fields().end() ? nullptr : &found->second;
}

std::string text_of(const Struct& object, const std::string& name) {
  const Value* value = member(object, name);
  return value == nullptr ? std::string() : value->string_value();
}

const Struct* object_of(const Struct& object, const std::string& name) {
  const Value* value = member(object, name);
  return value != nullptr && value->has_struct_value() ? &value->struct_value() : nullptr;
}

// ADDRESS or {"prefix": {"addr", "len"}}; nullopt: a set, a range or something else.
std::optional<Prefix> prefix_of(const Value& right) {
  std::string text = right.string_value();
  if (right.has_struct_value()) {
    const Struct* prefix = object_of(right.struct_value(), "prefix");
    const Value* length = prefix == nullptr ? nullptr : member(*prefix, "len");
    if (length == nullptr) return std::nullopt;
    text = absl::StrCat(text_of(*prefix, "addr"), "/", static_cast<int>(length->number_value()));
  }
  const auto read = prefix_from(text);
  return read.ok() ? std::optional(*read) : std::nullopt;
}

// One "match" of nft. false: it is not read here, so the rule asks for more than is known.
bool read_match(const Struct& match, NatRule& rule) {
  const Struct* left = object_of(match, "left");
  const Value* right = member(match, "right");
  const std::string op = text_of(match, "op");
  if (left == nullptr || right == nullptr || (op != "==" && op != "!=" && op != "in")) return false;
  if (const Struct* payload = object_of(*left, "payload")) {
    const std::string protocol = text_of(*payload, "protocol");
    if (protocol == "ip") rule.ipv6 = false;
    if (protocol == "ip6") rule.ipv4 = false;
    if (text_of(*payload, "field") != "saddr") return false;
    rule.source = prefix_of(*right);
    rule.not_source = op == "!=";
    return rule.source.has_value();
  }
  const Struct* meta = object_of(*left, "meta");
  if (meta == nullptr || text_of(*meta, "key") != "oifname" || !right->has_string_value()) return false;
  rule.out_interface = right->string_value();
  if (rule.out_interface.ends_with('*')) rule.out_interface.back() = '+';
  rule.not_out_interface = op == "!=";
  return true;
}

enum class Verdict { none, rewrites, ends, jumps };

// nft shows what iptables wrote as {"xt": {"type": "target", "name": "MASQUERADE"}}, or as null in old versions.
Verdict verdict_of(const std::string& name, const Value& value, std::string& jump) {
  if (name == "masquerade" || name == "snat") return Verdict::rewrites;
  if (name == "accept" || name == "return" || name == "drop") return Verdict::ends;
  if ((name == "jump" || name == "goto") && value.has_struct_value()) {
    jump = text_of(value.struct_value(), "target");
    return Verdict::jumps;
  }
  if (name != "xt") return Verdict::none;
  if (!value.has_struct_value()) return Verdict::rewrites;
  const std::string target = text_of(value.struct_value(), "name");
  return target == "MASQUERADE" || target == "SNAT" || target == "NETMAP" ? Verdict::rewrites : Verdict::none;
}

std::string rule_text(const NatRule& rule, std::string_view what) {
  std::string out(what);
  if (rule.source) {
    absl::StrAppend(&out, rule.not_source ? " of all sources but " : " of source ", rule.source->address.to_string(),
                    "/", rule.source->length);
  }
  if (!rule.out_interface.empty()) {
    absl::StrAppend(&out, rule.not_out_interface ? " by all interfaces but " : " by ", rule.out_interface);
  }
  return out;
}

bool interface_matches(const NatRule& rule, std::string_view interface) {
  if (rule.out_interface.empty() || interface.empty()) return true;
  const bool all = rule.out_interface.ends_with('+');
  const std::string_view name =
      std::string_view(rule.out_interface).substr(0, rule.out_interface.size() - (all ? 1 : 0));
  return (all ? interface.starts_with(name) : interface == name) != rule.not_out_interface;
}

bool touches(const NatRule& rule, const Endpoint& gm, std::string_view interface) {
  if (!(gm.address.is_v4() ? rule.ipv4 : rule.ipv6)) return false;
  if (rule.source && rule.source->contains(gm.address) == rule.not_source) return false;
  return interface_matches(rule, interface);
}

std::string program_path(const std::string& name) {
  for (const char* folder : {"/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/"}) {
    if (access((folder + name).c_str(), X_OK) == 0) return folder + name;
  }
  return "";
}

// What the command prints; error: why it did not.
std::string output_of(const std::string& command, std::string& error) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "re");
  if (pipe == nullptr) {
    error = "it could not be started";
    return "";
  }
  std::string out;
  std::array<char, 8192> block;
  while (const size_t got = fread(block.data(), 1, block.size(), pipe)) {
    if (out.size() < size_t{16} << 20) out.append(block.data(), got);
  }
  const int status = pclose(pipe);
  if (status != 0) error = log::printable(out.substr(0, out.find('\n')));
  if (status != 0 && error.empty()) error = absl::StrFormat("it ended with status %d", WEXITSTATUS(status));
  return out;
}

// iptables of nft and of the older kind have tables of their own, each with its own tool.
void read_saved(std::vector<Ruleset>& sets, const std::string& tool, bool ipv6) {
  const std::string path = program_path(tool);
  if (path.empty()) return;
  Ruleset& set = sets.emplace_back();
  set.tool = tool;
  // Without a table it shows those that are there; with one it would load the table's module.
  const std::string text = output_of(path, set.error);
  if (set.error.empty()) set.rules = rules_from_save(text, ipv6);
}

}  // namespace

std::optional<std::vector<NatRule>> rules_from_nft(const std::string& json) {
  Struct document;
  if (!google::protobuf::util::JsonStringToMessage(json, &document).ok()) return std::nullopt;
  const Value* list = member(document, "nftables");
  if (list == nullptr || !list->has_list_value()) return std::nullopt;
  // A chain by family, table and name.
  const auto id_of = [](const Struct& object, const std::string& name) {
    return absl::StrCat(text_of(object, "family"), " ", text_of(object, "table"), " ", name);
  };
  std::set<std::string> chains;
  for (const Value& entry : list->list_value().values()) {
    const Struct* chain = object_of(entry.struct_value(), "chain");
    if (chain != nullptr && text_of(*chain, "type") == "nat" && text_of(*chain, "hook") == "postrouting") {
      chains.insert(id_of(*chain, text_of(*chain, "name")));
    }
  }
  std::vector<NatRule> rules;
  // Chains that are jumped to may stand before those that jump: again until there is no new one.
  for (size_t known = 0; known != chains.size();) {
    known = chains.size();
    rules.clear();
    for (const Value& entry : list->list_value().values()) {
      const Struct* read = object_of(entry.struct_value(), "rule");
      if (read == nullptr || !chains.contains(id_of(*read, text_of(*read, "chain")))) continue;
      const Value* expressions = member(*read, "expr");
      if (expressions == nullptr) continue;
      NatRule rule;
      bool all_read = true;
      Verdict verdict = Verdict::none;
      std::string what;
      for (const Value& expression : expressions->list_value().values()) {
        for (const auto& [name, value] : expression.struct_value().fields()) {
          std::string jump;
          const Verdict here = verdict_of(name, value, jump);
          if (here != Verdict::none) {
            verdict = here;
            what = name != "xt"               ? name
                   : value.has_struct_value() ? text_of(value.struct_value(), "name")
                                              : "a rule of iptables that nft does not show";
          }
          if (here == Verdict::jumps) chains.insert(id_of(*read, jump));
          if (name == "match") all_read = read_match(value.struct_value(), rule) && all_read;
          if (name == "xt" && here == Verdict::none) all_read = false;
        }
      }
      const std::string family = text_of(*read, "family");
      rule.ipv4 = rule.ipv4 && family != "ip6";
      rule.ipv6 = rule.ipv6 && family != "ip";
      rule.chain = id_of(*read, text_of(*read, "chain"));
      rule.rewrites = verdict == Verdict::rewrites;
      const bool counts = rule.rewrites || (verdict == Verdict::ends && all_read);
      if (!counts) continue;
      rule.text = absl::StrFormat("%s, in table %s %s, chain %s", rule_text(rule, what), family,
                                  text_of(*read, "table"), text_of(*read, "chain"));
      rules.push_back(std::move(rule));
    }
  }
  return rules;
}

std::vector<NatRule> rules_from_save(std::string_view text, bool ipv6) {
  std::vector<NatRule> rules;
  bool nat = false;
  for (absl::string_view row : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    const std::string line(row);
    if (line.starts_with("*")) nat = line == "*nat";
    if (!nat || !line.starts_with("-A ")) continue;
    NatRule rule;
    rule.ipv4 = !ipv6;
    rule.ipv6 = ipv6;
    rule.text = line;
    rule.chain = line.substr(3, line.find(' ', 3) - 3);
    std::string target;
    bool negated = false;
    bool all_read = true;
    const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    for (size_t i = 2; i < words.size(); ++i) {
      const std::string value = i + 1 < words.size() ? words[i + 1] : "";
      if (words[i] == "!") {
        negated = true;
        continue;
      }
      if (words[i] == "-j") {
        target = value;
        break;
      }
      if (words[i] == "-s") {
        const auto source = prefix_from(value);
        if (source.ok()) rule.source = *source;
        all_read = all_read && source.ok();
        rule.not_source = negated;
        ++i;
      } else if (words[i] == "-o") {
        rule.out_interface = value;
        rule.not_out_interface = negated;
        ++i;
      } else {
        all_read = false;
      }
      negated = false;
    }
    rule.rewrites = target == "MASQUERADE" || target == "SNAT" || target == "NETMAP";
    const bool ends = (target == "ACCEPT" || target == "RETURN") && all_read;
    if (rule.rewrites || ends) rules.push_back(std::move(rule));
  }
  return rules;
}

std::vector<Ruleset> read_rulesets() {
  std::vector<Ruleset> sets;
  if (const std::string nft = program_path("nft"); !nft.empty()) {
    Ruleset& set = sets.emplace_back();
    set.tool = "nft -j list ruleset";
    const std::string json = output_of(nft + " -j list ruleset", set.error);
    auto rules = set.error.empty() ? rules_from_nft(json) : std::nullopt;
    if (set.error.empty() && !rules) set.error = "its output is not what is known here";
    if (rules) set.rules = *std::move(rules);
  } else {
    read_saved(sets, "iptables-nft-save", false);
    read_saved(sets, "ip6tables-nft-save", true);
  }
  read_saved(sets, "iptables-legacy-save", false);
  read_saved(sets, "ip6tables-legacy-save", true);
  return sets;
}

Check check_nat(const Endpoint& gm, std::string_view interface, const std::vector<Ruleset>& sets) {
  constexpr std::string_view code = "nat";
  const std::string about = absl::StrFormat("NAT toward handsets, gm.listen %s", gm.text());
  const std::string address = gm.address.to_string();
  std::vector<std::string> found;
  std::vector<std::string> unread;
  std::vector<std::string> read;
  for (const Ruleset& set : sets) {
    if (!set.error.empty()) {
      unread.push_back(absl::StrCat(set.tool, ": ", set.error));
      continue;
    }
    read.push_back(set.tool);
    std::set<std::string> ended;  // chains of which the rest is for others
    for (const NatRule& rule : set.rules) {
      if (!touches(rule, gm, interface) || ended.contains(rule.chain)) continue;
      if (rule.rewrites) {
        found.push_back(rule.text);
      } else {
        ended.insert(rule.chain);
      }
    }
  }
  const bool v4 = gm.address.is_v4();
  if (!found.empty()) {
    return warned(
        code, about,
        absl::StrCat("may rewrite our address in packets to handsets, which IPsec does not survive: ",
                     absl::StrJoin(found, "; ")),
        {absl::StrFormat("%s -t nat -I POSTROUTING -s %s -j ACCEPT", v4 ? "iptables" : "ip6tables", address),
         absl::StrFormat("or with nft: nft insert rule TABLE CHAIN %s saddr %s accept", v4 ? "ip" : "ip6", address),
         "flows that the kernel knows already keep their old address: conntrack -F, or wait three minutes"});
  }
  if (!unread.empty() || sets.empty()) {
    return warned(code, about,
                  sets.empty() ? "the rules cannot be read: neither nft nor iptables is installed"
                               : absl::StrCat("the rules cannot be read: ", absl::StrJoin(unread, "; ")),
                  {"run this as root: sudo imsctl preflight", "apt-get install nftables",
                   "what to look for: a MASQUERADE or SNAT rule that is not limited to other sources or interfaces"});
  }
  return passed(code, about, absl::StrCat("no rule rewrites it (", absl::StrJoin(read, ", "), ")"));
}

}  // namespace lapwing::cli::preflight
