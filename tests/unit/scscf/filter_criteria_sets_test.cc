// What service point triggers mean together, and criteria: groups, priorities, faults, words, examples.
#include "tests/unit/scscf/filter_criteria_words.h"

namespace lapwing::scscf {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

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
