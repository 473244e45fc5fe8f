#include "scscf/procedures/select_server.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/runtime/ids.h"
#include "common/sip/headers.h"

namespace lapwing::scscf {
namespace {

bool has(const std::vector<uint32_t>& list, uint32_t what) {
  return std::find(list.begin(), list.end(), what) != list.end();
}

struct Candidate {
  Choice choice;
  size_t optional = 0;  // capabilities that are wanted, and that it has
  uint32_t weight = 0;
};

// nullopt: it lacks a mandatory capability.
std::optional<Candidate> judge(Choice choice, const std::vector<uint32_t>& capabilities, uint32_t weight,
                               const cx::ServerCapabilities& wants) {
  bool meets =
      std::all_of(wants.mandatory.begin(), wants.mandatory.end(), [&](uint32_t c) { return has(capabilities, c); });
  if (!meets) return std::nullopt;
  auto optional =
      std::count_if(wants.optional.begin(), wants.optional.end(), [&](uint32_t c) { return has(capabilities, c); });
  return Candidate{std::move(choice), static_cast<size_t>(optional), weight};
}

const Candidate& draw(const std::vector<Candidate>& candidates) {
  uint64_t sum = 0;
  for (const Candidate& one : candidates) sum += one.weight;
  if (sum == 0) return candidates.front();
  uint64_t ball = random_u64() % sum;
  for (const Candidate& one : candidates) {
    if (ball < one.weight) return one;
    ball -= one.weight;
  }
  return candidates.back();
}

}  // namespace

Chosen choose_named(const Core& core, const std::string& name) {
  if (core.settings().serving && same_server(name, core.settings().name)) return Choice{.ourselves = true, .other = {}};
  if (const OtherServer* server = find_server(core, name)) return Choice{.ourselves = false, .other = *server};
  return Outcome{.code = 480,
                 .why = absl::StrFormat("the HSS named the S-CSCF %s, which is not in `servers`", name),
                 .cause = Cause::no_fitting_server};
}

Chosen choose_capable(Core& core, const std::optional<cx::ServerCapabilities>& wanted,
                      const std::vector<std::string>& tried) {
  auto was_tried = [&](const std::string& name) {
    return std::any_of(tried.begin(), tried.end(), [&](const std::string& t) { return same_server(t, name); });
  };
  cx::ServerCapabilities wants = wanted.value_or(cx::ServerCapabilities{});
  for (const std::string& name : wants.server_names) {
    Chosen chosen = choose_named(core, name);
    if (std::holds_alternative<Choice>(chosen) && !was_tried(name) && !core.silent_servers.contains(name))
      return chosen;
  }
  std::vector<Candidate> living, silent;
  auto add = [&](std::optional<Candidate> candidate, const std::string& name) {
    if (candidate) (core.silent_servers.contains(name) ? silent : living).push_back(std::move(*candidate));
  };
  const Settings& settings = core.settings();
  if (settings.serving && !core.draining && !was_tried(settings.name)) {
    add(judge(Choice{.ourselves = true, .other = {}}, settings.capabilities, settings.weight, wants), settings.name);
  }
  for (const OtherServer& server : settings.servers) {
    if (was_tried(server.name)) continue;
    add(judge(Choice{.ourselves = same_server(server.name, settings.name), .other = server}, server.capabilities,
              server.weight, wants),
        server.name);
  }
  std::vector<Candidate>& candidates = living.empty() ? silent : living;
  if (candidates.empty() && core.draining) {
    return Outcome{.code = 503,
                   .headers = {{sip::HeaderId::retry_after, std::to_string(retry_when_drained)}},
                   .why = "this S-CSCF is draining, and no other is left"};
  }
  if (candidates.empty()) {
    return Outcome{.code = 480,
                   .why = "no S-CSCF is left that has the capabilities which the HSS demands",
                   .cause = Cause::no_fitting_server};
  }
  size_t most = 0;
  for (const Candidate& one : candidates) most = std::max(most, one.optional);
  std::erase_if(candidates, [most](const Candidate& one) { return one.optional < most; });
  return draw(candidates).choice;
}

bool same_server(std::string_view a, std::string_view b) {
  auto left = sip::Uri::parse(a), right = sip::Uri::parse(b);
  if (!left.ok() || !right.ok()) return a == b;
  auto port = [](const sip::Uri& uri) { return uri.port == 0 ? 5060 : uri.port; };
  return sip::equals_ignoring_case(left->host, right->host) && left->user == right->user && port(*left) == port(*right);
}

const OtherServer* find_server(const Core& core, std::string_view name) {
  for (const OtherServer& server : core.settings().servers) {
    if (same_server(name, server.name)) return &server;
  }
  return nullptr;
}

}  // namespace lapwing::scscf
