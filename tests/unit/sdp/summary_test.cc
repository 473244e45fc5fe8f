#include "common/sdp/summary.h"

#include "tests/unit/sdp/support.h"

namespace lapwing::sdp {
namespace {

std::string of(std::string_view offer) {
  return summary(parsed("v=0\n" + std::string(offer)));
}
std::string of(std::string_view offer, std::string_view answer) {
  const SessionDescription answered = parsed("v=0\n" + std::string(answer));
  return summary(parsed("v=0\n" + std::string(offer)), &answered);
}

constexpr std::string_view kOffer =
    "m=audio 4 RTP/AVP 96 104 105 102\na=rtpmap:96 telephone-event/16000\na=rtpmap:104 AMR-WB/16000/1\n"
    "a=rtpmap:105 AMR-WB/16000\na=rtpmap:102 AMR/8000\n";
constexpr std::string_view kVideo = "m=video 6 RTP/AVP 99\na=rtpmap:99 H264/90000\n";

TEST(Summary, when_there_is_an_offer_alone_then_all_its_codecs_are_named) {
  EXPECT_EQ(of(kOffer), "audio AMR-WB/16000 or AMR/8000 sendrecv");
  EXPECT_EQ(of(std::string(kOffer) + std::string(kVideo) + "a=recvonly\n"),
            "audio AMR-WB/16000 or AMR/8000 sendrecv, video H264/90000 recvonly");
  EXPECT_EQ(of("m=audio 4 RTP/AVP 0 8 9 18 3\n"),
            "audio PCMU/8000 or PCMA/8000 or G722/8000 or G729/8000 or others sendrecv");
  EXPECT_EQ(of("m=audio 4 RTP/AVP 96\na=rtpmap:96 telephone-event/8000\n"), "audio without a codec sendrecv");
}

TEST(Summary, when_there_is_an_answer_then_the_first_common_codec_is_named) {
  EXPECT_EQ(of(kOffer,
               "m=audio 8 RTP/AVP 97 98 99\na=rtpmap:97 telephone-event/16000\na=rtpmap:98 EVS/16000\n"
               "a=rtpmap:99 amr/8000/1\n"),
            "audio amr/8000 sendrecv");
  EXPECT_EQ(of(kOffer, "m=audio 8 RTP/AVP 0\n"), "audio without a common codec sendrecv");
  EXPECT_EQ(of("m=image 4 udptl t38\n", "m=image 8 udptl t38\n"), "image t38 sendrecv");
}

TEST(Summary, when_media_are_rejected_or_not_answered_then_it_says_so) {
  const std::string offer = std::string(kOffer) + std::string(kVideo);
  const std::string answer = "m=audio 8 RTP/AVP 104\na=rtpmap:104 AMR-WB/16000\n";
  EXPECT_EQ(of(offer, answer + "m=video 0 RTP/AVP 99\n"), "audio AMR-WB/16000 sendrecv, video rejected");
  EXPECT_EQ(of(offer, answer), "audio AMR-WB/16000 sendrecv, video rejected");
  EXPECT_EQ(of("m=video 0 RTP/AVP\n" + std::string(kOffer), "m=video 0 RTP/AVP\n" + answer),
            "audio AMR-WB/16000 sendrecv");
}

TEST(Summary, when_nothing_is_active_then_there_is_no_media) {
  EXPECT_EQ(of(""), "no media");
  EXPECT_EQ(of("m=audio 0 RTP/AVP 0\n", "m=audio 0 RTP/AVP 0\n"), "no media");
}

TEST(Summary, when_a_side_holds_the_call_then_the_direction_is_that_of_the_offerer) {
  const std::string audio = "m=audio 4 RTP/AVP 0\n";
  EXPECT_EQ(of(audio + "a=sendonly\n"), "audio PCMU/8000 sendonly (hold)");
  EXPECT_EQ(of(audio + "a=sendonly\n", audio + "a=recvonly\n"), "audio PCMU/8000 sendonly (hold)");
  EXPECT_EQ(of(audio, audio + "a=sendonly\n"), "audio PCMU/8000 recvonly (hold)");
  EXPECT_EQ(of(audio + "a=inactive\n", audio), "audio PCMU/8000 inactive (hold)");
  EXPECT_EQ(of(audio + "c=IN IP4 0.0.0.0\n", audio), "audio PCMU/8000 sendonly (hold)");
}

TEST(Summary, when_media_go_one_way_without_a_hold_then_only_the_direction_says_so) {
  const std::string audio = "m=audio 4 RTP/AVP 0\n";
  EXPECT_EQ(of(audio, audio + "a=recvonly\n"), "audio PCMU/8000 sendonly");
  EXPECT_EQ(of(std::string(kVideo) + "a=sendonly\n", std::string(kVideo) + "a=recvonly\n"),
            "video H264/90000 sendonly");
}

}  // namespace
}  // namespace lapwing::sdp
