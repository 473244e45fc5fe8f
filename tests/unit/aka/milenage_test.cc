#include "common/aka/milenage.h"

#include <gtest/gtest.h>

#include "common/aka/vector.h"
#include "tests/unit/aka/hex.h"

namespace lapwing::aka {
namespace {

// Test sets 1 to 6 of TS 35.207; AUTN and AUTS follow from them (AUTS with SQNms = SQN and the AMF zero).
struct TestSet {
  const char *k, *op, *opc, *rand, *sqn, *amf, *mac_a, *mac_s, *res, *ck, *ik, *ak, *ak_star, *autn, *auts;
};
const TestSet sets[] = {
    {"465b5ce8b199b49faa5f0a2ee238a6bc", "cdc202d5123e20f62b6d676ac72cb318", "cd63cb71954a9f4e48a5994e37a02baf",
     "23553cbe9637a89d218ae64dae47bf35", "ff9bb4d0b607", "b9b9", "4a9ffac354dfafb3", "01cfaf9ec4e871e9",
     "a54211d5e3ba50bf", "b40ba9a3c58b2a05bbf0d987b21bf8cb", "f769bcd751044604127672711c6d3441", "aa689c648370",
     "451e8beca43b", "55f328b43577b9b94a9ffac354dfafb3", "ba853f3c123ccf44e93596e355c6"},
    {"0396eb317b6d1c36f19c1c84cd6ffd16", "ff53bade17df5d4e793073ce9d7579fa", "53c15671c60a4b731c55b4a441c0bde2",
     "c00d603103dcee52c4478119494202e8", "fd8eef40df7d", "af17", "5df5b31807e258b0", "a8c016e51ef4a343",
     "d3a628ed988620f0", "58c433ff7a7082acd424220f2b67c556", "21a8c1f929702adb3e738488b9f5c5da", "c47783995f72",
     "30f1197061c1", "39f96cd9800faf175df5b31807e258b0", "cd7ff630bebc1fb5eba74924b0e0"},
    {"fec86ba6eb707ed08905757b1bb44b8f", "dbc59adcb6f9a0ef735477b7fadf8374", "1006020f0a478bf6b699f15c062e42b3",
     "9f7c8d021accf4db213ccff0c7f71a6a", "9d0277595ffc", "725c", "9cabc3e99baf7281", "95814ba2b3044324",
     "8011c48c0c214ed2", "5dbdbb2954e8f3cde665b046179a5098", "59a92d3b476a0443487055cf88b2307b", "33484dc2136b",
     "deacdd848cc6", "ae4a3a9b4c97725c9cabc3e99baf7281", "43aeaaddd33a9f8be774d095d08b"},
    {"9e5944aea94b81165c82fbf9f32db751", "223014c5806694c007ca1eeef57f004f", "a64a507ae1a2a98bb88eb4210135dc87",
     "ce83dbc54ac0274a157c17f80d017bd6", "0b604a81eca8", "9e09", "74a58220cba84c49", "ac2cc74a96871837",
     "f365cd683cd92e96", "e203edb3971574f5a94b0d61b816345d", "0c4524adeac041c4dd830d20854fc46b", "f0b9c08ad02e",
     "6085a86c6f63", "fbd98a0b3c869e0974a58220cba84c49", "6be5e2ed83cb7685bae0a5680aa6"},
    {"4ab1deb05ca6ceb051fc98e77d026a84", "2d16c5cd1fdf6b22383584e3bef2a8d8", "dcf07cbd51855290b92a07a9891e523e",
     "74b0cd6031a1c8339b2b6ce2b8c4a186", "e880a1b580b6", "9f07", "49e785dd12626ef2", "9e85790336bb3fa2",
     "5860fc1bce351e7e", "7657766b373d1c2138f307e3de9242f9", "1c42e960d89b8fa99f2744e0708ccb53", "31e11a609118",
     "fe2555e54aa9", "d961bbd511ae9f0749e785dd12626ef2", "16a5f450ca1f782c7adc092ecaf5"},
    {"6c38a116ac280c454f59332ee35c8c4f", "1ba00a1a7c6700ac8c3ff3e96ad08725", "3803ef5363b947c6aaa225e58fae3934",
     "ee6466bc96202c5a557abbeff8babf63", "414b98222181", "4464", "078adfb488241a57", "80246b8d0186bcf1",
     "16c8233f05a0ac28", "3f8c7587fe8e4b233af676aede30ba3b", "a7466cc1e6b2a1337d49d3b66e95d7b4", "45b0f69ab06c",
     "1f53cd2b1113", "04fb6eb891ed4464078adfb488241a57", "5e1855093092c6b5a5bee94751e0"},
};

class MilenageSet : public testing::TestWithParam<TestSet> {
 protected:
  const TestSet& set = GetParam();
  Milenage milenage = *Milenage::create(secret(set.k), secret(set.opc));
  const Block rand = array(set.rand);
  const Sqn sqn = number(set.sqn);
  const Amf amf = static_cast<Amf>(number(set.amf));
};
INSTANTIATE_TEST_SUITE_P(Ts35207, MilenageSet, testing::ValuesIn(sets),
                         [](const auto& info) { return "set_" + std::to_string(info.index + 1); });

TEST_P(MilenageSet, when_op_is_given_then_opc_follows) {
  EXPECT_EQ(hex(*opc_from_op(secret(set.k), secret(set.op))), set.opc);
}

TEST_P(MilenageSet, when_functions_are_called_then_they_give_the_printed_values) {
  const Milenage::Macs macs = milenage.f1(rand, sqn, amf);
  EXPECT_EQ(hex(macs.mac_a), set.mac_a);
  EXPECT_EQ(hex(macs.mac_s), set.mac_s);
  const Milenage::Outputs out = milenage.f2345(rand);
  EXPECT_EQ(hex(out.res), set.res);
  EXPECT_EQ(hex(out.ck), set.ck);
  EXPECT_EQ(hex(out.ik), set.ik);
  EXPECT_EQ(out.ak, number(set.ak));
  EXPECT_EQ(milenage.f5star(rand), number(set.ak_star));
}

TEST_P(MilenageSet, when_a_vector_is_made_then_autn_and_keys_are_right) {
  const AuthVector vector = make_vector(milenage, rand, sqn, amf);
  EXPECT_EQ(hex(vector.autn), set.autn);
  EXPECT_EQ(hex(vector.xres), set.res);
  EXPECT_EQ(hex(vector.ck), set.ck);
  EXPECT_EQ(hex(vector.ik), set.ik);
  EXPECT_EQ(vector.authenticate(), bytes(std::string(set.rand) + set.autn));
}

TEST_P(MilenageSet, when_the_usim_opens_autn_then_it_finds_sqn_amf_and_keys) {
  const absl::StatusOr<OpenedAutn> opened = open_autn(milenage, rand, array(set.autn));
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->sqn, sqn);
  EXPECT_EQ(opened->amf, amf);
  EXPECT_EQ(hex(opened->res), set.res);
  EXPECT_EQ(hex(opened->ck), set.ck);
  EXPECT_EQ(hex(opened->ik), set.ik);
}

TEST_P(MilenageSet, when_auts_is_made_then_the_network_reads_sqn_ms_from_it) {
  const Auts auts = make_auts(milenage, rand, sqn);
  EXPECT_EQ(hex(auts), set.auts);
  const absl::StatusOr<Sqn> sqn_ms = check_auts(milenage, rand, auts);
  ASSERT_TRUE(sqn_ms.ok()) << sqn_ms.status();
  EXPECT_EQ(*sqn_ms, sqn);
}

TEST_P(MilenageSet, when_any_bit_of_autn_or_auts_is_changed_then_it_is_refused) {
  for (size_t bit = 0; bit < 128; ++bit) {
    Block autn = array(set.autn);
    autn[bit / 8] = static_cast<uint8_t>(autn[bit / 8] ^ 1 << bit % 8);
    EXPECT_EQ(open_autn(milenage, rand, autn).status().code(), absl::StatusCode::kUnauthenticated) << bit;
  }
  for (size_t bit = 0; bit < 112; ++bit) {
    Auts auts = array<Auts>(set.auts);
    auts[bit / 8] = static_cast<uint8_t>(auts[bit / 8] ^ 1 << bit % 8);
    EXPECT_EQ(check_auts(milenage, rand, auts).status().code(), absl::StatusCode::kUnauthenticated) << bit;
  }
}

TEST(Milenage, when_a_key_has_another_size_then_it_is_an_error_without_the_key) {
  const Secret good = secret("465b5ce8b199b49faa5f0a2ee238a6bc");
  const Secret bad = secret("465b5ce8b199b49faa5f0a2ee238a6");
  for (const absl::Status& status :
       {Milenage::create(bad, good).status(), Milenage::create(good, bad).status(),
        Milenage::create(good, Secret()).status(), opc_from_op(bad, good).status(), opc_from_op(good, bad).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message().find("465b"), absl::string_view::npos);
  }
}

TEST(Vector, when_auts_is_made_with_the_challenges_amf_then_it_is_refused) {
  const TestSet& set = sets[0];
  Milenage milenage = *Milenage::create(secret(set.k), secret(set.opc));
  const Auts auts = make_auts(milenage, array(set.rand), number(set.sqn), 0xb9b9);
  EXPECT_FALSE(check_auts(milenage, array(set.rand), auts).ok());
}

TEST(Vector, when_auts_has_another_size_then_it_is_an_invalid_argument) {
  const TestSet& set = sets[0];
  Milenage milenage = *Milenage::create(secret(set.k), secret(set.opc));
  for (const size_t size : {0u, 13u, 15u, 16u}) {
    const std::vector<uint8_t> auts(size);
    EXPECT_EQ(check_auts(milenage, array(set.rand), auts).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(Vector, when_resynchronisation_follows_set_1_then_auts_is_as_recorded) {
  const TestSet& set = sets[0];
  Milenage milenage = *Milenage::create(secret(set.k), secret(set.opc));
  EXPECT_EQ(milenage.f5star(array(set.rand)), number("451e8beca43b"));
  EXPECT_EQ(hex(milenage.f1(array(set.rand), number("ff9bb4d0b627"), 0).mac_s), "b55edb820040ab41");
  const Auts auts = make_auts(milenage, array(set.rand), number("ff9bb4d0b627"));
  EXPECT_EQ(hex(auts), "ba853f3c121cb55edb820040ab41");
  EXPECT_EQ(*check_auts(milenage, array(set.rand), auts), number("ff9bb4d0b627"));
}

TEST(Vector, when_rands_are_made_then_they_differ) {
  EXPECT_NE(random_rand(), random_rand());
}

}  // namespace
}  // namespace lapwing::aka
