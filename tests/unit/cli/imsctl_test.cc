#include "cli/imsctl.h"

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>

#include "common/control/control_server.h"

namespace lapwing::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

class Users final : public control::Operator {
 public:
  absl::StatusOr<v1::ListRegistrationsReply> list_registrations(const v1::ListRegistrationsRequest& request) override {
    v1::ListRegistrationsReply reply;
    if (request.identity() == "nobody") return reply;
    auto* known = reply.add_registrations();
    known->set_impi("001010000000001@x");
    known->set_state("registered");
    reply.set_total(5);
    return reply;
  }
  absl::StatusOr<v1::ShowReply> show(const v1::ShowRequest& request) override {
    return absl::NotFoundError("no registration of " + request.identity());
  }
  absl::StatusOr<v1::DeregisterReply> deregister(const v1::DeregisterRequest& request) override {
    v1::DeregisterReply reply;
    reply.add_impus("sip:a@x");
    reply.add_impus(request.reason());
    return reply;
  }
  absl::StatusOr<v1::ListCallsReply> list_calls(const v1::ListCallsRequest& request) override {
    v1::ListCallsReply reply;
    if (request.identity() == "nobody") return reply;
    auto* call = reply.add_calls();
    call->set_id("0123456789abcdef");
    call->set_caller("sip:+15550100042@x");
    call->set_callee("tel:+15550100043");
    call->set_state("ringing");
    reply.set_total(request.limit() == 1 ? 7 : 1);
    return reply;
  }
  absl::StatusOr<v1::ExplainCallReply> explain_call(const v1::ExplainCallRequest& request) override {
    if (request.caller() == "nobody") return absl::NotFoundError("nobody is not registered here");
    v1::ExplainCallReply reply;
    v1::ExplainedSide& side = *reply.add_sides();
    side.set_session_case("originating");
    side.set_identity("sip:" + request.caller() + "@x");
    side.set_text("1 of 2 criteria are met");
    v1::ExplainedCriterion& met = *side.add_criteria();
    met.set_priority(1);
    met.set_server("sip:tas");
    met.set_met(true);
    met.add_conditions("yes: Method " + request.method() + " (group 0)");
    v1::ExplainedCriterion& other = *side.add_criteria();
    other.set_priority(2);
    other.set_server("sip:other");
    other.set_default_handling(1);
    other.add_conditions("no: SIPHeader Event: y (group 0)");
    v1::ExplainedSide& callee = *reply.add_sides();
    callee.set_session_case("terminating, unregistered");
    callee.set_text(request.callee() + " with " + request.headers(0));
    return reply;
  }
  absl::StatusOr<v1::DrainReply> drain(const v1::DrainRequest& request) override {
    v1::DrainReply reply;
    reply.set_draining(!request.resume());
    reply.set_calls(static_cast<uint32_t>(left));
    if (left > 0) --left;
    return reply;
  }
  absl::StatusOr<v1::ChangeSubscriberReply> change_subscriber(const v1::ChangeSubscriberRequest& request) override {
    changed = request;
    v1::ChangeSubscriberReply reply;
    reply.add_user_data("<IMSSubscription/>");
    if (request.push()) reply.mutable_pushed()->set_result("DIAMETER_SUCCESS");
    return reply;
  }
  absl::StatusOr<v1::ExportKeysReply> export_keys(const v1::ExportKeysRequest& request) override {
    ++exports;
    if (request.identity() == "refused") return absl::FailedPreconditionError("keys are not given out here: set it");
    v1::ExportKeysReply reply;
    if (request.identity() == "adopted") reply.set_unknown(4);
    if (request.identity() == "nobody" || request.identity() == "adopted") return reply;
    for (const char* integrity : {"hmac-md5-96", "aes-gmac"}) {
      v1::EspSa& sa = *reply.add_sas();
      sa.set_impi("001010000000001@x");
      sa.set_source("10.47.1.1");
      sa.set_destination("10.46.0.1");
      sa.set_spi(7);
      sa.set_integrity(integrity);
      sa.set_encryption("null");
      sa.set_integrity_key("K");
    }
    return reply;
  }
  int exports = 0;
  int left = 0;
  v1::ChangeSubscriberRequest changed;
  absl::StatusOr<v1::HangupReply> hangup(const v1::HangupRequest& request) override {
    if (request.call() == "nobody") return absl::NotFoundError("nobody has no call");
    v1::HangupReply reply;
    for (const char* callee : {"tel:+15550100043", "sip:bob@x"}) {
      reply.add_calls()->set_caller("sip:" + request.call() + "@x");
      reply.mutable_calls()->rbegin()->set_callee(callee);
    }
    return reply;
  }
  absl::StatusOr<v1::PushReply> terminate(const v1::TerminateRequest& request) override {
    v1::PushReply reply;
    reply.set_scscf("sip:s@x");
    reply.set_result("reason " + std::to_string(request.reason()) + ", " + request.text());
    return reply;
  }
};

class ImsctlTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/lapwing-imsctl-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
    address_ = "unix:" + folder_ + "/d.sock";
    nobody_ = "unix:" + folder_ + "/none.sock";
    control::ControlOptions options;
    options.control.set_listen(address_);
    options.program = "pcscf";
    options.name = "d.example.org";
    options.lab_hss = true;
    options.recorder = &recorder_;
    options.reload = [this]() -> control::Reloaded {
      if (wrong_file) return absl::InvalidArgumentError("d.yaml:4: log.level: is not right");
      return std::vector<config::Change>{{"log.level", false}, {"workers", true}};
    };
    auto started = control::ControlServer::start(options, users_, events_);
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }
  int run(std::vector<std::string> arguments) {
    std::ostringstream out;
    std::ostringstream err;
    const int code =
        imsctl(arguments, out, err, {.clock = clock_, .width = 0, .home = folder_, .etc = folder_ + "/etc"});
    out_ = out.str();
    err_ = err.str();
    return code;
  }

  std::string folder_;
  std::string address_;
  std::string nobody_;
  bool wrong_file = false;
  SystemClock clock_;
  control::Events events_{clock_};
  trace::Recorder recorder_{clock_, 1 << 20, 1};
  Users users_;
  std::unique_ptr<control::ControlServer> server_;
  std::string out_;
  std::string err_;
};

TEST_F(ImsctlTest, when_registrations_are_listed_then_a_table_is_printed) {
  EXPECT_EQ(run({"--pcscf", address_, "registrations"}), 0);
  EXPECT_THAT(out_, HasSubstr("001010000000001"));
  EXPECT_THAT(out_, HasSubstr("1 of 5 shown; ask for more with --limit"));
  EXPECT_EQ(err_, "");
}

TEST_F(ImsctlTest, when_options_stand_behind_the_command_then_they_count_too) {
  EXPECT_EQ(run({"registrations", "--pcscf", address_, "--scscf", address_}), 0);
}

TEST_F(ImsctlTest, when_there_is_none_then_the_code_is_1) {
  EXPECT_EQ(run({"--pcscf", address_, "registrations", "nobody"}), 1);
  EXPECT_EQ(out_, "No registration of this user.\n");
  EXPECT_EQ(run({"--pcscf", address_, "show", "nobody"}), 1);
  EXPECT_EQ(err_, "imsctl: the P-CSCF at " + address_ + ": no registration of nobody\n");
}

TEST_F(ImsctlTest, when_one_of_two_daemons_is_not_reachable_then_the_other_s_answer_is_shown) {
  EXPECT_EQ(run({"--pcscf", address_, "--scscf", nobody_, "registrations"}), 0);
  EXPECT_THAT(out_, HasSubstr("001010000000001"));
  EXPECT_EQ(err_,
            "imsctl: warning: the S-CSCF at " + nobody_ +
                " is not reachable: there is no such socket: check that scscf runs and that its control.listen is this "
                "path\n");
}

TEST_F(ImsctlTest, when_no_daemon_is_reachable_then_the_code_is_3) {
  EXPECT_EQ(run({"--pcscf", nobody_, "status"}), 3);
  EXPECT_EQ(out_, "");
  EXPECT_THAT(err_, testing::StartsWith("imsctl: the P-CSCF at " + nobody_ + " is not reachable: "));
}

TEST_F(ImsctlTest, when_files_are_read_again_then_it_says_what_changed_and_what_needs_a_restart) {
  EXPECT_EQ(run({"--pcscf", address_, "reload"}), 0);
  EXPECT_EQ(out_,
            "P-CSCF at " + address_ + ": changed: log.level\nP-CSCF at " + address_ + ": needs a restart: workers\n");
  wrong_file = true;
  EXPECT_EQ(run({"--pcscf", address_, "reload"}), 1);
  EXPECT_EQ(out_, "");
  EXPECT_THAT(err_, HasSubstr("d.yaml:4: log.level: is not right"));
}

TEST_F(ImsctlTest, when_daemons_drain_then_it_waits_until_nothing_is_left) {
  users_.left = 2;
  EXPECT_EQ(run({"--scscf", address_, "drain"}), 0);
  EXPECT_EQ(out_, "S-CSCF at " + address_ + ": drained\n");
  EXPECT_EQ(err_, "S-CSCF at " + address_ + ": draining, 2 calls and 0 transactions left\nS-CSCF at " + address_ +
                      ": draining, 1 calls and 0 transactions left\n");
  users_.left = 1000;
  EXPECT_EQ(run({"--scscf", address_, "drain", "--within", "0s"}), 1);
  EXPECT_EQ(run({"--scscf", address_, "drain", "--no-wait"}), 0);
  EXPECT_EQ(run({"--scscf", address_, "drain", "--resume"}), 0);
  EXPECT_EQ(out_, "S-CSCF at " + address_ + ": takes new calls and registrations\n");
  EXPECT_EQ(run({"--scscf", nobody_, "drain"}), 3);
}

TEST_F(ImsctlTest, when_a_subscriber_is_changed_then_the_change_arrives_and_its_profile_is_shown) {
  std::ofstream(folder_ + "/ifc.xml") << "<InitialFilterCriteria/>";
  EXPECT_EQ(run({"--labhss", address_, "hss", "subscriber", "001010000000001", "--bar", "--display-name", "Ann",
                 "--add-impu", "tel:+1", "--remove-impu", "tel:+2", "--ifc", folder_ + "/ifc.xml", "--push"}),
            0);
  EXPECT_EQ(out_, "<IMSSubscription/>\n answered: DIAMETER_SUCCESS\n");
  EXPECT_TRUE(users_.changed.barred());
  EXPECT_EQ(users_.changed.display_name(), "Ann");
  EXPECT_EQ(users_.changed.add_impus(0), "tel:+1");
  EXPECT_EQ(users_.changed.remove_impus(0), "tel:+2");
  EXPECT_EQ(users_.changed.ifc(0), "<InitialFilterCriteria/>");
  EXPECT_EQ(run({"--labhss", address_, "hss", "subscriber", "1", "--ifc", folder_ + "/none.xml"}), 2);
  EXPECT_EQ(run({"--labhss", address_, "hss", "subscriber", "1", "--ifc", folder_ + "/ifc.xml", "--no-ifc"}), 2);
}

TEST_F(ImsctlTest, when_no_address_is_known_then_it_says_what_to_give) {
  EXPECT_EQ(run({"hss"}), 2);
  EXPECT_EQ(err_,
            "imsctl: no address for this command is known: give --scscf ADDRESS (as in control.listen of the daemon), "
            "or write it "
            "into ~/.config/lapwing/imsctl.yaml\n");
}

TEST_F(ImsctlTest, when_the_file_of_the_user_names_the_daemons_then_it_is_read) {
  std::filesystem::create_directories(folder_ + "/.config/lapwing");
  std::ofstream(folder_ + "/.config/lapwing/imsctl.yaml") << "pcscf: [\"" << address_ << "\"]\n";
  EXPECT_EQ(run({"registrations"}), 0);
  EXPECT_EQ(run({"--pcscf", nobody_, "registrations"}), 3);
  std::ofstream(folder_ + "/.config/lapwing/imsctl.yaml") << "pscf: []\n";
  EXPECT_EQ(run({"registrations"}), 2);
  EXPECT_THAT(err_, HasSubstr("imsctl.yaml:1: pscf: is not a key here: did you mean \"pcscf\"?"));
}

TEST_F(ImsctlTest, when_the_file_of_the_machine_names_the_daemons_then_it_is_read) {
  std::filesystem::create_directories(folder_ + "/etc/lapwing");
  std::ofstream(folder_ + "/etc/lapwing/imsctl.yaml") << "pcscf: [\"" << address_ << "\"]\n";
  EXPECT_EQ(run({"status"}), 0);
}

TEST_F(ImsctlTest, when_the_usage_is_wrong_then_the_code_is_2) {
  EXPECT_EQ(run({}), 2);
  EXPECT_EQ(run({"bogus"}), 2);
  EXPECT_EQ(run({"show"}), 2);
  EXPECT_EQ(run({"--scscf", address_, "deregister", "a", "--reason", "because"}), 2);
  EXPECT_EQ(run({"--labhss", address_, "terminate", "a", "--reason", "4"}), 2);
  EXPECT_EQ(run({"--pcscf", "nowhere", "status"}), 2);
  EXPECT_EQ(run({"--pcscf", address_, "status", "--timeout", "soon"}), 2);
  EXPECT_EQ(run({"--config", folder_ + "/none.yaml", "status"}), 2);
}

TEST_F(ImsctlTest, when_help_is_asked_for_then_the_exit_codes_are_told) {
  EXPECT_EQ(run({"--help"}), 0);
  EXPECT_THAT(out_, HasSubstr("3  no daemon is reachable"));
  EXPECT_THAT(out_, testing::ContainsRegex("calls +The calls that are on"));
  EXPECT_THAT(out_, testing::ContainsRegex("hangup +End a call as the network"));
  EXPECT_EQ(run({"version"}), 0);
  EXPECT_THAT(out_, testing::StartsWith("imsctl "));
}

TEST_F(ImsctlTest, when_a_call_is_explained_then_each_criterion_stands_with_its_conditions) {
  EXPECT_EQ(run({"--scscf", address_, "explain", "call", "a", "tel:+15550100043", "--header", "Event: x"}), 0);
  EXPECT_EQ(out_,
            "originating for sip:a@x: 1 of 2 criteria are met\n"
            "\n  MET     priority 1, sip:tas; should it fail, the request goes on without it\n"
            "          yes: Method INVITE (group 0)\n"
            "\n  not met priority 2, sip:other; should it fail, the request ends\n"
            "          no: SIPHeader Event: y (group 0)\n"
            "\nterminating, unregistered: tel:+15550100043 with Event: x\n");
  EXPECT_EQ(run({"--scscf", address_, "explain", "call", "nobody", "b"}), 1);
  EXPECT_EQ(run({"--scscf", address_, "explain", "call", "a"}), 2);
  EXPECT_EQ(run({"--scscf", address_, "explain"}), 2);
}

TEST_F(ImsctlTest, when_a_registration_is_ended_then_what_was_ended_is_told) {
  EXPECT_EQ(run({"--scscf", address_, "deregister", "a", "--reason", "rejected"}), 0);
  EXPECT_EQ(out_, "Deregistered: sip:a@x, rejected\n");
  EXPECT_EQ(run({"--labhss", address_, "terminate", "a", "--reason", "2", "--text", "moved"}), 0);
  EXPECT_EQ(out_, "sip:s@x answered: reason 2, moved\n");
  EXPECT_EQ(run({"--labhss", address_, "push-profile", "a"}), 1);
}

TEST_F(ImsctlTest, when_calls_are_listed_then_a_table_is_printed) {
  EXPECT_EQ(run({"--scscf", address_, "calls"}), 0);
  EXPECT_THAT(out_, HasSubstr("0123456789abcdef  +15550100042  +15550100043  ringing"));
  EXPECT_THAT(out_, testing::Not(HasSubstr("shown")));
  EXPECT_EQ(run({"--scscf", address_, "calls", "--limit", "1"}), 0);
  EXPECT_THAT(out_, HasSubstr("1 of 7 shown; ask for more with --limit\n"));
  EXPECT_EQ(err_, "");
}

TEST_F(ImsctlTest, when_there_is_no_call_then_the_code_is_1) {
  EXPECT_EQ(run({"--scscf", address_, "calls", "nobody"}), 1);
  EXPECT_EQ(out_, "No calls.\n");
  EXPECT_EQ(run({"--json", "--scscf", address_, "calls", "nobody"}), 1);
  EXPECT_EQ(run({"--scscf", address_, "hangup", "nobody"}), 1);
  EXPECT_EQ(out_, "");
  EXPECT_EQ(err_, "imsctl: the S-CSCF at " + address_ + ": nobody has no call\n");
  EXPECT_EQ(run({"--json", "--scscf", address_, "hangup", "nobody"}), 1);
}

TEST_F(ImsctlTest, when_a_user_is_debugged_then_it_is_listed_until_it_ends) {
  EXPECT_EQ(run({"--pcscf", address_, "debug"}), 1);
  EXPECT_EQ(out_, "Nobody is debugged.\n");
  EXPECT_EQ(run({"--pcscf", address_, "debug", "1@h", "--for", "5m"}), 0);
  EXPECT_THAT(out_, testing::ContainsRegex("pcscf +unix:.* +1@h +in "));
  EXPECT_EQ(run({"--json", "--pcscf", address_, "debug"}), 0);
  EXPECT_THAT(out_, HasSubstr("\"identity\": \"1@h\""));
  EXPECT_EQ(run({"--pcscf", address_, "debug", "1@h", "--off"}), 0);
  EXPECT_EQ(out_, "Nobody is debugged.\n");
  EXPECT_EQ(run({"--pcscf", address_, "debug", "1@h", "--off"}), 1);
  EXPECT_THAT(err_, HasSubstr("1@h is not debugged"));
  EXPECT_EQ(run({"--pcscf", address_, "debug", "1@h", "--for", "25h"}), 1);
  EXPECT_THAT(err_, HasSubstr("24 h at most"));
  EXPECT_EQ(run({"--pcscf", address_, "debug", "1@h", "--for", "long"}), 2);
  EXPECT_EQ(run({"--pcscf", address_, "debug", "--off"}), 2);
  EXPECT_EQ(run({"--pcscf", address_, "debug", "1@h", "--off", "--for", "1m"}), 2);
}

TEST_F(ImsctlTest, when_calls_are_ended_then_each_is_told) {
  EXPECT_EQ(run({"--scscf", address_, "hangup", "alice"}), 0);
  EXPECT_EQ(out_, "Ended: sip:alice@x with tel:+15550100043\nEnded: sip:alice@x with sip:bob@x\n");
}

TEST_F(ImsctlTest, when_calls_are_asked_for_wrongly_then_the_code_is_2_and_without_an_S_CSCF_3) {
  EXPECT_EQ(run({"--scscf", address_, "hangup"}), 2);
  EXPECT_EQ(run({"--scscf", address_, "calls", "--limit", "many"}), 2);
  EXPECT_EQ(run({"--scscf", address_, "calls", "a", "b"}), 2);
  EXPECT_EQ(run({"--pcscf", address_, "calls"}), 2) << "calls are the S-CSCF's";
  EXPECT_EQ(run({"--scscf", nobody_, "calls"}), 3);
  EXPECT_EQ(run({"--scscf", nobody_, "hangup", "a"}), 3);
}

TEST_F(ImsctlTest, when_calls_are_asked_for_as_json_then_every_field_is_there) {
  EXPECT_EQ(run({"--json", "--scscf", address_, "calls"}), 0);
  google::protobuf::Struct document;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(out_, &document).ok()) << out_;
  const auto& answer = document.fields().at("replies").list_value().values(0).struct_value();
  EXPECT_EQ(answer.fields().at("daemon").string_value(), "scscf");
  const auto& calls = answer.fields().at("reply").struct_value().fields().at("calls").list_value();
  ASSERT_EQ(calls.values_size(), 1);
  EXPECT_EQ(calls.values(0).struct_value().fields().at("state").string_value(), "ringing");
  EXPECT_EQ(run({"--json", "--scscf", address_, "hangup", "alice"}), 0);
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(out_, &document).ok()) << out_;
}

TEST_F(ImsctlTest, when_ESP_keys_are_asked_for_then_lines_for_Wireshark_are_printed_and_what_it_cannot_read_is_told) {
  const std::string line = R"("IPv4","10.47.1.1","10.46.0.1","0x00000007","NULL","","HMAC-MD5-96 [RFC2403]","0x4b")"
                           "\n";
  EXPECT_EQ(run({"--pcscf", address_, "esp-keys", "001010000000001"}), 0);
  EXPECT_EQ(out_, line);
  EXPECT_EQ(err_,
            "imsctl: warning: 1 security associations are left out: Wireshark 4.0 cannot decipher aes-gmac/null\n");
  const std::string file = folder_ + "/esp_sa";
  for (int twice = 0; twice < 2; ++twice) {
    EXPECT_EQ(run({"--pcscf", address_, "esp-keys", "--save", file}), 0);
    EXPECT_THAT(out_, HasSubstr("The keys of 1 security associations (1 user) are in " + file));
    EXPECT_THAT(out_, HasSubstr("esp.enable_encryption_decode:TRUE"));
    EXPECT_THAT(out_, Not(HasSubstr("0x4b")));
    std::ifstream saved(file);
    EXPECT_EQ(std::string((std::istreambuf_iterator<char>(saved)), {}), line);
  }
  EXPECT_EQ(run({"--json", "--pcscf", address_, "esp-keys"}), 0);
  EXPECT_THAT(out_, HasSubstr(R"("integrityKey": "Sw==")"));
}

TEST_F(ImsctlTest, when_ESP_keys_cannot_be_had_then_the_reason_is_told) {
  EXPECT_EQ(run({"--pcscf", address_, "esp-keys", "refused"}), 1);
  EXPECT_THAT(err_, HasSubstr("keys are not given out here: set it"));
  EXPECT_EQ(run({"--pcscf", address_, "esp-keys", "nobody"}), 1);
  EXPECT_EQ(err_, "imsctl: no security associations\n");
  EXPECT_EQ(run({"--pcscf", address_, "esp-keys", "adopted"}), 1);
  EXPECT_THAT(err_, HasSubstr("the keys of 4 security associations are known to the kernel alone"));
  EXPECT_EQ(run({"--scscf", address_, "esp-keys"}), 2);
}

TEST_F(ImsctlTest, when_ESP_keys_could_not_be_saved_then_they_are_not_asked_for) {
  const std::string file = folder_ + "/profile";
  std::ofstream(file) << "export PATH\n";
  EXPECT_EQ(run({"--pcscf", address_, "esp-keys", "--save", file}), 2);
  EXPECT_EQ(err_, "imsctl: " + file + ": line 1 is none of Wireshark's esp_sa; nothing was written\n");
  EXPECT_EQ(run({"--pcscf", address_, "esp-keys", "--save", folder_}), 2);
  EXPECT_EQ(run({"--json", "--pcscf", address_, "esp-keys", "--save", folder_ + "/esp_sa"}), 2);
  EXPECT_EQ(users_.exports, 0);
}

TEST_F(ImsctlTest, when_json_is_asked_for_then_one_document_is_printed_whatever_failed) {
  EXPECT_EQ(run({"--json", "--pcscf", address_, "--scscf", nobody_, "registrations"}), 0);
  google::protobuf::Struct document;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(out_, &document).ok()) << out_;
  const auto& replies = document.fields().at("replies").list_value();
  ASSERT_EQ(replies.values_size(), 2);
  EXPECT_EQ(replies.values(0).struct_value().fields().at("reply").struct_value().fields().at("total").number_value(),
            5);
  EXPECT_EQ(replies.values(1).struct_value().fields().at("error").struct_value().fields().at("code").string_value(),
            "UNAVAILABLE");
  EXPECT_EQ(run({"--json", "--pcscf", nobody_, "show", "a"}), 3);
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(out_, &document).ok()) << out_;
}

// Tells when the first whole event was written.
class TellingBuffer final : public std::stringbuf {
 public:
  std::future<void> written() { return written_.get_future(); }

 private:
  int sync() override {
    if (!std::exchange(told_, true)) written_.set_value();
    return 0;
  }
  std::promise<void> written_;
  bool told_ = false;
};

TEST_F(ImsctlTest, when_it_watches_then_events_are_printed_until_the_daemon_stops) {
  TellingBuffer buffer;
  std::future<void> written = buffer.written();
  std::ostream out(&buffer);
  std::ostringstream err;
  auto watching = std::async(std::launch::async, [&] {
    return imsctl({"--pcscf", address_, "watch", "a"}, out, err,
                  {.clock = clock_, .width = 0, .home = folder_, .etc = folder_});
  });
  while (events_.watchers() == 0) std::this_thread::yield();
  control::Event event;
  event.kind = "register.challenged";
  event.impi = "a@x";
  event.text = "401 sent";
  events_.publish(event);
  ASSERT_EQ(written.wait_for(std::chrono::seconds(10)), std::future_status::ready);
  server_->stop();
  EXPECT_EQ(watching.get(), 3);
  EXPECT_THAT(buffer.str(), HasSubstr("register.challenged     a: 401 sent\n"));
  EXPECT_THAT(err.str(), HasSubstr("imsctl: no more events: "));
}

TEST_F(ImsctlTest, when_a_completion_script_is_asked_for_then_it_knows_every_command) {
  EXPECT_EQ(run({"completion", "bash"}), 0);
  for (std::string_view command :
       {"registrations", "show", "sa", "hss", "calls", "hangup", "explain", "profile", "deregister", "watch", "status",
        "version", "subscribers", "terminate", "push-profile", "esp-keys", "completion"}) {
    EXPECT_THAT(out_, HasSubstr("    " + std::string(command) + ") words=\"--"));
  }
  EXPECT_EQ(run({"completion", "fish"}), 2);
  // bash itself accepts it.
  EXPECT_EQ(run({"completion", "bash"}), 0);
  std::ofstream(folder_ + "/completion") << out_;
  EXPECT_EQ(std::system(("bash -n " + folder_ + "/completion").c_str()), 0);
}

}  // namespace
}  // namespace lapwing::cli
