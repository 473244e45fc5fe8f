#include "pcscf/ipsec/sec_agree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_format.h"

namespace lapwing::ipsec {
namespace {

using sip::HeaderId;
using ::testing::HasSubstr;

constexpr Algorithms kSha1Aes{Integrity::hmac_sha1_96, Encryption::aes_cbc};
constexpr Algorithms kSha1Null{Integrity::hmac_sha1_96, Encryption::null};
constexpr Algorithms kMd5Null{Integrity::hmac_md5_96, Encryption::null};
constexpr Algorithms kGcm{Integrity::null, Encryption::aes_gcm};

// A REGISTER with these rows ("Security-Client: ...") in it.
sip::Message register_with(const std::vector<std::string>& rows) {
  std::string text =
      "REGISTER sip:ims.example SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
      "From: <sip:a@ims.example>;tag=1\r\nTo: <sip:a@ims.example>\r\nCall-ID: 1@a\r\nCSeq: 1 REGISTER\r\n";
  for (const std::string& row : rows) text += row + "\r\n";
  sip::ParseResult parsed = sip::Message::parse(text + "Content-Length: 0\r\n\r\n", sip::Framing::datagram);
  EXPECT_TRUE(parsed.ok()) << (parsed.failure ? parsed.failure->why : "");
  return std::move(*parsed.message);
}

absl::StatusOr<std::vector<Mechanism>> offer_in(const std::vector<std::string>& rows) {
  return parse_offer(register_with(rows), HeaderId::security_client);
}
absl::StatusOr<std::vector<Mechanism>> offer_of(const std::string& value) {
  return offer_in({"Security-Client: " + value});
}

std::string element(std::string_view alg, std::string_view ealg, std::string_view more = "") {
  return absl::StrFormat(
      "ipsec-3gpp;prot=esp;mod=trans;spi-c=25656;spi-s=25657;port-c=6301;port-s=6300;alg=%s;ealg=%s%s", alg, ealg,
      more);
}
// With every number to fill in.
std::string numbers(std::string_view spi_c, std::string_view spi_s, std::string_view port_c, std::string_view port_s) {
  return absl::StrFormat("ipsec-3gpp;alg=hmac-sha-1-96;spi-c=%s;spi-s=%s;port-c=%s;port-s=%s", spi_c, spi_s, port_c,
                         port_s);
}

TEST(SecurityClient, when_one_element_of_a_samsung_then_every_value) {
  auto offer = offer_of(element("hmac-md5-96", "null"));
  ASSERT_TRUE(offer.ok()) << offer.status();
  ASSERT_EQ(offer->size(), 1u);
  EXPECT_EQ((*offer)[0].algorithms, kMd5Null);
  EXPECT_EQ((*offer)[0].spi_c, Spi{25656});
  EXPECT_EQ((*offer)[0].spi_s, Spi{25657});
  EXPECT_EQ((*offer)[0].port_c, Port{6301});
  EXPECT_EQ((*offer)[0].port_s, Port{6300});
  EXPECT_EQ((*offer)[0].q, 1000);
}

TEST(SecurityClient, when_a_list_of_eight_then_all_in_order) {
  std::string list;
  for (std::string_view alg : {"hmac-md5-96", "hmac-sha-1-96"})
    for (std::string_view ealg : {"des-ede3-cbc", "aes-cbc", "null"}) list += element(alg, ealg) + ",";
  list += element("aes-gmac", "null") + "," + element("null", "aes-gcm");
  auto offer = offer_of(list);
  ASSERT_TRUE(offer.ok()) << offer.status();
  ASSERT_EQ(offer->size(), 8u);
  EXPECT_EQ(text((*offer)[0].algorithms), "hmac-md5-96/des-ede3-cbc");
  EXPECT_EQ(text((*offer)[4].algorithms), "hmac-sha-1-96/aes-cbc");
  EXPECT_EQ(text((*offer)[7].algorithms), "null/aes-gcm");
}

TEST(SecurityClient, when_split_over_rows_then_one_list) {
  auto offer =
      offer_in({"Security-Client: " + element("hmac-md5-96", "null") + " , " + element("hmac-md5-96", "aes-cbc"),
                "security-CLIENT:" + element("hmac-sha-1-96", "aes-cbc")});
  ASSERT_TRUE(offer.ok()) << offer.status();
  ASSERT_EQ(offer->size(), 3u);
  EXPECT_EQ((*offer)[2].algorithms, kSha1Aes);
}

TEST(SecurityClient, when_case_order_and_white_space_vary_then_the_same) {
  auto offer = offer_of(
      "IPSEC-3GPP ; EALG = AES-CBC;Alg=HMAC-SHA-1-96 ;\r\n port-S=6300; port-c = 6301 "
      ";SPI-S=25657;spi-C=25656;MOD=Trans;"
      "prot=ESP;q=0.5");
  ASSERT_TRUE(offer.ok()) << offer.status();
  ASSERT_EQ(offer->size(), 1u);
  EXPECT_EQ((*offer)[0].algorithms, kSha1Aes);
  EXPECT_EQ((*offer)[0].port_s, Port{6300});
  EXPECT_EQ((*offer)[0].q, 500);
}

TEST(SecurityClient, when_prot_mod_and_ealg_are_absent_then_their_defaults) {
  auto offer = offer_of(numbers("256", "4294967295", "1", "65535"));
  ASSERT_TRUE(offer.ok()) << offer.status();
  ASSERT_EQ(offer->size(), 1u);
  EXPECT_EQ((*offer)[0].algorithms, kSha1Null);
  EXPECT_EQ((*offer)[0].spi_c, Spi{256});
  EXPECT_EQ((*offer)[0].spi_s, Spi{4294967295});
  EXPECT_EQ((*offer)[0].port_s, Port{65535});
}

TEST(SecurityClient, when_values_are_quoted_then_read) {
  auto offer =
      offer_of("ipsec-3gpp;alg=\"hmac-sha-1-96\";spi-c=1000;spi-s=1001;port-c=6000;port-s=6001;x=\"a,b;c\\\"\"");
  ASSERT_TRUE(offer.ok()) << offer.status();
  ASSERT_EQ(offer->size(), 1u);
}

TEST(SecurityClient, when_spis_have_one_to_ten_digits_then_read) {
  for (auto [written, value] : {std::pair("300", 300u), std::pair("0000000300", 300u), std::pair("0000300", 300u),
                                std::pair("4294967294", 4294967294u)}) {
    auto offer = offer_of(numbers(written, "77777", "6301", "6300"));
    ASSERT_TRUE(offer.ok()) << written << ": " << offer.status();
    EXPECT_EQ(offer->at(0).spi_c, Spi{value});
  }
}

TEST(SecurityClient, when_an_spi_is_out_of_range_then_error) {
  for (std::string_view spi :
       {"0", "255", "4294967296", "9999999999", "00000000300", "-300", "+300", "0x300", "3OO", ""}) {
    EXPECT_FALSE(offer_of(numbers(spi, "77777", "6301", "6300")).ok()) << spi;
    EXPECT_FALSE(offer_of(numbers("77777", spi, "6301", "6300")).ok()) << spi;
  }
}

TEST(SecurityClient, when_a_port_is_out_of_range_or_for_clear_text_then_error) {
  for (std::string_view port : {"0", "5060", "5061", "65536", "99999", "006300", "63 00", "-1", "x", ""}) {
    EXPECT_FALSE(offer_of(numbers("300", "301", port, "6300")).ok()) << port;
    EXPECT_FALSE(offer_of(numbers("300", "301", "6301", port)).ok()) << port;
  }
}

TEST(SecurityClient, when_client_and_server_values_are_equal_then_error) {
  EXPECT_THAT(offer_of(numbers("300", "300", "6301", "6300")).status().message(), HasSubstr("spi-c and spi-s"));
  EXPECT_THAT(offer_of(numbers("300", "301", "6300", "6300")).status().message(), HasSubstr("port-c and port-s"));
}

TEST(SecurityClient, when_a_mandatory_parameter_is_missing_then_error_that_names_it) {
  EXPECT_THAT(offer_of("ipsec-3gpp;spi-c=300;spi-s=301;port-c=6301;port-s=6300").status().message(), HasSubstr("alg"));
  EXPECT_THAT(offer_of("ipsec-3gpp;alg=hmac-sha-1-96;spi-s=301;port-c=6301;port-s=6300").status().message(),
              HasSubstr("spi-c"));
  EXPECT_THAT(offer_of("ipsec-3gpp;alg=hmac-sha-1-96;spi-c=300;spi-s=301;port-c=6301").status().message(),
              HasSubstr("port-s"));
}

TEST(SecurityClient, when_elements_differ_in_spis_or_ports_then_error) {
  for (std::string_view other : {"ipsec-3gpp;alg=hmac-md5-96;spi-c=999;spi-s=301;port-c=6301;port-s=6300",
                                 "ipsec-3gpp;alg=hmac-md5-96;spi-c=300;spi-s=999;port-c=6301;port-s=6300",
                                 "ipsec-3gpp;alg=hmac-md5-96;spi-c=300;spi-s=301;port-c=999;port-s=6300",
                                 "ipsec-3gpp;alg=hmac-md5-96;spi-c=300;spi-s=301;port-c=6301;port-s=999"}) {
    auto offer = offer_of(numbers("300", "301", "6301", "6300") + "," + std::string(other));
    EXPECT_THAT(offer.status().message(), HasSubstr("differ")) << other;
  }
}

TEST(SecurityClient, when_an_unusable_element_has_other_spis_then_only_ours_count) {
  auto offer = offer_of(element("hmac-sha-256-128", "aes-cbc") + ", " + numbers("300", "301", "6401", "6400"));
  ASSERT_TRUE(offer.ok()) << offer.status();
  ASSERT_EQ(offer->size(), 1u);
  EXPECT_EQ((*offer)[0].spi_c, Spi{300});
}

TEST(SecurityClient, when_ah_tunnel_or_unknown_then_skipped) {
  for (std::string_view skipped :
       {"tls", "tls;q=0.2", "ipsec-ike;q=0.1", "digest;d-alg=md5;d-ver=\"0123\"", "ipsec-man",
        "ipsec-3gpp;prot=ah;alg=hmac-sha-1-96;spi-c=300;spi-s=301;port-c=6301;port-s=6300",
        "ipsec-3gpp;mod=tun;alg=hmac-sha-1-96;spi-c=300;spi-s=301;port-c=6301;port-s=6300",
        "ipsec-3gpp;mod=UDP-enc-tun;alg=hmac-sha-1-96;spi-c=300;spi-s=301;port-c=6301;port-s=6300",
        "ipsec-3gpp;alg=hmac-sha-256-128;spi-c=300;spi-s=301;port-c=6301;port-s=6300",
        "ipsec-3gpp;alg=hmac-sha-1-96;ealg=aes-ctr;spi-c=300;spi-s=301;port-c=6301;port-s=6300",
        "ipsec-3gpp;alg=null;ealg=null;spi-c=300;spi-s=301;port-c=6301;port-s=6300",
        "ipsec-3gpp;alg=null;spi-c=300;spi-s=301;port-c=6301;port-s=6300",
        "ipsec-3gpp;alg=hmac-sha-1-96;ealg=aes-gcm;spi-c=300;spi-s=301;port-c=6301;port-s=6300",
        "ipsec-3gpp;alg=aes-gmac;ealg=aes-cbc;spi-c=300;spi-s=301;port-c=6301;port-s=6300"}) {
    auto alone = offer_of(std::string(skipped));
    ASSERT_TRUE(alone.ok()) << skipped << ": " << alone.status();
    EXPECT_TRUE(alone->empty()) << skipped;
    auto beside = offer_of(std::string(skipped) + "," + element("hmac-sha-1-96", "aes-cbc"));
    ASSERT_TRUE(beside.ok()) << skipped << ": " << beside.status();
    EXPECT_EQ(beside->size(), 1u) << skipped;
  }
}

TEST(SecurityClient, when_an_element_comes_twice_then_kept_twice) {
  auto offer = offer_of(element("hmac-md5-96", "null") + "," + element("hmac-md5-96", "null"));
  ASSERT_TRUE(offer.ok()) << offer.status();
  EXPECT_EQ(offer->size(), 2u);
}

TEST(SecurityClient, when_a_parameter_comes_twice_then_error) {
  EXPECT_THAT(offer_of(element("hmac-md5-96", "null", ";alg=hmac-sha-1-96")).status().message(), HasSubstr("twice"));
  EXPECT_FALSE(offer_of(element("hmac-md5-96", "null", ";SPI-C=1000")).ok());
}

TEST(SecurityClient, when_absent_then_empty) {
  auto offer = offer_in({});
  ASSERT_TRUE(offer.ok());
  EXPECT_TRUE(offer->empty());
}

TEST(SecurityClient, when_q_is_given_then_thousandths) {
  for (auto [written, value] :
       {std::pair("0", 0), std::pair("1", 1000), std::pair("1.000", 1000), std::pair("0.1", 100),
        std::pair("0.25", 250), std::pair("0.", 0), std::pair("0.001", 1)}) {
    auto offer = offer_of(element("hmac-md5-96", "null", absl::StrFormat(";q=%s", written)));
    ASSERT_TRUE(offer.ok()) << written << offer.status();
    EXPECT_EQ((*offer)[0].q, value) << written;
  }
  for (std::string_view written : {"1.001", "2", "0.0001", "-1", "a", "0.a", ".5"})
    EXPECT_FALSE(offer_of(element("hmac-md5-96", "null", absl::StrFormat(";q=%s", written))).ok()) << written;
}

TEST(SecurityClient, when_hostile_then_error) {
  for (std::string_view bad :
       {";", "=", "ipsec-3gpp;;", "ipsec-3gpp;=", "ipsec-3gpp;=1", "ipsec-3gpp;alg=", "ipsec-3gpp;alg=;ealg=",
        "ipsec-3gpp;alg=\"hmac", "ipsec-3gpp;alg=\"hmac\\", "ipsec-3gpp alg=1", "ipsec-3gpp;a b", "ipsec-3gpp;a=b c",
        "\"ipsec-3gpp\"", "ipsec-3gpp;alg=\x01", "ipsec-3gpp;\xff=1", "<ipsec-3gpp>", "ipsec-3gpp;a=\xc3\xa4"})
    EXPECT_FALSE(offer_of(std::string(bad)).ok()) << bad;
}

TEST(SecurityClient, when_empty_elements_then_passed_over) {
  auto offer = offer_of(",, " + element("hmac-md5-96", "null") + ",");
  ASSERT_TRUE(offer.ok()) << offer.status();
  EXPECT_EQ(offer->size(), 1u);
}

TEST(SecurityClient, when_more_elements_than_the_limit_then_error) {
  std::string list;
  for (int i = 0; i < 32; ++i) list += "tls,";
  EXPECT_TRUE(offer_of(list).ok());
  EXPECT_THAT(offer_of(list + "tls").status().message(), HasSubstr("too many elements"));
  // The limit holds over all rows.
  EXPECT_FALSE(offer_in({"Security-Client: " + list, "Security-Client: tls"}).ok());
}

TEST(SecurityClient, when_more_parameters_than_the_limit_then_error) {
  std::string value = "tls";
  for (int i = 0; i < 16; ++i) value += absl::StrFormat(";p%d", i);
  EXPECT_TRUE(offer_of(value).ok());
  EXPECT_THAT(offer_of(value + ";p16").status().message(), HasSubstr("too many parameters"));
}

TEST(Choice, when_several_are_common_then_the_first_of_ours) {
  auto offer = offer_of(element("hmac-md5-96", "null") + "," + element("hmac-sha-1-96", "null") + "," +
                        element("hmac-sha-1-96", "aes-cbc"));
  ASSERT_TRUE(offer.ok());
  EXPECT_EQ(choose({kGcm, kSha1Aes, kSha1Null, kMd5Null}, *offer), kSha1Aes);
  EXPECT_EQ(choose({kMd5Null, kSha1Aes}, *offer), kMd5Null);
}

TEST(Choice, when_nothing_is_common_then_none) {
  auto offer = offer_of(element("hmac-md5-96", "null"));
  ASSERT_TRUE(offer.ok());
  EXPECT_EQ(choose({kSha1Aes, kGcm}, *offer), std::nullopt);
  EXPECT_EQ(choose({}, *offer), std::nullopt);
  EXPECT_EQ(choose({kSha1Aes}, {}), std::nullopt);
}

TEST(Choice, when_the_handset_has_no_ealg_and_policy_demands_encryption_then_none) {
  auto offer = offer_of(numbers("300", "301", "6301", "6300"));
  ASSERT_TRUE(offer.ok());
  EXPECT_EQ(choose({kSha1Aes}, *offer), std::nullopt);
  EXPECT_EQ(choose({kSha1Aes, kSha1Null}, *offer), kSha1Null);
}

TEST(SecurityServer, when_written_then_the_whole_list_with_falling_q) {
  EXPECT_EQ(security_server({kSha1Aes, kSha1Null}, Spi{70011}, Spi{70012}, Port{6101}, Port{6100}),
            "ipsec-3gpp;q=0.2;prot=esp;mod=trans;spi-c=70011;spi-s=70012;port-c=6101;port-s=6100;alg=hmac-sha-1-96;"
            "ealg=aes-cbc, ipsec-3gpp;q=0.1;prot=esp;mod=trans;spi-c=70011;spi-s=70012;port-c=6101;port-s=6100;"
            "alg=hmac-sha-1-96;ealg=null");
}

TEST(SecurityServer, when_read_back_then_q_falls_and_never_ties) {
  std::vector<Algorithms> many(12, kSha1Null);
  std::string value = security_server(many, Spi{70011}, Spi{70012}, Port{6101}, Port{6100});
  auto read = parse_offer(register_with({"Security-Server: " + value}), HeaderId::security_server);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 12u);
  for (size_t i = 1; i < read->size(); ++i) EXPECT_LT((*read)[i].q, (*read)[i - 1].q);
}

TEST(SecurityClient, when_written_then_no_q) {
  std::string value = security_client({kSha1Aes, kMd5Null}, Spi{25656}, Spi{25657}, Port{6301}, Port{6300});
  EXPECT_EQ(value, element("hmac-sha-1-96", "aes-cbc") + ", " + element("hmac-md5-96", "null"));
}

bool verified(const std::vector<std::string>& rows, std::string_view sent) {
  return repeats(register_with(rows), HeaderId::security_verify, sent);
}
const std::string kSent = security_server({kSha1Aes, kSha1Null}, Spi{70011}, Spi{70012}, Port{6101}, Port{6100});

TEST(SecurityVerify, when_copied_then_repeats) {
  EXPECT_TRUE(verified({"Security-Verify: " + kSent}, kSent));
}

TEST(SecurityVerify, when_only_the_writing_differs_then_repeats) {
  EXPECT_TRUE(verified({"Security-Verify: IPSEC-3GPP ; alg=hmac-sha-1-96;EALG=aes-cbc;q=0.200;prot=esp;mod=trans;"
                        "spi-c=0000070011;spi-s=70012;port-s=6100;port-c=06101",
                        "Security-Verify:ipsec-3gpp;q=0.1;prot=esp;mod=trans;spi-c=70011;spi-s=70012;port-c=6101;"
                        "port-s=6100;alg=hmac-sha-1-96"},
                       kSent));
}

TEST(SecurityVerify, when_absent_then_not) {
  EXPECT_FALSE(verified({}, kSent));
  EXPECT_FALSE(verified({}, ""));
}

TEST(SecurityVerify, when_bid_down_then_not) {
  std::string one = security_server({kSha1Null}, Spi{70011}, Spi{70012}, Port{6101}, Port{6100});
  std::string swapped = security_server({kSha1Null, kSha1Aes}, Spi{70011}, Spi{70012}, Port{6101}, Port{6100});
  EXPECT_FALSE(verified({"Security-Verify: " + one}, kSent));
  EXPECT_FALSE(verified({"Security-Verify: " + swapped}, kSent));
  EXPECT_FALSE(verified({"Security-Verify: " + kSent + "," + one}, kSent));
}

TEST(SecurityVerify, when_a_value_differs_then_not) {
  for (auto [from, to] : {std::pair("70011", "70013"), std::pair("6100", "6102"), std::pair("aes-cbc", "null"),
                          std::pair("q=0.2", "q=0.3"), std::pair("mod=trans", "mod=tun"), std::pair("esp", "ah"),
                          std::pair("ipsec-3gpp", "tls"), std::pair("ealg=aes-cbc", "ealg=aes-cbc;x=1")}) {
    std::string changed = kSent;
    changed.replace(changed.find(from), std::string_view(from).size(), to);
    EXPECT_FALSE(verified({"Security-Verify: " + changed}, kSent)) << to;
  }
}

TEST(SecurityVerify, when_it_cannot_be_parsed_then_not) {
  EXPECT_FALSE(verified({"Security-Verify: ipsec-3gpp;alg=\""}, kSent));
}

}  // namespace
}  // namespace lapwing::ipsec
