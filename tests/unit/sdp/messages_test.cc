// Session descriptions as they come in SIP messages: the torture cases, and what handsets sent.
#include "tests/unit/sip/messages.h"
#include "common/sdp/policy.h"
#include "common/sdp/summary.h"
#include "tests/unit/sdp/support.h"

namespace lapwing::sdp {
namespace {

std::string body_of(const std::string& text) {
  const sip::ParseResult result = sip::Message::parse(text, sip::Framing::datagram);
  EXPECT_TRUE(result.ok());
  return result.ok() ? std::string(result.message->body()) : std::string();
}

// RFC 5118.
TEST(Messages, when_ipv6_in_sdp_comes_then_its_address_is_inherited) {
  const SessionDescription offer = parsed(body_of(sip::torture("ipv6-in-sdp")));
  const auto address = asio::ip::make_address("2001:db8::20");
  EXPECT_EQ(offer.origin->session_id, "971731711378798081");
  EXPECT_EQ(offer.origin->connection.address, address);
  ASSERT_EQ(offer.media.size(), 2);
  EXPECT_EQ(offer.media[0].connection->address, address);
  EXPECT_EQ(offer.media[1].connection->address, address);
  EXPECT_EQ(summary(offer), "audio G726-32/8000 sendrecv, video H263-1998/90000 sendrecv");
}

// RFC 5118.
TEST(Messages, when_mult_ip_in_sdp_comes_then_each_media_has_its_family) {
  const SessionDescription offer = parsed(body_of(sip::torture("mult-ip-in-sdp")));
  EXPECT_FALSE(offer.connection);
  EXPECT_EQ(offer.origin->connection, (Connection{.host = "host.example.com"}));
  ASSERT_EQ(offer.media.size(), 2);
  EXPECT_EQ(offer.media[0].connection->address, asio::ip::make_address("192.0.2.1"));
  EXPECT_EQ(offer.media[0].port, 22334);
  EXPECT_EQ(offer.media[1].connection->address, asio::ip::make_address("2001:db8::1"));
  EXPECT_EQ(offer.media[1].port, 6024);
  EXPECT_EQ(summary(offer), "audio PCMU/8000 sendrecv, video H263-1998/90000 sendrecv");
}

// RFC 4475: an rtpmap without a clock rate.
TEST(Messages, when_sdp01_comes_then_it_is_read) {
  const SessionDescription offer = parsed(body_of(sip::torture("sdp01")));
  EXPECT_EQ(summary(offer), "audio PCMU/8000 or QCELP/8000 sendrecv, video LPC sendrecv");
}

TEST(Messages, when_any_torture_case_has_sdp_then_it_is_read) {
  size_t count = 0;
  for (const auto& [name, text] : sip::all_torture()) {
    const sip::ParseResult result = sip::Message::parse(text, sip::Framing::datagram);
    if (!result.ok() || !result.message->body().starts_with("v=0")) continue;
    EXPECT_EQ(error_of(result.message->body()), "") << name;
    ++count;
  }
  EXPECT_GT(count, 10u);
}

TEST(Messages, when_handsets_send_sdp_then_it_is_read) {
  const auto captured = sip::all_captured();
  if (captured.empty()) GTEST_SKIP() << "the captured handset messages are not here (LAPWING_HANDSET_DATA)";
  size_t count = 0;
  for (const auto& [name, text] : captured) {
    const size_t start = text.find("\r\n\r\nv=0\r\n");
    if (start == std::string::npos) continue;
    const SessionDescription description = parsed(std::string_view(text).substr(start + 4));
    ASSERT_EQ(description.media.size(), 1) << name;
    const MediaSection& audio = description.media[0];
    EXPECT_TRUE(audio.active() && audio.connection && audio.connection->address) << name;
    EXPECT_TRUE(summary(description).starts_with("audio AMR-WB/16000")) << name;
    EXPECT_TRUE(summary(description).ends_with(" sendrecv")) << name;
    EXPECT_EQ(description.kbps(), 41u) << name;
    EXPECT_EQ(audio.ptime, 20u) << name;
    EXPECT_EQ(audio.maxptime, 240u) << name;
    EXPECT_TRUE(audio.attributes.empty()) << name;
    const Policy policy{.codecs = {"amr-wb"}, .media = {"audio"}, .max_kbps = 41};
    EXPECT_EQ(refuse(policy, description), std::nullopt) << name;
    ++count;
  }
  EXPECT_GT(count, 0u);
}

TEST(Messages, when_a_handset_answers_with_preconditions_then_the_call_is_agreed_and_waits) {
  auto captured = sip::all_captured();
  const std::string offer_text = captured["samsung-invite-mt-to-ue"];
  const std::string answer_text = captured["samsung-183-100rel-precondition-tcp-esp"];
  if (offer_text.empty() || answer_text.empty()) {
    GTEST_SKIP() << "the captured handset messages are not here (LAPWING_HANDSET_DATA)";
  }
  const SessionDescription offer = parsed(offer_text.substr(offer_text.find("\r\n\r\n") + 4));
  const SessionDescription answer = parsed(answer_text.substr(answer_text.find("\r\n\r\n") + 4));
  EXPECT_EQ(summary(offer, &answer), "audio AMR-WB/16000 sendrecv");
  EXPECT_EQ(offer.media.at(0).rtcp, (Rtcp{.port = 30627}));
  EXPECT_EQ(answer.media.at(0).preconditions.size(), 5);
  EXPECT_FALSE(answer.media.at(0).preconditions_met());
}

}  // namespace
}  // namespace lapwing::sdp
