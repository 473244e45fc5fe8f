#include "pcscf/ipsec/xfrm_codec.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "tests/unit/ipsec/hex.h"

namespace lapwing::ipsec {
namespace {

SaSet a_set(Algorithms algorithms) {
  SaSet set;
  set.ck = Secret(bytes_of("b40ba9a3c58b2a05bbf0d987b21bf8cb"));
  set.ik = Secret(bytes_of("f769bcd751044604127672711c6d3441"));
  set.algorithms = algorithms;
  return set;
}

SaParameters an_sa(Algorithms algorithms, bool ipv6 = false) {
  SaParameters sa;
  sa.flow.source = asio::ip::make_address(ipv6 ? "2001:db8::2" : "10.0.0.2");
  sa.flow.destination = asio::ip::make_address(ipv6 ? "2001:db8::1" : "10.0.0.1");
  sa.flow.source_port = Port{6301};
  sa.flow.destination_port = Port{5100};
  sa.flow.spi = Spi{0x01020304};
  sa.algorithms = algorithms;
  sa.integrity_key = integrity_key(a_set(algorithms));
  sa.encryption_key = encryption_key(a_set(algorithms));
  sa.reqid = 77;
  sa.hard_add_expires_s = 3630;
  return sa;
}

const nlmsghdr& message_of(const XfrmBatch& batch) {
  return *reinterpret_cast<const nlmsghdr*>(batch.bytes().data());
}
const uint8_t* body_of(const XfrmBatch& batch) {
  return batch.bytes().data() + 16;
}

template <typename T>
T at(const uint8_t* body, size_t offset) {
  T value;
  std::memcpy(&value, body + offset, sizeof(T));
  return value;
}

// The value of an attribute behind `fixed` bytes; empty when there is none.
std::vector<uint8_t> attribute(const XfrmBatch& batch, size_t fixed, uint16_t type) {
  const uint8_t* here = body_of(batch) + fixed;
  const uint8_t* end = batch.bytes().data() + message_of(batch).nlmsg_len;
  while (here < end) {
    auto length = at<uint16_t>(here, 0);
    if (at<uint16_t>(here, 2) == type) return {here + 4, here + length};
    here += (length + 3) & ~3;
  }
  return {};
}

constexpr Algorithms kSha1Aes{Integrity::hmac_sha1_96, Encryption::aes_cbc};
constexpr Algorithms kMd5Null{Integrity::hmac_md5_96, Encryption::null};

// The offsets of linux/xfrm.h on 64-bit machines, written out: the kernel's layout never changes.
TEST(XfrmCodec, when_an_sa_is_written_then_every_field_in_its_place) {
  XfrmBatch batch(41);
  ASSERT_TRUE(batch.add_sa(an_sa(kSha1Aes)));
  EXPECT_EQ(message_of(batch).nlmsg_type, 0x10);
  EXPECT_EQ(message_of(batch).nlmsg_seq, 41u);
  EXPECT_EQ(message_of(batch).nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  const uint8_t* body = body_of(batch);
  EXPECT_EQ(at<uint32_t>(body, 0), htonl(0x0a000001));   // selector: destination
  EXPECT_EQ(at<uint32_t>(body, 16), htonl(0x0a000002));  // source
  EXPECT_EQ(at<uint16_t>(body, 32), htons(5100));        // destination port and mask
  EXPECT_EQ(at<uint16_t>(body, 34), 0xffff);
  EXPECT_EQ(at<uint16_t>(body, 36), htons(6301));
  EXPECT_EQ(at<uint16_t>(body, 38), 0xffff);
  EXPECT_EQ(at<uint16_t>(body, 40), AF_INET);
  EXPECT_EQ(body[42], 32);  // prefix lengths
  EXPECT_EQ(body[43], 32);
  EXPECT_EQ(body[44], 0);                                // any protocol: UDP and TCP share the SA
  EXPECT_EQ(at<uint32_t>(body, 56), htonl(0x0a000001));  // id
  EXPECT_EQ(at<uint32_t>(body, 72), htonl(0x01020304));
  EXPECT_EQ(body[76], 50);
  EXPECT_EQ(at<uint32_t>(body, 80), htonl(0x0a000002));  // source
  EXPECT_EQ(at<uint64_t>(body, 96 + 8), XFRM_INF);       // hard byte limit
  EXPECT_EQ(at<uint64_t>(body, 96 + 32), 0u);            // soft limit after adding
  EXPECT_EQ(at<uint64_t>(body, 96 + 40), 3630u);         // hard limit after adding
  EXPECT_EQ(at<uint32_t>(body, 208), 77u);
  EXPECT_EQ(at<uint16_t>(body, 212), AF_INET);
  EXPECT_EQ(body[214], 0);   // transport mode
  EXPECT_EQ(body[215], 32);  // replay window
}

TEST(XfrmCodec, when_hmac_and_cipher_then_both_attributes) {
  XfrmBatch batch(1);
  ASSERT_TRUE(batch.add_sa(an_sa(kSha1Aes)));
  std::vector<uint8_t> auth = attribute(batch, 224, 20), cipher = attribute(batch, 224, 2);
  ASSERT_EQ(auth.size(), 72u + 20);
  EXPECT_STREQ(reinterpret_cast<const char*>(auth.data()), "hmac(sha1)");
  EXPECT_EQ(at<uint32_t>(auth.data(), 64), 160u);
  EXPECT_EQ(at<uint32_t>(auth.data(), 68), 96u);
  EXPECT_TRUE(std::equal(auth.begin() + 72, auth.end(), bytes_of("f769bcd751044604127672711c6d344100000000").begin()));
  ASSERT_EQ(cipher.size(), 68u + 16);
  EXPECT_STREQ(reinterpret_cast<const char*>(cipher.data()), "cbc(aes)");
  EXPECT_EQ(at<uint32_t>(cipher.data(), 64), 128u);
  EXPECT_TRUE(attribute(batch, 224, 18).empty());
}

TEST(XfrmCodec, when_no_encryption_then_the_null_cipher_is_named) {
  XfrmBatch batch(1);
  ASSERT_TRUE(batch.add_sa(an_sa(kMd5Null)));
  std::vector<uint8_t> auth = attribute(batch, 224, 20), cipher = attribute(batch, 224, 2);
  ASSERT_EQ(auth.size(), 72u + 16);
  EXPECT_STREQ(reinterpret_cast<const char*>(auth.data()), "hmac(md5)");
  ASSERT_EQ(cipher.size(), 68u);
  EXPECT_STREQ(reinterpret_cast<const char*>(cipher.data()), "ecb(cipher_null)");
  EXPECT_EQ(at<uint32_t>(cipher.data(), 64), 0u);
}

TEST(XfrmCodec, when_3des_then_192_bits) {
  XfrmBatch batch(1);
  ASSERT_TRUE(batch.add_sa(an_sa({Integrity::hmac_md5_96, Encryption::des_ede3_cbc})));
  std::vector<uint8_t> cipher = attribute(batch, 224, 2);
  ASSERT_EQ(cipher.size(), 68u + 24);
  EXPECT_STREQ(reinterpret_cast<const char*>(cipher.data()), "cbc(des3_ede)");
  EXPECT_EQ(at<uint32_t>(cipher.data(), 64), 192u);
}

TEST(XfrmCodec, when_an_aead_then_its_attribute_alone) {
  for (auto [algorithms, name] : {std::pair(Algorithms{Integrity::null, Encryption::aes_gcm}, "rfc4106(gcm(aes))"),
                                  std::pair(Algorithms{Integrity::aes_gmac, Encryption::null}, "rfc4543(gcm(aes))")}) {
    XfrmBatch batch(1);
    ASSERT_TRUE(batch.add_sa(an_sa(algorithms)));
    std::vector<uint8_t> aead = attribute(batch, 224, 18);
    ASSERT_EQ(aead.size(), 72u + 20) << name;
    EXPECT_STREQ(reinterpret_cast<const char*>(aead.data()), name);
    EXPECT_EQ(at<uint32_t>(aead.data(), 64), 160u);
    EXPECT_EQ(at<uint32_t>(aead.data(), 68), 128u);
    EXPECT_TRUE(attribute(batch, 224, 20).empty());
    EXPECT_TRUE(attribute(batch, 224, 2).empty());
  }
}

TEST(XfrmCodec, when_any_port_then_the_selector_holds_addresses_only) {
  XfrmBatch batch(1);
  SaParameters sa = an_sa(kSha1Aes);
  sa.any_ports = true;
  ASSERT_TRUE(batch.add_sa(sa));
  EXPECT_EQ(at<uint64_t>(body_of(batch), 32), 0u);
  EXPECT_EQ(body_of(batch)[42], 32);
}

TEST(XfrmCodec, when_ipv6_then_prefixes_of_128) {
  XfrmBatch batch(1);
  ASSERT_TRUE(batch.add_sa(an_sa(kSha1Aes, true)));
  EXPECT_EQ(at<uint16_t>(body_of(batch), 40), AF_INET6);
  EXPECT_EQ(body_of(batch)[42], 128);
  EXPECT_EQ(at<uint16_t>(body_of(batch), 212), AF_INET6);
  EXPECT_EQ(body_of(batch)[0], 0x20);
  EXPECT_EQ(body_of(batch)[15], 1);
}

// A report of the kernel has the form of a request.
TEST(XfrmCodec, when_read_back_then_the_same) {
  for (bool ipv6 : {false, true}) {
    XfrmBatch batch(1);
    SaParameters sa = an_sa(kSha1Aes, ipv6);
    ASSERT_TRUE(batch.add_sa(sa));
    std::optional<KernelSa> read = read_sa(message_of(batch), 30);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->source, sa.flow.source);
    EXPECT_EQ(read->destination, sa.flow.destination);
    EXPECT_EQ(read->spi, sa.flow.spi);
    EXPECT_EQ(read->source_port, sa.flow.source_port);
    EXPECT_EQ(read->destination_port, sa.flow.destination_port);
    EXPECT_EQ(read->reqid, 77u);
    EXPECT_EQ(read->algorithms, "hmac(sha1) cbc(aes)");
    EXPECT_EQ(read->algorithms, kernel_names(kSha1Aes));
    EXPECT_EQ(read->age_s, 30);
    EXPECT_EQ(read->hard_expires_in_s, 3600);
  }
}

TEST(XfrmCodec, when_a_policy_is_written_then_the_local_port_and_a_template_without_addresses) {
  XfrmBatch batch(1);
  PortPolicy policy{
      .direction = Direction::out, .local = asio::ip::make_address("10.0.0.1"), .local_port = Port{5100}, .reqid = 77};
  ASSERT_TRUE(batch.add_policy(policy));
  EXPECT_EQ(message_of(batch).nlmsg_type, 0x13);
  const uint8_t* body = body_of(batch);
  EXPECT_EQ(at<uint32_t>(body, 0), 0u);                  // any peer
  EXPECT_EQ(at<uint32_t>(body, 16), htonl(0x0a000001));  // from us
  EXPECT_EQ(at<uint32_t>(body, 32), 0u);
  EXPECT_EQ(at<uint16_t>(body, 36), htons(5100));
  EXPECT_EQ(body[42], 0);
  EXPECT_EQ(body[43], 32);
  std::vector<uint8_t> form = attribute(batch, 168, 5);
  ASSERT_EQ(form.size(), 64u);
  EXPECT_EQ(form[20], 50);  // ESP
  EXPECT_EQ(at<uint16_t>(form.data(), 24), AF_INET);
  EXPECT_EQ(at<uint32_t>(form.data(), 44), 77u);

  std::optional<PolicyReport> read = read_policy(message_of(batch));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->reqid, 77u);
  EXPECT_EQ(read->direction, XFRM_POLICY_OUT);
  xfrm_selector selector = selector_of(policy);
  EXPECT_EQ(std::memcmp(&read->selector, &selector, sizeof(selector)), 0);
}

TEST(XfrmCodec, when_no_local_address_then_any_of_the_family) {
  xfrm_selector in =
      selector_of(PortPolicy{.direction = Direction::in, .ipv6 = true, .local = {}, .local_port = Port{6300}});
  EXPECT_EQ(in.family, AF_INET6);
  EXPECT_EQ(in.prefixlen_d, 0);
  EXPECT_EQ(in.prefixlen_s, 0);
  EXPECT_EQ(in.dport, htons(6300));
  EXPECT_EQ(in.sport_mask, 0);
}

TEST(XfrmCodec, when_the_batch_is_full_then_refused_and_nothing_written) {
  XfrmBatch batch(1);
  while (batch.add_sa(an_sa(kSha1Aes))) ASSERT_LT(batch.messages(), 100u);
  EXPECT_GE(batch.messages(), 4u);
  size_t before = batch.bytes().size();
  EXPECT_FALSE(batch.add_sa(an_sa(kSha1Aes)));
  EXPECT_EQ(batch.bytes().size(), before);
  XfrmBatch deletes(1);
  for (int i = 0; i < 64; ++i) EXPECT_TRUE(deletes.delete_sa(an_sa(kSha1Aes).flow.destination, Spi{1000})) << i;
}

TEST(XfrmCodec, when_the_batch_goes_then_no_key_stays_in_memory) {
  std::vector<uint64_t> storage(sizeof(XfrmBatch) / 8 + 1);
  auto* batch = new (storage.data()) XfrmBatch(1);
  ASSERT_TRUE(batch->add_sa(an_sa(kSha1Aes)));
  batch->~XfrmBatch();
  std::vector<uint8_t> left(reinterpret_cast<uint8_t*>(storage.data()),
                            reinterpret_cast<uint8_t*>(storage.data() + storage.size()));
  for (const char* key : {"b40ba9a3c58b2a05bbf0d987b21bf8cb", "f769bcd751044604127672711c6d3441"}) {
    std::vector<uint8_t> bytes = bytes_of(key);
    EXPECT_EQ(std::search(left.begin(), left.end(), bytes.begin(), bytes.end()), left.end());
  }
}

// Cut or bent messages are no reports; nothing outside them is read (ASan watches).
TEST(XfrmCodec, when_a_report_is_cut_then_ignored_or_read_without_what_is_missing) {
  XfrmBatch batch(1);
  ASSERT_TRUE(batch.add_sa(an_sa(kSha1Aes)));
  for (uint32_t length = 16; length <= message_of(batch).nlmsg_len; ++length) {
    std::vector<uint64_t> copy(length / 8 + 1);
    std::memcpy(copy.data(), batch.bytes().data(), length);
    auto* message = reinterpret_cast<nlmsghdr*>(copy.data());
    message->nlmsg_len = length;
    EXPECT_EQ(read_sa(*message, 0).has_value(), length >= 16 + 224) << length;
    EXPECT_FALSE(read_expire(*message));
    message->nlmsg_type = XFRM_MSG_EXPIRE;
    EXPECT_EQ(read_expire(*message).has_value(), length >= 16 + 232) << length;
    message->nlmsg_type = XFRM_MSG_NEWPOLICY;
    EXPECT_EQ(read_policy(*message).has_value(), length >= 16 + 168) << length;
  }
}

TEST(XfrmCodec, when_an_attribute_claims_more_than_the_message_then_passed_over) {
  XfrmBatch batch(1);
  ASSERT_TRUE(batch.add_sa(an_sa(kSha1Aes)));
  std::vector<uint64_t> copy(batch.bytes().size() / 8 + 1);
  std::memcpy(copy.data(), batch.bytes().data(), batch.bytes().size());
  auto* message = reinterpret_cast<nlmsghdr*>(copy.data());
  auto* attribute = reinterpret_cast<nlattr*>(reinterpret_cast<uint8_t*>(message) + 16 + 224);
  for (uint16_t length : {uint16_t{0}, uint16_t{3}, uint16_t{0xffff}}) {
    attribute->nla_len = length;
    std::optional<KernelSa> read = read_sa(*message, 0);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->algorithms, "");
  }
}

}  // namespace
}  // namespace lapwing::ipsec
