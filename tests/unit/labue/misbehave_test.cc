#include "lab/labue/misbehave.h"

#include "tests/unit/labue/scripted_network.h"

namespace lapwing::labue {
namespace {

using sip::HeaderId;

class MisbehaveTest : public ScriptedNetwork {
 protected:
  // The REGISTER that follows the 401.
  FakeNetwork::Sent after_the_challenge(Misbehave misbehave) {
    make_handset(true, misbehave);
    begin(handset_->register_());
    first_ = std::make_unique<FakeNetwork::Sent>(next());
    challenge_with_ipsec(*first_);
    return next();
  }
  std::unique_ptr<FakeNetwork::Sent> first_;
};

TEST(Misbehave, when_a_name_is_written_then_it_reads_back) {
  for (auto one : {Misbehave::no_answer, Misbehave::wrong_port, Misbehave::unprotected}) {
    EXPECT_EQ(misbehave_from(name_of(one)), one);
  }
  EXPECT_FALSE(misbehave_from("wrong_res"));
  EXPECT_TRUE(acts_at_reregistration(Misbehave::spoof));
  EXPECT_FALSE(acts_at_reregistration(Misbehave::wrong_res));
}

TEST_F(MisbehaveTest, when_no_answer_then_silence_follows_the_401) {
  make_handset(true, Misbehave::no_answer);
  begin(handset_->register_());
  challenge_with_ipsec(next());
  ASSERT_TRUE(outcome_);
  EXPECT_EQ(outcome_->code, 401);
  EXPECT_TRUE(network_.sent.empty());
  EXPECT_TRUE(kernel_.installed().empty());
}

TEST_F(MisbehaveTest, when_wrong_res_then_the_digest_is_wrong_and_the_set_goes_after_the_403) {
  FakeNetwork::Sent answered = after_the_challenge(Misbehave::wrong_res);
  EXPECT_FALSE(answers_right(answered.message));
  EXPECT_EQ(answered.flow.local.port, 6301);
  answer(answered, 403);
  ASSERT_TRUE(outcome_);
  EXPECT_EQ(outcome_->code, 403);
  pass(std::chrono::seconds(2));
  EXPECT_TRUE(kernel_.installed().empty());
}

TEST_F(MisbehaveTest, when_stale_sqn_then_auts_goes_unprotected_with_a_new_offer_and_the_next_challenge_is_answered) {
  FakeNetwork::Sent resync = after_the_challenge(Misbehave::stale_sqn);
  EXPECT_EQ(resync.flow, first_->flow);
  EXPECT_NE(resync.message.header(HeaderId::security_client), first_->message.header(HeaderId::security_client));
  EXPECT_FALSE(resync.message.has(HeaderId::security_verify));
  auto credentials = sip::Credentials::parse(resync.message.header(HeaderId::authorization));
  ASSERT_TRUE(credentials.ok());
  auto auts = aka::decode_auts(credentials->get("auts"));
  ASSERT_TRUE(auts);
  absl::StatusOr<aka::Sqn> sqn_ms = aka::check_auts(*home_, vector_.rand, *auts);
  ASSERT_TRUE(sqn_ms.ok()) << sqn_ms.status();
  sqn_.resynchronise(*sqn_ms);
  challenge_with_ipsec(resync);
  FakeNetwork::Sent answered = next();
  EXPECT_TRUE(answers_right(answered.message));
  EXPECT_EQ(answered.flow.local.port, 6302);
  answer(answered, 200, registered_headers());
  ASSERT_TRUE(outcome_ && outcome_->ok);
}

TEST_F(MisbehaveTest, when_always_stale_then_it_gives_up_after_five_challenges) {
  FakeNetwork::Sent resync = after_the_challenge(Misbehave::always_stale);
  for (int i = 0; i < 4; ++i) {
    EXPECT_FALSE(outcome_);
    challenge_with_ipsec(resync);
    resync = next();
    EXPECT_NE(resync.message.header(HeaderId::authorization).find("auts="), std::string_view::npos);
  }
  challenge_with_ipsec(resync);
  ASSERT_TRUE(outcome_);
  EXPECT_FALSE(outcome_->ok);
}

TEST_F(MisbehaveTest, when_bad_mac_then_the_response_is_empty_and_nothing_is_installed) {
  FakeNetwork::Sent rejection = after_the_challenge(Misbehave::bad_mac);
  EXPECT_EQ(rejection.flow, first_->flow);
  auto credentials = sip::Credentials::parse(rejection.message.header(HeaderId::authorization));
  EXPECT_EQ(credentials->raw("response"), "\"\"");
  EXPECT_FALSE(credentials->has("auts"));
  EXPECT_TRUE(kernel_.installed().empty());
  answer(rejection, 403);
  EXPECT_EQ(outcome_->code, 403);
}

TEST_F(MisbehaveTest, when_no_client_then_sec_agree_is_required_without_an_offer) {
  make_handset(true, Misbehave::no_client);
  begin(handset_->register_());
  FakeNetwork::Sent first = next();
  EXPECT_EQ(first.message.header(HeaderId::require), "sec-agree");
  EXPECT_FALSE(first.message.has(HeaderId::security_client));
}

TEST_F(MisbehaveTest, when_wrong_client_then_the_second_offer_differs) {
  FakeNetwork::Sent answered = after_the_challenge(Misbehave::wrong_client);
  EXPECT_NE(answered.message.header(HeaderId::security_client), first_->message.header(HeaderId::security_client));
  EXPECT_TRUE(ipsec::parse_offer(answered.message, HeaderId::security_client).ok());
}

TEST_F(MisbehaveTest, when_no_verify_then_it_is_absent) {
  FakeNetwork::Sent answered = after_the_challenge(Misbehave::no_verify);
  EXPECT_FALSE(answered.message.has(HeaderId::security_verify));
  EXPECT_TRUE(answered.message.has(HeaderId::security_client));
}

TEST_F(MisbehaveTest, when_wrong_verify_then_it_is_well_formed_and_another) {
  FakeNetwork::Sent answered = after_the_challenge(Misbehave::wrong_verify);
  auto list = ipsec::parse_offer(answered.message, HeaderId::security_verify);
  ASSERT_TRUE(list.ok());
  EXPECT_EQ(list->size(), 1u);
  EXPECT_FALSE(ipsec::repeats(answered.message, HeaderId::security_verify, security_server_));
}

TEST_F(MisbehaveTest, when_wrong_port_then_the_register_comes_from_another_port_under_the_same_spi) {
  FakeNetwork::Sent answered = after_the_challenge(Misbehave::wrong_port);
  auto offer = ipsec::parse_offer(first_->message, HeaderId::security_client);
  EXPECT_NE(answered.flow.local.port, offer->front().port_c.value);
  auto sa = kernel_.outbound(asio::ip::make_address("192.168.101.5"), {answered.flow.local.port},
                             asio::ip::make_address("10.4.128.21"), {6100});
  ASSERT_TRUE(sa);
  EXPECT_EQ(sa->flow.spi.value, 1101u);
}

TEST_F(MisbehaveTest, when_spoof_answer_then_the_protected_register_names_the_other_user) {
  FakeNetwork::Sent answered = after_the_challenge(Misbehave::spoof_answer);
  EXPECT_NE(answered.message.header(HeaderId::to).find("001010000000002"), std::string_view::npos);
  EXPECT_NE(answered.message.header(HeaderId::authorization).find("001010000000002@"), std::string_view::npos);
}

TEST_F(MisbehaveTest, when_spoof_then_the_reregistration_claims_the_other_identity_over_the_own_set) {
  make_handset(true, Misbehave::spoof);
  register_well(true);
  begin(handset_->reregister());
  FakeNetwork::Sent spoofed = next();
  EXPECT_EQ(spoofed.way(), "TCP 192.168.101.5:6301 -> 10.4.128.21:6100");
  EXPECT_NE(spoofed.message.header(HeaderId::from).find("001010000000002"), std::string_view::npos);
  answer(spoofed, 403);
  EXPECT_EQ(outcome_->code, 403);
  EXPECT_TRUE(handset_->registered());
}

TEST_F(MisbehaveTest, when_clear_text_then_a_packet_goes_from_the_unprotected_port_to_ps) {
  make_handset(true, Misbehave::clear_text);
  register_well(true);
  begin(handset_->reregister());
  FakeNetwork::Sent packet = next();
  EXPECT_EQ(packet.way(), "UDP 192.168.101.5:5060 -> 10.4.128.21:6100");
  pass(std::chrono::seconds(130));
  ASSERT_TRUE(outcome_);
  EXPECT_EQ(outcome_->code, 0);
}

TEST_F(MisbehaveTest, when_unprotected_then_the_reregistration_is_challenged_anew_and_the_old_set_goes_soon) {
  make_handset(true, Misbehave::unprotected);
  register_well(true);
  begin(handset_->reregister());
  FakeNetwork::Sent again = next();
  EXPECT_EQ(again.way(), "UDP 192.168.101.5:5060 -> 10.4.128.21:5060");
  EXPECT_FALSE(again.message.has(HeaderId::security_verify));
  challenge_with_ipsec(again);
  answer(next(), 200, registered_headers());
  ASSERT_TRUE(outcome_ && outcome_->ok);
  pass(std::chrono::seconds(2));
  EXPECT_EQ(handset_->sets(), 1u);
}

}  // namespace
}  // namespace lapwing::labue
