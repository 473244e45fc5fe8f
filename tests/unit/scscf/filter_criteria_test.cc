// What each kind of service point trigger means.
#include "tests/unit/scscf/filter_criteria_words.h"

namespace lapwing::scscf {
namespace {

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

}  // namespace
}  // namespace lapwing::scscf
