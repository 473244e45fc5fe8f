#include "scscf/numbers.h"

#include <gmock/gmock.h>

namespace lapwing::scscf {
namespace {

using testing::ElementsAre;

constexpr std::string_view home = "ims.example.org";

sip::Uri uri(std::string_view text) {
  auto parsed = sip::Uri::parse(text);
  EXPECT_TRUE(parsed.ok()) << text;
  return parsed.ok() ? *parsed : sip::Uri{};
}

std::string dialled(std::string_view text) {
  return dialled_number(uri(text), home).value_or("none");
}

TEST(IsHome, when_a_URI_is_of_this_network_then_it_is_and_else_not) {
  EXPECT_TRUE(is_home(uri("sip:alice@ims.example.org"), home));
  EXPECT_TRUE(is_home(uri("sip:alice@IMS.Example.ORG:5060"), home));
  EXPECT_TRUE(is_home(uri("tel:112"), home));
  EXPECT_FALSE(is_home(uri("sip:alice@example.org"), home));
  EXPECT_FALSE(is_home(uri("urn:service:sos"), home));
}

TEST(IsHome, when_the_host_is_digits_then_only_user_phone_makes_it_ours) {
  EXPECT_TRUE(is_home(uri("sip:0398765432100;phone-context=0498765432100@0498765432100;user=phone"), home));
  EXPECT_FALSE(is_home(uri("sip:0398765432100@0498765432100"), home));
  EXPECT_FALSE(is_home(uri("sip:0398765432100@10.0.0.1;user=phone"), home));
}

TEST(DialledNumber, when_a_URI_stands_for_a_number_then_it_comes_without_separators) {
  EXPECT_EQ(dialled("tel:+1-555.010(0042)"), "+15550100042");
  EXPECT_EQ(dialled("tel:112"), "112");
  EXPECT_EQ(dialled("tel:*31#0100042;phone-context=ims.example.org"), "*31#0100042");
  EXPECT_EQ(dialled("sip:+15550100042@ims.example.org"), "+15550100042");
  EXPECT_EQ(dialled("sip:%2B15550100042@ims.example.org;user=phone"), "+15550100042");
  EXPECT_EQ(dialled("sip:0100042;phone-context=+1555@ims.example.org;user=phone"), "0100042");
}

TEST(DialledNumber, when_a_URI_stands_for_none_then_none) {
  EXPECT_EQ(dialled("sip:alice@ims.example.org"), "none");
  EXPECT_EQ(dialled("sip:alice@ims.example.org;user=phone"), "none");
  EXPECT_EQ(dialled("sip:15+5@ims.example.org"), "none");
  EXPECT_EQ(dialled("sip:+@ims.example.org"), "none");
  EXPECT_EQ(dialled("sip:+15550100042@example.net;user=phone"), "none");
}

TEST(GlobalNumber, when_it_is_global_already_then_it_stays) {
  EXPECT_EQ(global_number({}, "+15550100042", ""), "+15550100042");
}

TEST(GlobalNumber, when_the_plan_says_how_numbers_are_dialled_then_each_form_becomes_global) {
  NumberPlan plan{.country_code = "49", .area_code = "30"};
  EXPECT_EQ(global_number(plan, "123456", ""), "+4930123456");
  EXPECT_EQ(global_number(plan, "089123456", ""), "+4989123456");
  EXPECT_EQ(global_number(plan, "0015550100042", ""), "+15550100042");
  NumberPlan american{.country_code = "1", .area_code = "", .international_prefix = "011", .national_prefix = "1"};
  EXPECT_EQ(global_number(american, "15550100042", ""), "+15550100042");
  EXPECT_EQ(global_number(american, "5550100042", ""), "+15550100042");
  EXPECT_EQ(global_number(american, "0114930123", ""), "+4930123");
}

TEST(GlobalNumber, when_the_context_is_a_number_then_it_is_put_before) {
  EXPECT_EQ(global_number({}, "0042", "+1-555-010"), "+15550100042");
  EXPECT_EQ(global_number({}, "0042", "+abc"), std::nullopt);
}

TEST(GlobalNumber, when_the_context_is_a_domain_then_the_plan_counts) {
  EXPECT_EQ(global_number({}, "42", "ims.example.org"), std::nullopt);
  NumberPlan plan{.country_code = "1"};
  EXPECT_EQ(global_number(plan, "42", "ims.example.org"), "+142");
}

TEST(GlobalNumber, when_it_is_a_service_code_then_it_stays_local) {
  NumberPlan plan{.country_code = "1"};
  EXPECT_EQ(global_number(plan, "*21#", ""), std::nullopt);
}

TEST(PossibleIdentities, when_it_is_no_number_then_only_as_it_stands) {
  EXPECT_THAT(possible_identities({}, uri("sip:Alice@IMS.example.org:5060;user=ip"), home),
              ElementsAre("sip:Alice@ims.example.org"));
}

TEST(PossibleIdentities, when_it_is_global_then_as_tel_and_as_sip) {
  EXPECT_THAT(possible_identities({}, uri("tel:+1-555-0100042"), home),
              ElementsAre("tel:+15550100042", "sip:+15550100042@ims.example.org"));
}

TEST(PossibleIdentities, when_it_is_local_then_as_it_was_dialled_before_the_global_form) {
  NumberPlan plan{.country_code = "1", .area_code = "555"};
  EXPECT_THAT(
      possible_identities(plan, uri("sip:0100042@ims.example.org;user=phone"), home),
      ElementsAre("sip:0100042@ims.example.org", "tel:0100042", "tel:+1100042", "sip:+1100042@ims.example.org"));
}

TEST(PossibleIdentities, when_the_context_stands_in_the_user_part_then_it_counts) {
  EXPECT_THAT(possible_identities({}, uri("sip:0042;phone-context=+1555010@ims.example.org;user=phone"), home),
              testing::Contains("tel:+15550100042"));
}

}  // namespace
}  // namespace lapwing::scscf
