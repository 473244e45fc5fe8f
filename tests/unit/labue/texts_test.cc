// Messages between two handsets, and short messages with a service centre that the test plays.
#include "common/sms/tpdu.h"
#include "lab/labue/session.h"
#include "tests/unit/labue/call_network.h"

namespace lapwing::labue {
namespace {

using sip::HeaderId;
using std::chrono::seconds;

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

class TextsTest : public CallNetwork {
 protected:
  void submit(std::string text = "hello") {
    make_phones();
    keep_back_ = [](const std::string& what) { return what.starts_with("1 "); };  // the service centre is the test
    begin(phone(1).handset->texts().sms("+15550002", std::move(text)));
  }
  void answer(int code) {
    sip::Message request = message("1 MESSAGE");
    deliver(phone(1), sip::response_to(request, code, sip::reason_phrase(code), "sc").finish());
    settle();
  }
  // A MESSAGE of the network with this body.
  void network_sends(std::string_view content_type, std::string_view body) {
    sip::Writer writer = sip::Writer::request("MESSAGE", "sip:001010000000001@192.168.101.1:5060");
    writer.add(HeaderId::via, absl::StrFormat("SIP/2.0/UDP 10.4.128.21:5060;branch=z9hG4bKsc%d", ++sent_))
        .add(HeaderId::max_forwards, "70")
        .add(HeaderId::from, "<sip:smsc@example.org>;tag=sc")
        .add(HeaderId::to, "<tel:+15550001>")
        .add(HeaderId::call_id, absl::StrFormat("sc%d", sent_))
        .add(HeaderId::cseq, "1 MESSAGE")
        .add(HeaderId::p_asserted_identity, "<sip:ipsmgw.example.org>");
    deliver(phone(1), std::move(writer).finish(content_type, body));
    settle();
  }
  void network_sends(const sms::RpMessage& message) { network_sends(sms::rp_content_type, sms::write_rp(message)); }
  sms::RpMessage sent_rp() {
    absl::StatusOr<sms::RpMessage> rp = sms::read_rp(message("1 MESSAGE").body());
    EXPECT_TRUE(rp.ok());
    return *rp;
  }
  static sms::RpData delivery(std::string_view text) {
    sms::Deliver deliver;
    deliver.originator = *sms::Address::from_number("+15550009");
    deliver.sent = sms::Timestamp{26, 1, 31, 23, 59, 59, 4};
    deliver.user_data = *sms::UserData::of_text(text);
    return {sms::Side::network, 77, *sms::Address::from_number("+15550000"), sms::write_deliver(deliver)};
  }
  int sent_ = 0;
};

TEST_F(TextsTest, when_a_message_is_sent_then_the_other_handset_shows_it) {
  make_phones();
  begin(phone(1).handset->texts().message("+15550002", "hello, \xc3\xa9"));
  ASSERT_TRUE(outcome_ && outcome_->ok);
  EXPECT_EQ(log_, (std::vector<std::string>{"1 MESSAGE", "2 200 MESSAGE"}));
  EXPECT_TRUE(contains(phone(2).last("message"), R"("from":"tel:+15550001","text":"hello, \u00e9")"));
  EXPECT_FALSE(message("1 MESSAGE").has(HeaderId::contact));
  EXPECT_FALSE(message("2 200 MESSAGE").has(HeaderId::contact));
}

TEST_F(TextsTest, when_a_message_is_refused_then_the_outcome_has_the_code) {
  submit();
  answer(404);
  ASSERT_TRUE(outcome_);
  EXPECT_EQ(outcome_->code, 404);
  EXPECT_TRUE(contains(phone(1).last("sms_report"), R"("result":"none")"));
}

TEST_F(TextsTest, when_an_sms_is_sent_then_it_is_rp_data_to_the_service_centre_and_the_report_ends_it) {
  submit("h\xc3\xa9llo");
  sip::Message request = message("1 MESSAGE");
  EXPECT_EQ(request.request_uri(), "sip:smsc@ims.mnc001.mcc001.3gppnetwork.org");
  EXPECT_EQ(request.header(HeaderId::content_type), "application/vnd.3gpp.sms");
  EXPECT_EQ(request.header(HeaderId::p_preferred_identity), "<tel:+15550001>");
  const sms::RpMessage rp = sent_rp();
  const auto& data = std::get<sms::RpData>(rp);
  absl::StatusOr<sms::Submit> tpdu = sms::read_submit(data.tpdu);
  ASSERT_TRUE(tpdu.ok());
  EXPECT_EQ(tpdu->destination.number(), "+15550002");
  EXPECT_EQ(tpdu->user_data.text, "h\xc3\xa9llo");
  EXPECT_EQ(tpdu->user_data.alphabet(), sms::Alphabet::gsm7);
  answer(202);
  EXPECT_FALSE(outcome_);
  network_sends(sms::RpAck{sms::Side::network, data.reference, std::nullopt});
  EXPECT_EQ(log_.back(), "1 200 MESSAGE");
  ASSERT_TRUE(outcome_);
  EXPECT_TRUE(outcome_->ok);
  EXPECT_TRUE(contains(phone(1).last("sms_report"), R"("result":"ack")"));
}

TEST_F(TextsTest, when_the_report_overtakes_the_202_then_it_counts) {
  submit();
  network_sends(sms::RpAck{sms::Side::network, std::get<sms::RpData>(sent_rp()).reference, std::nullopt});
  log_.pop_back();
  messages_.pop_back();
  answer(202);
  ASSERT_TRUE(outcome_);
  EXPECT_TRUE(outcome_->ok);
}

TEST_F(TextsTest, when_the_service_centre_reports_an_error_then_its_cause_is_told) {
  submit();
  answer(202);
  network_sends(sms::RpError{sms::Side::network, std::get<sms::RpData>(sent_rp()).reference, 1, std::nullopt});
  ASSERT_TRUE(outcome_);
  EXPECT_FALSE(outcome_->ok);
  EXPECT_TRUE(contains(phone(1).last("sms_report"), R"("result":"error","cause":1)"));
}

TEST_F(TextsTest, when_no_report_comes_then_the_outcome_says_so) {
  submit();
  answer(202);
  pass(seconds(45), std::chrono::milliseconds(500));
  ASSERT_TRUE(outcome_);
  EXPECT_FALSE(outcome_->ok);
}

TEST_F(TextsTest, when_an_sms_comes_then_200_and_the_report_in_a_message_of_its_own) {
  make_phones();
  keep_back_ = [](const std::string& what) { return what.starts_with("1 "); };
  network_sends(delivery("Привет"));
  EXPECT_EQ(log_, (std::vector<std::string>{"1 200 MESSAGE", "1 MESSAGE"}));
  EXPECT_TRUE(contains(phone(1).last("sms"), R"("originator":"+15550009","text":"\u041f\u0440\u0438)"));
  sip::Message report = message("1 MESSAGE");
  EXPECT_EQ(report.request_uri(), "sip:ipsmgw.example.org");
  EXPECT_EQ(report.header(HeaderId::in_reply_to), "sc1");
  const sms::RpMessage rp = sent_rp();
  ASSERT_TRUE(std::holds_alternative<sms::RpAck>(rp));
  EXPECT_EQ(std::get<sms::RpAck>(rp).reference, 77);
}

TEST_F(TextsTest, when_memory_is_full_then_cause_22_until_there_is_room_again) {
  make_phones();
  keep_back_ = [](const std::string& what) { return what.starts_with("1 "); };
  phone(1).handset->texts().fill_memory();
  network_sends(delivery("hello"));
  EXPECT_EQ(phone(1).last("sms"), "");
  EXPECT_EQ(std::get<sms::RpError>(sent_rp()).cause, 22);
  answer(202);
  begin(phone(1).handset->texts().free_memory());
  const sms::RpMessage smma = sent_rp();
  ASSERT_TRUE(std::holds_alternative<sms::RpSmma>(smma));
  answer(202);
  network_sends(sms::RpAck{sms::Side::network, std::get<sms::RpSmma>(smma).reference, std::nullopt});
  EXPECT_TRUE(outcome_ && outcome_->ok);
  network_sends(delivery("hello"));
  EXPECT_NE(phone(1).last("sms"), "");
}

TEST_F(TextsTest, when_the_body_is_no_message_of_ours_then_it_is_refused) {
  make_phones();
  keep_back_ = [](const std::string& what) { return what.starts_with("1 "); };
  network_sends("application/json", "{}");
  EXPECT_EQ(log_.back(), "1 415 MESSAGE");
  network_sends(sms::rp_content_type, "x");
  EXPECT_EQ(log_.back(), "1 400 MESSAGE");
  network_sends(sms::RpSmma{1});
  EXPECT_EQ(log_.back(), "1 400 MESSAGE");
  sms::RpData odd = delivery("hello");
  odd.tpdu.resize(3);
  network_sends(odd);
  EXPECT_EQ(std::get<sms::RpError>(sent_rp()).cause, 111);
}

TEST_F(TextsTest, when_actions_have_a_target_and_a_text_then_the_colon_between_them_is_found) {
  auto parts = [](std::string_view text) {
    std::optional<Addressed> addressed = addressed_from(text);
    return addressed ? addressed->target + "|" + addressed->text : std::string();
  };
  EXPECT_EQ(parts("+15550002:hello: you"), "+15550002|hello: you");
  EXPECT_EQ(parts("tel:+15550002:12:30"), "tel:+15550002|12:30");
  EXPECT_EQ(parts("sip:bob@ims.example.org:hi"), "sip:bob@ims.example.org|hi");
  EXPECT_EQ(parts("<sip:bob@10.0.0.1:5060>:hi"), "sip:bob@10.0.0.1:5060|hi");
  for (const char* wrong : {"", ":", "a", "a:", ":a", "sip:bob", "sip:bob:", "<sip:bob>", "<>:a"}) {
    EXPECT_EQ(parts(wrong), "") << wrong;
  }
}

}  // namespace
}  // namespace lapwing::labue
