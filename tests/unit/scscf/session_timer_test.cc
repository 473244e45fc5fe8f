#include "scscf/session_timer.h"

#include <gtest/gtest.h>

#include "common/sip/headers.h"
#include "tests/unit/scscf/support.h"

namespace lapwing::scscf {
namespace {

using std::chrono::seconds;

Settings settings() {
  Settings s;
  s.session_expires = seconds(1800);
  s.min_session_expires = seconds(90);
  return s;
}

std::string asked(const Settings& settings, const std::string& lines) {
  sip::Message invite = invite_with(lines);
  sip::Edits edits;
  ask_for_session_timer(settings, invite, edits);
  sip::ParseResult out = sip::Message::parse(edits.write(invite), sip::Framing::stream);
  std::string text(out.message->header(sip::HeaderId::session_expires));
  std::string least(out.message->header(sip::HeaderId::min_se));
  return text + (least.empty() ? "" : " min " + least);
}

TEST(TooBrief, when_the_caller_knows_timers_and_asks_for_less_than_ours_then_our_least) {
  EXPECT_EQ(too_brief(settings(), invite_with("Supported: timer\r\nSession-Expires: 89\r\n")), 90u);
  EXPECT_EQ(too_brief(settings(), invite_with("k: 100rel, timer\r\nx: 89;refresher=uac\r\n")), 90u);
}

TEST(TooBrief, when_it_does_not_know_timers_or_asks_for_enough_or_nothing_then_it_is_not) {
  EXPECT_EQ(too_brief(settings(), invite_with("Session-Expires: 89\r\n")), 0u);
  EXPECT_EQ(too_brief(settings(), invite_with("Supported: timer\r\nSession-Expires: 90\r\n")), 0u);
  EXPECT_EQ(too_brief(settings(), invite_with("Supported: timer\r\n")), 0u);
  EXPECT_EQ(too_brief(settings(), invite_with("Supported: timer\r\nSession-Expires: soon\r\n")), 0u);
}

TEST(AskForSessionTimer, when_the_INVITE_asks_for_none_then_ours) {
  EXPECT_EQ(asked(settings(), ""), "1800");
  EXPECT_EQ(asked(settings(), "Min-SE: 120\r\n"), "1800 min 120");
  EXPECT_EQ(asked(settings(), "Min-SE: 3600\r\n"), "3600 min 3600");
}

TEST(AskForSessionTimer, when_ours_is_off_then_none) {
  Settings off = settings();
  off.session_expires = Duration::zero();
  EXPECT_EQ(asked(off, ""), "");
}

TEST(AskForSessionTimer, when_the_INVITE_asks_for_one_then_it_stays_unless_it_is_too_brief) {
  EXPECT_EQ(asked(settings(), "Session-Expires: 600;refresher=uas\r\n"), "600;refresher=uas");
  EXPECT_EQ(asked(settings(), "Session-Expires: 60\r\n"), "90 min 90");
}

TEST(SessionInterval, when_the_2xx_says_one_then_that) {
  sip::Edits edits;
  EXPECT_EQ(session_interval(settings(), ok_with("Session-Expires: 600;refresher=uac\r\n"), true, &edits),
            seconds(600));
  EXPECT_EQ(session_interval(settings(), ok_with("Session-Expires: 600\r\n"), false, nullptr), seconds(600));
}

TEST(SessionInterval, when_only_the_caller_knows_timers_then_it_is_told_to_refresh) {
  sip::Message ok = ok_with("Require: 100rel\r\n");
  sip::Edits edits;
  EXPECT_EQ(session_interval(settings(), ok, true, &edits), seconds(1800));
  std::string wire = edits.write(ok);
  EXPECT_NE(wire.find("Session-Expires: 1800;refresher=uac\r\n"), std::string::npos) << wire;
  sip::ParseResult out = sip::Message::parse(wire, sip::Framing::stream);
  EXPECT_TRUE(sip::has_token(*out.message, sip::HeaderId::require, "timer"));
  EXPECT_TRUE(sip::has_token(*out.message, sip::HeaderId::require, "100rel"));
}

TEST(SessionInterval, when_nobody_knows_timers_then_zero_and_the_2xx_stays) {
  sip::Message ok = ok_with("");
  sip::Edits edits;
  EXPECT_EQ(session_interval(settings(), ok, false, &edits), Duration::zero());
  EXPECT_EQ(edits.write(ok), ok.buffer());
}

}  // namespace
}  // namespace lapwing::scscf
