#include "cli/ladder.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/times.h"
#include "cli/wire_text.h"
#include "common/runtime/log.h"
#include "hss-client/cx_codec.h"
#include "hss-client/cx_text.h"

namespace lapwing::cli {
namespace {

// Longer apart than this, two equal messages are two.
constexpr auto on_the_way = std::chrono::seconds(10);

std::string title_of(const std::string& program) {
  if (program == "pcscf") return "P-CSCF";
  if (program == "scscf") return "S-CSCF";
  return program;
}

// Which daemon an address belongs to: the whole endpoint where it was seen, else the address where only one has it.
class Places {
 public:
  explicit Places(const std::vector<v1::TraceMessage>& messages) {
    for (const v1::TraceMessage& one : messages) {
      if (one.carrier() == "diameter") continue;
      by_endpoint_[one.local()] = one.program();
      by_address_[host_of(one.local())].insert(one.program());
    }
  }
  std::string local(const v1::TraceMessage& one) const { return title_of(one.program()); }
  std::string remote(const v1::TraceMessage& one) const {
    if (one.carrier() == "diameter") return "HSS";
    if (auto found = by_endpoint_.find(one.remote()); found != by_endpoint_.end() && found->second != one.program()) {
      return title_of(found->second);
    }
    const std::string address = host_of(one.remote());
    auto shared = by_address_.find(address);
    if (shared != by_address_.end() && shared->second.size() == 1 && *shared->second.begin() != one.program()) {
      return title_of(*shared->second.begin());
    }
    return absl::StrCat(one.program() == "pcscf" ? "UE " : "AS ", address);
  }

 private:
  std::map<std::string, std::string> by_endpoint_;
  std::map<std::string, std::set<std::string>> by_address_;
};

std::string first_line(const std::string& message) {
  return message.substr(0, message.find_first_of("\r\n"));
}

std::string method_of_cseq(const std::string& message) {
  for (const char* name : {"\nCSeq:", "\ncseq:", "\nCSEQ:"}) {
    size_t at = message.find(name);
    if (at == message.npos) continue;
    std::string line = message.substr(at + 6, message.find('\n', at + 6) - at - 6);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    return line.substr(line.rfind(' ') + 1);
  }
  return "";
}

void describe_sip(LadderStep& step) {
  const std::string first = first_line(step.message);
  if (!first.starts_with("SIP/2.0 ")) {
    step.label = first.substr(0, first.find(' '));
    return;
  }
  step.label = first.substr(8);
  if (std::string method = method_of_cseq(step.message); !method.empty())
    absl::StrAppend(&step.label, " (", method, ")");
  // A challenge is a step on the way.
  if (step.label.starts_with("401 ") || step.label.starts_with("407 ")) {
    step.tone = LadderStep::Tone::provisional;
    return;
  }
  switch (step.label.front()) {
    case '1':
      step.tone = LadderStep::Tone::provisional;
      break;
    case '2':
      step.tone = LadderStep::Tone::success;
      break;
    default:
      step.tone = LadderStep::Tone::failure;
  }
}

void describe_diameter(LadderStep& step) {
  auto parsed = diameter::decode(step.message, cx::is_group);
  auto* message = std::get_if<diameter::Message>(&parsed);
  step.label = "Diameter";
  if (!message) return;
  step.label = cx::name_of(*message);
  if (!message->request()) {
    auto result = cx::result_of(message->avps);
    auto* known = std::get_if<cx::Result>(&result);
    // Those of 3GPP's own results that begin with 2 are kinds of success (TS 29.229 section 6.2.1).
    step.tone = known && known->code / 1000 == 2 ? LadderStep::Tone::success : LadderStep::Tone::failure;
  }
  step.message = cx::listing(*message);
}

size_t rank_of(const std::string& column, const std::string& first_handset) {
  if (column == first_handset) return 0;
  if (column == "P-CSCF") return 1;
  if (column == "S-CSCF") return 2;
  if (column == "HSS") return 3;
  return column.starts_with("AS ") ? 4 : 5;
}

}  // namespace

std::vector<v1::TraceMessage> without_doubles(std::vector<v1::TraceMessage> messages) {
  std::multimap<std::string, std::pair<WallTime, std::string>> sent;  // by content: when, and by whom
  for (const v1::TraceMessage& one : messages) {
    if (!one.incoming()) sent.emplace(one.message(), std::pair(wall_time(one.time()), one.program()));
  }
  std::erase_if(messages, [&](const v1::TraceMessage& one) {
    if (!one.incoming()) return false;
    auto [from, to] = sent.equal_range(one.message());
    for (auto twin = from; twin != to; ++twin) {
      const auto apart = wall_time(one.time()) - twin->second.first;
      if (twin->second.second == one.program() || apart > on_the_way || apart < -on_the_way) continue;
      sent.erase(twin);
      return true;
    }
    return false;
  });
  std::sort(messages.begin(), messages.end(), [](const v1::TraceMessage& a, const v1::TraceMessage& b) {
    return std::pair(a.time().seconds(), a.time().nanos()) < std::pair(b.time().seconds(), b.time().nanos());
  });
  return messages;
}

Ladder ladder_of(std::vector<v1::TraceMessage> messages) {
  const Places places(messages);
  Ladder ladder;
  std::vector<std::pair<std::string, std::string>> ends;
  std::string first_handset;
  std::set<std::string> columns;
  messages = without_doubles(std::move(messages));
  for (v1::TraceMessage& one : messages) {
    std::string here = places.local(one), there = places.remote(one);
    if (first_handset.empty() && there.starts_with("UE ")) first_handset = there;
    columns.insert(here);
    columns.insert(there);
    LadderStep step{.at = wall_time(one.time()),
                    .label = {},
                    .carrier = one.carrier(),
                    .message = std::move(*one.mutable_message())};
    one.carrier() == "diameter" ? describe_diameter(step) : describe_sip(step);
    ends.emplace_back(one.incoming() ? there : here, one.incoming() ? here : there);
    ladder.steps.push_back(std::move(step));
  }
  ladder.columns.assign(columns.begin(), columns.end());
  std::sort(ladder.columns.begin(), ladder.columns.end(), [&](const std::string& a, const std::string& b) {
    return std::pair(rank_of(a, first_handset), a) < std::pair(rank_of(b, first_handset), b);
  });
  auto index_of = [&](const std::string& name) {
    return static_cast<size_t>(std::find(ladder.columns.begin(), ladder.columns.end(), name) - ladder.columns.begin());
  };
  for (size_t i = 0; i < ends.size(); ++i) {
    ladder.steps[i].from = index_of(ends[i].first);
    ladder.steps[i].to = index_of(ends[i].second);
  }
  return ladder;
}

}  // namespace lapwing::cli
