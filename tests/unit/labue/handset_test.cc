#include "tests/unit/labue/scripted_network.h"

namespace lapwing::labue {
namespace {

using sip::HeaderId;
using sip::Protocol;

class HandsetTest : public ScriptedNetwork {};

std::string_view header(const FakeNetwork::Sent& sent, HeaderId id) {
  return sent.message.header(id);
}

TEST_F(HandsetTest, when_registering_without_ipsec_then_the_challenge_is_answered_from_the_same_port) {
  make_handset(false);
  begin(handset_->register_());
  FakeNetwork::Sent first = next();
  EXPECT_EQ(first.way(), "UDP 192.168.101.5:5060 -> 10.4.128.21:5060");
  EXPECT_EQ(first.message.request_uri(), "sip:ims.mnc001.mcc001.3gppnetwork.org");
  EXPECT_FALSE(first.message.has(HeaderId::security_client));
  EXPECT_FALSE(first.message.has(HeaderId::require));
  answer(first, 401, {{HeaderId::www_authenticate, challenge()}});

  FakeNetwork::Sent second = next();
  EXPECT_EQ(second.flow, first.flow);
  EXPECT_TRUE(answers_right(second.message));
  EXPECT_EQ(header(second, HeaderId::call_id), header(first, HeaderId::call_id));
  EXPECT_EQ(header(second, HeaderId::cseq), "2 REGISTER");
  answer(second, 200, registered_headers(600));
  ASSERT_TRUE(outcome_);
  EXPECT_TRUE(outcome_->ok);
  EXPECT_EQ(outcome_->code, 200);
  EXPECT_EQ(handset_->granted_expires(), 600u);
  EXPECT_EQ(count_events("registered"), 1u);
}

TEST_F(HandsetTest,
       when_registering_with_ipsec_then_the_second_register_goes_by_tcp_from_uc_to_ps_with_everything_right) {
  make_handset(true);
  begin(handset_->register_());
  FakeNetwork::Sent first = next();
  EXPECT_EQ(first.way(), "UDP 192.168.101.5:5060 -> 10.4.128.21:5060");
  EXPECT_EQ(header(first, HeaderId::require), "sec-agree");
  EXPECT_EQ(header(first, HeaderId::proxy_require), "sec-agree");
  auto offer = ipsec::parse_offer(first.message, HeaderId::security_client);
  ASSERT_TRUE(offer.ok());
  EXPECT_EQ(offer->size(), 6u);  // {SHA-1, MD5} x {AES, 3DES, null}, all with the same SPIs and ports
  challenge_with_ipsec(first);

  // The associations are there before the answer goes.
  ASSERT_EQ(kernel_.installed().size(), 4u);
  FakeNetwork::Sent second = next();
  EXPECT_EQ(second.way(), "TCP 192.168.101.5:6301 -> 10.4.128.21:6100");
  EXPECT_TRUE(answers_right(second.message));
  EXPECT_TRUE(ipsec::repeats(second.message, HeaderId::security_verify, security_server_));
  EXPECT_EQ(header(second, HeaderId::security_client), header(first, HeaderId::security_client));
  EXPECT_NE(header(second, HeaderId::via).find("SIP/2.0/TCP 192.168.101.5:6300;"), std::string_view::npos);
  EXPECT_NE(header(second, HeaderId::contact).find("<sip:192.168.101.5:6300>"), std::string_view::npos);
  EXPECT_TRUE(second.message.has(HeaderId::p_access_network_info));
  EXPECT_EQ(network_.opened, (std::vector<std::string>{"UDP 192.168.101.5:5060", "UDP 192.168.101.5:6300",
                                                       "TCP 192.168.101.5:6300", "UDP 192.168.101.5:6301"}));
  answer(second, 200, registered_headers());
  ASSERT_TRUE(outcome_ && outcome_->ok);
  EXPECT_EQ(handset_->sets(), 1u);
}

TEST_F(HandsetTest, when_the_set_is_installed_then_it_joins_the_four_ports_with_the_spis_of_both_ends) {
  make_handset(true);
  begin(handset_->register_());
  FakeNetwork::Sent first = next();
  auto offer = ipsec::parse_offer(first.message, HeaderId::security_client);
  challenge_with_ipsec(first);
  auto ue = asio::ip::make_address("192.168.101.5"), pcscf = asio::ip::make_address("10.4.128.21");
  auto request = kernel_.outbound(ue, {6301}, pcscf, {6100});
  ASSERT_TRUE(request);
  EXPECT_EQ(request->flow.spi.value, 1101u);  // spi-s of Security-Server
  EXPECT_EQ(request->algorithms, network_algorithms_[0]);
  EXPECT_TRUE(kernel_.accepts(offer->front().spi_s, pcscf, {5100}, ue, {6300}));
  EXPECT_TRUE(kernel_.accepts(offer->front().spi_c, pcscf, {6100}, ue, {6301}));
}

TEST_F(HandsetTest, when_the_highest_q_is_not_the_first_then_it_decides) {
  make_handset(true);
  begin(handset_->register_());
  std::string mechanism = ";spi-c=1000;spi-s=1001;port-c=5100;port-s=6100";
  std::string list = "ipsec-3gpp;q=0.1" + mechanism + ";alg=hmac-md5-96;ealg=null, ipsec-3gpp;q=0.5" + mechanism +
                     ";alg=hmac-sha-1-96;ealg=aes-cbc, ipsec-3gpp;q=0.5" + mechanism + ";alg=hmac-sha-1-96;ealg=null";
  answer(next(), 401, {{HeaderId::www_authenticate, challenge()}, {HeaderId::security_server, list}});
  ASSERT_FALSE(kernel_.installed().empty());
  EXPECT_EQ(ipsec::text(kernel_.installed()[0].algorithms), "hmac-sha-1-96/aes-cbc");
}

TEST_F(HandsetTest, when_the_401_has_no_security_server_then_the_registration_fails_and_nothing_is_installed) {
  make_handset(true);
  begin(handset_->register_());
  answer(next(), 401, {{HeaderId::www_authenticate, challenge()}});
  ASSERT_TRUE(outcome_);
  EXPECT_FALSE(outcome_->ok);
  EXPECT_NE(outcome_->why.find("Security-Server"), std::string::npos);
  EXPECT_TRUE(kernel_.installed().empty());
}

TEST_F(HandsetTest, when_no_algorithm_is_common_then_the_registration_fails) {
  make_handset(true);
  network_algorithms_ = {{ipsec::Integrity::null, ipsec::Encryption::aes_gcm}};
  begin(handset_->register_());
  challenge_with_ipsec(next());
  ASSERT_TRUE(outcome_);
  EXPECT_FALSE(outcome_->ok);
}

TEST_F(HandsetTest, when_the_kernel_refuses_then_the_registration_fails_with_its_reason) {
  make_handset(true);
  kernel_.fail_new_sa(3, absl::ResourceExhaustedError("no room"));
  begin(handset_->register_());
  challenge_with_ipsec(next());
  ASSERT_TRUE(outcome_);
  EXPECT_FALSE(outcome_->ok);
  EXPECT_NE(outcome_->why.find("no room"), std::string::npos);
  EXPECT_TRUE(kernel_.installed().empty());
}

TEST_F(HandsetTest, when_udp_is_chosen_for_protected_requests_then_the_register_goes_so) {
  settings_.protected_ = "udp";
  make_handset(true);
  begin(handset_->register_());
  challenge_with_ipsec(next());
  EXPECT_EQ(next().way(), "UDP 192.168.101.5:6301 -> 10.4.128.21:6100");
}

TEST_F(HandsetTest, when_tcp_is_chosen_for_the_first_register_then_the_system_picks_its_port) {
  settings_.first = "tcp";
  make_handset(true);
  begin(handset_->register_());
  FakeNetwork::Sent first = next();
  EXPECT_EQ(first.way(), "TCP 192.168.101.5:0 -> 10.4.128.21:5060");
  EXPECT_TRUE(header(first, HeaderId::via).starts_with("SIP/2.0/TCP 192.168.101.5:5060;"));
}

TEST_F(HandsetTest, when_reregistering_with_a_challenge_then_uc_and_spis_are_new_and_the_old_set_lives_on_for_64_t1) {
  make_handset(true);
  register_well(true);
  auto old_set = kernel_.installed();
  begin(handset_->reregister());
  FakeNetwork::Sent again = next();
  EXPECT_EQ(again.way(), "TCP 192.168.101.5:6301 -> 10.4.128.21:6100");
  EXPECT_TRUE(ipsec::repeats(again.message, HeaderId::security_verify, security_server_));
  EXPECT_TRUE(answers_right(again.message));  // the last nonce, counted on
  EXPECT_NE(header(again, HeaderId::authorization).find("nc=00000002"), std::string_view::npos);
  auto offer = ipsec::parse_offer(again.message, HeaderId::security_client);
  EXPECT_EQ(offer->front().port_c.value, 6302);
  EXPECT_EQ(offer->front().port_s.value, 6300);
  challenge_with_ipsec(again);
  EXPECT_EQ(kernel_.installed().size(), 8u);
  FakeNetwork::Sent answered = next();
  EXPECT_EQ(answered.flow.local.port, 6302);
  answer(answered, 200, registered_headers());
  ASSERT_TRUE(outcome_ && outcome_->ok);
  EXPECT_EQ(handset_->sets(), 2u);
  pass(std::chrono::seconds(127));
  EXPECT_EQ(kernel_.installed().size(), 8u);
  pass(std::chrono::seconds(2));
  EXPECT_EQ(kernel_.installed().size(), 4u);
  EXPECT_EQ(handset_->sets(), 1u);
  ASSERT_FALSE(network_.resets.empty());
  EXPECT_EQ(network_.resets[0].local.port, 6301);
}

TEST_F(HandsetTest, when_reregistering_is_answered_without_a_challenge_then_the_set_stays_and_lives_longer) {
  make_handset(true);
  register_well(true);
  pass(std::chrono::seconds(100));
  begin(handset_->reregister());
  answer(next(), 200, registered_headers(7200));
  ASSERT_TRUE(outcome_ && outcome_->ok);
  EXPECT_EQ(handset_->sets(), 1u);
  EXPECT_EQ(kernel_.installed()[0].hard_limit, clock_.now() + std::chrono::seconds(7230));
}

TEST_F(HandsetTest, when_client_ports_run_out_then_the_oldest_set_gives_way) {
  settings_.client_ports = {6301, 6302};
  make_handset(true);
  register_well(true);
  for (int i = 0; i < 3; ++i) {
    begin(handset_->reregister());
    challenge_with_ipsec(next());
    answer(next(), 200, registered_headers());
    ASSERT_TRUE(outcome_ && outcome_->ok);
    EXPECT_LE(handset_->sets(), 2u);
  }
}

TEST_F(HandsetTest, when_deregistering_then_the_sets_go_after_the_last_packets_passed) {
  make_handset(true);
  register_well(true);
  begin(handset_->deregister(false));
  FakeNetwork::Sent bye = next();
  EXPECT_EQ(header(bye, HeaderId::expires), "0");
  EXPECT_EQ(bye.flow.local.port, 6301);
  answer(bye, 200);
  ASSERT_TRUE(outcome_ && outcome_->ok);
  EXPECT_FALSE(handset_->registered());
  EXPECT_EQ(kernel_.installed().size(), 4u);
  pass(std::chrono::seconds(2));
  EXPECT_TRUE(kernel_.installed().empty());
}

TEST_F(HandsetTest, when_deregistering_all_contacts_then_contact_is_a_star) {
  make_handset(false);
  register_well(false);
  begin(handset_->deregister(true));
  FakeNetwork::Sent bye = next();
  EXPECT_EQ(header(bye, HeaderId::contact), "*");
  EXPECT_EQ(header(bye, HeaderId::expires), "0");
}

TEST_F(HandsetTest, when_the_interval_is_too_brief_then_it_asks_again_for_min_expires) {
  settings_.expires = 30;
  make_handset(false);
  begin(handset_->register_());
  answer(next(), 423, {{HeaderId::min_expires, "600"}});
  FakeNetwork::Sent again = next();
  EXPECT_EQ(header(again, HeaderId::expires), "600");
  answer(again, 423, {{HeaderId::min_expires, "900"}});
  ASSERT_TRUE(outcome_);
  EXPECT_EQ(outcome_->code, 423);
}

TEST_F(HandsetTest, when_nothing_answers_then_the_outcome_says_so_after_64_t1) {
  make_handset(false);
  begin(handset_->register_());
  pass(std::chrono::seconds(127));
  EXPECT_FALSE(outcome_);
  pass(std::chrono::seconds(2));
  ASSERT_TRUE(outcome_);
  EXPECT_EQ(outcome_->code, 0);
  EXPECT_FALSE(outcome_->why.empty());
}

TEST_F(HandsetTest, when_subscribing_then_route_and_identities_are_those_of_a_samsung_and_a_notify_completes_it) {
  make_handset(true);
  network_algorithms_ = {{ipsec::Integrity::hmac_md5_96, ipsec::Encryption::null}};
  register_well(true);
  begin(handset_->subscribe_reg());
  FakeNetwork::Sent subscribe = next();
  EXPECT_EQ(subscribe.way(), "UDP 192.168.101.5:6301 -> 10.4.128.21:6100");
  EXPECT_EQ(subscribe.message.request_uri(), "tel:+15550001");
  auto routes = subscribe.message.values(HeaderId::route);
  ASSERT_EQ(routes.size(), 2u);
  EXPECT_EQ(routes.front(), "<sip:10.4.128.21:6100;lr>");
  EXPECT_EQ(*++routes.begin(), "<sip:orig@scscf.example:6060;lr>");
  EXPECT_EQ(header(subscribe, HeaderId::p_preferred_identity), "<tel:+15550001>");
  EXPECT_TRUE(ipsec::repeats(subscribe.message, HeaderId::security_verify, security_server_));
  answer(subscribe, 200, {{HeaderId::expires, "600000"}, {HeaderId::contact, "<sip:scscf.example:6060>"}});
  EXPECT_FALSE(outcome_);

  auto from = sip::NameAddr::parse(header(subscribe, HeaderId::from));
  std::string body =
      R"(<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="0" state="full"><registration aor="tel:+15550001" )"
      R"(id="r1" state="active"><contact id="c1" state="active" event="registered"><uri>sip:192.168.101.5:6300</uri>)"
      R"(</contact></registration></reginfo>)";
  sip::Writer notify = sip::Writer::request("NOTIFY", "sip:+15550001@192.168.101.5:6300");
  notify.add(HeaderId::via, "SIP/2.0/UDP 10.4.128.21:6100;branch=z9hG4bKn1")
      .add(HeaderId::max_forwards, "70")
      .add(HeaderId::from, "<tel:+15550001>;tag=net1")
      .add(HeaderId::to, absl::StrFormat("<tel:+15550001>;tag=%s", from->tag()))
      .add(HeaderId::call_id, header(subscribe, HeaderId::call_id))
      .add(HeaderId::cseq, "1 NOTIFY")
      .add(HeaderId::event, "reg")
      .add(HeaderId::subscription_state, "active;expires=600000");
  deliver(std::move(notify).finish("application/reginfo+xml", body), {Protocol::udp,
                                                                      {asio::ip::make_address("192.168.101.5"), 6300},
                                                                      {asio::ip::make_address("10.4.128.21"), 5100},
                                                                      0});
  FakeNetwork::Sent ok = next();
  EXPECT_EQ(ok.message.status(), 200);
  EXPECT_EQ(ok.way(), "UDP 192.168.101.5:6301 -> 10.4.128.21:6100");
  ASSERT_TRUE(outcome_);
  EXPECT_TRUE(outcome_->ok);
  EXPECT_EQ(count_events("notify"), 1u);
}

TEST_F(HandsetTest, when_subscribe_is_longer_than_1300_bytes_then_it_goes_by_tcp) {
  make_handset(true);
  network_algorithms_ = default_algorithms();
  register_well(true);
  begin(handset_->subscribe_reg());
  EXPECT_EQ(next().flow.protocol, Protocol::tcp);
}

TEST_F(HandsetTest, when_options_comes_then_it_is_answered_and_what_is_unknown_is_not_allowed) {
  make_handset(false);
  register_well(false);
  for (auto [method, code] : {std::pair("OPTIONS", 200), std::pair("PUBLISH", 405)}) {
    sip::Writer request = sip::Writer::request(method, "sip:192.168.101.5:5060");
    request.add(HeaderId::via, absl::StrFormat("SIP/2.0/UDP 10.4.128.21:5060;branch=z9hG4bK%s", method))
        .add(HeaderId::max_forwards, "70")
        .add(HeaderId::from, "<sip:pcscf.example>;tag=x")
        .add(HeaderId::to, "<sip:192.168.101.5:5060>")
        .add(HeaderId::call_id, method)
        .add(HeaderId::cseq, absl::StrFormat("1 %s", method));
    deliver(std::move(request).finish(), {Protocol::udp,
                                          {asio::ip::make_address("192.168.101.5"), 5060},
                                          {asio::ip::make_address("10.4.128.21"), 5060},
                                          0});
    FakeNetwork::Sent reply = next();
    EXPECT_EQ(reply.message.status(), code);
    EXPECT_EQ(reply.way(), "UDP 192.168.101.5:5060 -> 10.4.128.21:5060");
  }
}

TEST_F(HandsetTest, when_a_notify_is_of_no_subscription_then_481) {
  make_handset(false);
  register_well(false);
  sip::Writer notify = sip::Writer::request("NOTIFY", "sip:192.168.101.5:5060");
  notify.add(HeaderId::via, "SIP/2.0/UDP 10.4.128.21:5060;branch=z9hG4bKn2")
      .add(HeaderId::max_forwards, "70")
      .add(HeaderId::from, "<sip:a@b.example>;tag=1")
      .add(HeaderId::to, "<sip:a@b.example>;tag=2")
      .add(HeaderId::call_id, "unknown")
      .add(HeaderId::cseq, "1 NOTIFY");
  deliver(std::move(notify).finish(), {Protocol::udp,
                                       {asio::ip::make_address("192.168.101.5"), 5060},
                                       {asio::ip::make_address("10.4.128.21"), 5060},
                                       0});
  EXPECT_EQ(next().message.status(), 481);
}

TEST_F(HandsetTest, when_stopped_then_no_set_and_no_connection_is_left) {
  make_handset(true);
  register_well(true);
  worker_.spawn(handset_->stop());
  settle();
  EXPECT_TRUE(kernel_.installed().empty());
  EXPECT_EQ(handset_->sets(), 0u);
  EXPECT_EQ(network_.resets.size(), 2u);
}

TEST_F(HandsetTest, when_everything_was_said_then_no_key_is_in_it) {
  make_handset(true);
  register_well(true);
  std::string all;
  for (const std::string& event : events_) all += event;
  for (const Secret* secret : {&vector_.xres, &vector_.ck, &vector_.ik}) {
    std::string raw(secret->reveal().begin(), secret->reveal().end());
    EXPECT_EQ(all.find(to_hex(raw)), std::string::npos);
  }
}

}  // namespace
}  // namespace lapwing::labue
