#include "scscf/short_messages.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace lapwing::scscf {
namespace {

using namespace std::chrono_literals;
using End = ShortMessages::End;

const TimePoint start{std::chrono::hours(1)};

ShortMessage message(std::string text, TimePoint expires = start + 72h) {
  return {.submit = std::move(text), .expires = expires};
}

std::optional<Duration> length(const std::optional<ShortMessages::Pause>& pause) {
  return pause ? std::optional(pause->length) : std::nullopt;
}

TEST(ShortMessages, when_a_limit_is_reached_then_no_more_is_taken) {
  ShortMessages messages(3, 2);
  EXPECT_TRUE(messages.empty());
  EXPECT_TRUE(messages.put("tel:+1", message("a")));
  EXPECT_TRUE(messages.put("tel:+1", message("b")));
  EXPECT_FALSE(messages.put("tel:+1", message("c"))) << "of one receiver";
  EXPECT_TRUE(messages.put("tel:+2", message("d")));
  EXPECT_FALSE(messages.put("tel:+3", message("e"))) << "of all";
  EXPECT_EQ(messages.size(), 3u);
  EXPECT_FALSE(messages.begin("tel:+3"));
  ASSERT_TRUE(messages.begin("tel:+2"));
  messages.remove_first("tel:+2");
  EXPECT_TRUE(messages.put("tel:+3", message("e")));
}

TEST(ShortMessages, when_somebody_has_the_turn_then_nobody_else_gets_it) {
  ShortMessages messages;
  EXPECT_FALSE(messages.begin("tel:+1")) << "nothing waits";
  messages.put("tel:+1", message("a"));
  messages.put("tel:+1", message("b"));
  EXPECT_TRUE(messages.begin("tel:+1"));
  EXPECT_FALSE(messages.begin("tel:+1"));
  EXPECT_EQ(messages.next("tel:+1")->message.submit, "a");
  EXPECT_TRUE(messages.next("tel:+1")->more);
  messages.remove_first("tel:+1");
  EXPECT_EQ(messages.next("tel:+1")->message.submit, "b");
  EXPECT_FALSE(messages.next("tel:+1")->more);
  messages.remove_first("tel:+1");
  EXPECT_FALSE(messages.next("tel:+1"));
  EXPECT_FALSE(messages.end("tel:+1", End::all_sent));
  EXPECT_TRUE(messages.empty());
}

TEST(ShortMessages, when_one_comes_just_as_the_last_has_gone_then_it_is_sent_at_once) {
  ShortMessages messages;
  messages.put("tel:+1", message("a"));
  ASSERT_TRUE(messages.begin("tel:+1"));
  messages.remove_first("tel:+1");
  EXPECT_FALSE(messages.next("tel:+1"));
  messages.put("tel:+1", message("b"));
  EXPECT_FALSE(messages.begin("tel:+1")) << "the turn is not back yet";
  auto pause = messages.end("tel:+1", End::all_sent);
  ASSERT_TRUE(pause);
  EXPECT_EQ(pause->length, Duration::zero());
  EXPECT_TRUE(messages.begin("tel:+1", pause->retry));
}

TEST(ShortMessages, when_attempts_fail_then_each_pause_is_longer_up_to_an_hour) {
  ShortMessages messages;
  messages.put("tel:+1", message("a"));
  messages.put("tel:+1", message("b"));
  uint64_t retry = 0;
  for (Duration expected :
       {Duration(30s), Duration(2min), Duration(10min), Duration(30min), Duration(1h), Duration(1h)}) {
    ASSERT_TRUE(messages.begin("tel:+1", retry));
    auto pause = messages.end("tel:+1", End::try_later);
    ASSERT_TRUE(pause);
    EXPECT_EQ(pause->length, expected);
    retry = pause->retry;
  }
  // One that went shows that the handset is there again.
  ASSERT_TRUE(messages.begin("tel:+1"));
  messages.remove_first("tel:+1");
  EXPECT_EQ(length(messages.end("tel:+1", End::try_later)), Duration(30s));
}

TEST(ShortMessages, when_somebody_tried_during_the_pause_then_only_the_new_pause_counts) {
  ShortMessages messages;
  messages.put("tel:+1", message("a"));
  ASSERT_TRUE(messages.begin("tel:+1"));
  auto first = messages.end("tel:+1", End::try_later);
  messages.put("tel:+1", message("b"));
  ASSERT_TRUE(messages.begin("tel:+1")) << "a new message is worth an attempt";
  auto second = messages.end("tel:+1", End::try_later);
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(messages.begin("tel:+1", first->retry));
  EXPECT_TRUE(messages.begin("tel:+1", second->retry));
}

TEST(ShortMessages, when_the_receiver_is_absent_then_there_is_no_pause) {
  ShortMessages messages;
  messages.put("tel:+1", message("a"));
  ASSERT_TRUE(messages.begin("tel:+1"));
  EXPECT_FALSE(messages.end("tel:+1", End::receiver_absent));
  EXPECT_TRUE(messages.begin("tel:+1")) << "when it comes";
}

TEST(ShortMessages, when_the_memory_is_full_then_nothing_is_sent_until_there_is_memory) {
  ShortMessages messages;
  messages.put("tel:+1", message("a"));
  ASSERT_TRUE(messages.begin("tel:+1"));
  EXPECT_FALSE(messages.end("tel:+1", End::memory_full));
  EXPECT_FALSE(messages.begin("tel:+1"));
  EXPECT_TRUE(messages.put("tel:+1", message("b"))) << "it is kept all the same";
  EXPECT_FALSE(messages.begin("tel:+1"));
  messages.memory_available("tel:+2");
  EXPECT_FALSE(messages.begin("tel:+1"));
  messages.memory_available("tel:+1");
  EXPECT_TRUE(messages.begin("tel:+1"));
}

TEST(ShortMessages, when_nobody_came_in_time_then_the_message_is_given_up) {
  ShortMessages messages;
  messages.put("tel:+1", message("a", start + 1min));
  messages.put("tel:+1", message("b", start + 3min));
  messages.put("tel:+1", message("c", start + 2min));
  messages.put("tel:+2", message("d", start + 1min));
  EXPECT_TRUE(messages.take_expired(start + 59s).empty());
  auto expired = messages.take_expired(start + 2min);
  std::sort(expired.begin(), expired.end(), [](auto& a, auto& b) { return a.second.submit < b.second.submit; });
  ASSERT_EQ(expired.size(), 3u);
  EXPECT_EQ(expired[0].first, "tel:+1");
  EXPECT_EQ(expired[1].second.submit, "c");
  EXPECT_EQ(expired[2].first, "tel:+2");
  EXPECT_EQ(messages.size(), 1u);
  ASSERT_TRUE(messages.begin("tel:+1"));
  EXPECT_EQ(messages.next("tel:+1")->message.submit, "b");
}

TEST(ShortMessages, when_one_is_under_way_then_it_does_not_expire) {
  ShortMessages messages;
  messages.put("tel:+1", message("a", start));
  messages.put("tel:+1", message("b", start));
  ASSERT_TRUE(messages.begin("tel:+1"));
  auto expired = messages.take_expired(start + 1h);
  ASSERT_EQ(expired.size(), 1u);
  EXPECT_EQ(expired[0].second.submit, "b");
  EXPECT_EQ(messages.next("tel:+1")->message.submit, "a");
  EXPECT_EQ(length(messages.end("tel:+1", End::try_later)), Duration(30s));
  EXPECT_EQ(messages.take_expired(start + 1h).size(), 1u);
  EXPECT_TRUE(messages.empty());
  EXPECT_FALSE(messages.begin("tel:+1"));
}

TEST(ShortMessages, when_the_only_one_of_a_busy_mailbox_has_gone_then_expiry_leaves_the_turn_alone) {
  ShortMessages messages;
  messages.put("tel:+1", message("a", start));
  ASSERT_TRUE(messages.begin("tel:+1"));
  messages.remove_first("tel:+1");
  EXPECT_TRUE(messages.take_expired(start + 1h).empty());
  messages.put("tel:+1", message("b"));
  EXPECT_FALSE(messages.begin("tel:+1")) << "the one who has the turn sends it";
}

sms::RpMessage ack(uint8_t reference) {
  return sms::RpAck{sms::Side::mobile, reference, std::nullopt};
}

struct Reports : testing::Test {
  void await() { worker.spawn(wait(this)); }
  static Task<void> wait(Reports* self) { self->came = co_await self->report.wait(45s); }

  ManualClock clock;
  Worker worker{0, clock};
  OneShot<sms::RpMessage> report{worker};
  std::optional<sms::RpMessage> came;
  ShortMessages messages;
};

TEST_F(Reports, when_a_report_comes_then_the_one_who_waits_gets_it_once) {
  uint8_t reference = messages.expect_report("alice", report.sink());
  await();
  worker.run_ready();
  EXPECT_FALSE(messages.report("bob", reference, ack(reference))) << "of another handset";
  EXPECT_FALSE(messages.report("alice", static_cast<uint8_t>(reference + 1), sms::RpAck{}));
  EXPECT_TRUE(messages.report("alice", reference, ack(reference)));
  EXPECT_FALSE(messages.report("alice", reference, ack(reference))) << "again";
  worker.run_ready();
  ASSERT_TRUE(came);
  EXPECT_EQ(std::get<sms::RpAck>(*came).reference, reference);
}

TEST_F(Reports, when_nobody_waits_any_more_then_the_report_is_dropped) {
  uint8_t reference = messages.expect_report("alice", report.sink());
  messages.forget_report("alice", reference);
  EXPECT_FALSE(messages.report("alice", reference, sms::RpAck{}));
}

TEST_F(Reports, when_references_come_round_then_one_in_use_is_left_out) {
  uint8_t first = messages.expect_report("alice", report.sink());
  for (int i = 1; i < 256; ++i) {
    uint8_t other = messages.expect_report("alice", report.sink());
    EXPECT_NE(other, first);
    messages.forget_report("alice", other);
  }
  EXPECT_NE(messages.expect_report("alice", report.sink()), first);
  EXPECT_EQ(messages.expect_report("bob", report.sink()), static_cast<uint8_t>(first + 2)) << "one count for all";
}

TEST_F(Reports, when_all_256_are_awaited_then_the_oldest_is_given_up) {
  uint8_t first = messages.expect_report("alice", report.sink());
  OneShot<sms::RpMessage> other(worker);
  for (int i = 1; i < 256; ++i) messages.expect_report("alice", other.sink());
  OneShot<sms::RpMessage> last(worker);
  EXPECT_EQ(messages.expect_report("alice", last.sink()), first);
}

}  // namespace
}  // namespace lapwing::scscf
