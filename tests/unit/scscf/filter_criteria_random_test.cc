// Random criteria and requests, judged by FilterCriteria and by a second evaluator that is slow and plain. It never
// sees the text of a request: what is written as a message is known beforehand as names, values and lines.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <regex>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "scscf/ifc/filter_criteria.h"

namespace lapwing::scscf {
namespace {

constexpr uint32_t kSeed = 20240229;
constexpr int kSets = 1000, kRequestsOfEach = 5;

struct KnownRequest {
  struct Row {
    std::string name;                 // the long form
    std::string text;                 // of the whole row, as it is to be compared
    std::vector<std::string> values;  // of a list header
  };
  std::string method, uri, host_or_number;
  std::vector<Row> rows;
  std::vector<std::pair<char, std::string>> sdp;
  std::string text;
};

// --- The plain evaluator. ---

const std::regex& compiled(const std::string& pattern, bool any_case) {
  static std::map<std::pair<std::string, bool>, std::regex> known;
  auto at = known.find({pattern, any_case});
  if (at != known.end()) return at->second;
  auto flags = any_case ? std::regex::extended | std::regex::icase : std::regex::extended;
  return known.emplace(std::pair(pattern, any_case), std::regex(pattern, flags)).first->second;
}
bool found(const std::string& pattern, const std::string& text) {
  return std::regex_search(text, compiled(pattern, false));
}
bool whole(const std::string& pattern, const std::string& text, bool any_case) {
  return std::regex_match(text, compiled(pattern, any_case));
}

// As if it were not negated.
bool expected(const Spt& spt, const KnownRequest& request, const ServicePoint& point, RequestUriPart part) {
  switch (spt.condition.index()) {
    case 0:
      return found(std::get<Spt::RequestUri>(spt.condition).pattern,
                   part == RequestUriPart::whole ? request.uri : request.host_or_number);
    case 1: {
      if (std::get<Spt::Method>(spt.condition).name != request.method) return false;
      if (request.method != "REGISTER" || spt.registration_types.empty()) return true;
      bool listed = false;
      for (RegistrationType type : spt.registration_types) listed = listed || type == point.registration;
      return listed;
    }
    case 2: {
      const auto& header = std::get<Spt::SipHeader>(spt.condition);
      for (const KnownRequest::Row& row : request.rows) {
        if (!whole(header.name, row.name, true)) continue;
        if (!header.content || found(*header.content, row.text)) return true;
        for (const std::string& value : row.values) {
          if (found(*header.content, value)) return true;
        }
      }
      return false;
    }
    case 3:
      return std::get<SessionCase>(spt.condition) == point.session_case;
    default: {
      const auto& description = std::get<Spt::SessionDescription>(spt.condition);
      for (const auto& [type, text] : request.sdp) {
        if (!whole(description.line, std::string(1, type), false)) continue;
        if (!description.content || found(*description.content, text)) return true;
      }
      return false;
    }
  }
}

bool expected(const InitialFilterCriteria& criterion, const KnownRequest& request, const ServicePoint& point,
              RequestUriPart part) {
  bool unregistered = point.session_case == SessionCase::terminating_unregistered ||
                      point.session_case == SessionCase::originating_unregistered;
  if (criterion.profile_part == ProfilePart::registered && unregistered) return false;
  if (criterion.profile_part == ProfilePart::unregistered && !unregistered) return false;
  if (!criterion.trigger_point) return true;
  std::map<uint32_t, std::vector<bool>> groups;
  for (const Spt& spt : criterion.trigger_point->spts) {
    for (uint32_t group : spt.groups) groups[group].push_back(expected(spt, request, point, part) != spt.negated);
  }
  bool all_have_one = true, one_has_all = false;
  for (const auto& [number, outcomes] : groups) {
    bool one = false, all = true;
    for (bool outcome : outcomes) one = one || outcome, all = all && outcome;
    all_have_one = all_have_one && one;
    one_has_all = one_has_all || all;
  }
  return criterion.trigger_point->cnf ? all_have_one : one_has_all;
}

// --- Random values. ---

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}

  // Not by a distribution of the library: the same seed gives the same cases everywhere.
  uint32_t below(uint32_t count) { return static_cast<uint32_t>(engine_() % count); }
  bool in(uint32_t percent) { return below(100) < percent; }
  template <typename T>
  T one_of(std::initializer_list<T> choices) {
    return choices.begin()[below(static_cast<uint32_t>(choices.size()))];
  }
  std::string of(std::string_view alphabet, uint32_t least, uint32_t most) {
    std::string text;
    for (uint32_t size = least + below(most - least + 1); size > 0; --size) {
      text += alphabet[below(static_cast<uint32_t>(alphabet.size()))];
    }
    return text;
  }

  // Only what all kinds of extended regular expressions read alike.
  std::string pattern(std::string_view alphabet) {
    std::string text = in(25) ? "^" : "";
    for (uint32_t size = 1 + below(3); size > 0; --size) {
      uint32_t kind = below(8);
      if (kind == 0) {
        text += "(" + of(alphabet, 1, 2) + "|";
        text += of(alphabet, 1, 2) + ")";
      } else if (kind == 1) {
        text += "[" + of(alphabet, 1, 3) + "]";
      } else if (kind == 2) {
        text += ".";
      } else {
        text += of(alphabet, 1, 1);
      }
      if (in(30)) text += one_of<const char*>({"*", "+", "?", "{2}", "{1,2}"});
    }
    return text + (in(25) ? "$" : "");
  }

  Spt spt() {
    Spt spt;
    switch (below(5)) {
      case 0:
        spt.condition = Spt::RequestUri{in(20) ? "^" + of("ab", 1, 1) + ".*:5070$" : pattern("ab1")};
        break;
      case 1:
        spt.condition = Spt::Method{method()};
        for (uint32_t i = in(50) ? below(3) : 0; i > 0; --i) {
          spt.registration_types.push_back(static_cast<RegistrationType>(below(3)));
        }
        break;
      case 2:
        spt.condition = Spt::SipHeader{
            one_of<const char*>({"Subject", "SUPPORTED", "x-ab", "X-.*", "Accept-Contact", "S.*", "(subject|x-b)",
                                 "[a-z]*", "Supp", "Route", "X-[ab]+", "Organi[sz]ation", "From|Call-ID"}),
            in(80) ? std::optional(pattern("abc")) : std::nullopt};
        break;
      case 3:
        spt.condition = static_cast<SessionCase>(below(5));
        break;
      default:
        spt.condition = Spt::SessionDescription{one_of<const char*>({"m", "a", "[ab]", "s", ".", "b", "am"}),
                                                in(80) ? std::optional(pattern("abc")) : std::nullopt};
    }
    spt.negated = in(30);
    for (uint32_t i = in(25) ? 2 : 1; i > 0; --i) spt.groups.push_back(one_of<uint32_t>({0, 3, 4, 4000000000}));
    return spt;
  }

  InitialFilterCriteria criterion(size_t number) {
    InitialFilterCriteria criterion;
    criterion.priority = below(4);
    criterion.application_server.server_name = absl::StrCat("sip:as", number, ".example");
    if (in(30)) criterion.profile_part = static_cast<ProfilePart>(below(2));
    if (in(10)) return criterion;
    criterion.trigger_point.emplace().cnf = in(50);
    for (uint32_t i = 1 + below(5); i > 0; --i) criterion.trigger_point->spts.push_back(spt());
    return criterion;
  }

  KnownRequest request() {
    KnownRequest request;
    request.method = method();
    fill_uri(request);
    std::string call_id = of("abc", 1, 4), from = "<sip:" + of("abc", 1, 3) + "@a>;tag=" + of("ab", 1, 3);
    request.text = absl::StrCat(request.method, " ", request.uri, " SIP/2.0\r\n");
    add(request, "Via", "Via", {"SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1"}, true);
    add(request, "From", one_of<const char*>({"From", "f", "FROM"}), {from}, false);
    add(request, "To", one_of<const char*>({"To", "t"}), {"<sip:b@b>"}, false);
    add(request, "Call-ID", one_of<const char*>({"Call-ID", "i"}), {call_id}, false);
    add(request, "CSeq", "CSeq", {"1 " + request.method}, false);
    for (uint32_t i = below(6); i > 0; --i) add_header(request);
    std::string body = fill_body(request);
    add(request, "Content-Length", in(50) ? "l" : "Content-Length", {absl::StrCat(body.size())}, false);
    absl::StrAppend(&request.text, "\r\n", body);
    return request;
  }

 private:
  std::string method() {
    return one_of<const char*>({"INVITE", "INVITE", "MESSAGE", "REGISTER", "REGISTER", "SUBSCRIBE", "invite", "FOO"});
  }

  void fill_uri(KnownRequest& request) {
    std::string host = of("ab", 1, 3), user = of("ab1", 1, 3);
    if (uint32_t kind = below(8); kind == 0) {
      request.host_or_number = "+1" + of("1-", 0, 3) + "1";
      request.uri = "tel:" + request.host_or_number + (in(50) ? ";ext=1" : "");
    } else if (kind == 1) {
      request.uri = request.host_or_number = "urn:service:" + host;
    } else {
      request.host_or_number = host + (in(40) ? ":5070" : "");
      request.uri = in(80) ? "sip:" : "sips:";
      request.uri += in(70) ? user + "@" : "";
      request.uri += request.host_or_number;
      request.uri += one_of<const char*>({"", "", ";lr", "?a=b", ";lr?a=b"});
    }
  }

  // White space as it may stand in a row, and as it is to be compared.
  std::string space(std::string& compared) {
    if (in(50)) return "";
    compared += " ";
    return one_of<const char*>({" ", "  ", "\t", "\r\n ", " \r\n\t "});
  }

  void add(KnownRequest& request, const std::string& name, const std::string& written,
           const std::vector<std::string>& values, bool list) {
    KnownRequest::Row row;
    row.name = name;
    absl::StrAppend(&request.text, written, one_of<const char*>({":", ": ", ": ", " :", " : "}));
    for (size_t i = 0; i < values.size(); ++i) {
      if (i > 0) {
        request.text += space(row.text) + ",";
        row.text += ",";
        request.text += space(row.text);
      }
      row.text += values[i];
      request.text += values[i];
    }
    if (list) row.values = values;
    request.text += in(20) ? " \t\r\n" : "\r\n";
    request.rows.push_back(row);
  }

  void add_header(KnownRequest& request) {
    struct Header {
      const char *name, *other;
      bool list;
    };
    auto header = one_of<Header>({{"Subject", "s", false},
                                  {"Supported", "k", true},
                                  {"Accept-Contact", "a", true},
                                  {"Organization", "ORGANIZATION", false},
                                  {"X-Ab", "x-aB", false},
                                  {"X-b", "X-B", false},
                                  {"Route", "ROUTE", true},
                                  {"Require", "require", true}});
    std::vector<std::string> values;
    for (uint32_t i = 1 + below(3); i > 0; --i) {
      std::string text = of("abc", 1, 3);
      values.push_back(one_of<std::string>({text, text, "\"" + text + ",a\"", "<" + text + ",b>", text + ";" + text}));
    }
    add(request, header.name, in(50) ? header.name : header.other, values, header.list);
  }

  std::string fill_body(KnownRequest& request) {
    uint32_t kind = below(5);
    if (kind == 0) return "";
    std::string line_end = in(70) ? "\r\n" : "\n", body;
    for (uint32_t i = 1 + below(6); i > 0; --i) {
      if (in(15)) {
        body += one_of<const char*>({"x", "", "mm=a", "=a", "m a", " m=a"});  // lines that are none
      } else {
        auto& [type, text] = request.sdp.emplace_back();
        type = "mabsv"[below(5)];
        text = of("abc ", 0, 6);
        body += absl::StrCat(std::string(1, type), "=", text);
      }
      body += line_end;
    }
    if (kind == 1) {
      request.sdp.clear();
      add(request, "Content-Type", "c", {"text/plain"}, false);
      return body;
    }
    if (kind == 2) {
      add(request, "Content-Type", "Content-Type", {"multipart/mixed;boundary=\"x-x\""}, false);
      return absl::StrCat("--x-x\r\nContent-Type: text/plain\r\n\r\nm=aaa\r\na=bbb\r\n",
                          "--x-x\r\nContent-Type: application/sdp\r\n\r\n", body, "\r\n",
                          "--x-x\r\nContent-Type: text/plain\r\n\r\ns=ccc\r\n--x-x--\r\n");
    }
    add(request, "Content-Type", "CONTENT-TYPE", {one_of<const char*>({"application/sdp", "Application/SDP"})}, false);
    return body;
  }

  std::mt19937 engine_;
};

// Of how many which outcome was met, so that a generator that has gone dull is noticed.
struct Share {
  int met = 0, all = 0;
  void count(bool outcome) { met += outcome ? 1 : 0, ++all; }
  int percent() const { return all == 0 ? 0 : met * 100 / all; }
};

// Equal ones as they came.
std::vector<InitialFilterCriteria> by_priority(const std::vector<InitialFilterCriteria>& criteria) {
  std::vector<InitialFilterCriteria> sorted;
  for (uint32_t priority = 0; priority < 4; ++priority) {
    for (const InitialFilterCriteria& one : criteria) {
      if (one.priority == priority) sorted.push_back(one);
    }
  }
  return sorted;
}

TEST(FilterCriteria, when_criteria_and_requests_are_random_then_a_plain_evaluator_agrees) {
  Random random(kSeed);
  Share criteria_met, conditions_met[5];
  for (int set = 0; set < kSets; ++set) {
    SCOPED_TRACE(absl::StrCat("seed ", kSeed, ", set ", set));
    std::vector<InitialFilterCriteria> profile;
    for (size_t i = 0, count = 1 + random.below(5); i < count; ++i) profile.push_back(random.criterion(i));
    auto part = random.in(70) ? RequestUriPart::host_or_number : RequestUriPart::whole;
    FilterCriteria criteria(profile, part);
    ASSERT_TRUE(criteria.faults().empty()) << criteria.faults()[0];
    profile = by_priority(profile);
    ASSERT_EQ(criteria.all(), profile);

    for (int i = 0; i < kRequestsOfEach; ++i) {
      KnownRequest request = random.request();
      sip::ParseResult parsed = sip::Message::parse(request.text, sip::Framing::stream);
      ASSERT_TRUE(parsed.ok()) << parsed.failure->why << "\n" << request.text;
      ServicePoint point{.request = *parsed.message,
                         .session_case = static_cast<SessionCase>(random.below(5)),
                         .registration = static_cast<RegistrationType>(random.below(3))};
      SCOPED_TRACE(absl::StrFormat("%s, registration type %d, URI part %d\n%s", text_of(point.session_case),
                                   point.registration, part, request.text));
      size_t next = profile.size();
      for (size_t at = profile.size(); at-- > 0;) {
        const InitialFilterCriteria& one = profile[at];
        bool met = expected(one, request, point, part);
        criteria_met.count(met);
        if (met) next = at;
        std::vector<std::string> lines = criteria.explain(at, point);
        bool cnf = one.trigger_point && one.trigger_point->cnf;
        std::string explained = cnf ? "CNF\n" : "DNF\n";
        for (const std::string& line : lines) absl::StrAppend(&explained, line, "\n");
        ASSERT_EQ(criteria.next(at, point), next) << "from " << at << ", " << explained;
        if (!one.trigger_point) continue;

        // One by one as well: a wrong condition may not show in the whole.
        size_t spts = one.trigger_point->spts.size();
        ASSERT_EQ(lines.size(), spts + (one.profile_part ? 1 : 0)) << explained;
        for (size_t k = 0; k < spts; ++k) {
          const Spt& spt = one.trigger_point->spts[k];
          bool holds = expected(spt, request, point, part);
          conditions_met[spt.condition.index()].count(holds);
          const std::string& line = lines[lines.size() - spts + k];
          ASSERT_EQ(line.substr(0, line.find(':')), holds != spt.negated ? "yes" : "no") << line;
        }
      }
    }
  }
  EXPECT_GT(criteria_met.percent(), 25);
  EXPECT_LT(criteria_met.percent(), 75);
  for (size_t kind = 0; kind < 5; ++kind) {
    EXPECT_GT(conditions_met[kind].all, 5000) << kind;
    EXPECT_GT(conditions_met[kind].percent(), 10) << kind;
    EXPECT_LT(conditions_met[kind].percent(), 80) << kind;
  }
}

}  // namespace
}  // namespace lapwing::scscf
