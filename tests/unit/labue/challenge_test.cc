#include "lab/labue/challenge.h"

#include <gtest/gtest.h>

#include "common/runtime/ids.h"
#include "common/sip/headers.h"

namespace lapwing::labue {
namespace {

constexpr std::string_view start =
    R"(Digest realm="ims.mnc001.mcc001.3gppnetwork.org", nonce="I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M=", )"
    R"(algorithm=AKAv1-MD5)";

Secret bytes(std::string_view hex) {
  std::string raw = from_hex(hex);
  return Secret(std::span(reinterpret_cast<const uint8_t*>(raw.data()), raw.size()));
}

sip::Credentials credentials(const std::string& value) {
  auto parsed = sip::Credentials::parse(value);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return *parsed;
}

const Identity who = Identity::from_imsi("001010000000001", 2);

// The responses below were computed apart from this program over 3GPP test set 1.
TEST(Challenge, when_no_qop_is_offered_then_the_response_is_that_of_rfc_2069) {
  absl::StatusOr<Challenge> challenge = Challenge::parse(start);
  ASSERT_TRUE(challenge.ok()) << challenge.status();
  std::string value = challenge->answer(who, bytes("a54211d5e3ba50bf"), "REGISTER", {}, 1);
  sip::Credentials answer = credentials(value);
  EXPECT_EQ(answer.get("response"), "1125a3c2e293453f07e08957ff235efc");
  EXPECT_EQ(answer.get("username"), who.impi);
  EXPECT_EQ(answer.get("uri"), "sip:ims.mnc001.mcc001.3gppnetwork.org");
  EXPECT_FALSE(answer.has("qop"));
  EXPECT_FALSE(answer.has("nc"));
}

TEST(Challenge, when_the_sqn_is_stale_then_auts_comes_with_a_response_over_the_empty_password) {
  absl::StatusOr<Challenge> challenge = Challenge::parse(start);
  ASSERT_TRUE(challenge.ok());
  std::string raw = from_hex("ba853f3c121cb55edb820040ab41");
  aka::Auts auts{};
  std::copy(raw.begin(), raw.end(), auts.begin());
  std::string value = challenge->resynchronise(who, auts, "REGISTER");
  sip::Credentials answer = credentials(value);
  EXPECT_EQ(answer.get("auts"), "uoU/PBIctV7bggBAq0E=");
  EXPECT_EQ(answer.get("response"), "6821238d21754c12bf172c668144dbb6");
}

TEST(Challenge, when_auth_int_is_offered_then_it_is_used_and_else_auth) {
  std::string both = std::string(start) + R"(, qop="auth,auth-int")", one = std::string(start) + R"(, qop="auth")",
              foreign = std::string(start) + R"(, qop="x-other")";
  EXPECT_EQ(Challenge::parse(both)->qop, "auth-int");
  EXPECT_EQ(Challenge::parse(one)->qop, "auth");
  EXPECT_EQ(Challenge::parse(foreign)->qop, "");
}

TEST(Challenge, when_the_network_is_rejected_then_the_response_is_empty_and_there_is_no_auts) {
  std::string value = Challenge::parse(start)->reject_network(who);
  sip::Credentials answer = credentials(value);
  EXPECT_EQ(answer.raw("response"), "\"\"");
  EXPECT_FALSE(answer.has("auts"));
  EXPECT_EQ(answer.get("nonce"), "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M=");
}

TEST(Challenge, when_opaque_is_given_then_it_is_returned) {
  std::string value = std::string(start) + R"(, opaque="x\"y")";
  EXPECT_NE(Challenge::parse(value)->answer(who, Secret(), "REGISTER", {}, 1).find(R"(opaque="x\"y")"),
            std::string::npos);
}

TEST(Challenge, when_it_is_not_akav1_md5_or_has_no_vector_then_it_is_refused) {
  EXPECT_FALSE(Challenge::parse(R"(Digest realm="a", nonce="b", algorithm=MD5)").ok());
  EXPECT_FALSE(Challenge::parse(R"(Digest realm="a", nonce="short", algorithm=AKAv1-MD5)").ok());
  EXPECT_FALSE(Challenge::parse(R"(Basic realm="a")").ok());
  EXPECT_FALSE(Challenge::parse("").ok());
}

}  // namespace
}  // namespace lapwing::labue
