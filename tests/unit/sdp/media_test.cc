#include "tests/unit/sdp/support.h"

namespace lapwing::sdp {
namespace {

std::string error_of_media(std::string_view lines) {
  return error_of("v=0\n" + std::string(lines) + "\n");
}

TEST(Media, when_ports_are_at_the_ends_of_their_range_then_they_are_read) {
  EXPECT_EQ(media_of("m=audio 0 RTP/AVP 0\n").port, 0);
  EXPECT_EQ(media_of("m=audio 65535 RTP/AVP 0\n").port, 65535);
  EXPECT_EQ(media_of("m=audio 65534/2 RTP/AVP 0\n").port_count, 2);
  EXPECT_EQ(media_of("m=audio 0/65535 RTP/AVP 0\n").port_count, 65535);
  EXPECT_EQ(media_of("m= audio  4\tRTP/AVP  0 \n").port, 4);
}

TEST(Media, when_ports_or_counts_are_out_of_range_then_they_are_refused) {
  for (std::string_view port : {"65536", "-1", "4294967297", "x", "4x", "+4", "/2", "$"}) {
    EXPECT_EQ(error_of_media("m=audio " + std::string(port) + " RTP/AVP 0"),
              "SDP line 2: the port is not a number from 0 to 65535")
        << port;
  }
  for (std::string_view port : {"65535/2", "1/65536", "4/0", "4/-1", "4/", "4/x", "4/2/2", "0/65536"}) {
    EXPECT_EQ(error_of_media("m=audio " + std::string(port) + " RTP/AVP 0"),
              "SDP line 2: the number of ports is 0, no number, or leads beyond port 65535")
        << port;
  }
}

TEST(Media, when_words_are_missing_or_not_words_then_they_are_refused) {
  EXPECT_EQ(error_of_media("m="), "SDP line 2: m= without a media type");
  EXPECT_EQ(error_of_media("m=aud\xefo 4 RTP/AVP 0"), "SDP line 2: m= without a media type");
  EXPECT_EQ(error_of_media("m=audio"), "SDP line 2: the port is not a number from 0 to 65535");
  EXPECT_EQ(error_of_media("m=audio 4"), "SDP line 2: m= without a protocol");
  EXPECT_EQ(error_of_media("m=audio 4 \"RTP\" 0"), "SDP line 2: m= without a protocol");
  EXPECT_EQ(error_of_media("m=audio 4 RTP/AVP"), "SDP line 2: m= without formats");
  EXPECT_EQ(error_of_media("m=image 4 udptl t3\x80"), "SDP line 2: a format has characters that it may not have");
}

TEST(Media, when_what_is_rejected_has_no_formats_then_it_is_read) {
  const MediaSection video = media_of("m=video 0 RTP/AVP\n");
  EXPECT_FALSE(video.active());
  EXPECT_TRUE(video.formats.empty());
}

TEST(Media, when_a_port_of_0_is_bundle_only_then_it_is_active) {
  EXPECT_TRUE(media_of("m=video 0 RTP/AVP 34\na=bundle-only\n").active());
  EXPECT_FALSE(media_of("m=video 0 RTP/AVP 34\na=mid:1\n").active());
}

TEST(Media, when_a_payload_type_is_static_then_it_has_its_name_without_rtpmap) {
  const MediaSection audio = media_of("m=audio 4 RTP/AVP 0 8 9 3 18 10 11 13\n");
  EXPECT_EQ(joined(audio.codecs()), "PCMU/8000 PCMA/8000 G722/8000 GSM/8000 G729/8000 L16/44100/2 L16/44100 CN/8000");
  EXPECT_EQ(joined(media_of("m=video 4 RTP/AVP 34 31 26\n").codecs()), "H263/90000 H261/90000 JPEG/90000");
}

TEST(Media, when_a_payload_type_has_no_name_then_its_number_stands_for_it) {
  EXPECT_EQ(joined(media_of("m=audio 4 RTP/AVP 96 1 127\n").codecs()), "96 1 127");
}

TEST(Media, when_an_rtpmap_names_a_static_payload_type_then_the_rtpmap_counts) {
  EXPECT_EQ(joined(media_of("m=audio 4 RTP/AVP 2 0\na=rtpmap:2 G726-32/8000\na=rtpmap:0 PCMU/16000\n").codecs()),
            "G726-32/8000 PCMU/16000");
}

TEST(Media, when_an_rtpmap_has_channels_then_one_is_not_named) {
  const MediaSection audio = media_of(
      "m=audio 4 RTP/AVP 96 97 98\na=rtpmap:96 AMR-WB/16000/1\na=rtpmap:97 opus/48000/2 x\na=RTPMAP: 98  EVS/16000\n");
  EXPECT_EQ(joined(audio.codecs()), "AMR-WB/16000 opus/48000/2 EVS/16000");
  EXPECT_EQ(audio.formats[0].encoding, "AMR-WB");
  EXPECT_EQ(audio.formats[1].clock_rate, 48000u);
  EXPECT_EQ(audio.formats[1].channels, 2);
}

TEST(Media, when_a_codec_is_offered_in_several_modes_then_it_is_named_once) {
  const MediaSection audio = media_of(
      "m=audio 4 RTP/AVP 116 107 116\na=rtpmap:116 AMR-WB/16000/1\na=rtpmap:107 amr-wb/16000\n"
      "a=fmtp:107 octet-align=1\n");
  EXPECT_EQ(joined(audio.codecs()), "AMR-WB/16000");
  EXPECT_EQ(audio.formats.size(), 3);
}

TEST(Media, when_an_rtpmap_is_wrong_then_it_is_refused) {
  const std::string media = "m=audio 4 RTP/AVP 96\na=rtpmap:";
  EXPECT_EQ(error_of_media(media + "96"), "SDP line 3: rtpmap without an encoding name");
  EXPECT_EQ(error_of_media(media + "96 /8000"), "SDP line 3: rtpmap without an encoding name");
  EXPECT_EQ(error_of_media(media + "96 A\xffR/8000"), "SDP line 3: rtpmap without an encoding name");
  EXPECT_EQ(error_of_media(media + "96AMR/8000"), "SDP line 3: rtpmap without a payload type from 0 to 127");
  EXPECT_EQ(error_of_media("m=audio 4 RTP/AVP 96\na=rtpmap"),
            "SDP line 3: rtpmap without a payload type from 0 to 127");
  for (std::string_view rate : {"", "0", "-8000", "4294967296", "8k"}) {
    EXPECT_EQ(error_of_media(media + "96 AMR/" + std::string(rate)),
              "SDP line 3: the clock rate is not a number of at most 32 bits, or is 0")
        << rate;
  }
  for (std::string_view channels : {"", "0", "-1", "256", "1/1"}) {
    EXPECT_EQ(error_of_media(media + "96 AMR/8000/" + std::string(channels)),
              "SDP line 3: the number of channels is not a number from 1 to 255")
        << channels;
  }
}

TEST(Media, when_two_rtpmaps_of_a_payload_type_differ_then_they_are_refused) {
  const std::string media = "m=audio 4 RTP/AVP 96 97\na=rtpmap:96 AMR/8000\n";
  EXPECT_EQ(error_of_media(media + "a=rtpmap:96 PCMU/8000"), "SDP line 4: another rtpmap for a payload type");
  EXPECT_EQ(error_of_media(media + "a=rtpmap:96 amr/8000/1\na=rtpmap:97 PCMU/8000"), "");
}

TEST(Media, when_there_are_two_media_then_each_has_its_own_rtpmaps) {
  const SessionDescription two =
      parsed("v=0\nm=audio 4 RTP/AVP 96\na=rtpmap:96 AMR/8000\nm=video 6 RTP/AVP 96\na=rtpmap:96 H264/90000\n");
  EXPECT_EQ(joined(two.media.at(0).codecs()), "AMR/8000");
  EXPECT_EQ(joined(two.media.at(1).codecs()), "H264/90000");
}

// CVE-2018-1000098: formats that are no payload types.
TEST(Media, when_a_payload_type_is_huge_or_negative_then_it_is_refused) {
  for (std::string_view format : {"128", "-1", "4294967296", "18446744073709551616", "0x0", "96,97", "*", "audio"}) {
    const std::string text(format);
    const bool token = text.find(',') == std::string::npos;
    EXPECT_EQ(error_of_media("m=audio 4 RTP/AVP " + text),
              token ? "SDP line 2: a payload type is not a number from 0 to 127"
                    : "SDP line 2: a format has characters that it may not have")
        << text;
    EXPECT_EQ(error_of_media("m=audio 4 RTP/AVP 0\na=rtpmap:" + text + " PCMU/8000"),
              "SDP line 3: rtpmap without a payload type from 0 to 127")
        << text;
  }
}

// CVE-2018-1000099: fmtp that names no format.
TEST(Media, when_an_fmtp_names_no_format_then_it_is_refused) {
  EXPECT_EQ(error_of_media("m=audio 4 RTP/AVP 0\na=fmtp"), "SDP line 3: fmtp without a format");
  EXPECT_EQ(error_of_media("m=audio 4 RTP/AVP 0\na=fmtp:"), "SDP line 3: fmtp without a format");
  EXPECT_EQ(error_of_media("m=audio 4 RTP/AVP 0\na=fmtp: \t"), "SDP line 3: fmtp without a format");
  EXPECT_EQ(error_of_media("m=image 4 udptl t38\na=fmtp:"), "SDP line 3: fmtp without a format");
  for (std::string_view format : {"-1", "128", "4294967296", "mode-set=0", "*"}) {
    EXPECT_EQ(error_of_media("m=audio 4 RTP/AVP 0\na=fmtp:" + std::string(format) + " x=1"),
              "SDP line 3: fmtp without a payload type from 0 to 127")
        << format;
  }
}

TEST(Media, when_an_fmtp_is_of_no_format_here_or_a_second_one_then_it_is_kept_as_text) {
  const MediaSection audio =
      media_of("m=audio 4 RTP/AVP 96\na=fmtp:96\na=fmtp:96 a=1\na=fmtp:96 b=2\na=fmtp:97 c=3\na=rtpmap:98 EVS/16000\n");
  EXPECT_EQ(audio.formats.at(0).fmtp, "a=1");
  EXPECT_EQ(audio.attributes,
            (std::vector<Attribute>{{"fmtp", "96 b=2"}, {"fmtp", "97 c=3"}, {"rtpmap", "98 EVS/16000"}}));
}

TEST(Media, when_the_protocol_is_not_rtp_then_formats_are_words) {
  const MediaSection messages = media_of("m=message 7394 TCP/MSRP *\na=rtpmap:x y\n");
  EXPECT_FALSE(messages.is_rtp());
  EXPECT_EQ(joined(messages.codecs()), "*");
  EXPECT_EQ(messages.attributes, (std::vector<Attribute>{{"rtpmap", "x y"}}));
  const MediaSection data =
      media_of("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=fmtp:webrtc-datachannel x=1\n");
  EXPECT_EQ(data.formats.at(0).fmtp, "x=1");
  EXPECT_FALSE(data.formats.at(0).payload_type);
}

TEST(Media, when_the_protocol_is_rtp_of_any_profile_then_it_is_seen) {
  for (std::string_view proto : {"RTP/AVP", "rtp/savpf", "UDP/TLS/RTP/SAVPF", "TCP/RTP/AVP"}) {
    EXPECT_TRUE(media_of("m=audio 4 " + std::string(proto) + " 0\n").is_rtp()) << proto;
  }
  for (std::string_view proto : {"udptl", "SRTP/AVP", "RTP", "UDP/RTPX", "UDP"}) {
    EXPECT_FALSE(media_of("m=audio 4 " + std::string(proto) + " 0\n").is_rtp()) << proto;
  }
}

TEST(Media, when_a_direction_is_given_then_it_goes_before_that_of_the_session) {
  const SessionDescription description = parsed(
      "v=0\na=inactive\nm=audio 4 RTP/AVP 0\nm=audio 4 RTP/AVP 0\na=SendOnly\na=recvonly\nm=audio 4 RTP/AVP 0\n"
      "a=sendrecv\n");
  EXPECT_EQ(description.media.at(0).direction, Direction::inactive);
  EXPECT_EQ(description.media.at(1).direction, Direction::sendonly);
  EXPECT_EQ(description.media.at(1).attributes, (std::vector<Attribute>{{"recvonly", ""}}));
  EXPECT_EQ(description.media.at(2).direction, Direction::sendrecv);
  EXPECT_EQ(media_of("m=audio 4 RTP/AVP 0\n").direction, Direction::sendrecv);
}

TEST(Media, when_the_address_is_unspecified_then_nothing_is_received) {
  EXPECT_FALSE(media_of("c=IN IP4 0.0.0.0\nm=audio 4 RTP/AVP 0\n").receives());
  EXPECT_FALSE(media_of("m=audio 4 RTP/AVP 0\nc=IN IP6 ::\n").receives());
  const MediaSection audio = media_of("c=IN IP4 192.0.2.1\nm=audio 4 RTP/AVP 0\na=recvonly\n");
  EXPECT_TRUE(audio.receives());
  EXPECT_FALSE(audio.sends());
}

TEST(Media, when_a_packet_time_cannot_be_read_then_it_is_kept_as_text) {
  const MediaSection audio = media_of("m=audio 4 RTP/AVP 0\na=ptime:0\na=ptime:20\na=ptime:30\na=maxptime:2.5\n");
  EXPECT_EQ(audio.ptime, 20u);
  EXPECT_FALSE(audio.maxptime);
  EXPECT_EQ(audio.attributes, (std::vector<Attribute>{{"ptime", "0"}, {"ptime", "30"}, {"maxptime", "2.5"}}));
}

TEST(Media, when_rtcp_has_a_port_then_it_is_read_and_else_refused) {
  const MediaSection audio = media_of("m=audio 4 RTP/AVP 0\na=rtcp:30627\na=rtcp:1\n");
  EXPECT_EQ(audio.rtcp, (Rtcp{.port = 30627}));
  EXPECT_EQ(audio.attributes, (std::vector<Attribute>{{"rtcp", "1"}}));
  for (std::string_view port : {"", "65536", "-1", "x IN IP4 192.0.2.1"}) {
    EXPECT_EQ(error_of_media("m=audio 4 RTP/AVP 0\na=rtcp:" + std::string(port)),
              "SDP line 3: the port of rtcp is not a number from 0 to 65535")
        << port;
  }
  EXPECT_EQ(error_of_media("m=audio 4 RTP/AVP 0\na=rtcp:1 IN IP4 1.2.3\n"),
            "SDP line 3: neither an IPv4 address nor a name");
}

TEST(Media, when_there_are_preconditions_then_they_are_read) {
  using Kind = Precondition::Kind;
  using Strength = Precondition::Strength;
  using Segment = Precondition::Segment;
  const MediaSection audio = media_of(
      "m=audio 4 RTP/AVP 0\na=curr:qos local none\na=curr:QOS e2e  send\na=des:qos mandatory local sendrecv\n"
      "a=des:qos optional remote recv\na=conf:qos remote sendrecv\n");
  EXPECT_EQ(audio.preconditions,
            (std::vector<Precondition>{{Kind::current, Strength::none, Segment::local, Direction::inactive},
                                       {Kind::current, Strength::none, Segment::e2e, Direction::sendonly},
                                       {Kind::desired, Strength::mandatory, Segment::local, Direction::sendrecv},
                                       {Kind::desired, Strength::optional, Segment::remote, Direction::recvonly},
                                       {Kind::confirm, Strength::none, Segment::remote, Direction::sendrecv}}));
  EXPECT_TRUE(audio.attributes.empty());
}

TEST(Media, when_a_precondition_is_unknown_then_it_is_kept_as_text) {
  const MediaSection audio = media_of(
      "m=audio 4 RTP/AVP 0\na=curr:sec e2e none\na=curr:qos local\na=des:qos maybe local send\na=curr:qos here none\n"
      "a=conf\n");
  EXPECT_TRUE(audio.preconditions.empty());
  EXPECT_EQ(audio.attributes.size(), 5);
}

TEST(Media, when_mandatory_preconditions_are_covered_then_they_are_met) {
  const std::string wanted =
      "m=audio 4 RTP/AVP 0\na=des:qos mandatory local sendrecv\na=des:qos optional remote send\n";
  EXPECT_FALSE(media_of(wanted).preconditions_met());
  EXPECT_FALSE(media_of(wanted + "a=curr:qos local send\na=curr:qos remote sendrecv\n").preconditions_met());
  EXPECT_TRUE(media_of(wanted + "a=curr:qos local send\na=curr:qos local recv\n").preconditions_met());
  EXPECT_TRUE(media_of(wanted + "a=curr:qos local sendrecv\na=curr:qos remote none\n").preconditions_met());
  EXPECT_TRUE(media_of("m=audio 4 RTP/AVP 0\n").preconditions_met());
}

TEST(Media, when_bandwidths_are_given_then_the_larger_of_as_and_tias_counts) {
  EXPECT_EQ(media_of("m=audio 4 RTP/AVP 0\n").kbps(), 0u);
  EXPECT_EQ(media_of("m=audio 4 RTP/AVP 0\nb=AS:41\nb=RS:600000\nb=CT:500\n").kbps(), 41u);
  EXPECT_EQ(media_of("m=audio 4 RTP/AVP 0\nb=as:41\nb=TIAS:41001\n").kbps(), 42u);
  EXPECT_EQ(media_of("m=audio 4 RTP/AVP 0\nb=TIAS:4294967295\n").kbps(), 4294968u);
}

TEST(Media, when_the_session_and_its_media_have_bandwidths_then_the_larger_total_counts) {
  const std::string media =
      "m=audio 4 RTP/AVP 0\nb=AS:4294967295\nm=video 4 RTP/AVP 34\nb=AS:4294967295\n"
      "m=video 0 RTP/AVP 34\nb=AS:4294967295\n";
  EXPECT_EQ(parsed("v=0\nb=AS:1\n" + media).kbps(), uint64_t{2} * 4294967295u);
  EXPECT_EQ(parsed("v=0\nb=CT:100\nb=AS:90\nm=audio 4 RTP/AVP 0\nb=AS:41\n").kbps(), 100u);
  EXPECT_EQ(parsed("v=0\nm=audio 4 RTP/AVP 0\n").kbps(), 0u);
}

}  // namespace
}  // namespace lapwing::sdp
