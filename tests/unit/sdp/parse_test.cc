#include "common/sip/uri.h"
#include "tests/unit/sdp/support.h"

namespace lapwing::sdp {
namespace {

constexpr std::string_view kVideoCall =
    "v=0\r\n"
    "o=handset 5832785110 7 IN IP6 2001:db8:9::2\r\n"
    "s=-\r\n"
    "c=IN IP6 2001:db8:9::2\r\n"
    "b=AS:600\r\n"
    "b=RS:800\r\n"
    "t=0 0\r\n"
    "a=group:LS 1 2\r\n"
    "a=recvonly\r\n"
    "m=audio 49170 RTP/AVP 104 8 96\r\n"
    "b=AS:49\r\n"
    "a=rtpmap:104 AMR-WB/16000/1\r\n"
    "a=fmtp:104 mode-change-capability=2;max-red=0\r\n"
    "a=rtpmap:96 telephone-event/16000\r\n"
    "a=fmtp:96 0-15\r\n"
    "a=sendrecv\r\n"
    "a=ptime:20\r\n"
    "a=maxptime:240\r\n"
    "a=rtcp:53020 IN IP4 192.0.2.7\r\n"
    "a=rtcp-mux\r\n"
    "m=video 49180/2 RTP/AVPF 99\r\n"
    "c=IN IP4 192.0.2.9\r\n"
    "a=rtpmap:99 H264/90000\r\n"
    "a=rtcp-fb:* nack pli\r\n";

TEST(Parse, when_a_video_call_is_offered_then_the_session_is_read) {
  const SessionDescription offer = parsed(kVideoCall);
  ASSERT_TRUE(offer.origin);
  EXPECT_EQ(offer.origin->username, "handset");
  EXPECT_EQ(offer.origin->session_id, "5832785110");
  EXPECT_EQ(offer.origin->version, "7");
  EXPECT_EQ(offer.origin->connection.address, asio::ip::make_address("2001:db8:9::2"));
  ASSERT_TRUE(offer.connection);
  EXPECT_EQ(offer.connection->host, "2001:db8:9::2");
  EXPECT_EQ(offer.connection->address, asio::ip::make_address("2001:db8:9::2"));
  EXPECT_EQ(offer.bandwidths, (std::vector<Bandwidth>{{"AS", 600}, {"RS", 800}}));
  EXPECT_EQ(offer.direction, Direction::recvonly);
  EXPECT_EQ(offer.attributes, (std::vector<Attribute>{{"group", "LS 1 2"}}));
  EXPECT_EQ(offer.attribute("Group"), &offer.attributes[0]);
  EXPECT_EQ(offer.attribute("mid"), nullptr);
  EXPECT_EQ(offer.media.size(), 2);
}

TEST(Parse, when_a_video_call_is_offered_then_its_media_are_read_in_order) {
  const SessionDescription offer = parsed(kVideoCall);
  ASSERT_EQ(offer.media.size(), 2);
  const MediaSection& audio = offer.media[0];
  EXPECT_EQ(audio.type, "audio");
  EXPECT_EQ(audio.port, 49170);
  EXPECT_EQ(audio.port_count, 1);
  EXPECT_EQ(audio.proto, "RTP/AVP");
  EXPECT_EQ(joined(audio.codecs()), "AMR-WB/16000 PCMA/8000 telephone-event/16000");
  EXPECT_EQ(audio.formats[0].payload_type, 104);
  EXPECT_EQ(audio.formats[0].fmtp, "mode-change-capability=2;max-red=0");
  EXPECT_EQ(audio.formats[1].fmtp, "");
  EXPECT_EQ(audio.formats[2].fmtp, "0-15");
  EXPECT_EQ(audio.connection, offer.connection);
  EXPECT_EQ(audio.bandwidths, (std::vector<Bandwidth>{{"AS", 49}}));
  EXPECT_EQ(audio.direction, Direction::sendrecv);
  EXPECT_EQ(audio.ptime, 20u);
  EXPECT_EQ(audio.maxptime, 240u);
  ASSERT_TRUE(audio.rtcp && audio.rtcp->connection);
  EXPECT_EQ(audio.rtcp->port, 53020);
  EXPECT_EQ(audio.rtcp->connection->address, asio::ip::make_address("192.0.2.7"));
  EXPECT_EQ(audio.attributes, (std::vector<Attribute>{{"rtcp-mux", ""}}));

  const MediaSection& video = offer.media[1];
  EXPECT_EQ(video.port, 49180);
  EXPECT_EQ(video.port_count, 2);
  EXPECT_EQ(joined(video.codecs()), "H264/90000");
  EXPECT_EQ(video.connection->address, asio::ip::make_address("192.0.2.9"));
  EXPECT_EQ(video.direction, Direction::recvonly);
  EXPECT_TRUE(video.bandwidths.empty());
  EXPECT_EQ(video.attributes, (std::vector<Attribute>{{"rtcp-fb", "* nack pli"}}));
}

TEST(Parse, when_lines_end_otherwise_then_the_same_is_read) {
  std::string lf, bare(kVideoCall), blanks, nul(kVideoCall);
  for (char c : kVideoCall) {
    if (c == '\r') {
      blanks += " \t";
    } else {
      lf += c;
    }
    blanks += c;
  }
  bare.resize(bare.size() - 2);
  nul += std::string("\r\n\r\n\0\0", 6);
  for (const std::string& body : {lf, bare, blanks, nul}) EXPECT_EQ(parsed(body), parsed(kVideoCall));
}

TEST(Parse, when_lines_are_missing_or_in_another_order_then_the_rest_is_read) {
  const SessionDescription description = parsed(
      "v=0\n\nb=AS:9\nc=IN IP4 192.0.2.1\ns=\nz=0 0\nk=prompt\nX=1\nm=audio 4 RTP/AVP 0\na=recvonly\nb=AS:8\n"
      "c=IN IP4 192.0.2.2\ni=a title\n");
  EXPECT_FALSE(description.origin);
  EXPECT_EQ(description.kbps(), 9);
  ASSERT_EQ(description.media.size(), 1);
  EXPECT_EQ(description.media[0].direction, Direction::recvonly);
  EXPECT_EQ(description.media[0].connection->host, "192.0.2.2");
  EXPECT_FALSE(parsed("v=0").connection);
}

TEST(Parse, when_it_does_not_begin_as_sdp_then_it_is_refused) {
  EXPECT_EQ(error_of(""), "SDP without a line");
  EXPECT_EQ(error_of("\r\n\r\n"), "SDP without a line");
  EXPECT_EQ(error_of("o=- 1 1 IN IP4 192.0.2.1\r\nv=0\r\n"), "SDP line 1: v=0 must come first");
  EXPECT_EQ(error_of("v=1\r\n"), "SDP line 1: v=0 must come first");
  EXPECT_EQ(error_of("v=0\r\n\r\nv=0\r\n"), "SDP line 3: a second v=");
  EXPECT_EQ(error_of("v=0\r\nhello\r\n"), "SDP line 2: not of the form x=text");
  EXPECT_EQ(error_of("v=0\r\n a=sendrecv\r\n"), "SDP line 2: not of the form x=text");
  EXPECT_EQ(error_of("v=0\r\na\r\n"), "SDP line 2: not of the form x=text");
}

// Another reader may take them for the end of a line, or of the text, and see other media than the policy did.
TEST(Parse, when_a_line_hides_a_cr_or_nul_then_it_is_refused) {
  EXPECT_EQ(error_of("v=0\r\na=x\rm=video 1 RTP/AVP 34\r\n"), "SDP line 2: a CR inside a line");
  EXPECT_EQ(error_of(std::string_view("v=0\r\na=x\0y\r\n", 12)), "SDP line 2: a NUL inside a line");
}

TEST(Parse, when_text_has_any_other_bytes_then_they_are_kept) {
  const SessionDescription description = parsed(
      "v=0\no=\xff\xfe 1 1 IN IP4 \x80\na=\xf0\x9f\x93\x9e:\x01\x7f\xc3\xa9\nm=audio 4 RTP/AVP 0\na=fmtp:0 \xe9\n");
  EXPECT_EQ(description.origin->username, "\xff\xfe");
  EXPECT_EQ(description.origin->connection.host, "\x80");
  EXPECT_EQ(description.attributes, (std::vector<Attribute>{{"\xf0\x9f\x93\x9e", "\x01\x7f\xc3\xa9"}}));
  EXPECT_EQ(description.media.at(0).formats.at(0).fmtp, "\xe9");
}

TEST(Parse, when_the_user_name_of_an_origin_has_spaces_then_the_rest_is_still_found) {
  const Origin origin = parsed("v=0\no=IMS UE  5 -1 IN IP4 192.0.2.1\n").origin.value_or(Origin{});
  EXPECT_EQ(origin.username, "IMS UE");
  EXPECT_EQ(origin.session_id, "5");
  EXPECT_EQ(origin.version, "-1");
  EXPECT_EQ(origin.connection.address, asio::ip::make_address("192.0.2.1"));
}

TEST(Parse, when_an_origin_is_short_or_misplaced_then_it_is_refused) {
  EXPECT_EQ(error_of("v=0\no=1 1 IN IP4 192.0.2.1\n"), "SDP line 2: o= needs six words");
  EXPECT_EQ(error_of("v=0\no=\n"), "SDP line 2: o= needs six words");
  EXPECT_EQ(error_of("v=0\no=- 1 1 IN IP4 a\no=- 1 1 IN IP4 a\n"), "SDP line 3: a second o=");
  EXPECT_EQ(error_of("v=0\nm=audio 4 RTP/AVP 0\no=- 1 1 IN IP4 a\n"), "SDP line 3: o= behind m=");
}

TEST(Parse, when_an_origin_has_no_address_then_its_text_is_kept) {
  const Origin origin = parsed("v=0\no=- 1 1 IN IP4 (null)\n").origin.value_or(Origin{});
  EXPECT_EQ(origin.connection, (Connection{.host = "(null)"}));
}

Connection connection_of(std::string_view text) {
  return parsed("v=0\nc=" + std::string(text)).connection.value_or(Connection{});
}

TEST(Parse, when_an_address_is_of_either_family_then_it_is_an_address) {
  EXPECT_EQ(connection_of("IN IP4 192.0.2.1").address, asio::ip::make_address("192.0.2.1"));
  EXPECT_EQ(connection_of("in ip6 2001:DB8::1").address, asio::ip::make_address("2001:db8::1"));
  EXPECT_EQ(connection_of("IN  IP6\t[2001:db8::1]").address, asio::ip::make_address("2001:db8::1"));
  EXPECT_EQ(connection_of("IN IP6 ::ffff:192.0.2.1").address, asio::ip::make_address("::ffff:192.0.2.1"));
}

TEST(Parse, when_an_address_is_multicast_then_its_numbers_are_read) {
  EXPECT_EQ(connection_of("IN IP4 224.2.1.1/127/3"),
            (Connection{"224.2.1.1", asio::ip::make_address("224.2.1.1"), 127, 3}));
  EXPECT_EQ(connection_of("IN IP4 224.2.1.1/0"), (Connection{"224.2.1.1", asio::ip::make_address("224.2.1.1"), 0, 1}));
  EXPECT_EQ(connection_of("IN IP6 ff15::101/3"),
            (Connection{"ff15::101", asio::ip::make_address("ff15::101"), std::nullopt, 3}));
  EXPECT_EQ(error_of("v=0\nc=IN IP4 224.2.1.1/256\n"),
            "SDP line 2: the TTL behind an address is not a number from 0 to 255");
  EXPECT_EQ(error_of("v=0\nc=IN IP4 224.2.1.1/1/0\n"),
            "SDP line 2: the number of addresses is not a number from 1 to 65535");
  EXPECT_EQ(error_of("v=0\nc=IN IP6 ff15::101/127/3\n"),
            "SDP line 2: the number of addresses is not a number from 1 to 65535");
}

TEST(Parse, when_there_is_a_name_or_another_network_then_the_text_is_kept) {
  EXPECT_EQ(connection_of("IN IP4 media_1.example.org"), (Connection{.host = "media_1.example.org"}));
  EXPECT_EQ(connection_of("PSTN E164 +15550100"), (Connection{.host = "+15550100"}));
  EXPECT_EQ(connection_of("PSTN - -"), (Connection{.host = "-"}));
}

TEST(Parse, when_an_address_is_wrong_then_it_is_refused) {
  const std::string four = "SDP line 2: neither an IPv4 address nor a name";
  const std::string six = "SDP line 2: neither an IPv6 address nor a name";
  EXPECT_EQ(error_of("v=0\nc=IN IP4 192.0.2.256\n"), four);
  EXPECT_EQ(error_of("v=0\nc=IN IP4 192.0.2\n"), four);
  EXPECT_EQ(error_of("v=0\nc=IN IP4 2001:db8::1\n"), four);
  EXPECT_EQ(error_of("v=0\nc=IN IP4 /127\n"), four);
  EXPECT_EQ(error_of("v=0\nc=IN IP6 192.0.2.1\n"), six);
  EXPECT_EQ(error_of("v=0\nc=IN IP6 2001:db8::1::2\n"), six);
  EXPECT_EQ(error_of("v=0\nc=IN IP6 fe80::1%eth0\n"), six);
  EXPECT_EQ(error_of("v=0\nc=IN IP4\n"), "SDP line 2: an address needs three words, like IN IP4 192.0.2.1");
}

TEST(Parse, when_there_are_several_connections_then_only_media_may_have_them_and_the_first_counts) {
  EXPECT_EQ(error_of("v=0\nc=IN IP4 192.0.2.1\nc=IN IP4 192.0.2.2\n"), "SDP line 3: a second c= of the session");
  EXPECT_EQ(media_of("m=audio 4 RTP/AVP 0\nc=IN IP4 224.2.1.1/127\nc=IN IP4 224.2.1.2/127\n").connection->host,
            "224.2.1.1");
}

TEST(Parse, when_a_bandwidth_is_no_number_then_it_is_refused) {
  const std::string wrong = "SDP line 2: b= needs a type, a colon and a number of at most 32 bits";
  for (std::string_view line : {"b=AS", "b=AS:", "b=AS:-1", "b=AS:4294967296", "b=:1", "b=A S:1", "b=AS:1.5", "b="}) {
    EXPECT_EQ(error_of("v=0\n" + std::string(line) + "\n"), wrong) << line;
  }
  EXPECT_EQ(parsed("v=0\nb=X-NEW : 4294967295 \n").bandwidths, (std::vector<Bandwidth>{{"X-NEW", 4294967295}}));
}

TEST(Parse, when_an_attribute_has_no_name_then_it_is_refused) {
  EXPECT_EQ(error_of("v=0\na=\n"), "SDP line 2: an attribute without a name");
  EXPECT_EQ(error_of("v=0\na=:sendrecv\n"), "SDP line 2: an attribute without a name");
}

}  // namespace
}  // namespace lapwing::sdp
