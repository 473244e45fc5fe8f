#include "common/sdp/policy.h"

#include "tests/unit/sdp/support.h"

namespace lapwing::sdp {
namespace {

const SessionDescription& video_call() {
  static const SessionDescription offer = parsed(
      "v=0\nm=audio 4 RTP/AVP 104 102 96\nb=AS:41\na=rtpmap:104 AMR-WB/16000/1\na=rtpmap:102 AMR/8000\n"
      "a=rtpmap:96 telephone-event/16000\nm=video 6 RTP/AVP 99\nb=TIAS:500500\na=rtpmap:99 H264/90000\n");
  return offer;
}

std::string refusal(const Policy& policy, const SessionDescription& offer) {
  return refuse(policy, offer).value_or("");
}
std::string refusal(const Policy& policy, std::string_view lines) {
  return refusal(policy, parsed("v=0\n" + std::string(lines)));
}

TEST(Policy, when_it_is_empty_then_everything_is_allowed) {
  EXPECT_EQ(refuse({}, video_call()), std::nullopt);
  EXPECT_EQ(refuse({}, parsed("v=0\n")), std::nullopt);
}

TEST(Policy, when_a_media_type_is_not_listed_then_the_offer_is_refused) {
  EXPECT_EQ(refusal({.media = {"Audio"}}, video_call()), "video is not allowed");
  EXPECT_EQ(refusal({.media = {"audio", "VIDEO"}}, video_call()), "");
  EXPECT_EQ(refusal({.media = {"video"}}, video_call()), "audio is not allowed");
}

TEST(Policy, when_what_is_not_allowed_is_rejected_already_then_the_offer_passes) {
  const Policy policy{.codecs = {"AMR"}, .media = {"audio"}, .max_kbps = 50};
  const std::string audio = "m=audio 4 RTP/AVP 96\na=rtpmap:96 AMR/8000\nb=AS:50\n";
  EXPECT_EQ(refusal(policy, audio + "m=video 0 RTP/AVP 34\nb=AS:500\nm=audio 0 RTP/AVP 0\n"), "");
  EXPECT_EQ(refusal(policy, audio + "m=video 0 RTP/AVP 34\na=bundle-only\n"), "video is not allowed");
}

TEST(Policy, when_no_codec_is_listed_then_the_offer_is_refused) {
  EXPECT_EQ(refusal({.codecs = {"AMR-WB"}}, video_call()), "no codec of video is allowed: offered are H264/90000");
  EXPECT_EQ(refusal({.codecs = {"EVS", "H264"}}, video_call()),
            "no codec of audio is allowed: offered are AMR-WB/16000, AMR/8000, telephone-event/16000");
  EXPECT_EQ(refusal({.codecs = {"amr", "h264/90000"}}, video_call()), "");
}

TEST(Policy, when_an_entry_leaves_something_out_then_that_may_be_anything) {
  const std::string opus = "m=audio 4 RTP/AVP 96\na=rtpmap:96 opus/48000/2\n";
  for (std::string_view entry : {"opus", "OPUS/48000", "Opus/48000/2"}) {
    EXPECT_EQ(refusal({.codecs = {std::string(entry)}}, opus), "") << entry;
  }
  for (std::string_view entry : {"opus/48000/1", "opus/4800", "opu", "opus/", "opus/48000/", "/48000", "", "2"}) {
    EXPECT_NE(refusal({.codecs = {std::string(entry)}}, opus), "") << entry;
  }
  EXPECT_EQ(refusal({.codecs = {"AMR-WB/16000/1"}}, "m=audio 4 RTP/AVP 96\na=rtpmap:96 AMR-WB/16000\n"), "");
  EXPECT_NE(refusal({.codecs = {"AMR"}}, "m=audio 4 RTP/AVP 96\na=rtpmap:96 AMR-WB/16000\n"), "");
}

TEST(Policy, when_only_telephone_event_is_allowed_then_the_offer_is_refused) {
  const std::string events = "m=audio 4 RTP/AVP 0 96\na=rtpmap:96 telephone-event/8000\n";
  EXPECT_NE(refusal({.codecs = {"telephone-event"}}, events), "");
  EXPECT_EQ(refusal({.codecs = {"PCMU"}}, events), "");
}

TEST(Policy, when_a_payload_type_has_no_name_then_it_is_not_allowed) {
  EXPECT_EQ(refusal({.codecs = {"AMR"}}, "m=audio 4 RTP/AVP 96\n"), "no codec of audio is allowed: offered are 96");
}

TEST(Policy, when_media_have_no_codecs_then_their_type_decides) {
  const std::string other = "m=message 7394 TCP/MSRP *\nm=image 4 udptl t38\n";
  EXPECT_EQ(refusal({.codecs = {"AMR"}}, other), "");
  EXPECT_EQ(refusal({.media = {"image"}}, other), "message is not allowed");
  EXPECT_NE(refusal({.codecs = {"AMR"}}, "m=audio 4 UDP 0\n"), "");
  EXPECT_NE(refusal({.codecs = {"AMR"}}, "m=text 4 RTP/AVP 98\na=rtpmap:98 t140/1000\n"), "");
}

TEST(Policy, when_the_bandwidth_is_above_then_the_offer_is_refused) {
  EXPECT_EQ(refusal({.max_kbps = 542}, video_call()), "");
  EXPECT_EQ(refusal({.max_kbps = 541}, video_call()), "a bandwidth of 542 kbit/s is above the allowed 541");
  EXPECT_EQ(refusal({.max_kbps = 0}, "m=audio 4 RTP/AVP 0\n"), "");
  EXPECT_EQ(refusal({.max_kbps = 4294967295}, "m=audio 4 RTP/AVP 0\nb=AS:4294967295\nm=audio 4 RTP/AVP 0\nb=AS:1\n"),
            "a bandwidth of 4294967296 kbit/s is above the allowed 4294967295");
}

TEST(Policy, when_many_codecs_are_refused_then_the_first_are_named) {
  EXPECT_EQ(refusal({.codecs = {"AMR"}}, "m=audio 4 RTP/AVP 101 102 103 104 105 106 107 108 109\n"),
            "no codec of audio is allowed: offered are 101, 102, 103, 104, 105, 106, 107, 108, ...");
}

}  // namespace
}  // namespace lapwing::sdp
