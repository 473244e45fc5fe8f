// Whole calls between two handsets: how they are set up, refused, cancelled and ended.
#include "tests/unit/labue/call_network.h"

namespace lapwing::labue {
namespace {

using sip::HeaderId;
using std::chrono::seconds;
using Log = std::vector<std::string>;

class CallFlow : public CallNetwork {
 protected:
  // Phone 1 dials, and it rings at phone 2, which answers only when told.
  void ring() {
    make_phones([](HandsetOptions& options) { options.answering.mode = Answering::Mode::manual; });
    begin(phone(1).calls().call(phone(2).number()));
    ASSERT_EQ(log_.back(), "2 180");
  }
};

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

TEST_F(CallFlow, when_a_call_is_made_then_it_goes_as_volte_calls_go) {
  make_phones();
  call();
  EXPECT_EQ(log_, (Log{"1 INVITE", "2 100", "2 183", "1 PRACK", "2 200 PRACK", "1 UPDATE", "2 200 UPDATE", "2 180",
                       "2 200", "1 ACK"}));
  EXPECT_TRUE(contains(phone(1).last("answered"), R"("codec":"AMR-WB/16000","precondition":"yes")"));
  EXPECT_TRUE(contains(phone(2).last("call_in"), R"("from":"tel:+15550001")"));
  EXPECT_NE(phone(1).last("ringing"), "");
  EXPECT_NE(phone(2).last("answered"), "");
}

TEST_F(CallFlow, when_invite_goes_then_it_is_that_of_a_volte_handset) {
  make_phones();
  call();
  sip::Message invite = message("1 INVITE");
  EXPECT_EQ(invite.request_uri(), "tel:+15550002");
  EXPECT_EQ(invite.values(HeaderId::route).size(), 2u);
  EXPECT_EQ(invite.values(HeaderId::route).front(), "<sip:10.4.128.21:5060;lr>");
  EXPECT_EQ(invite.header(HeaderId::p_preferred_identity), "<tel:+15550001>");
  EXPECT_EQ(invite.header(HeaderId::p_early_media), "supported");
  EXPECT_EQ(invite.header(HeaderId::session_expires), "1800");
  EXPECT_TRUE(invite.has(HeaderId::p_access_network_info));
  for (const char* tag : {"100rel", "precondition", "timer"}) {
    EXPECT_TRUE(sip::has_token(invite, HeaderId::supported, tag)) << tag;
  }
  std::string mmtel = R"(+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel")";
  EXPECT_TRUE(contains(invite.header(HeaderId::contact), mmtel));
  EXPECT_TRUE(contains(invite.header(HeaderId::accept_contact), mmtel));
  EXPECT_TRUE(contains(invite.body(), "a=curr:qos local none\r\n"));
  EXPECT_TRUE(contains(invite.body(), "a=des:qos mandatory local sendrecv\r\n"));
}

TEST_F(CallFlow, when_the_dialog_stands_then_its_requests_go_by_the_record_route_to_the_contact) {
  make_phones();
  call();
  for (const char* title : {"1 PRACK", "1 UPDATE", "1 ACK"}) {
    sip::Message request = message(title);
    EXPECT_EQ(request.request_uri(), "sip:+15550002@192.168.101.2:5060") << title;
    EXPECT_EQ(request.header(HeaderId::route), "<sip:10.4.128.21:5060;lr>") << title;
  }
  sip::Message early = message("2 183");
  EXPECT_EQ(message("1 PRACK").header(HeaderId::rack), absl::StrFormat("%s 1 INVITE", early.header(HeaderId::rseq)));
  EXPECT_TRUE(sip::has_token(early, HeaderId::require, "100rel"));
  EXPECT_TRUE(contains(early.body(), "a=conf:qos remote sendrecv\r\n"));
  EXPECT_TRUE(contains(message("1 UPDATE").body(), "a=curr:qos local sendrecv\r\n"));
  EXPECT_TRUE(contains(message("2 200 UPDATE").body(), "a=curr:qos remote sendrecv\r\n"));
  EXPECT_EQ(message("1 ACK").header(HeaderId::cseq), "1 ACK");
  EXPECT_TRUE(message("2 200").body().empty());  // the answer has gone in the 183
}

TEST_F(CallFlow, when_one_side_has_no_preconditions_then_the_flow_is_plain) {
  make_phones([](HandsetOptions& options) { options.preconditions = false; });
  call();
  EXPECT_EQ(log_, (Log{"1 INVITE", "2 100", "2 180", "2 200", "1 ACK"}));
  EXPECT_TRUE(contains(phone(1).last("answered"), R"("precondition":"no")"));
  EXPECT_FALSE(contains(message("1 INVITE").body(), "qos"));
  EXPECT_TRUE(contains(message("2 200").body(), "AMR-WB"));
}

TEST_F(CallFlow, when_the_caller_hangs_up_then_bye_ends_it_on_both_sides) {
  make_phones();
  call();
  begin(phone(1).calls().hang_up());
  ASSERT_TRUE(outcome_ && outcome_->ok);
  EXPECT_EQ(log_[log_.size() - 2], "1 BYE");
  EXPECT_EQ(log_.back(), "2 200 BYE");
  EXPECT_TRUE(contains(phone(1).last("call_ended"), R"("by":"us","code":200)"));
  EXPECT_TRUE(contains(phone(2).last("call_ended"), R"("by":"them","code":200)"));
  EXPECT_FALSE(phone(1).calls().busy());
  EXPECT_FALSE(phone(2).calls().busy());
}

TEST_F(CallFlow, when_the_called_hangs_up_then_bye_goes_the_other_way_and_another_call_can_be_made) {
  make_phones();
  call();
  begin(phone(2).calls().hang_up());
  ASSERT_TRUE(outcome_ && outcome_->ok);
  EXPECT_EQ(message("2 BYE").request_uri(), "sip:+15550001@192.168.101.1:5060");
  EXPECT_TRUE(contains(phone(1).last("call_ended"), R"("by":"them")"));
  call();
}

TEST_F(CallFlow, when_both_hang_up_at_once_then_both_byes_are_answered_200) {
  make_phones();
  call();
  std::optional<Outcome> other;
  worker_.spawn(keep(phone(2).calls().hang_up(), &other));
  begin(phone(1).calls().hang_up());
  EXPECT_EQ(count("1 200 BYE"), 1u);
  EXPECT_EQ(count("2 200 BYE"), 1u);
  EXPECT_TRUE(outcome_ && outcome_->ok && other && other->ok);
}

TEST_F(CallFlow, when_it_is_answered_by_hand_then_200_goes) {
  ring();
  EXPECT_FALSE(outcome_);
  EXPECT_TRUE(phone(2).calls().answer().ok);
  settle();
  EXPECT_TRUE(outcome_ && outcome_->ok);
  EXPECT_FALSE(phone(2).calls().answer().ok);
}

TEST_F(CallFlow, when_it_is_rejected_by_hand_then_the_caller_hears_the_code) {
  ring();
  EXPECT_TRUE(phone(2).calls().reject(480).ok);
  settle();
  ASSERT_TRUE(outcome_);
  EXPECT_EQ(outcome_->code, 480);
  EXPECT_TRUE(contains(phone(1).last("call_failed"), R"("code":480)"));
  EXPECT_TRUE(contains(phone(2).last("call_ended"), R"("by":"us","code":480)"));
  EXPECT_EQ(log_.back(), "1 ACK");
}

TEST_F(CallFlow, when_the_options_say_busy_or_reject_then_no_phone_rings) {
  make_phones([](HandsetOptions& options) { options.answering.mode = Answering::Mode::busy; });
  begin(phone(1).calls().call(phone(2).number()));
  ASSERT_TRUE(outcome_);
  EXPECT_EQ(outcome_->code, 486);
  EXPECT_EQ(count("2 180"), 0u);
}

TEST_F(CallFlow, when_the_caller_hangs_up_while_it_rings_then_cancel_has_a_reason_and_487_ends_it) {
  ring();
  begin(phone(1).calls().hang_up());
  ASSERT_TRUE(outcome_ && outcome_->ok);
  EXPECT_TRUE(contains(message("1 CANCEL").header(HeaderId::reason), "User ends call"));
  EXPECT_EQ(count("2 200 CANCEL"), 1u);
  EXPECT_EQ(count("2 487"), 1u);
  EXPECT_TRUE(contains(phone(1).last("call_ended"), R"("by":"us","code":487)"));
  EXPECT_TRUE(contains(phone(2).last("call_ended"), R"("by":"them","code":487)"));
}

TEST_F(CallFlow, when_the_200_crosses_the_cancel_then_it_is_acknowledged_and_ended_by_bye) {
  ring();
  keep_back_ = [](const std::string& what) { return what == "1 CANCEL"; };
  std::optional<Outcome> hung_up;
  worker_.spawn(keep(phone(1).calls().hang_up(), &hung_up));
  worker_.run_ready();
  phone(2).calls().answer();
  settle();
  EXPECT_EQ(count("1 ACK"), 1u);
  EXPECT_EQ(count("1 BYE"), 1u);
  EXPECT_TRUE(hung_up && hung_up->ok);
  EXPECT_FALSE(phone(2).calls().busy());
}

TEST_F(CallFlow, when_a_second_call_comes_then_486_and_the_first_goes_on) {
  make_phones();
  call();
  sip::Message first = message("1 INVITE");
  sip::Edits edits;
  edits.set(HeaderId::call_id, "another");
  edits.replace_first_value(HeaderId::via, "SIP/2.0/UDP 10.4.128.21:5060;branch=z9hG4bKother");
  deliver(phone(2), edits.write(first));
  settle();
  EXPECT_EQ(log_.back(), "2 486");
  EXPECT_TRUE(phone(2).calls().busy());
  EXPECT_FALSE(phone(1).calls().start("+15550003").ok);
}

TEST_F(CallFlow, when_nobody_answers_the_invite_then_the_call_fails_after_64_t1) {
  make_phones();
  keep_back_ = [](const std::string&) { return true; };
  begin(phone(1).calls().call("+15550002"));
  pass(seconds(130), std::chrono::milliseconds(500));
  ASSERT_TRUE(outcome_);
  EXPECT_EQ(outcome_->code, 0);
  EXPECT_TRUE(contains(phone(1).last("call_failed"), R"("code":0)"));
}

TEST_F(CallFlow, when_the_target_is_a_number_or_a_uri_then_it_is_called_so) {
  EXPECT_EQ(target_uri("+15550002", "d.example"), "tel:+15550002");
  EXPECT_EQ(target_uri("5550002", "d.example"), "tel:5550002;phone-context=d.example");
  EXPECT_EQ(target_uri("sip:bob@d.example", "d.example"), "sip:bob@d.example");
  EXPECT_EQ(target_uri("urn:service:sos", "d.example"), "urn:service:sos");
  EXPECT_EQ(target_uri("bob", "d.example"), "");
  EXPECT_EQ(target_uri("+", "d.example"), "");
}

TEST_F(CallFlow, when_a_call_is_up_then_rtp_goes_both_ways_and_is_counted) {
  make_phones();
  call();
  pass(seconds(1));
  EXPECT_TRUE(contains(phone(1).last("media"), R"("received":10)"));
  EXPECT_NE(phone(2).last("media"), "");
  begin(phone(1).calls().hang_up());
  // 50 a second, from the answer on.
  EXPECT_TRUE(contains(phone(1).last("call_ended"), R"("rtp_sent":1)")) << phone(1).last("call_ended");
  EXPECT_FALSE(contains(phone(1).last("call_ended"), R"("rtp_received":0)"));
}

TEST_F(CallFlow, when_the_handset_registers_anew_in_mid_call_then_the_call_goes_on) {
  make_phones();
  call();
  phones_[0]->network.sent.clear();
  worker_.spawn(keep(phone(1).handset->reregister(), &outcome_));
  worker_.run_ready();
  answer_register(
      phone(1), 200,
      {{HeaderId::contact, "<sip:x>;expires=3600"}, {HeaderId::service_route, "<sip:other@scscf.example;lr>"}});
  begin(phone(1).calls().hang_up());
  EXPECT_TRUE(outcome_ && outcome_->ok);
}

}  // namespace
}  // namespace lapwing::labue
