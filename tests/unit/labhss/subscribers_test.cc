#include "lab/labhss/subscribers.h"

#include <gmock/gmock.h>

#include "tests/unit/labhss/lab.h"

namespace lapwing::labhss {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string error_of(const std::string& subscribers) {
  const absl::StatusOr<Subscribers> built = build(head + "subscribers:\n" + subscribers);
  if (built.ok()) return "";
  EXPECT_EQ(built.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(built.status().message());
}

// A subscriber with more keys, or others.
std::string subscriber(const std::string& keys, const std::string& imsi = "001010000000001") {
  return "  - {imsi: '" + imsi + "', k: " + k_text + ", " + keys + "}\n";
}
const std::string opc = "opc: " + opc_text;
const std::string number = ", msisdn: '15550100001'";

TEST(Subscribers, when_imsi_keys_and_msisdn_are_given_then_the_rest_is_derived) {
  const absl::StatusOr<Subscribers> built = build(head + "subscribers:\n" + one + two);
  ASSERT_TRUE(built.ok()) << built.status();
  const Subscriber* first = built->by_impi("001010000000001@" + domain);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->imsi, "001010000000001");
  EXPECT_EQ(first->amf, 0x8000);
  EXPECT_EQ(first->sqn_index, 4);
  ASSERT_EQ(first->identities.size(), 3u);
  EXPECT_EQ(first->identities[0].uri, "sip:001010000000001@" + domain);
  EXPECT_TRUE(first->identities[0].barred);
  EXPECT_EQ(first->identities[1].uri, "sip:+15550100001@" + domain);
  EXPECT_EQ(first->identities[2].uri, "tel:+15550100001");
  EXPECT_FALSE(first->identities[1].barred || first->identities[2].barred);
  EXPECT_EQ(first->identities[1].alias_group, first->identities[2].alias_group);
  EXPECT_TRUE(first->opc.equals(secret(opc_text)));
}

TEST(Subscribers, when_op_is_given_then_opc_is_derived) {
  const absl::StatusOr<Subscribers> built = build(head + "subscribers:\n" + two);
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_TRUE(built->all()[0].opc.equals(secret(opc_text)));
}

TEST(Subscribers, when_the_mnc_has_two_digits_then_the_domain_has_three) {
  EXPECT_EQ(home_domain("001/01"), "ims.mnc001.mcc001.3gppnetwork.org");
  EXPECT_EQ(home_domain("310/410"), "ims.mnc410.mcc310.3gppnetwork.org");
}

TEST(Subscribers, when_the_mnc_has_three_digits_then_the_imsi_is_checked_against_all_of_them) {
  std::string yaml = head + "subscribers:\n  - {imsi: '310410000000001', k: " + k_text + ", " + opc + number + "}\n";
  yaml.replace(yaml.find("001/01"), 6, "310/410");
  const absl::StatusOr<Subscribers> built = build(yaml);
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_EQ(built->all()[0].impi, "310410000000001@ims.mnc410.mcc310.3gppnetwork.org");
}

TEST(Subscribers, when_values_are_given_then_they_replace_the_derived_ones) {
  const absl::StatusOr<Subscribers> built =
      build(head + "subscribers:\n" +
            subscriber(opc + ", impi: alice@example.org, impus: ['sip:alice@example.org', 'tel:+15550100009'], "
                             "temporary_impu: 'sip:temp@example.org', amf: 'b9b9', sqn_index: 7, display_name: Alice"));
  ASSERT_TRUE(built.ok()) << built.status();
  const Subscriber& alice = built->all()[0];
  EXPECT_EQ(alice.impi, "alice@example.org");
  EXPECT_EQ(alice.identities[0].uri, "sip:temp@example.org");
  EXPECT_EQ(alice.identities[1].uri, "sip:alice@example.org");
  EXPECT_EQ(alice.amf, 0xb9b9);
  EXPECT_EQ(alice.sqn_index, 7);
  EXPECT_EQ(alice.display_name, "Alice");
  EXPECT_TRUE(built->warnings().empty());
}

TEST(Subscribers, when_an_identity_is_spelled_otherwise_then_it_is_found) {
  const absl::StatusOr<Subscribers> built = build(head + "subscribers:\n" + one);
  ASSERT_TRUE(built.ok());
  const Subscriber* found = &built->all()[0];
  for (const char* impu :
       {"sip:+15550100001@IMS.mnc001.mcc001.3GPPnetwork.org", "sip:+15550100001@ims.mnc001.mcc001.3gppnetwork.org:5060",
        "sip:+15550100001@ims.mnc001.mcc001.3gppnetwork.org;user=phone", "tel:+1-555-010-0001", "TEL:+15550100001"}) {
    EXPECT_EQ(built->by_impu(impu), found) << impu;
  }
  for (const char* identity : {"001010000000001", "15550100001", "+15550100001", "tel:+15550100001",
                               "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"}) {
    EXPECT_EQ(built->find(identity), found) << identity;
  }
  for (const char* nobody : {"", "+", "sip:", "sip:@", "tel:", "001010000000002", "sip:x@y"}) {
    EXPECT_EQ(built->by_impu(nobody), nullptr) << nobody;
    EXPECT_EQ(built->find(nobody), nullptr) << nobody;
  }
}

TEST(Subscribers, when_something_is_wrong_then_the_error_names_line_subscriber_and_key) {
  const std::string error = error_of(one + subscriber("msisdn: '15550100003'", "001010000000003"));
  EXPECT_THAT(error, HasSubstr("labhss.yaml:8: subscribers[1].opc: subscriber 001010000000003: neither opc nor op"));
}

struct Mistake {
  const char* name;
  std::string subscribers, error;
};
class SubscriberMistake : public testing::TestWithParam<Mistake> {};

TEST_P(SubscriberMistake, when_it_is_made_then_the_error_says_what_to_do_without_the_keys) {
  const std::string error = error_of(GetParam().subscribers);
  EXPECT_THAT(error, HasSubstr(GetParam().error));
  for (const std::string& key : {k_text, opc_text, op_text}) EXPECT_THAT(error, Not(HasSubstr(key.substr(0, 8))));
}

INSTANTIATE_TEST_SUITE_P(
    All, SubscriberMistake,
    testing::Values(
        Mistake{"opc_and_op", subscriber(opc + ", op: " + op_text + number), "both opc and op are given"},
        Mistake{"neither_opc_nor_op", subscriber("msisdn: '15550100001'"), "neither opc nor op"},
        Mistake{"short_k", "  - {imsi: '001010000000001', k: 465b5ce8, " + opc + number + "}\n", "k"},
        Mistake{"short_opc", subscriber("opc: cd63cb71" + number), "opc"},
        Mistake{"imsi_of_another_network", subscriber(opc + number, "262010000000001"), "is not of plmn 001/01"},
        Mistake{"imsi_too_long", subscriber(opc + number, "0010100000000001"), "15 digits"},
        Mistake{"imsi_twice", one + subscriber(opc + ", msisdn: '15550100002'"), "is given twice"},
        Mistake{"msisdn_twice", one + subscriber(opc + number, "001010000000002"), "belongs to another subscriber"},
        Mistake{"identity_twice",
                one + subscriber(opc + ", impus: ['sip:+15550100001@" + domain + "']", "001010000000002"),
                "belongs to another subscriber"},
        Mistake{"identity_twice_in_another_spelling",
                one + subscriber(opc + ", impus: ['sip:a@b', 'tel:+15550100001']", "001010000000002"),
                "belongs to another subscriber"},
        Mistake{"identity_twice_in_one_subscriber", subscriber(opc + ", impus: ['sip:a@b', 'sip:a@B']"),
                "belongs to this subscriber already"},
        Mistake{"impi_twice",
                one + subscriber(opc + ", msisdn: '2222', impi: 001010000000001@" + domain, "001010000000002"), "impi"},
        Mistake{"msisdn_too_long", subscriber(opc + ", msisdn: '1234567890123456'"), "15 digits"},
        Mistake{"no_number_and_no_identity", subscriber(opc), "neither msisdn nor impus"},
        Mistake{"sip_without_host", subscriber(opc + ", impus: ['sip:0398765432100']"), "no user or no host"},
        Mistake{"tel_without_plus", subscriber(opc + ", impus: ['sip:a@b', 'tel:0398765432100']"), "international"},
        Mistake{"identity_with_parameters", subscriber(opc + ", impus: ['sip:a@b;user=phone']"), "remove them"},
        Mistake{"identity_of_another_scheme", subscriber(opc + ", impus: ['mailto:a@b']"), "impus[0]"},
        Mistake{"identity_that_is_no_uri", subscriber(opc + ", impus: ['a b']"), "impus[0]"},
        Mistake{"only_tel", subscriber(opc + ", impus: ['tel:+15550100001']"), "has no SIP URI"},
        Mistake{"impi_with_scheme", subscriber(opc + number + ", impi: 'sip:a@b'"), "without a scheme"},
        Mistake{"impi_without_domain", subscriber(opc + number + ", impi: alice"), "USER@DOMAIN"},
        Mistake{"bad_amf", subscriber(opc + number + ", amf: '80000'"), "amf"},
        Mistake{"sqn_index_too_big", subscriber(opc + number + ", sqn_index: 32"), "sqn_index"},
        Mistake{"bad_ifc", subscriber(opc + number + ", profile: {ifc: ['<IFC/>']}"), "InitialFilterCriteria"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(Subscribers, when_there_are_many_mistakes_then_all_are_told_up_to_a_hundred) {
  EXPECT_THAT(error_of(subscriber(opc + ", op: " + op_text, "99") + subscriber("msisdn: '1'", "98")),
              testing::AllOf(HasSubstr("subscribers[0].imsi"), HasSubstr("subscribers[0].op"),
                             HasSubstr("subscribers[0].msisdn"), HasSubstr("subscribers[1].imsi"),
                             HasSubstr("subscribers[1].opc"), HasSubstr("subscribers[1].msisdn")));
  std::string many;
  for (int i = 0; i < 300; ++i) many += subscriber(opc, "99");
  const std::string error = error_of(many);
  EXPECT_EQ(std::count(error.begin(), error.end(), '\n'), 99);
}

TEST(Subscribers, when_no_tel_identity_is_given_then_there_is_a_warning) {
  const absl::StatusOr<Subscribers> built = build(head + "subscribers:\n" + subscriber(opc + ", impus: ['sip:a@b']"));
  ASSERT_TRUE(built.ok()) << built.status();
  ASSERT_EQ(built->warnings().size(), 1u);
  EXPECT_THAT(built->warnings()[0], HasSubstr("labhss.yaml:7: subscribers[0].impus: subscriber 001010000000001"));
}

TEST(Subscribers, when_a_subscriber_has_a_profile_then_it_replaces_the_common_one) {
  const absl::StatusOr<Subscribers> built =
      build(head + "profile: {shared_ifc_sets: [3], mandatory_capabilities: [1]}\nsubscribers:\n" + one +
            subscriber(opc + ", msisdn: '15550100002', profile: {optional_capabilities: [9]}", "001010000000002"));
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_EQ(built->all()[0].profile.shared_ifc_sets, std::vector<uint32_t>{3});
  EXPECT_TRUE(built->all()[0].profile.unregistered_services);
  EXPECT_TRUE(built->all()[1].profile.shared_ifc_sets.empty());
  EXPECT_EQ(built->all()[1].profile.optional_capabilities, std::vector<uint32_t>{9});
  EXPECT_FALSE(built->all()[1].profile.unregistered_services);
}

}  // namespace
}  // namespace lapwing::labhss
