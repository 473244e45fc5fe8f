#include "pcscf/ipsec/sa.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/ipsec/hex.h"

namespace lapwing::ipsec {
namespace {

using ::testing::HasSubstr;

// CK and IK of test set 1 of TS 35.207.
SaSet test_set_1(Algorithms algorithms) {
  SaSet set;
  set.ue = asio::ip::make_address("10.0.0.2");
  set.pcscf = asio::ip::make_address("10.0.0.1");
  set.uc = Port{6301};
  set.us = Port{6300};
  set.pc = Port{5101};
  set.ps = Port{5100};
  set.spi_uc = Spi{1001};
  set.spi_us = Spi{1002};
  set.spi_pc = Spi{2001};
  set.spi_ps = Spi{2002};
  set.algorithms = algorithms;
  set.ck = Secret(bytes_of("b40ba9a3c58b2a05bbf0d987b21bf8cb"));
  set.ik = Secret(bytes_of("f769bcd751044604127672711c6d3441"));
  return set;
}

TEST(KeyExpansion, when_hmac_sha1_then_ik_is_padded_with_zeros) {
  SaSet set = test_set_1({Integrity::hmac_sha1_96, Encryption::null});
  EXPECT_EQ(hex_of(integrity_key(set)), "f769bcd751044604127672711c6d344100000000");
  EXPECT_TRUE(encryption_key(set).empty());
}

TEST(KeyExpansion, when_hmac_md5_then_ik_as_it_is) {
  EXPECT_EQ(hex_of(integrity_key(test_set_1({Integrity::hmac_md5_96, Encryption::null}))),
            "f769bcd751044604127672711c6d3441");
}

TEST(KeyExpansion, when_aes_cbc_then_ck_as_it_is) {
  EXPECT_EQ(hex_of(encryption_key(test_set_1({Integrity::hmac_sha1_96, Encryption::aes_cbc}))),
            "b40ba9a3c58b2a05bbf0d987b21bf8cb");
}

TEST(KeyExpansion, when_3des_then_ck_and_its_first_half_again) {
  EXPECT_EQ(hex_of(encryption_key(test_set_1({Integrity::hmac_sha1_96, Encryption::des_ede3_cbc}))),
            "b40ba9a3c58b2a05bbf0d987b21bf8cbb40ba9a3c58b2a05");
}

TEST(KeyExpansion, when_aes_gmac_then_ik_and_salt) {
  SaSet set = test_set_1({Integrity::aes_gmac, Encryption::null});
  EXPECT_EQ(hex_of(integrity_key(set)), "f769bcd751044604127672711c6d3441dbc2b1c2");
  EXPECT_TRUE(encryption_key(set).empty());
}

TEST(KeyExpansion, when_aes_gcm_then_ck_and_salt) {
  SaSet set = test_set_1({Integrity::null, Encryption::aes_gcm});
  EXPECT_EQ(hex_of(encryption_key(set)), "b40ba9a3c58b2a05bbf0d987b21bf8cb89273db6");
  EXPECT_TRUE(integrity_key(set).empty());
}

TEST(Algorithms, when_the_pair_is_defined_then_valid) {
  int valid = 0;
  for (Integrity integrity : {Integrity::null, Integrity::hmac_md5_96, Integrity::hmac_sha1_96, Integrity::aes_gmac})
    for (Encryption encryption : {Encryption::null, Encryption::aes_cbc, Encryption::des_ede3_cbc, Encryption::aes_gcm})
      valid += Algorithms{integrity, encryption}.valid() ? 1 : 0;
  EXPECT_EQ(valid, 8);
  EXPECT_TRUE((Algorithms{Integrity::null, Encryption::aes_gcm}.valid()));
  EXPECT_FALSE((Algorithms{Integrity::null, Encryption::null}.valid()));
  EXPECT_FALSE((Algorithms{Integrity::aes_gmac, Encryption::aes_cbc}.valid()));
  EXPECT_FALSE((Algorithms{Integrity::hmac_sha1_96, Encryption::aes_gcm}.valid()));
}

TEST(Algorithms, when_written_and_read_then_the_same) {
  for (std::string_view pair :
       {"hmac-sha-1-96/aes-cbc", "hmac-sha-1-96/null", "hmac-md5-96/des-ede3-cbc", "aes-gmac/null", "null/aes-gcm"}) {
    auto algorithms = algorithms_from(pair);
    ASSERT_TRUE(algorithms.ok()) << algorithms.status();
    EXPECT_EQ(text(*algorithms), pair);
  }
}

TEST(Algorithms, when_tokens_come_in_any_case_then_known) {
  EXPECT_EQ(integrity_from("HMAC-SHA-1-96"), Integrity::hmac_sha1_96);
  EXPECT_EQ(encryption_from("AES-cbc"), Encryption::aes_cbc);
  EXPECT_EQ(encryption_from(""), Encryption::null);
  EXPECT_EQ(integrity_from("hmac-sha-256-128"), std::nullopt);
  EXPECT_EQ(integrity_from(""), std::nullopt);
}

TEST(Algorithms, when_the_configuration_is_wrong_then_the_error_says_what_there_is) {
  EXPECT_THAT(algorithms_from("hmac-sha-1-96").status().message(), HasSubstr("INTEGRITY/ENCRYPTION"));
  EXPECT_THAT(algorithms_from("hmac-sha-1-96/").status().message(), HasSubstr("INTEGRITY/ENCRYPTION"));
  EXPECT_THAT(algorithms_from("sha1/aes-cbc").status().message(), HasSubstr("there are hmac-sha-1-96, hmac-md5-96"));
  EXPECT_THAT(algorithms_from("hmac-sha-1-96/aes").status().message(), HasSubstr("\"aes\" is no encryption"));
  EXPECT_THAT(algorithms_from("null/null").status().message(), HasSubstr("does not go together"));
  EXPECT_FALSE(algorithms_from("").ok());
}

// TS 33.203 section 7.1, seen from the P-CSCF.
TEST(SaSet, when_expanded_then_four_associations_by_port_roles) {
  SaSet set = test_set_1({});
  auto flows = associations(set);
  struct Expected {
    bool to_pcscf;
    uint16_t source_port, destination_port;
    uint32_t spi;
  } expected[] = {
      {true, 6301, 5100, 2002}, {false, 5100, 6301, 1001}, {false, 5101, 6300, 1002}, {true, 6300, 5101, 2001}};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(flows[i].destination, expected[i].to_pcscf ? set.pcscf : set.ue) << i;
    EXPECT_EQ(flows[i].source, expected[i].to_pcscf ? set.ue : set.pcscf) << i;
    EXPECT_EQ(flows[i].source_port.value, expected[i].source_port) << i;
    EXPECT_EQ(flows[i].destination_port.value, expected[i].destination_port) << i;
    EXPECT_EQ(flows[i].spi.value, expected[i].spi) << i;
  }
}

}  // namespace
}  // namespace lapwing::ipsec
