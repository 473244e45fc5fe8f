#include "cli/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "cli/json.h"
#include "cli/table.h"
#include "cli/times.h"

namespace lapwing::cli {
namespace {

constexpr int64_t now_seconds = 1'700'000'000;
const View view{WallTime{std::chrono::seconds(now_seconds)}, 0};

google::protobuf::Timestamp at(int64_t offset, int32_t nanos = 0) {
  google::protobuf::Timestamp out;
  out.set_seconds(now_seconds + offset);
  out.set_nanos(nanos);
  return out;
}

v1::Registration registration(std::string impi, std::string state, int64_t since = -3) {
  v1::Registration out;
  out.set_impi(std::move(impi));
  out.add_impus("sip:+1001@ims.example.org");
  out.set_state(std::move(state));
  *out.mutable_since() = at(since);
  return out;
}

TEST(Table, when_rows_are_added_then_columns_fit_their_content) {
  Table table({"A", "LONG HEADER", "C"});
  table.add({"some cell", "x", "end"});
  table.add({"y", "", "z"});
  EXPECT_EQ(table.text(0),
            "A          LONG HEADER  C\n"
            "some cell  x            end\n"
            "y          -            z\n");
}

TEST(Table, when_the_terminal_is_narrow_then_the_widest_columns_are_cut) {
  Table table({"ID", "TEXT"});
  table.add({"1", std::string(50, 't')});
  EXPECT_EQ(table.text(20), "ID  TEXT\n1   ttttttttttttttt~\n");
  EXPECT_EQ(table.text(1), "ID  TEXT\n1   ttttt~\n");
}

TEST(Table, when_a_cell_would_move_the_cursor_then_it_is_made_harmless) {
  Table table({"A"});
  table.add({"\x1b[2J\n"});
  EXPECT_EQ(table.text(0), "A\n\\x1b[2J\\x0a\n");
}

TEST(Times, when_a_span_is_told_then_the_unit_fits) {
  using std::chrono::seconds;
  EXPECT_EQ(span(seconds(-1)), "0s");
  EXPECT_EQ(span(seconds(59)), "59s");
  EXPECT_EQ(span(seconds(60)), "1m");
  EXPECT_EQ(span(seconds(3599)), "59m");
  EXPECT_EQ(span(seconds(3600)), "1h00m");
  EXPECT_EQ(span(seconds(3900)), "1h05m");
  EXPECT_EQ(span(seconds(36000)), "10h");
  EXPECT_EQ(span(seconds(2 * 86400)), "2d");
}

TEST(Times, when_a_time_is_told_then_it_is_relative_to_now) {
  EXPECT_EQ(relative(at(3540), view.now), "in 59m");
  EXPECT_EQ(relative(at(-3), view.now), "3s ago");
  EXPECT_EQ(relative(at(0), view.now), "now");
  EXPECT_EQ(relative(at(0, 900'000'000), view.now), "in 1s");
  EXPECT_EQ(relative({}, view.now), "");
}

TEST(Merge, when_both_sides_know_a_user_then_there_is_one_row) {
  const auto users = merge({registration("b@x", "registered"), registration("a@x", "registered")},
                           {registration("a@x", "registered")});
  ASSERT_EQ(users.size(), 2U);
  EXPECT_EQ(users[0].impi, "a@x");
  EXPECT_EQ(users[0].at_pcscf, 1U);
  EXPECT_EQ(users[0].at_scscf, 1U);
  EXPECT_EQ(users[1].at_scscf, 0U);
  EXPECT_EQ(users[0].number(), "+1001");
}

TEST(Merge, when_one_side_has_several_contacts_then_the_one_that_counts_most_is_shown) {
  const auto users = merge({registration("a@x", "challenge unanswered", -1), registration("a@x", "registered", -100),
                            registration("a@x", "registered", -50)},
                           {});
  ASSERT_EQ(users.size(), 1U);
  EXPECT_EQ(users[0].pcscf.state(), "registered");
  EXPECT_EQ(users[0].pcscf.since().seconds(), now_seconds - 50);
  EXPECT_EQ(users[0].at_pcscf, 3U);
}

TEST(Merge, when_no_impi_is_known_then_the_public_identity_stands_for_it) {
  EXPECT_EQ(merge({registration("", "challenged")}, {}).at(0).impi, "sip:+1001@ims.example.org");
}

TEST(Causes, when_the_daemons_say_why_then_theirs_are_told_once) {
  auto pcscf = registration("a@x", "challenge unanswered");
  pcscf.set_why("first\nsecond");
  auto scscf = pcscf;
  EXPECT_THAT(causes(merge({pcscf}, {scscf}).at(0), true), testing::ElementsAre("first", "second"));
  scscf.set_why("third");
  EXPECT_THAT(causes(merge({pcscf}, {scscf}).at(0), true), testing::ElementsAre("first", "second", "third"));
}

TEST(Causes, when_a_challenge_was_not_answered_and_nobody_says_why_then_the_usual_causes_are_told) {
  const auto told = causes(merge({registration("a@x", "challenge unanswered")}, {}).at(0), false);
  ASSERT_EQ(told.size(), 3U);
  EXPECT_THAT(told[0], testing::HasSubstr("K or OPc"));
  EXPECT_THAT(told[1], testing::HasSubstr("ESP"));
}

TEST(Causes, when_only_one_side_knows_a_registered_user_then_the_gap_is_explained) {
  const User user = merge({}, {registration("a@x", "registered")}).at(0);
  EXPECT_THAT(causes(user, true), testing::ElementsAre(testing::HasSubstr("unknown at the P-CSCF")));
  EXPECT_TRUE(causes(user, false).empty());
  EXPECT_TRUE(
      causes(merge({registration("a@x", "registered")}, {registration("a@x", "registered")}).at(0), true).empty());
}

TEST(Registrations, when_users_are_listed_then_each_has_one_row_and_the_causes_stand_below) {
  auto good = registration("001010000000001@ims.example.org", "registered");
  *good.mutable_expires() = at(3540);
  good.set_protection("hmac-sha-1-96/aes-cbc");
  good.set_address("10.45.0.2:5061");
  good.set_user_agent("Samsung SM-G991B");
  auto bad = registration("001010000000002@ims.example.org", "challenge unanswered", -20);
  bad.set_why("K or OPc differ");
  EXPECT_EQ(registrations_text(merge({good, bad}, {good}), true, view),
            "USER             NUMBER  P-CSCF                S-CSCF      SINCE    EXPIRES  PROTECTION             "
            "ADDRESS         HANDSET\n"
            "001010000000001  +1001   registered            registered  3s ago   in 59m   hmac-sha-1-96/aes-cbc  "
            "10.45.0.2:5061  "
            "Samsung SM-G991B\n"
            "001010000000002  +1001   challenge unanswered  -           20s ago  -        -                      -     "
            "          -\n"
            "\n"
            "001010000000002: most likely, likeliest first\n"
            "  1. K or OPc differ\n");
}

v1::Call call(std::string id, std::string state) {
  v1::Call out;
  out.set_id(std::move(id));
  out.set_caller("sip:+15550100042@ims.example.org");
  out.set_callee("tel:+15550100043");
  out.set_state(std::move(state));
  *out.mutable_started() = at(-75);
  out.set_icid("i1");
  return out;
}

TEST(Calls, when_calls_are_listed_then_an_answered_one_counts_from_its_answer) {
  Daemon scscf(Role::scscf, "unix:/run/s.sock");
  std::vector<Answer<v1::ListCallsReply>> answers(1);
  answers[0].daemon = &scscf;
  EXPECT_EQ(calls_text(answers, view), "No calls.\n");
  *answers[0].reply.add_calls() = call("a1", "answered");
  v1::Call& answered = *answers[0].reply.mutable_calls()->rbegin();
  *answered.mutable_answered() = at(-9);
  answered.set_media("audio AMR-WB/16000 sendrecv");
  answered.set_last_message("200 to UPDATE");
  *answers[0].reply.add_calls() = call("b2", "ringing");
  answers[0].reply.set_total(2);
  EXPECT_EQ(calls_text(answers, view),
            "CALL  CALLER        CALLEE        STATE     SINCE   MEDIA                        LAST MESSAGE   ICID\n"
            "a1    +15550100042  +15550100043  answered  9s ago  audio AMR-WB/16000 sendrecv  200 to UPDATE  i1\n"
            "b2    +15550100042  +15550100043  ringing   1m ago  -                            -              i1\n");
}

TEST(Calls, when_there_are_more_or_several_S_CSCFs_then_it_says_so) {
  Daemon one(Role::scscf, "unix:/run/1.sock"), two(Role::scscf, "unix:/run/2.sock");
  std::vector<Answer<v1::ListCallsReply>> answers(2);
  answers[0].daemon = &one;
  answers[1].daemon = &two;
  *answers[0].reply.add_calls() = call("a1", "ringing");
  answers[0].reply.set_total(3);
  const std::string text = calls_text(answers, view);
  EXPECT_THAT(text, testing::StartsWith("unix:/run/1.sock\nCALL "));
  EXPECT_THAT(text, testing::HasSubstr("1 of 3 shown; ask for more with --limit\n"));
  EXPECT_THAT(text, testing::EndsWith("\nunix:/run/2.sock\nNo calls.\n"));
}

TEST(Calls, when_text_from_outside_would_move_the_cursor_then_it_is_made_harmless) {
  Daemon scscf(Role::scscf, "unix:/run/s.sock");
  std::vector<Answer<v1::ListCallsReply>> answers(1);
  answers[0].daemon = &scscf;
  *answers[0].reply.add_calls() = call("a1", "ringing");
  answers[0].reply.mutable_calls()->rbegin()->set_callee("sip:\x1b[2J@x");
  answers[0].reply.mutable_calls()->rbegin()->set_icid("a\r\nb");
  EXPECT_THAT(calls_text(answers, view),
              testing::AllOf(testing::Not(testing::HasSubstr("\x1b")), testing::HasSubstr("a\\x0d\\x0ab")));
}

class StoryTest : public testing::Test {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC", 1);
    tzset();
  }
  Answer<v1::ShowReply> answer(const Daemon& daemon) {
    Answer<v1::ShowReply> out;
    out.daemon = &daemon;
    return out;
  }
  Daemon pcscf_{Role::pcscf, "unix:/run/p.sock"};
  Daemon scscf_{Role::scscf, "unix:/run/s.sock"};
};

TEST_F(StoryTest, when_a_handset_is_registered_then_the_story_says_so) {
  auto at_p = answer(pcscf_);
  auto known = registration("001010000000001@ims.example.org", "registered");
  known.set_contact("sip:001010000000001@10.45.0.2:5061");
  *known.mutable_expires() = at(3540);
  *at_p.reply.add_registrations() = known;
  auto* set = at_p.reply.add_sa_sets();
  set->set_state("valid");
  set->set_algorithms("hmac-sha-1-96/null");
  set->set_ue("10.45.0.2");
  set->set_pcscf("10.0.0.1");
  set->set_port_uc(5060);
  set->set_port_us(5061);
  set->set_port_pc(6101);
  set->set_port_ps(6100);
  *set->mutable_expires() = at(3570);
  auto* sa = set->add_kernel();
  sa->set_direction("in uc->ps");
  sa->set_spi(0x12345678);
  sa->set_packets(12);
  sa->set_bytes(9000);
  sa->set_integrity_failures(2);
  auto at_s = answer(scscf_);
  *at_s.reply.add_registrations() = registration("001010000000001@ims.example.org", "registered");
  auto* late = at_s.reply.add_events();
  *late->mutable_time() = at(-3, 5'000'000);
  late->set_program("scscf");
  late->set_kind("register.accepted");
  late->set_text("200 sent");
  auto* early = at_p.reply.add_events();
  *early->mutable_time() = at(-4);
  early->set_program("pcscf");
  early->set_kind("sa.installed");
  early->set_impi("001010000000001@ims.example.org");
  early->set_text("4 SAs");
  EXPECT_EQ(
      story_text("001010000000001", {at_p, at_s}, view),
      "001010000000001@ims.example.org\n"
      "  public identities: sip:+1001@ims.example.org\n"
      "  registered\n"
      "\n"
      "  At the P-CSCF unix:/run/p.sock\n"
      "    state         registered, 3s ago\n"
      "    expires       in 59m\n"
      "    contact       sip:001010000000001@10.45.0.2:5061\n"
      "\n"
      "  Security associations\n"
      "    valid, hmac-sha-1-96/null, handset 10.45.0.2 uc 5060 us 5061, ours 10.0.0.1 pc 6101 ps 6100, ends in 59m\n"
      "      in uc->ps   spi 12345678  12 packets, 9000 bytes, 2 with a wrong integrity check: the keys differ\n"
      "\n"
      "  At the S-CSCF unix:/run/s.sock\n"
      "    state         registered, 3s ago\n"
      "\n"
      "  Events\n"
      "    22:13:16.000  pcscf   sa.installed            001010000000001: 4 SAs\n"
      "    22:13:17.005  scscf   register.accepted       200 sent\n");
}

TEST_F(StoryTest, when_the_challenge_was_never_answered_then_the_story_tells_it_from_success) {
  auto at_p = answer(pcscf_);
  *at_p.reply.add_registrations() = registration("a@x", "challenge unanswered", -20);
  const std::string text = story_text("a", {at_p}, view);
  EXPECT_THAT(
      text,
      testing::HasSubstr(
          "NOT registered: the 401 challenge was sent and never answered\n  Most likely, likeliest first:\n    1. "));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("  registered\n")));
}

TEST_F(StoryTest, when_only_events_are_left_then_the_story_says_so) {
  auto at_p = answer(pcscf_);
  at_p.reply.add_events()->set_text("expired");
  EXPECT_THAT(
      story_text("a", {at_p}, view),
      testing::StartsWith("a\n  not registered, and no registration is under way; its last events are below\n"));
}

TEST_F(StoryTest, when_events_were_lost_then_the_line_says_how_many) {
  v1::Event event;
  event.set_lost(7);
  *event.mutable_time() = at(0);
  event.set_text("next");
  EXPECT_THAT(event_line(event, view),
              testing::StartsWith("... 7 events lost: this client did not keep up\n22:13:20.000  "));
}

TEST_F(StoryTest, when_the_kernel_has_none_of_a_set_then_the_table_says_so) {
  Answer<v1::ListSaSetsReply> one;
  one.daemon = &pcscf_;
  one.reply.add_sets()->set_impi("a@x");
  one.reply.set_orphans(3);
  const std::string text = sa_text({one}, view);
  EXPECT_THAT(text, testing::HasSubstr("MISSING"));
  EXPECT_THAT(text, testing::EndsWith("3 SAs in the kernel belong to no set: they end at their hard lifetime\n"));
}

TEST_F(StoryTest, when_replies_are_printed_as_json_then_there_is_one_document) {
  JsonReplies document;
  v1::PushReply reply;
  reply.set_scscf("sip:\"quoted\"");
  document.add(pcscf_, grpc::Status::OK, &reply, std::chrono::milliseconds(1));
  document.add(scscf_, {grpc::NOT_FOUND, "no \"a\""}, nullptr, std::chrono::milliseconds(1));
  EXPECT_EQ(
      document.text(),
      "{\n  \"replies\": [\n"
      "    {\n      \"daemon\": \"pcscf\",\n      \"address\": \"unix:/run/p.sock\",\n"
      "      \"reply\": {\n       \"scscf\": \"sip:\\\"quoted\\\"\",\n       \"result\": \"\"\n      }\n    },\n"
      "    {\n      \"daemon\": \"scscf\",\n      \"address\": \"unix:/run/s.sock\",\n"
      "      \"error\": {\"code\": \"NOT_FOUND\", \"text\": \"the S-CSCF at unix:/run/s.sock: no \\\"a\\\"\"}\n    }\n"
      "  ]\n}\n");
  EXPECT_EQ(JsonReplies().text(), "{\n  \"replies\": []\n}\n");
}

}  // namespace
}  // namespace lapwing::cli
