#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/labhss/ifc_check.h"
#include "lab/labhss/user_profile_xml.h"
#include "scscf/user_profile.h"
#include "tests/unit/labhss/lab.h"

namespace lapwing::labhss {
namespace {

const std::string ifc =
    "<InitialFilterCriteria><Priority>10</Priority><TriggerPoint><ConditionTypeCNF>0</ConditionTypeCNF>"
    "<SPT><ConditionNegated>0</ConditionNegated><Group>0</Group><Method>INVITE</Method></SPT></TriggerPoint>"
    "<ApplicationServer><ServerName>sip:tas.example.org:5065</ServerName><DefaultHandling>0</DefaultHandling>"
    "</ApplicationServer><ProfilePartIndicator>0</ProfilePartIndicator></InitialFilterCriteria>";

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), by);
}

TEST(UserProfile, when_it_is_written_then_it_is_annex_b_with_the_barred_identity_first) {
  const absl::StatusOr<Subscribers> built = build(head + "subscribers:\n" + one);
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_EQ(user_profile_xml(built->all()[0]),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><IMSSubscription>"
            "<PrivateID>001010000000001@ims.mnc001.mcc001.3gppnetwork.org</PrivateID><ServiceProfile>"
            "<PublicIdentity><BarringIndication>1</BarringIndication>"
            "<Identity>sip:001010000000001@ims.mnc001.mcc001.3gppnetwork.org</Identity>"
            "<Extension><IdentityType>0</IdentityType></Extension></PublicIdentity>"
            "<PublicIdentity><Identity>sip:+15550100001@ims.mnc001.mcc001.3gppnetwork.org</Identity><Extension>"
            "<IdentityType>0</IdentityType><Extension><AliasIdentityGroupID>1</AliasIdentityGroupID></Extension>"
            "</Extension></PublicIdentity>"
            "<PublicIdentity><Identity>tel:+15550100001</Identity><Extension><IdentityType>0</IdentityType>"
            "<Extension><AliasIdentityGroupID>1</AliasIdentityGroupID></Extension></Extension></PublicIdentity>"
            "</ServiceProfile></IMSSubscription>");
}

TEST(UserProfile, when_the_s_cscf_reads_it_then_it_finds_what_the_file_says) {
  const absl::StatusOr<Subscribers> built =
      build(head + "profile: {shared_ifc_sets: [3, 5], ifc: ['" + ifc +
            "']}\nsubscribers:\n  - {imsi: '001010000000001', k: " + k_text + ", opc: " + opc_text +
            ", msisdn: '15550100001', display_name: 'Line <1> & \"co\"'}\n");
  ASSERT_TRUE(built.ok()) << built.status();
  const absl::StatusOr<scscf::UserProfile> profile = scscf::parse_user_profile(user_profile_xml(built->all()[0]));
  ASSERT_TRUE(profile.ok()) << profile.status();
  ASSERT_EQ(profile->service_profiles.size(), 1u);
  const scscf::ServiceProfile& service = profile->service_profiles[0];
  ASSERT_EQ(service.identities.size(), 3u);
  EXPECT_TRUE(service.identities[0].barred);
  EXPECT_EQ(service.identities[1].more().display_name, "Line <1> & \"co\"");
  EXPECT_EQ(service.identities[1].more().alias_group, "1");
  EXPECT_EQ(service.identities[2].identity, "tel:+15550100001");
  EXPECT_EQ(service.shared_ifc_sets, (std::vector<uint32_t>{3, 5}));
}

TEST(UserProfile, when_the_subscriber_is_barred_then_all_its_identities_are) {
  const absl::StatusOr<Subscribers> built = build(head + "subscribers:\n" + replaced(one, "}", ", barred: true}"));
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_FALSE(built->all()[0].has_unbarred_identity());
}

TEST(Ifc, when_it_is_right_then_priority_and_part_are_known) {
  const absl::StatusOr<CheckedIfc> checked = check_ifc(ifc);
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_EQ(checked->priority, 10u);
  EXPECT_FALSE(checked->when_unregistered);
  EXPECT_TRUE(check_ifc(replaced(ifc, "Indicator>0", "Indicator>1"))->when_unregistered);
  EXPECT_TRUE(check_ifc(replaced(ifc, "<ProfilePartIndicator>0</ProfilePartIndicator>", ""))->when_unregistered);
}

TEST(Ifc, when_it_is_wrong_then_it_is_refused) {
  const std::pair<const char*, const char*> changes[] = {
      {"<Priority>10</Priority>", ""},
      {">10<", ">high<"},
      {">10<", ">-1<"},
      {"sip:tas.example.org:5065", "tas"},
      {"sip:tas.example.org:5065", "tel:+1"},
      {"<DefaultHandling>0", "<DefaultHandling>2"},
      {"Indicator>0", "Indicator>2"},
      {"<ConditionTypeCNF>0</ConditionTypeCNF>", ""},
      {"<Group>0</Group>", ""},
      {"<Group>0</Group>", "<Group>x</Group>"},
      {"<Method>INVITE</Method>", ""},
      {"<Method>INVITE</Method>", "<Method>INVITE</Method><SessionCase>0</SessionCase>"},
      {"<Method>INVITE</Method>", "<SessionCase>5</SessionCase>"},
      {"<Method>INVITE</Method>", "<SIPHeader/>"},
      {"<Method>INVITE</Method>", "<Verb>INVITE</Verb>"},
      {"<ConditionNegated>0", "<ConditionNegated>no"},
      {"</InitialFilterCriteria>", ""},
      {"<InitialFilterCriteria>", "<!DOCTYPE a [<!ENTITY b \"c\">]><InitialFilterCriteria>"},
      {"<InitialFilterCriteria>", "<InitialFilterCriteria><ProfilePartIndicator>0</ProfilePartIndicator>"},
  };
  for (const auto& [what, by] : changes) EXPECT_FALSE(check_ifc(replaced(ifc, what, by)).ok()) << what << " -> " << by;
  EXPECT_FALSE(check_ifc("").ok());
  EXPECT_FALSE(check_ifc(ifc + ifc).ok());
  EXPECT_FALSE(check_ifc("<InitialFilterCriteria>" + std::string(70'000, ' ') + "</InitialFilterCriteria>").ok());
}

TEST(Ifc, when_two_have_one_priority_then_the_file_is_refused) {
  const absl::StatusOr<Subscribers> built =
      build(head + "profile: {ifc: ['" + ifc + "', '" + ifc + "']}\nsubscribers:\n" + one);
  EXPECT_THAT(std::string(built.status().message()),
              testing::HasSubstr("labhss.yaml:6: profile.ifc[1]: priority 10 is taken"));
}

}  // namespace
}  // namespace lapwing::labhss
