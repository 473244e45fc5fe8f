#include "lab/labue/audio.h"

#include <gtest/gtest.h>

#include "absl/strings/str_format.h"

namespace lapwing::labue {
namespace {

Audio::Local here(bool preconditions = true) {
  return {.address = asio::ip::make_address("192.168.101.1"), .port = 40000, .preconditions = preconditions};
}

Audio::Local there(bool preconditions = true) {
  return {.address = asio::ip::make_address("2001:db8::2"), .port = 40002, .preconditions = preconditions};
}

std::string session(std::string_view media) {
  return absl::StrFormat("v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n%s", media);
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

TEST(Audio, when_two_handsets_agree_then_both_have_the_first_codec_and_each_others_address) {
  Audio caller(here()), called(there());
  auto answer = called.answer(caller.offer());
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_TRUE(caller.read_answer(*answer).ok());
  for (Audio* audio : {&caller, &called}) {
    EXPECT_EQ(audio->codec(), "AMR-WB/16000");
    EXPECT_EQ(audio->payload_type(), 116);
    EXPECT_TRUE(audio->sends() && audio->receives() && audio->preconditions());
  }
  EXPECT_EQ(caller.peer().text(), "[2001:db8::2]:40002");
  EXPECT_EQ(called.peer().text(), "192.168.101.1:40000");
  EXPECT_TRUE(contains(*answer, "m=audio 40002 RTP/AVP 116 111\r\n"));
}

TEST(Audio, when_resources_are_reserved_then_each_learns_it_from_the_other) {
  Audio caller(here()), called(there());
  ASSERT_TRUE(caller.read_answer(*called.answer(caller.offer())).ok());
  EXPECT_FALSE(called.peer_reserved());
  caller.reserve();
  called.reserve();
  auto answer = called.answer(caller.offer());
  EXPECT_TRUE(called.peer_reserved());
  EXPECT_FALSE(contains(*answer, "conf:qos"));
  ASSERT_TRUE(caller.read_answer(*answer).ok());
  EXPECT_TRUE(caller.peer_reserved());
}

TEST(Audio, when_one_end_has_no_preconditions_then_neither_answer_has_them) {
  Audio caller(here()), called(there(false));
  auto answer = called.answer(caller.offer());
  EXPECT_FALSE(contains(*answer, "qos"));
  ASSERT_TRUE(caller.read_answer(*answer).ok());
  EXPECT_FALSE(caller.preconditions());
}

TEST(Audio, when_the_offer_has_other_payload_types_and_sections_then_the_answer_follows_them) {
  Audio audio(here());
  auto answer = audio.answer(session(
      "m=video 5000 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\nm=audio 6000 RTP/AVP 9 104 101\r\na=rtpmap:104 amr/8000\r\n"
      "a=rtpmap:101 telephone-event/8000\r\nm=message 7000 TCP/MSRP *\r\n"));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(audio.codec(), "AMR/8000");
  EXPECT_EQ(audio.payload_type(), 104);
  size_t video = answer->find("m=video 0 RTP/AVP 97\r\n"), sound = answer->find("m=audio 40000 RTP/AVP 104 101\r\n"),
         message = answer->find("m=message 0 TCP/MSRP *\r\n");
  ASSERT_NE(message, std::string::npos);
  EXPECT_LT(video, sound);
  EXPECT_LT(sound, message);
  // The sections keep their places in offers of ours.
  EXPECT_TRUE(contains(audio.offer(), "m=video 0 RTP/AVP 97\r\nm=audio 40000"));
}

TEST(Audio, when_the_offer_has_only_g711_then_it_is_taken) {
  Audio audio(here());
  ASSERT_TRUE(audio.answer(session("m=audio 6000 RTP/AVP 8 0\r\n")).ok());
  EXPECT_EQ(audio.codec(), "PCMA/8000");
  EXPECT_FALSE(audio.preconditions());
}

TEST(Audio, when_nothing_suits_then_the_offer_is_refused) {
  for (const char* media : {"", "m=audio 0 RTP/AVP 8\r\n", "m=audio 6000 RTP/AVP 9\r\n", "m=video 6000 RTP/AVP 8\r\n",
                            "m=audio 6000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n"}) {
    Audio audio(here());
    EXPECT_EQ(audio.answer(session(media)).status().code(), absl::StatusCode::kFailedPrecondition) << media;
  }
  EXPECT_EQ(Audio(here()).answer("nonsense").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Audio, when_the_direction_is_offered_then_the_answer_turns_it_round) {
  for (auto [offered, answered, sends, receives] :
       {std::tuple("sendonly", "recvonly", false, true), std::tuple("recvonly", "sendonly", true, false),
        std::tuple("inactive", "inactive", false, false), std::tuple("sendrecv", "sendrecv", true, true)}) {
    Audio audio(here());
    auto answer = audio.answer(session(absl::StrFormat("m=audio 6000 RTP/AVP 8\r\na=%s\r\n", offered)));
    ASSERT_TRUE(answer.ok());
    EXPECT_TRUE(contains(*answer, absl::StrFormat("a=%s\r\n", answered))) << offered;
    EXPECT_EQ(audio.sends(), sends) << offered;
    EXPECT_EQ(audio.receives(), receives) << offered;
  }
}

TEST(Audio, when_the_same_is_said_again_then_the_version_stays) {
  Audio audio(here());
  std::string first = audio.offer();
  EXPECT_EQ(audio.offer(), first);
  audio.want(sdp::Direction::sendonly);
  EXPECT_TRUE(contains(audio.offer(), " 1 IN IP4"));
}

}  // namespace
}  // namespace lapwing::labue
