#include "scscf/ifc/filter_criteria.h"

#include <gmock/gmock.h>

#include "absl/strings/str_format.h"
#include "tests/unit/scscf/support.h"

namespace lapwing::scscf {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr SessionCase kSessionCases[] = {SessionCase::originating, SessionCase::terminating_registered,
                                         SessionCase::terminating_unregistered, SessionCase::originating_unregistered,
                                         SessionCase::originating_cdiv};

// --- Requests. ---

sip::Message request(const std::string& method, const std::string& uri, const std::string& lines = "",
                     const std::string& body = "", const std::string& from = "joe") {
  sip::ParseResult parsed =
      sip::Message::parse(absl::StrFormat("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\n"
                                          "From: <sip:%s@home.example>;tag=a\r\nTo: <sip:joe@home.example>\r\n"
                                          "Call-ID: c\r\nCSeq: 1 %s\r\n%sContent-Length: %d\r\n\r\n%s",
                                          method, uri, from, method, lines, body.size(), body),
                          sip::Framing::stream);
  EXPECT_TRUE(parsed.ok()) << method << " " << uri << "\n" << lines;
  return std::move(*parsed.message);
}
sip::Message of_method(const std::string& method) {
  return request(method, "sip:bob@home.example");
}
sip::Message to(const std::string& uri) {
  return request("INVITE", uri);
}
sip::Message with(const std::string& lines) {
  return request("INVITE", "sip:bob@home.example", lines);
}
sip::Message carrying(const std::string& type, const std::string& body) {
  return request("INVITE", "sip:bob@home.example", "Content-Type: " + type + "\r\n", body);
}

// --- Criteria. ---

Spt uri(const std::string& pattern) {
  return {.condition = Spt::RequestUri{pattern}, .groups = {0}};
}
Spt method(const std::string& name, const std::vector<RegistrationType>& types = {}) {
  return {.condition = Spt::Method{name}, .groups = {0}, .registration_types = types};
}
Spt header(const std::string& name, const std::optional<std::string>& content = std::nullopt) {
  return {.condition = Spt::SipHeader{name, content}, .groups = {0}};
}
Spt sdp(const std::string& line, const std::optional<std::string>& content = std::nullopt) {
  return {.condition = Spt::SessionDescription{line, content}, .groups = {0}};
}
Spt session(SessionCase session_case) {
  return {.condition = session_case, .groups = {0}};
}
Spt negated(Spt spt) {
  spt.negated = !spt.negated;
  return spt;
}
Spt in(const std::vector<uint32_t>& groups, Spt spt) {
  spt.groups = groups;
  return spt;
}

TriggerPoint cnf(const std::vector<Spt>& spts) {
  return {.cnf = true, .spts = spts};
}
TriggerPoint dnf(const std::vector<Spt>& spts) {
  return {.cnf = false, .spts = spts};
}

InitialFilterCriteria criterion(uint32_t priority, const std::string& server,
                                const std::optional<TriggerPoint>& trigger = std::nullopt,
                                std::optional<ProfilePart> part = std::nullopt) {
  return {.priority = priority,
          .trigger_point = trigger,
          .application_server = {.server_name = server},
          .profile_part = part};
}

bool meets(const TriggerPoint& trigger, const ServicePoint& point,
           RequestUriPart part = RequestUriPart::host_or_number) {
  FilterCriteria criteria({criterion(0, "sip:as.example", trigger)}, part);
  EXPECT_THAT(criteria.faults(), IsEmpty());
  return criteria.next(0, point) == 0;
}

// A condition alone is the same in both forms, and its negation the opposite.
void check(bool met, const Spt& spt, const ServicePoint& point, RequestUriPart part = RequestUriPart::host_or_number) {
  std::string what = text_of(spt) + "\n" + std::string(point.request.buffer());
  EXPECT_EQ(meets(cnf({spt}), point, part), met) << what;
  EXPECT_EQ(meets(dnf({spt}), point, part), met) << what;
  EXPECT_EQ(meets(cnf({negated(spt)}), point, part), !met) << "not " << what;
  EXPECT_EQ(meets(dnf({negated(spt)}), point, part), !met) << "not " << what;
}
void check(bool met, const Spt& spt, const sip::Message& message,
           RequestUriPart part = RequestUriPart::host_or_number) {
  check(met, spt, {.request = message}, part);
}

// The servers that a request visits when each sends it back as it was: "as1 as2".
std::string visits(const FilterCriteria& criteria, const ServicePoint& point) {
  std::string text;
  size_t left = criteria.size();  // a wrong next() shall not hang the test
  for (size_t at = criteria.next(0, point); at < criteria.size() && left-- > 0; at = criteria.next(at + 1, point)) {
    text += (text.empty() ? "" : " ") + criteria.at(at).application_server.server_name;
  }
  return text;
}

// --- RequestURI. ---

TEST(FilterCriteria, when_the_URI_is_a_SIP_one_then_only_its_host_and_port_count) {
  struct {
    const char *pattern, *uri;
    bool met;
  } rows[] = {{"^home\\.example$", "sip:bob@home.example", true},
              {"^home\\.example$", "sips:bob@home.example", true},
              {"^home\\.example$", "sip:home.example", true},
              {"^home\\.example$", "sip:bob:secret@home.example;user=phone?subject=x", true},
              {"example", "sip:bob@home.example", true},
              {"^(visited|home)\\.example$", "sip:bob@home.example", true},
              {"^home$", "sip:bob@home.example", false},
              {"Home", "sip:bob@home.example", false},
              {"bob", "sip:bob@home.example", false},
              {"secret", "sip:bob:secret@home.example", false},
              {"sip", "sip:bob@home.example", false},
              {"user", "sip:bob@home.example;user=phone", false},
              {"subject", "sip:bob@home.example?subject=x", false},
              {"^home\\.example:5070$", "sip:bob@home.example:5070", true},
              {"^home\\.example$", "sip:bob@home.example:5070", false},
              {":5060", "sip:bob@home.example:5060", true},
              {":", "sip:bob@home.example", false},  // the default port is not made up
              {"^192\\.0\\.2\\.7:5070$", "sip:bob@192.0.2.7:5070", true},
              {"2001:db8::7", "sip:bob@[2001:db8::7]", true},
              {"^\\[2001:db8::7\\]:5070$", "sip:bob@[2001:db8::7]:5070", true}};
  for (auto& row : rows) check(row.met, uri(row.pattern), to(row.uri));
}

TEST(FilterCriteria, when_the_URI_is_a_tel_one_then_only_its_number_counts) {
  check(true, uri("^\\+15550100042$"), to("tel:+15550100042"));
  check(true, uri("^\\+1555"), to("tel:+15550100042"));
  check(true, uri("^\\+1-555-0100"), to("tel:+1-555-0100042"));  // as it was dialled
  check(true, uri("^911$"), to("tel:911;phone-context=home.example"));
  check(false, uri("home"), to("tel:911;phone-context=home.example"));
  check(false, uri("tel"), to("tel:+15550100042"));
  check(false, uri("^1555"), to("tel:+15550100042"));
}

TEST(FilterCriteria, when_the_URI_has_another_scheme_then_all_of_it_counts) {
  check(true, uri("^urn:service:sos"), to("urn:service:sos.police"));
  check(true, uri("^im:bob@home\\.example$"), to("im:bob@home.example"));
  check(false, uri("^service:sos"), to("urn:service:sos.police"));
}

TEST(FilterCriteria, when_profiles_expect_the_whole_URI_then_all_of_it_counts) {
  auto whole = RequestUriPart::whole;
  check(true, uri("^sip:bob@home\\.example;user=phone$"), to("sip:bob@home.example;user=phone"), whole);
  check(true, uri("bob"), to("sip:bob@home.example"), whole);
  check(true, uri("^tel:\\+1555"), to("tel:+15550100042"), whole);
  check(true, uri("phone-context=home"), to("tel:911;phone-context=home.example"), whole);
  check(true, uri("^urn:service:sos$"), to("urn:service:sos"), whole);
  check(false, uri("^home\\.example$"), to("sip:bob@home.example"), whole);
  check(false, uri("^\\+1555"), to("tel:+15550100042"), whole);
}

// --- Method. ---

TEST(FilterCriteria, when_the_method_is_another_or_in_other_case_then_it_is_not_met) {
  for (const char* name : {"INVITE", "MESSAGE", "SUBSCRIBE", "OPTIONS", "REFER", "PUBLISH", "REGISTER", "FROBNICATE"}) {
    check(true, method(name), of_method(name));
    check(name == std::string_view("INVITE"), method("INVITE"), of_method(name));
  }
  check(false, method("invite"), of_method("INVITE"));
  check(false, method("INVITE"), of_method("invite"));
  check(false, method("INVIT"), of_method("INVITE"));
  check(false, method("INVITE.*"), of_method("INVITE"));  // not a pattern
  check(false, method(".*"), of_method("INVITE"));
}

TEST(FilterCriteria, when_an_SPT_has_registration_types_then_a_REGISTER_of_another_type_does_not_meet_it) {
  using enum RegistrationType;
  sip::Message message = of_method("REGISTER");
  for (RegistrationType type : {initial, re_registration, de_registration}) {
    ServicePoint point{.request = message, .registration = type};
    check(true, method("REGISTER"), point);
    check(true, method("REGISTER", {initial, re_registration, de_registration}), point);
    for (RegistrationType wanted : {initial, re_registration, de_registration}) {
      check(type == wanted, method("REGISTER", {wanted}), point);
    }
    check(type != re_registration, method("REGISTER", {initial, de_registration}), point);
    check(false, method("INVITE", {type}), point);
  }
}

TEST(FilterCriteria, when_the_request_is_no_REGISTER_then_registration_types_mean_nothing) {
  sip::Message message = of_method("INVITE");
  ServicePoint point{.request = message, .registration = RegistrationType::initial};
  check(true, method("INVITE", {RegistrationType::de_registration}), point);
  check(false, method("REGISTER", {RegistrationType::initial}), point);
}

// --- SIPHeader. ---

TEST(FilterCriteria, when_a_header_is_named_then_its_case_and_form_do_not_matter) {
  for (const char* line : {"Event: reg\r\n", "EVENT: reg\r\n", "event: reg\r\n", "o: reg\r\n", "O: reg\r\n"}) {
    for (const char* name : {"Event", "EVENT", "event"}) {
      check(true, header(name), with(line));
      check(true, header(name, "^reg$"), with(line));
      check(false, header(name, "presence"), with(line));
    }
  }
  check(false, header("Event"), with(""));
  check(false, header("Event", ".*"), with(""));
}

TEST(FilterCriteria, when_the_name_is_a_pattern_then_it_is_one_for_the_whole_name) {
  check(true, header("P-.*-Service", "mmtel"), with("P-Asserted-Service: urn:mmtel\r\n"));
  check(true, header("p-(asserted|preferred)-service", "mmtel"), with("P-Preferred-Service: urn:mmtel\r\n"));
  check(false, header("P-.*-Service", "mmtel"), with("P-Asserted-Identity: <sip:mmtel@home.example>\r\n"));
  check(false, header("Accept"), with("Accept-Contact: *;audio\r\n"));
  check(false, header("Contact"), with("Accept-Contact: *;audio\r\n"));
  check(false, header("Subject|Event"), with("Subject-Line: x\r\nX-Event: y\r\n"));
  check(true, header("Subject|Event", "^x$"), with("s: x\r\n"));
}

TEST(FilterCriteria, when_the_content_is_absent_then_the_header_is_enough_even_without_a_value) {
  check(true, header("Subject"), with("Subject:\r\n"));
  check(true, header("Subject", "^$"), with("Subject:\r\n"));
  check(false, header("Subject", "."), with("Subject:\r\n"));
  check(true, header("Supported"), with("Supported:\r\n"));
  check(true, header("Supported", "^$"), with("Supported:\r\n"));
}

TEST(FilterCriteria, when_the_content_is_a_pattern_then_it_is_found_anywhere_in_the_value_and_its_case_matters) {
  std::string line = "Content-Type: application/vnd.3gpp.sms\r\n";
  check(true, header("Content-Type", "application/vnd\\.3gpp\\.sms"), with(line));
  check(true, header("Content-Type", "3gpp"), with(line));
  check(true, header("Content-Type", "^application/.*\\.(sms|mms)$"), with(line));
  check(false, header("Content-Type", "^3gpp"), with(line));
  check(false, header("Content-Type", "3GPP"), with(line));
}

TEST(FilterCriteria, when_a_header_is_a_list_then_the_content_is_looked_for_in_each_value) {
  std::string line = "Accept-Contact: *;audio;require , *;video,*;methods=\"INVITE,BYE\"\r\n";
  check(true, header("Accept-Contact", "^\\*;audio;require$"), with(line));
  check(true, header("Accept-Contact", "^\\*;video$"), with(line));
  check(true, header("Accept-Contact", "^\\*;methods=\"INVITE,BYE\"$"), with(line));  // its comma is no separator
  check(false, header("Accept-Contact", "^BYE\"$"), with(line));
  check(false, header("Accept-Contact", "^\\*;text$"), with(line));
  std::string uris = "P-Asserted-Identity: <sip:a,b@home.example>, <tel:+1555>\r\n";
  check(true, header("P-Asserted-Identity", "^<sip:a,b@home.example>$"), with(uris));
  check(true, header("P-Asserted-Identity", "^<tel:"), with(uris));
  check(false, header("P-Asserted-Identity", "^b@"), with(uris));
  // The row as a whole counts too.
  check(true, header("Supported", "^path, *timer$"), with("k: path,timer\r\n"));
  check(false, header("Supported", "path, *timer"), with("k: path\r\nk: timer\r\n"));
}

TEST(FilterCriteria, when_a_header_is_no_list_then_its_commas_separate_nothing) {
  for (const char* name : {"Subject", "X-Services"}) {
    sip::Message message = with(std::string(name) + ": gold, silver\r\n");
    check(true, header(name, "^gold, silver$"), message);
    check(false, header(name, "^silver$"), message);
    check(false, header(name, "^gold$"), message);
  }
}

TEST(FilterCriteria, when_a_value_has_folds_and_runs_of_white_space_then_each_is_one_space) {
  check(true, header("Subject", "^one two three$"), with("Subject:\t one\r\n \t two \t three  \r\n"));
  check(true, header("Subject", "^one$"), with("Subject:\r\n  one\r\n"));
  check(false, header("Subject", "  "), with("Subject: one   two\r\n"));
  check(true, header("Supported", "^timer$"), with("Supported: path,\r\n\t timer ,\r\n gruu\r\n"));
}

TEST(FilterCriteria, when_a_header_has_several_rows_then_one_of_them_is_enough) {
  std::string lines = "X-Plan: gold\r\nSubject: x\r\nx-plan: silver\r\nX-PLAN: lead\r\n";
  for (const char* content : {"^gold$", "^silver$", "^lead$"}) check(true, header("X-Plan", content), with(lines));
  check(false, header("X-Plan", "^tin$"), with(lines));
  check(true, header("Supported", "^gruu$"), with("Supported: path\r\nk: timer, gruu\r\n"));
}

TEST(FilterCriteria, when_a_header_is_unknown_then_it_is_found_by_its_name) {
  for (const char* name : {"x-plan", "X-PLAN", "X-.*"}) check(true, header(name, "^gold$"), with("X-Plan: gold\r\n"));
  check(false, header("X-Plan"), with("X-Planet: mars\r\nSubject: X-Plan\r\n"));
}

// --- SessionCase. ---

TEST(FilterCriteria, when_the_session_case_is_another_then_it_is_not_met) {
  sip::Message message = of_method("INVITE");
  for (SessionCase wanted : kSessionCases) {
    for (SessionCase is : kSessionCases) {
      check(wanted == is, session(wanted), {.request = message, .session_case = is});
    }
  }
}

// --- SessionDescription. ---

const std::string sdp_body =
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    "m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\nm=video 4002 RTP/AVP 34\r\na=inactive\r\ni=\r\n";

struct SdpRow {
  bool met;
  const char* line;
  std::optional<std::string> content;
};
// The pattern of a line is one for its type alone, that of the content is found in one of the lines, without its end.
const std::vector<SdpRow> sdp_rows = {{true, "m", {}},
                                      {true, "m", "video"},
                                      {true, "m", "^audio 4000"},
                                      {true, "a", "^inactive$"},
                                      {true, "[ab]", "PCMU/8000$"},
                                      {true, "v", "^0$"},
                                      {true, "i", {}},
                                      {true, "i", "^$"},
                                      {false, "i", "."},
                                      {false, "b", {}},
                                      {false, "b", ".*"},
                                      {false, "m", "text"},
                                      {false, "m", "Video"},
                                      {false, "M", "video"},
                                      {false, "m", "inactive"},
                                      {false, "m", "m="},
                                      {false, "m=", {}},
                                      {false, "m", "video.*34.*inactive"}};

TEST(FilterCriteria, when_the_body_is_SDP_then_line_and_content_are_looked_for_in_its_lines) {
  for (const SdpRow& row : sdp_rows) check(row.met, sdp(row.line, row.content), carrying("application/sdp", sdp_body));
}

TEST(FilterCriteria, when_lines_of_SDP_end_in_LF_alone_then_it_is_read_all_the_same) {
  std::string body;
  for (char c : sdp_body) body += c == '\r' ? "" : std::string(1, c);
  for (const SdpRow& row : sdp_rows) check(row.met, sdp(row.line, row.content), carrying("Application/SDP;x=y", body));
  check(true, sdp("a", "^last$"), carrying("application/sdp", "v=0\na=last"));
}

TEST(FilterCriteria, when_SDP_is_a_part_of_the_body_then_the_other_parts_do_not_count) {
  sip::Message message = carrying("multipart/mixed;boundary=\"b 1\"",
                                  "--b 1\r\nContent-Type: text/plain\r\n\r\nb=plain\r\nm=plain\r\n"
                                  "--b 1\r\nContent-Type: application/sdp\r\n\r\n" +
                                      sdp_body + "\r\n--b 1\r\nContent-Type: text/plain\r\n\r\nb=last\r\n--b 1--\r\n");
  for (const SdpRow& row : sdp_rows) check(row.met, sdp(row.line, row.content), message);
  check(false, sdp("m", "plain"), message);
}

TEST(FilterCriteria, when_there_is_no_SDP_then_no_line_of_it_is_there) {
  check(false, sdp(".*"), of_method("INVITE"));
  check(false, sdp("m", ".*"), of_method("INVITE"));
  check(false, sdp("m", "audio"), carrying("text/plain", sdp_body));
  check(false, sdp("m"), carrying("application/sdpng", sdp_body));
  check(false, sdp("m"), carrying("multipart/mixed;boundary=b", "--b\r\nContent-Type: text/plain\r\n\r\nm=a\r\n--b--"));
  check(false, sdp("m"), with("Content-Type: application/sdp\r\n"));
  check(false, sdp(".*"), request("INVITE", "sip:bob@home.example", "", sdp_body));  // of no type
}

TEST(FilterCriteria, when_a_line_of_SDP_has_no_type_then_it_is_passed_over) {
  sip::Message message = carrying("application/sdp", "v=0\r\nmm=audio\r\n=audio\r\nm audio\r\nm\r\n\r\n");
  check(false, sdp("m"), message);
  check(false, sdp(".*", "audio"), message);
}

// --- Groups. ---

// SPTs are met by headers of a letter each, X-A to X-D.
Spt letter(char c, const std::vector<uint32_t>& groups) {
  return in(groups, header(std::string("X-") + c));
}
void check_table(const TriggerPoint& trigger, bool (*expected)(bool a, bool b, bool c, bool d)) {
  for (unsigned bits = 0; bits < 16; ++bits) {
    bool there[4];
    std::string lines;
    for (unsigned i = 0; i < 4; ++i) {
      there[i] = (bits >> i & 1) != 0;
      if (there[i]) lines += absl::StrFormat("X-%c: 1\r\n", 'A' + i);
    }
    sip::Message message = with(lines);
    EXPECT_EQ(meets(trigger, {.request = message}), expected(there[0], there[1], there[2], there[3])) << lines;
  }
}

TEST(FilterCriteria, when_the_form_is_DNF_then_all_of_a_group_are_needed_and_one_group_suffices) {
  std::vector<Spt> spts = {letter('A', {0}), letter('B', {0}), letter('C', {1}), letter('D', {1})};
  check_table(dnf(spts), [](bool a, bool b, bool c, bool d) { return (a && b) || (c && d); });
  spts[1] = negated(spts[1]);
  check_table(dnf(spts), [](bool a, bool b, bool c, bool d) { return (a && !b) || (c && d); });
  for (Spt& spt : spts) spt.groups = {5};
  check_table(dnf(spts), [](bool a, bool b, bool c, bool d) { return a && !b && c && d; });
}

TEST(FilterCriteria, when_the_form_is_CNF_then_one_of_a_group_suffices_and_all_groups_are_needed) {
  std::vector<Spt> spts = {letter('A', {0}), letter('B', {0}), letter('C', {1}), letter('D', {1})};
  check_table(cnf(spts), [](bool a, bool b, bool c, bool d) { return (a || b) && (c || d); });
  spts[1] = negated(spts[1]);
  check_table(cnf(spts), [](bool a, bool b, bool c, bool d) { return (a || !b) && (c || d); });
  for (Spt& spt : spts) spt.groups = {5};
  check_table(cnf(spts), [](bool a, bool b, bool c, bool d) { return a || !b || c || d; });
}

TEST(FilterCriteria, when_an_SPT_is_in_several_groups_then_it_counts_in_each) {
  std::vector<Spt> spts = {letter('A', {0, 1, 2}), letter('B', {0}), letter('C', {1, 2}), letter('D', {2, 2})};
  check_table(dnf(spts), [](bool a, bool b, bool c, bool d) { return (a && b) || (a && c) || (a && c && d); });
  check_table(cnf(spts), [](bool a, bool b, bool c, bool d) { return (a || b) && (a || c) && (a || c || d); });
  spts[0] = negated(spts[0]);
  check_table(dnf(spts), [](bool a, bool b, bool c, bool d) { return !a && (b || c || (c && d)); });
}

TEST(FilterCriteria, when_group_numbers_have_gaps_and_come_in_any_order_then_only_equal_ones_belong_together) {
  std::vector<Spt> spts = {letter('A', {4294967295}), letter('B', {7}), letter('C', {4294967295}), letter('D', {0, 7})};
  check_table(dnf(spts), [](bool a, bool b, bool c, bool d) { return (a && c) || (b && d) || d; });
  check_table(cnf(spts), [](bool a, bool b, bool c, bool d) { return (a || c) && (b || d) && d; });
}

// --- Which criterion, and in what order. ---

TEST(FilterCriteria, when_there_is_no_trigger_point_then_every_request_meets_it) {
  FilterCriteria criteria({criterion(0, "all")});
  for (const char* name : {"INVITE", "REGISTER", "FROBNICATE"}) {
    sip::Message message = of_method(name);
    for (SessionCase is : kSessionCases) {
      EXPECT_EQ(visits(criteria, {.request = message, .session_case = is}), "all");
    }
  }
}

TEST(FilterCriteria, when_a_criterion_is_for_one_part_of_the_profile_then_the_other_part_does_not_meet_it) {
  TriggerPoint invite = dnf({method("INVITE")});
  FilterCriteria criteria({criterion(0, "registered", invite, ProfilePart::registered),
                           criterion(1, "unregistered", invite, ProfilePart::unregistered),
                           criterion(2, "both", invite), criterion(3, "all-registered", {}, ProfilePart::registered),
                           criterion(4, "all-unregistered", {}, ProfilePart::unregistered)});
  sip::Message message = of_method("INVITE"), other = of_method("OPTIONS");
  auto in_case = [&](SessionCase is) { return visits(criteria, {.request = message, .session_case = is}); };
  EXPECT_EQ(in_case(SessionCase::originating), "registered both all-registered");
  EXPECT_EQ(in_case(SessionCase::terminating_registered), "registered both all-registered");
  EXPECT_EQ(in_case(SessionCase::originating_cdiv), "registered both all-registered");
  EXPECT_EQ(in_case(SessionCase::terminating_unregistered), "unregistered both all-unregistered");
  EXPECT_EQ(in_case(SessionCase::originating_unregistered), "unregistered both all-unregistered");
  EXPECT_EQ(visits(criteria, {.request = other}), "all-registered");
}

TEST(FilterCriteria, when_criteria_have_priorities_then_the_lowest_number_is_first_and_equal_ones_stay_in_order) {
  FilterCriteria criteria({criterion(20, "e"), criterion(4294967295, "g"), criterion(10, "b"), criterion(20, "f"),
                           criterion(0, "a"), criterion(10, "c"), criterion(10, "d")});
  sip::Message message = of_method("INVITE");
  EXPECT_EQ(visits(criteria, {.request = message}), "a b c d e f g");
  ASSERT_EQ(criteria.size(), 7u);
  EXPECT_EQ(criteria.at(0).priority, 0u);
  EXPECT_EQ(criteria.all().back().application_server.server_name, "g");
}

TEST(FilterCriteria, when_it_goes_on_from_the_middle_then_what_lies_before_is_not_met_again) {
  FilterCriteria criteria({criterion(0, "a", dnf({method("INVITE")})), criterion(1, "b", dnf({method("MESSAGE")})),
                           criterion(2, "c", dnf({method("INVITE")})), criterion(3, "d", dnf({method("MESSAGE")}))});
  sip::Message message = of_method("INVITE");
  ServicePoint point{.request = message};
  std::vector<size_t> met;
  for (size_t from = 0; from <= criteria.size(); ++from) met.push_back(criteria.next(from, point));
  EXPECT_THAT(met, ElementsAre(0, 2, 2, 4, 4));
  EXPECT_EQ(FilterCriteria({}).next(0, point), 0u);
}

// --- Expressions that cannot be read. ---

TEST(FilterCriteria, when_an_expression_cannot_be_read_then_its_criterion_is_never_met_and_a_fault_says_so) {
  Spt good = in({1}, method("INVITE"));
  sip::Message message = of_method("INVITE");
  for (const Spt& bad : {uri("(a"), header("[a"), header("Subject", "a)"), sdp("*"), sdp("m", "a{2,1}")}) {
    for (const TriggerPoint& trigger : {dnf({bad}), cnf({negated(bad)}), dnf({negated(bad)}), dnf({bad, good}),
                                        dnf({good, negated(bad)}), cnf({in({1}, bad), good})}) {
      FilterCriteria criteria({criterion(7, "sip:as7.example", trigger), criterion(8, "other")});
      EXPECT_EQ(visits(criteria, {.request = message}), "other") << text_of(bad);
      EXPECT_THAT(criteria.faults(), ElementsAre(AllOf(HasSubstr("priority 7"), HasSubstr("sip:as7.example"))));
      EXPECT_THAT(criteria.explain(0, {.request = message}), ElementsAre("no: an expression cannot be read"));
    }
  }
  FilterCriteria both({criterion(0, "as", dnf({header("(a", "b)")}))});
  EXPECT_THAT(both.faults(), ElementsAre(HasSubstr("'(a'"), HasSubstr("'b)'")));
}

// --- In words. ---

TEST(FilterCriteria, when_a_criterion_is_explained_then_each_condition_has_its_line) {
  FilterCriteria criteria({criterion(
      0, "as", dnf({method("INVITE"), in({0, 3}, negated(session(SessionCase::originating))), in({9}, uri("home"))}),
      ProfilePart::registered)});
  sip::Message message = of_method("INVITE");
  EXPECT_THAT(criteria.explain(0, {.request = message}),
              ElementsAre("yes: for registered users", "yes: Method INVITE (group 0)",
                          "no: not SessionCase 0 (originating) (group 0, 3)", "yes: RequestURI home (group 9)"));
  EXPECT_EQ(criteria.explain(0, {.request = message, .session_case = SessionCase::originating_unregistered})[0],
            "no: for registered users");
  FilterCriteria all({criterion(0, "as", {}, ProfilePart::unregistered)});
  EXPECT_THAT(all.explain(0, {.request = message}),
              ElementsAre("no: for unregistered users", "yes: no trigger point, so every request"));
}

TEST(FilterCriteria, when_a_condition_is_put_in_words_then_kind_and_patterns_are_there) {
  using enum RegistrationType;
  EXPECT_EQ(text_of(negated(method("INVITE"))), "not Method INVITE");
  EXPECT_EQ(text_of(method("REGISTER", {initial, de_registration})), "Method REGISTER of registration type 0, 2");
  EXPECT_EQ(text_of(header("Event", ".*reg.*")), "SIPHeader Event: .*reg.*");
  EXPECT_EQ(text_of(negated(header("Event"))), "not SIPHeader Event");
  EXPECT_EQ(text_of(uri("^home")), "RequestURI ^home");
  EXPECT_EQ(text_of(sdp("m", "video")), "SessionDescription m=video");
  EXPECT_EQ(text_of(sdp("m")), "SessionDescription m");
  EXPECT_EQ(text_of(session(SessionCase::originating)), "SessionCase 0 (originating)");
  std::vector<std::string> cases;
  for (SessionCase is : kSessionCases) cases.emplace_back(text_of(is));
  EXPECT_THAT(cases, ElementsAre("originating", "terminating, registered", "terminating, unregistered",
                                 "originating, unregistered", "originating after diversion"));
}

// --- Examples of the specifications. ---

// TS 29.228 Annex C: INVITE, or MESSAGE, or a SUBSCRIBE that is not from joe.
void check_example(const TriggerPoint& trigger) {
  struct {
    const char *method, *from;
    bool met;
  } rows[] = {{"INVITE", "joe", true},   {"INVITE", "jack", true},    {"MESSAGE", "joe", true},
              {"MESSAGE", "jack", true}, {"SUBSCRIBE", "joe", false}, {"SUBSCRIBE", "jack", true},
              {"OPTIONS", "joe", false}, {"OPTIONS", "jack", false},  {"REFER", "jack", false}};
  for (auto& row : rows) {
    sip::Message message = request(row.method, "sip:bob@home.example", "", "", row.from);
    EXPECT_EQ(meets(trigger, {.request = message}), row.met) << row.method << " from " << row.from;
  }
}

TEST(FilterCriteria, when_the_example_of_TS_29_228_is_in_DNF_then_it_means_what_the_annex_says) {
  check_example(dnf({in({0}, method("INVITE")), in({1}, method("MESSAGE")), in({2}, method("SUBSCRIBE")),
                     in({2}, negated(header("from", "joe")))}));
}

TEST(FilterCriteria, when_the_example_of_TS_29_228_is_in_CNF_then_it_means_the_same) {
  check_example(cnf({in({0, 1}, method("INVITE")), in({0, 1}, method("MESSAGE")), in({0}, method("SUBSCRIBE")),
                     in({1}, negated(header("from", "joe")))}));
}

// TS 23.218 Annex C: criteria X lead to AS1, then criteria Y to AS2; Y looks at what AS1 has sent back.
TEST(FilterCriteria, when_the_example_of_TS_23_218_is_played_then_Y_sees_the_request_as_AS1_has_sent_it_back) {
  FilterCriteria criteria(
      {criterion(2, "sip:as2.example", dnf({method("INVITE"), header("X-Service", "^two$")})),
       criterion(1, "sip:as1.example", dnf({method("INVITE"), session(SessionCase::originating)}))});
  sip::Message first = with(""), back = with("X-Service: two\r\n");
  EXPECT_EQ(visits(criteria, {.request = first}), "sip:as1.example");
  size_t met = criteria.next(0, {.request = first});
  ASSERT_EQ(criteria.at(met).application_server.server_name, "sip:as1.example");
  EXPECT_EQ(criteria.next(met + 1, {.request = first}), criteria.size());
  met = criteria.next(met + 1, {.request = back});
  ASSERT_LT(met, criteria.size());
  EXPECT_EQ(criteria.at(met).application_server.server_name, "sip:as2.example");
  EXPECT_EQ(criteria.next(met + 1, {.request = back}), criteria.size());
}

}  // namespace
}  // namespace lapwing::scscf
