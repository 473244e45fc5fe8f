#include "common/control/events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace lapwing::control {
namespace {

using namespace std::chrono_literals;

Event event(std::string impi, std::string text) {
  Event out;
  out.kind = "test";
  out.impi = std::move(impi);
  out.text = std::move(text);
  return out;
}

std::vector<std::string> texts(const std::vector<Event>& events) {
  std::vector<std::string> out;
  for (const Event& e : events) out.push_back(e.text);
  return out;
}

TEST(SameUser, when_an_operator_types_an_identity_then_its_forms_match) {
  constexpr std::string_view impi = "001010000000001@ims.example.org";
  constexpr std::string_view impu = "sip:+491701@ims.example.org";
  for (std::string_view identity :
       {impi, impu, std::string_view("001010000000001"), std::string_view("491701"), std::string_view("+491701")}) {
    EXPECT_TRUE(same_user(identity, impi, impu)) << identity;
  }
  EXPECT_TRUE(same_user("491701", impi, "tel:+491701;phone-context=x"));
  for (std::string_view identity :
       {"", "00101000000000", "001010000000001@", "+", "49170", "sip:", "+491701@ims.example.org"}) {
    EXPECT_FALSE(same_user(identity, impi, impu)) << identity;
  }
  EXPECT_FALSE(same_user("1", "", ""));
}

TEST(Events, when_a_user_has_many_events_then_the_last_64_are_kept_in_order) {
  ManualClock clock;
  Events events(clock);
  for (int i = 0; i < 100; ++i) events.publish(event("a@x", std::to_string(i)));
  const auto kept = texts(events.of("a@x"));
  ASSERT_EQ(kept.size(), 64U);
  EXPECT_EQ(kept.front(), "36");
  EXPECT_EQ(kept.back(), "99");
  EXPECT_EQ(events.of("a").size(), 64U);
  EXPECT_TRUE(events.of("b@x").empty());
}

TEST(Events, when_a_user_is_asked_for_by_number_then_events_without_it_are_there_too) {
  ManualClock clock;
  Events events(clock);
  events.publish({.time = {}, .kind = "sa.installed", .impi = "a@x", .impu = {}, .text = "1"});
  events.publish({.time = {}, .kind = "register.accepted", .impi = "a@x", .impu = "tel:+491701", .text = "2"});
  events.publish({.time = {}, .kind = "other", .impi = "b@x", .impu = "tel:+491702", .text = "3"});
  const auto found = events.of("+491701");
  EXPECT_EQ(texts(found), (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(found[0].kind, "sa.installed");
  EXPECT_EQ(found[0].impi, "a@x");
  EXPECT_EQ(found[0].impu, "");
  EXPECT_EQ(found[1].impu, "tel:+491701");
}

TEST(Events, when_a_user_comes_with_ever_new_identities_then_what_is_kept_is_bounded) {
  ManualClock clock;
  Events events(clock);
  for (int i = 0; i < 1000; ++i) {
    events.publish({.time = {}, .kind = "k", .impi = "a@x", .impu = "sip:" + std::to_string(i) + "@x", .text = "t"});
  }
  EXPECT_LE(events.of("a@x").size(), 64U);
  EXPECT_EQ(events.of("a@x").back().impu, "sip:999@x");
}

TEST(Events, when_there_are_too_many_users_then_those_seen_longest_ago_go) {
  ManualClock clock;
  Events events(clock, 16);  // one for each shard
  for (int i = 0; i < 1000; ++i) events.publish(event("u" + std::to_string(i) + "@x", "e"));
  size_t left = 0;
  for (int i = 0; i < 1000; ++i) left += events.of("u" + std::to_string(i) + "@x").size();
  EXPECT_LE(left, 16U);
  EXPECT_EQ(events.of("u999@x").size(), 1U);
}

TEST(Events, when_a_user_is_seen_again_then_it_stays) {
  ManualClock clock;
  Events events(clock, 32);
  for (int i = 0; i < 1000; ++i) {
    events.publish(event("stays@x", "e"));
    events.publish(event("u" + std::to_string(i) + "@x", "e"));
  }
  EXPECT_EQ(events.of("stays@x").size(), 64U);
}

TEST(Events, when_a_text_is_too_long_then_it_is_cut) {
  ManualClock clock;
  Events events(clock);
  events.publish(event("a@x", std::string(5000, 't')));
  EXPECT_EQ(events.of("a@x").at(0).text.size(), Events::text_limit);
}

TEST(Events, when_an_event_has_no_time_then_it_gets_the_clock_s) {
  ManualClock clock;
  Events events(clock);
  events.publish(event("a@x", "e"));
  EXPECT_EQ(events.of("a@x").at(0).time, clock.wall());
  const v1::Event message = to_message(events.of("a@x").at(0), "pcscf");
  EXPECT_EQ(message.time().seconds(), 1'700'000'000);
  EXPECT_EQ(message.program(), "pcscf");
}

TEST(Events, when_a_watcher_watches_one_user_then_others_are_not_told) {
  ManualClock clock;
  Events events(clock);
  EXPECT_EQ(events.watchers(), 0U);
  auto watcher = events.subscribe("a");
  events.publish(event("b@x", "1"));
  events.publish(event("a@x", "2"));
  EXPECT_EQ(watcher->next(0ms)->event.text, "2");
  EXPECT_FALSE(watcher->next(0ms).has_value());
  EXPECT_EQ(events.watchers(), 1U);
  watcher->close();
  events.publish(event("a@x", "3"));
  EXPECT_EQ(events.watchers(), 0U);
  EXPECT_FALSE(watcher->next(0ms).has_value());
}

TEST(Events, when_a_watcher_is_slow_then_the_oldest_go_and_are_counted) {
  ManualClock clock;
  Events events(clock);
  auto watcher = events.subscribe("", 4);
  for (int i = 0; i < 10; ++i) events.publish(event("a@x", std::to_string(i)));
  auto first = watcher->next(0ms);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->event.text, "6");
  EXPECT_EQ(first->lost, 6U);
  EXPECT_EQ(watcher->next(0ms)->lost, 0U);
}

TEST(Events, when_many_threads_publish_then_nothing_is_torn) {
  SystemClock clock;
  Events events(clock, 64);
  auto watcher = events.subscribe("", 100'000);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&events, t] {
      for (int i = 0; i < 500; ++i) events.publish(event(std::to_string((t + i) % 100) + "@x", "e"));
    });
  }
  for (auto& thread : threads) thread.join();
  size_t seen = 0;
  while (watcher->next(0ms)) ++seen;
  EXPECT_EQ(seen, 2000U);
}

}  // namespace
}  // namespace lapwing::control
