#include "common/aka/digest.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/unit/aka/hex.h"

namespace lapwing::aka {
namespace {

const char* const impi = "001010000000001@ims.mnc001.mcc001.3gppnetwork.org";
const char* const domain = "ims.mnc001.mcc001.3gppnetwork.org";
const char* const nonce = "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M=";

// The answer to the challenge of Milenage test set 1.
DigestInput set_1(std::string_view qop) {
  DigestInput in{.username = impi,
                 .realm = domain,
                 .nonce = nonce,
                 .uri = "sip:ims.mnc001.mcc001.3gppnetwork.org",
                 .method = "REGISTER"};
  if (!qop.empty()) {
    in.nc = "00000001";
    in.cnonce = "0a4f113b";
    in.qop = qop;
  }
  return in;
}
const Secret res = secret("a54211d5e3ba50bf");

std::string str(const Secret& in) {
  return {in.reveal().begin(), in.reveal().end()};
}

TEST(Digest, when_res_answers_set_1_then_each_qop_gives_the_recorded_response) {
  EXPECT_EQ(digest_response(set_1(""), res), "1125a3c2e293453f07e08957ff235efc");
  EXPECT_EQ(digest_response(set_1("auth"), res), "402ab8df9f3a4d63a9f47c2f90e02938");
  EXPECT_EQ(digest_response(set_1("auth-int"), res), "5682a0ac7d51b056ce2245ed00d885c0");
}

TEST(Digest, when_rspauth_is_made_then_the_method_is_empty) {
  EXPECT_EQ(digest_rspauth(set_1("auth"), res), "cae7bfcdd22912ec0ff1fb31b2a811c5");
}

TEST(Digest, when_ha1_is_kept_then_responses_from_it_are_the_same) {
  const Secret ha1 = digest_ha1(set_1("auth"), res);
  EXPECT_EQ(str(ha1), "da00069eb0de6587da7e09ef503c29db");
  EXPECT_EQ(digest_response_from_ha1(set_1("auth"), ha1), "402ab8df9f3a4d63a9f47c2f90e02938");
  EXPECT_EQ(digest_rspauth_from_ha1(set_1("auth"), ha1), "cae7bfcdd22912ec0ff1fb31b2a811c5");
}

TEST(Digest, when_auts_is_sent_then_the_password_is_empty) {
  EXPECT_EQ(str(digest_ha1(set_1(""), Secret())), "6580ce225d6806500bf0e45504f9a545");
  EXPECT_EQ(digest_response(set_1(""), Secret()), "6821238d21754c12bf172c668144dbb6");
  EXPECT_EQ(digest_response(set_1("auth"), Secret()), "da492ad7b08bb89514f214f8c2fdb82b");
}

TEST(Digest, when_res_holds_nul_then_all_of_it_counts) {
  DigestInput in = set_1("auth");
  in.nonce = "7MvIfktc4v4oMI/Z8qe680rDP+sAFLm5U9aqkaVZEKc=";
  const Secret with_nul = secret("00ac6e326002cd14");
  EXPECT_EQ(str(digest_ha1(in, with_nul)), "fe96c7a1067a257a2672a95af102cbfb");
  EXPECT_EQ(digest_response(in, with_nul), "8b62c35af234b3a4b48a9f70cd2f6dd2");
}

TEST(Digest, when_the_vector_behind_the_nul_case_is_made_then_it_is_as_recorded) {
  Milenage milenage =
      *Milenage::create(secret("465b5ce8b199b49faa5f0a2ee238a6bc"), secret("cd63cb71954a9f4e48a5994e37a02baf"));
  const AuthVector vector = make_vector(milenage, array("eccbc87e4b5ce2fe28308fd9f2a7baf3"), 0xff9bb4d0b607, 0xb9b9);
  EXPECT_EQ(hex(vector.autn), "4ac33feb0014b9b953d6aa91a55910a7");
  EXPECT_EQ(hex(vector.xres), "00ac6e326002cd14");
  EXPECT_EQ(hex(vector.ck), "c23c4d6c95c8c11608402f98e3b8376c");
  EXPECT_EQ(hex(vector.ik), "8c683a8cf8f8ddc0945df208861b7b57");
  EXPECT_EQ(encode_nonce(vector.rand, vector.autn), "7MvIfktc4v4oMI/Z8qe680rDP+sAFLm5U9aqkaVZEKc=");
}

TEST(Digest, when_any_input_changes_then_the_response_changes) {
  const std::string good = digest_response(set_1("auth-int"), res);
  std::string_view DigestInput::* const fields[] = {&DigestInput::username, &DigestInput::realm,  &DigestInput::nonce,
                                                    &DigestInput::uri,      &DigestInput::method, &DigestInput::nc,
                                                    &DigestInput::cnonce,   &DigestInput::body};
  for (std::string_view DigestInput::* field : fields) {
    DigestInput in = set_1("auth-int");
    const std::string changed = std::string(in.*field) + "x";
    in.*field = changed;
    EXPECT_NE(digest_response(in, res), good);
  }
}

TEST(Digest, when_a_field_is_very_long_then_nothing_of_it_is_lost) {
  // 70,000 bytes of 'a' as user name: longer than every buffer on the way.
  DigestInput in = set_1("auth");
  std::string name(70'000, 'a');
  in.username = name;
  const std::string first = digest_response(in, res);
  name.back() = 'b';
  in.username = name;
  EXPECT_NE(digest_response(in, res), first);
  for (size_t size = 250; size < 260; ++size) {  // around the gathering buffer's end
    const std::string user(size, 'u');
    in.username = user;
    const std::string cut(size - 1, 'u');
    DigestInput other = in;
    other.username = cut;
    EXPECT_NE(digest_response(in, res), digest_response(other, res)) << size;
  }
}

TEST(Digest, when_akav2_is_used_then_password_and_response_are_as_recorded) {
  const Secret ik = secret("f769bcd751044604127672711c6d3441"), ck = secret("b40ba9a3c58b2a05bbf0d987b21bf8cb");
  const Akav2Keys md5 = akav2_keys(DigestHash::md5, res, ik, ck);
  EXPECT_EQ(str(md5.password), "shzt3q8CWaZnCAWqs3WmEQ==");
  EXPECT_EQ(hex(md5.ik), "81905d9d7ab8cce8b7884d599d5e6a18");
  EXPECT_EQ(hex(md5.ck), "235bedbfc6b418b8f04a63a41d31ac62");
  EXPECT_EQ(str(digest_ha1(set_1("auth"), md5.password)), "5f16eac3c7cb97f22cbfb39ba2210495");
  EXPECT_EQ(digest_response(set_1("auth"), md5.password), "6774a29ced9929f3dd734d9a97e04ebe");

  const Akav2Keys sha = akav2_keys(DigestHash::sha256, res, ik, ck);
  EXPECT_EQ(str(sha.password), "wpC+5dv/7kC35JEI2hluv8XcBd+vf8XcfedJBan1buk=");
  DigestInput in = set_1("auth");
  in.hash = DigestHash::sha256;
  EXPECT_EQ(digest_response(in, sha.password), "896c3d681f1a7099e2113252351d2ce2eec83639f3318cf0356107cfd6a3bf04");
}

// The example of RFC 7616 section 3.9.1, whose hashes are printed there for MD5 and SHA-256.
TEST(Digest, when_the_example_of_rfc_7616_is_answered_then_the_response_is_the_printed_one) {
  const std::string password = "Circle of Life";
  const Secret secret_password(std::span(reinterpret_cast<const uint8_t*>(password.data()), password.size()));
  DigestInput in{.username = "Mufasa",
                 .realm = "http-auth@example.org",
                 .nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
                 .uri = "/dir/index.html",
                 .method = "GET",
                 .nc = "00000001",
                 .cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
                 .qop = "auth"};
  EXPECT_EQ(digest_response(in, secret_password), "8ca523f5e9506fed4657c9700eebdbec");
  in.hash = DigestHash::sha256;
  EXPECT_EQ(digest_response(in, secret_password), "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
}

TEST(Digest, when_algorithm_tokens_are_read_then_case_does_not_matter) {
  using Scheme = DigestAlgorithm::Scheme;
  EXPECT_EQ(parse_digest_algorithm(""), (DigestAlgorithm{}));
  EXPECT_EQ(parse_digest_algorithm("MD5"), (DigestAlgorithm{}));
  EXPECT_EQ(parse_digest_algorithm("akaV1-md5"), (DigestAlgorithm{Scheme::akav1}));
  EXPECT_EQ(parse_digest_algorithm("AKAv2-SHA-256"), (DigestAlgorithm{Scheme::akav2, DigestHash::sha256}));
  EXPECT_EQ(parse_digest_algorithm("AKAv1-MD5-sess"), (DigestAlgorithm{Scheme::akav1, DigestHash::md5, true}));
  EXPECT_EQ(parse_digest_algorithm("SHA-256"), (DigestAlgorithm{Scheme::plain, DigestHash::sha256}));
  for (const char* bad : {"AKAv1", "AKAv1-", "AKAv3-MD5", "MD5-", "-sess", "SHA-512", "MD5 "}) {
    EXPECT_EQ(parse_digest_algorithm(bad), std::nullopt) << bad;
  }
}

TEST(Digest, when_an_algorithm_is_written_then_reading_it_gives_it_back) {
  for (const char* token : {"MD5", "SHA-256", "AKAv1-MD5", "AKAv2-MD5", "AKAv2-SHA-256", "AKAv1-MD5-sess"}) {
    EXPECT_EQ(digest_algorithm_text(*parse_digest_algorithm(token)), token);
  }
}

TEST(Digest, when_responses_are_compared_then_only_equal_hex_is_good) {
  const std::string good = "402ab8df9f3a4d63a9f47c2f90e02938";
  EXPECT_TRUE(same_response(good, good));
  EXPECT_TRUE(same_response("402AB8DF9F3A4D63A9F47C2F90E02938", good));
  EXPECT_FALSE(same_response("402ab8df9f3a4d63a9f47c2f90e02939", good));
  EXPECT_FALSE(same_response("402ab8df9f3a4d63a9f47c2f90e0293", good));
  EXPECT_FALSE(same_response("", good));
}

TEST(Nonce, when_rand_and_autn_are_encoded_then_decoding_gives_them_back) {
  const Block rand = array("23553cbe9637a89d218ae64dae47bf35"), autn = array("55f328b43577b9b94a9ffac354dfafb3");
  EXPECT_EQ(encode_nonce(rand, autn), nonce);
  const std::optional<Challenge> challenge = decode_nonce(nonce);
  ASSERT_TRUE(challenge);
  EXPECT_EQ(challenge->rand, rand);
  EXPECT_EQ(challenge->autn, autn);
  EXPECT_EQ(challenge->server_data, "");
}

TEST(Nonce, when_it_has_server_data_then_they_are_kept) {
  const std::string data("\0at 12:00", 9);
  const std::optional<Challenge> challenge = decode_nonce(encode_nonce(Block{1}, Block{2}, data));
  ASSERT_TRUE(challenge);
  EXPECT_EQ(challenge->autn, Block{2});
  EXPECT_EQ(challenge->server_data, data);
}

TEST(Nonce, when_it_is_malformed_then_it_is_refused) {
  for (const std::string& bad :
       {std::string(), std::string("AAAA"), std::string("I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7!="),
        std::string("I1U8 vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M="), std::string(43, '='),
        encode_nonce({}, {}, std::string(257, 'x')), std::string(100'000, 'A')}) {
    EXPECT_FALSE(decode_nonce(bad)) << bad.substr(0, 60);
  }
}

TEST(AutsParameter, when_it_is_written_then_reading_it_gives_it_back) {
  const Auts auts = array<Auts>("ba853f3c121cb55edb820040ab41");
  EXPECT_EQ(encode_auts(auts), "uoU/PBIctV7bggBAq0E=");
  EXPECT_EQ(decode_auts("uoU/PBIctV7bggBAq0E="), auts);
  for (const char* bad : {"", "uoU/PBIctV7bggBAq0==", "uoU/PBIctV7bggBAq0FB", "uoU/PBIctV7bggBAq0E!", "AAAA"}) {
    EXPECT_FALSE(decode_auts(bad)) << bad;
  }
}

// The captured handsets, where their messages are at hand.
std::filesystem::path handset_data() {
  if (const char* given = std::getenv("LAPWING_HANDSET_DATA")) return given;
  return std::filesystem::path(LAPWING_SOURCE_DIR) / ".." / "shared" / "data" / "handset";
}

// A parameter of the Authorization header, without quotes.
std::string parameter(const std::string& message, const std::string& name) {
  const size_t header = message.find("\r\nAuthorization: Digest ");
  if (header == std::string::npos) return {};
  const std::string line = message.substr(header + 24, message.find("\r\n", header + 2) - header - 24);
  size_t at = line.rfind("," + name + "=");
  at = at == std::string::npos ? line.find(name + "=") + name.size() + 1 : at + name.size() + 2;
  std::string value = line.substr(at, line.find(',', at) - at);
  if (value.starts_with('"')) value = value.substr(1, value.size() - 2);
  return value;
}

void check_captured(const char* file, const char* res_hex) {
  std::ifstream in(handset_data() / file, std::ios::binary);
  if (!in) GTEST_SKIP() << "no captured handset data: set LAPWING_HANDSET_DATA to run this test";
  const std::string message(std::istreambuf_iterator<char>(in), {});
  const std::string username = parameter(message, "username"), realm = parameter(message, "realm"),
                    nonce_text = parameter(message, "nonce"), uri = parameter(message, "uri"),
                    nc = parameter(message, "nc"), cnonce = parameter(message, "cnonce"),
                    qop = parameter(message, "qop"), response = parameter(message, "response");
  const DigestInput input{.username = username,
                          .realm = realm,
                          .nonce = nonce_text,
                          .uri = uri,
                          .method = "REGISTER",
                          .nc = nc,
                          .cnonce = cnonce,
                          .qop = qop};
  EXPECT_EQ(parse_digest_algorithm(parameter(message, "algorithm"))->scheme, DigestAlgorithm::Scheme::akav1);
  EXPECT_EQ(response.size(), 32u);
  EXPECT_EQ(digest_response(input, secret(res_hex)), response);
}

TEST(CapturedHandset, when_the_samsung_answers_with_auth_int_then_its_response_is_ours) {
  check_captured("samsung-register-2-protected-tcp-esp.sip", "17447172f62cf13e");
}

TEST(CapturedHandset, when_the_android_answers_with_auth_then_its_response_is_ours) {
  check_captured("android-nonipsec-register-2.sip", "e5fef11f2119e32d");
}

}  // namespace
}  // namespace lapwing::aka
