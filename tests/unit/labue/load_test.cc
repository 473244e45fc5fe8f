#include "lab/labue/load.h"

#include <gtest/gtest.h>

#include "common/runtime/config.h"
#include "lab/labue/session.h"
#include "lab/labue/settings.h"
#include "lab/labue/subscribers.h"
#include "lapwing/v1/config.pb.h"

namespace lapwing::labue {
namespace {

TEST(PhaseResult, when_latencies_are_known_then_percentiles_are_by_nearest_rank) {
  PhaseResult result;
  for (int i = 100; i >= 1; --i) result.latencies_ms.push_back(static_cast<float>(i));
  result.sort();
  EXPECT_EQ(result.percentile(0.5), 50);
  EXPECT_EQ(result.percentile(0.99), 99);
  EXPECT_EQ(result.percentile(1), 100);
  EXPECT_EQ(PhaseResult().percentile(0.5), 0);
}

TEST(PhaseResult, when_written_as_json_then_failures_are_counted_by_reason) {
  PhaseResult result;
  result.name = "register";
  result.round = 2;
  result.attempts = 3;
  result.successes = 1;
  result.failures["403"] = 2;
  result.seconds = 2;
  std::string json = result.json();
  EXPECT_NE(json.find(R"("attempts":3,"successes":1,"failures":{"403":2})"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("rate":0.5)"), std::string::npos) << json;
}

TEST(Addresses, when_counted_up_then_bytes_carry_over) {
  auto after = [](const char* first, uint64_t n) {
    return address_after(asio::ip::make_address(first), n).to_string();
  };
  EXPECT_EQ(after("10.46.0.250", 10), "10.46.1.4");
  EXPECT_EQ(after("2001:db8::fffe", 3), "2001:db8::1:1");
}

TEST(Imsis, when_counted_up_then_leading_zeros_stay_and_the_end_is_an_error) {
  EXPECT_EQ(*imsi_after("001010000000001", 99), "001010000000100");
  EXPECT_FALSE(imsi_after("999999999999999", 1).ok());
  EXPECT_FALSE(imsi_after("00101x000000001", 1).ok());
}

TEST(Subscribers, when_printed_for_labhss_then_the_file_is_valid_and_has_the_keys_of_the_load) {
  absl::StatusOr<std::string> text = labhss_config("001010000000001", 3, 2);
  ASSERT_TRUE(text.ok());
  v1::LabHssConfig config;
  absl::Status read = config::read_yaml(*text, "printed", config);
  ASSERT_TRUE(read.ok()) << read;
  ASSERT_EQ(config.subscribers_size(), 3);
  EXPECT_EQ(config.subscribers(2).imsi(), "001010000000003");
  EXPECT_TRUE(key_from_hex(config.subscribers(2).k(), "K")->equals(generated_keys(2).k));
  EXPECT_TRUE(key_from_hex(config.subscribers(2).opc(), "OPc")->equals(generated_keys(2).opc));
  EXPECT_FALSE(generated_keys(1).k.equals(generated_keys(2).k));
}

TEST(Subscribers, when_a_key_is_no_hex_then_the_error_does_not_show_it) {
  absl::StatusOr<Secret> key = key_from_hex("465b5ce8b199b49faa5f0a2ee238a6bg", "K");
  ASSERT_FALSE(key.ok());
  EXPECT_EQ(key.status().ToString().find("465b"), std::string::npos);
}

TEST(Settings, when_a_value_is_wrong_then_the_option_is_named) {
  auto address = asio::ip::make_address("10.0.0.2");
  auto error = [&](auto change) {
    Settings settings;
    settings.pcscf = "10.0.0.1:5060";
    change(settings);
    absl::StatusOr<HandsetOptions> options = options_of(settings, "001010000000001", 2, address);
    return options.ok() ? std::string() : std::string(options.status().message());
  };
  EXPECT_EQ(error([](Settings&) {}), "");
  EXPECT_NE(error([](Settings& s) { s.pcscf = "10.0.0.1"; }).find("--pcscf"), std::string::npos);
  EXPECT_NE(error([](Settings& s) { s.pcscf = "[::1]:5060"; }).find("--address"), std::string::npos);
  EXPECT_NE(error([](Settings& s) { s.first = "sctp"; }).find("--first"), std::string::npos);
  EXPECT_NE(error([](Settings& s) { s.t1 = "2"; }).find("--t1"), std::string::npos);
  EXPECT_NE(error([](Settings& s) { s.misbehave = "badly"; }).find("--misbehave"), std::string::npos);
  EXPECT_NE(error([](Settings& s) { s.misbehave = "spoof"; }).find("--spoof-imsi"), std::string::npos);
  EXPECT_NE(error([](Settings& s) { s.answer = "later"; }).find("--answer"), std::string::npos);
  EXPECT_NE(error([](Settings& s) { s.answer = "reject:200"; }).find("--answer"), std::string::npos);
  EXPECT_NE(error([](Settings& s) { s.ring = "-1"; }).find("--ring"), std::string::npos);
  EXPECT_NE(error([](Settings& s) { s.hold_with = "info"; }).find("--hold-with"), std::string::npos);
  EXPECT_EQ(error([](Settings& s) { s.answer = "reject:480"; }), "");
  EXPECT_NE(error([](Settings& s) { s.algorithms = "rot13/null"; }), "");
}

TEST(Settings, when_t1_is_given_then_the_other_timers_keep_their_proportion) {
  Settings settings;
  EXPECT_EQ(timers_of(settings)->t2, std::chrono::seconds(16));
  EXPECT_EQ(timers_of(settings)->t4, std::chrono::seconds(17));
  settings.t1 = "100ms";
  EXPECT_EQ(timers_of(settings)->t4, std::chrono::milliseconds(850));
}

TEST(Session, when_actions_are_read_then_only_known_ones_count) {
  EXPECT_TRUE(is_action("reregister"));
  EXPECT_TRUE(is_action("wait:30"));
  EXPECT_FALSE(is_action("wait:x"));
  EXPECT_TRUE(is_action("call:sip:bob@ims.example.org"));
  EXPECT_TRUE(is_action("dial:+15550002"));
  EXPECT_FALSE(is_action("call:"));
  EXPECT_TRUE(is_action("reject"));
  EXPECT_TRUE(is_action("reject:480"));
  EXPECT_FALSE(is_action("reject:200"));
  EXPECT_TRUE(is_action("hangup"));
  EXPECT_FALSE(is_action(""));
}

TEST(Session, when_a_registration_is_granted_then_the_refresh_is_due_by_section_5_1_1_4) {
  EXPECT_EQ(refresh_after(3600), std::chrono::seconds(3000));
  EXPECT_EQ(refresh_after(1200), std::chrono::seconds(600));
  EXPECT_EQ(refresh_after(60), std::chrono::seconds(30));
}

}  // namespace
}  // namespace lapwing::labue
