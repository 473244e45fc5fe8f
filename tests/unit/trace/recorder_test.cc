#include "common/trace/recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "common/trace/selector.h"

namespace lapwing::trace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const Envelope sip{.kind = Kind::sip, .incoming = true, .carrier = Carrier::tcp, .local = {}, .remote = {}};
const Envelope cx{.kind = Kind::diameter, .incoming = false, .carrier = Carrier::tcp, .local = {}, .remote = {}};

std::vector<std::string> texts(const std::vector<Record>& records) {
  std::vector<std::string> out;
  for (const Record& one : records) out.push_back(one.bytes);
  return out;
}

TEST(Recorder, when_several_writers_record_then_all_is_read_in_the_order_it_came) {
  ManualClock clock;
  Recorder recorder(clock, 3000, 3);
  recorder.record(1, sip, "a");
  recorder.record(0, sip, "b");
  recorder.record(2, cx, "c");
  recorder.record(7, cx, "there is no such writer: the last");
  auto all = recorder.after(0);
  EXPECT_THAT(texts(all), ElementsAre("a", "b", "c", "there is no such writer: the last"));
  EXPECT_EQ(all[0].envelope.carrier, Carrier::tcp);
  EXPECT_TRUE(all[0].envelope.incoming);
  EXPECT_EQ(all[2].envelope.kind, Kind::diameter);
  EXPECT_EQ(all[0].at, clock.wall());
  EXPECT_THAT(texts(recorder.after(all[1].number)), ElementsAre("c", "there is no such writer: the last"));
  EXPECT_THAT(recorder.after(recorder.last()), IsEmpty());
}

TEST(Recorder, when_the_memory_is_full_then_the_oldest_go_and_the_rest_is_whole) {
  ManualClock clock;
  Recorder recorder(clock, 1000, 1);
  std::mt19937 random(7);
  std::deque<std::string> sent;
  for (int i = 0; i < 5000; ++i) {
    sent.push_back(std::string(1 + random() % 240, static_cast<char>('a' + i % 26)));
    recorder.record(0, sip, sent.back());
    const auto kept = texts(recorder.after(0));
    ASSERT_GE(kept.size(), 2U - (i == 0 ? 1 : 0)) << i;
    size_t bytes = 0;
    for (size_t k = 0; k < kept.size(); ++k) {
      ASSERT_EQ(kept[k], sent[sent.size() - kept.size() + k]) << i;
      bytes += kept[k].size();
    }
    ASSERT_LE(bytes, 1000U);
  }
}

TEST(Recorder, when_a_message_is_larger_than_its_share_then_its_beginning_is_kept) {
  ManualClock clock;
  Recorder recorder(clock, 1000, 1);
  recorder.record(0, sip, std::string(5000, 'x'));
  EXPECT_THAT(texts(recorder.after(0)), ElementsAre(std::string(250, 'x')));
}

TEST(Recorder, when_there_is_no_memory_then_nothing_is_kept) {
  ManualClock clock;
  Recorder recorder(clock, 0, 2);
  recorder.record(0, sip, "a");
  EXPECT_THAT(recorder.after(0), IsEmpty());
}

TEST(Recorder, when_a_challenge_carries_keys_then_they_are_overwritten) {
  ManualClock clock;
  Recorder recorder(clock, 10'000, 1);
  for (const char* names :
       {"ik=\"0123456789abcdef\",ck=\"fedcba9876543210\"", "IK=\"0123456789abcdef\", CK=\"fedcba9876543210\"",
        "ck=\"fedcba9876543210\",ik=\"0123456789abcdef"}) {
    recorder.record(0, sip,
                    std::string("SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Digest nonce=\"bm9uY2U\",") + names);
    const std::string kept = recorder.after(recorder.last() - 1).front().bytes;
    EXPECT_THAT(kept, Not(HasSubstr("0123456789abcdef"))) << names;
    EXPECT_THAT(kept, Not(HasSubstr("fedcba9876543210"))) << names;
    EXPECT_THAT(kept, HasSubstr("nonce=\"bm9uY2U\""));
    EXPECT_THAT(kept, HasSubstr("=\"****************"));
  }
}

TEST(Recorder, when_it_is_followed_while_others_write_then_no_message_is_missed) {
  SystemClock clock;
  Recorder recorder(clock, 8 << 20, 2);
  std::atomic<int> writing{2};
  std::vector<std::thread> writers;
  for (size_t writer : {size_t{0}, size_t{1}}) {
    writers.emplace_back([&, writer] {
      for (int i = 0; i < 20'000; ++i) recorder.record(writer, sip, "x");
      --writing;
    });
  }
  uint64_t last = 0;
  while (writing > 0 || last < recorder.last()) {
    for (const Record& one : recorder.after(last)) ASSERT_EQ(one.number, ++last);
  }
  EXPECT_EQ(last, 40'000U);
  for (std::thread& writer : writers) writer.join();
}

TEST(Recorder, when_it_is_read_while_others_write_then_each_message_is_whole) {
  SystemClock clock;
  Recorder recorder(clock, 20'000, 2);
  std::atomic<bool> over{false};
  std::vector<std::thread> writers;
  for (size_t writer : {size_t{0}, size_t{1}}) {
    writers.emplace_back([&, writer] {
      for (size_t i = 0; !over; ++i)
        recorder.record(writer, sip, std::string(1 + i % 300, static_cast<char>('a' + writer)));
    });
  }
  for (int i = 0; i < 300; ++i) {
    for (const Record& one : recorder.after(0)) {
      ASSERT_EQ(one.bytes.find_first_not_of(one.bytes.front()), std::string::npos);
    }
  }
  over = true;
  for (std::thread& writer : writers) writer.join();
}

Record record(const Envelope& envelope, std::string bytes) {
  return {.number = 1, .at = {}, .envelope = envelope, .bytes = std::move(bytes)};
}

TEST(Selector, when_a_message_names_the_user_then_all_of_its_Call_ID_are_taken) {
  Selector selector({"1@h"});
  const Record first = record(sip, "REGISTER sip:h SIP/2.0\r\nFrom: <sip:1@h>\r\nCall-ID: abc\r\n\r\n");
  const Record answer = record(sip, "SIP/2.0 100 Trying\r\nCALL-ID:abc\r\n\r\n");
  const Record compact = record(sip, "SIP/2.0 200 OK\r\ni: abc\r\n\r\n");
  const Record other = record(sip, "INVITE sip:2@h SIP/2.0\r\nCall-ID: abcd\r\n\r\n1@h is in the body");
  EXPECT_FALSE(selector.takes(answer));
  for (const Record* one : {&first, &answer, &compact, &other}) selector.learn(*one);
  EXPECT_TRUE(selector.takes(first));
  EXPECT_TRUE(selector.takes(answer));
  EXPECT_TRUE(selector.takes(compact));
  EXPECT_FALSE(selector.takes(other));
}

TEST(Selector, when_a_request_of_Diameter_names_the_user_then_its_answer_is_taken) {
  Selector selector({"1@h"});
  auto diameter = [](std::string identifiers, std::string body) {
    return record(cx, std::string(12, '\0') + identifiers + body);
  };
  selector.learn(diameter("hopbhop1", "user 1@h"));
  EXPECT_TRUE(selector.takes(diameter("hopbhop1", "success")));
  EXPECT_FALSE(selector.takes(diameter("hopbhop2", "success")));
  EXPECT_FALSE(selector.takes(record(cx, "short")));
}

TEST(Selector, when_a_name_is_part_of_another_then_it_is_not_taken) {
  Selector selector({"1001", "sip:bob"});
  for (const char* user : {"1001@h", "+1001@h", "sip:+49301001@h", "bob@h", "sip:bob;x"}) {
    const bool ours = std::string_view(user) != "sip:+49301001@h" && std::string_view(user) != "bob@h";
    EXPECT_EQ(selector.takes(record(sip, std::string("MESSAGE sip:h SIP/2.0\r\nFrom: <") + user + ">\r\n\r\n")), ours)
        << user;
  }
  EXPECT_FALSE(selector.takes(record(sip, "MESSAGE sip:10011@h SIP/2.0\r\n\r\n")));
  EXPECT_FALSE(selector.takes(record(sip, "MESSAGE sip:bobby@h SIP/2.0\r\n\r\n")));
  EXPECT_TRUE(selector.takes(record(cx, std::string("1") + "1001" + std::string(1, '\0')))) << "behind its length";
  selector.know("sip:bobby@h");
  EXPECT_TRUE(selector.takes(record(sip, "MESSAGE sip:bobby@h SIP/2.0\r\n\r\n")));
}

TEST(Selector, when_no_name_is_given_then_every_message_is_taken) {
  Selector selector({});
  EXPECT_TRUE(selector.takes(record(sip, "OPTIONS sip:h SIP/2.0\r\n\r\n")));
  EXPECT_TRUE(selector.takes(record(cx, "")));
}

}  // namespace
}  // namespace lapwing::trace
