// Calls over security associations: which set and ports what goes by, and what a new set in mid-call changes.
#include "tests/unit/labue/scripted_network.h"

namespace lapwing::labue {
namespace {

using sip::HeaderId;
using sip::Protocol;

class CallIpsec : public ScriptedNetwork {
 protected:
  // INVITE, answered at once.
  void be_up() {
    settings_.requests = "udp";
    make_handset(true);
    network_algorithms_ = {{ipsec::Integrity::hmac_sha1_96, ipsec::Encryption::aes_cbc}};
    register_well(true);
    begin(handset_->calls().call("+15550002"));
    invite_ = next();
    std::string sdp =
        "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 6000 RTP/AVP 116\r\n"
        "a=rtpmap:116 AMR-WB/16000\r\n";
    sip::Writer ok = sip::response_to(invite_->message, 200, "OK", "b");
    ok.add(HeaderId::contact, "<sip:+15550002@10.0.0.9:5060>").add(HeaderId::record_route, "<sip:10.4.128.21:6100;lr>");
    deliver(std::move(ok).finish("application/sdp", sdp),
            {invite_->flow.protocol, invite_->flow.local, invite_->flow.remote, 0});
    ack_ = next();
    ASSERT_TRUE(outcome_ && outcome_->ok);
  }
  std::optional<FakeNetwork::Sent> invite_, ack_;
};

TEST_F(CallIpsec, when_a_call_is_made_then_invite_goes_by_tcp_over_the_set_and_requires_sec_agree) {
  be_up();
  EXPECT_EQ(invite_->way(), "TCP 192.168.101.5:6301 -> 10.4.128.21:6100");
  EXPECT_EQ(invite_->message.values(HeaderId::route).front(), "<sip:10.4.128.21:6100;lr>");
  EXPECT_TRUE(sip::has_token(invite_->message, HeaderId::require, "sec-agree"));
  EXPECT_EQ(invite_->message.header(HeaderId::proxy_require), "sec-agree");
  EXPECT_TRUE(ipsec::repeats(invite_->message, HeaderId::security_verify, security_server_));
  EXPECT_NE(invite_->message.header(HeaderId::contact).find("@192.168.101.5:6300>"), std::string_view::npos);
  EXPECT_NE(invite_->message.header(HeaderId::via).find("SIP/2.0/TCP 192.168.101.5:6300;"), std::string_view::npos);
  EXPECT_EQ(ack_->message.header(HeaderId::route), "<sip:10.4.128.21:6100;lr>");
  EXPECT_EQ(ack_->flow.local.port, 6301);
}

TEST_F(CallIpsec, when_the_handset_registers_anew_in_mid_call_then_bye_goes_over_the_new_set) {
  be_up();
  std::string old_verify = security_server_;
  begin(handset_->reregister());
  challenge_with_ipsec(next());
  answer(next(), 200, registered_headers());
  ASSERT_TRUE(outcome_ && outcome_->ok);
  begin(handset_->calls().hang_up());
  FakeNetwork::Sent bye = next();
  EXPECT_EQ(bye.message.method_text(), "BYE");
  EXPECT_EQ(bye.flow.local.port, 6302);
  EXPECT_TRUE(ipsec::repeats(bye.message, HeaderId::security_verify, security_server_));
  EXPECT_FALSE(ipsec::repeats(bye.message, HeaderId::security_verify, old_verify));
  answer(bye, 200);
  EXPECT_TRUE(outcome_ && outcome_->ok);
}

TEST_F(CallIpsec, when_a_call_comes_then_responses_over_udp_go_from_uc_to_ps) {
  settings_.answer = "manual";
  make_handset(true);
  register_well(true);
  sip::Writer invite = sip::Writer::request("INVITE", "sip:+15550001@192.168.101.5:6300");
  invite.add(HeaderId::via, "SIP/2.0/UDP 10.4.128.21:6100;branch=z9hG4bKi1")
      .add(HeaderId::max_forwards, "70")
      .add(HeaderId::from, "<sip:alice@a.example>;tag=a")
      .add(HeaderId::to, "<tel:+15550001>")
      .add(HeaderId::call_id, "c1")
      .add(HeaderId::contact, "<sip:alice@10.0.0.9>")
      .add(HeaderId::cseq, "1 INVITE");
  deliver(std::move(invite).finish(), {Protocol::udp,
                                       {asio::ip::make_address("192.168.101.5"), 6300},
                                       {asio::ip::make_address("10.4.128.21"), 5100},
                                       0});
  EXPECT_EQ(next().message.status(), 100);
  FakeNetwork::Sent ringing = next();
  EXPECT_EQ(ringing.message.status(), 180);
  EXPECT_EQ(ringing.way(), "UDP 192.168.101.5:6301 -> 10.4.128.21:6100");
  // INVITE had no offer: the 200 has ours.
  handset_->calls().answer();
  settle();
  FakeNetwork::Sent ok = next();
  EXPECT_EQ(ok.message.status(), 200);
  EXPECT_NE(ok.message.body().find("m=audio"), std::string_view::npos);
}

}  // namespace
}  // namespace lapwing::labue
