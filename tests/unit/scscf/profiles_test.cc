#include "scscf/ifc/profiles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_format.h"

namespace lapwing::scscf {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string criterion(int priority, const std::string& server) {
  return absl::StrFormat(
      "<InitialFilterCriteria><Priority>%d</Priority><ApplicationServer><ServerName>%s</ServerName></ApplicationServer>"
      "</InitialFilterCriteria>",
      priority, server);
}

std::string profile(const std::string& user, const std::string& services) {
  return absl::StrFormat(
      "<IMSSubscription><PrivateID>%s@h</PrivateID><ServiceProfile><PublicIdentity><Identity>sip:%s@h</Identity>"
      "</PublicIdentity>%s</ServiceProfile></IMSSubscription>",
      user, user, services);
}

std::string shared_set(int number) {
  return absl::StrFormat("<Extension><SharedIFCSetID>%d</SharedIFCSetID></Extension>", number);
}

std::shared_ptr<const FilterCriteria> services_of(Profiles& profiles, const std::string& xml) {
  auto read = profiles.read(xml);
  EXPECT_TRUE(read.ok()) << read.status();
  return read->profile->service_profiles.front().services;
}

std::vector<std::string> servers(const FilterCriteria& criteria) {
  std::vector<std::string> names;
  for (const InitialFilterCriteria& one : criteria.all()) names.push_back(one.application_server.server_name);
  return names;
}

InitialFilterCriteria shared(uint32_t priority, const std::string& server) {
  return {.priority = priority, .application_server = {.server_name = server}};
}

TEST(Profiles, when_users_have_the_same_criteria_then_they_share_them) {
  Profiles profiles;
  auto one = services_of(profiles, profile("one", criterion(1, "sip:a") + criterion(2, "sip:b")));
  // Another order in the document, the same priorities.
  auto two = services_of(profiles, profile("two", criterion(2, "sip:b") + criterion(1, "sip:a")));
  auto three = services_of(profiles, profile("three", criterion(1, "sip:a")));
  EXPECT_EQ(one, two);
  EXPECT_NE(one, three);
  EXPECT_EQ(profiles.distinct(), 2u);
  one.reset();
  two.reset();
  EXPECT_EQ(profiles.distinct(), 1u);
}

TEST(Profiles, when_criteria_differ_in_what_their_hash_does_not_see_then_they_are_not_shared) {
  Profiles profiles;
  auto plain = services_of(profiles, profile("one", criterion(1, "sip:a")));
  std::string registered =
      "<InitialFilterCriteria><Priority>1</Priority><ApplicationServer><ServerName>sip:a</ServerName>"
      "</ApplicationServer><ProfilePartIndicator>0</ProfilePartIndicator></InitialFilterCriteria>";
  EXPECT_NE(services_of(profiles, profile("two", registered)), plain);
}

TEST(Profiles, when_a_profile_names_a_shared_set_then_its_criteria_are_merged_in_by_priority) {
  Profiles profiles({{3, {shared(5, "sip:shared5"), shared(1, "sip:shared1")}}});
  auto merged =
      services_of(profiles, profile("one", criterion(2, "sip:own2") + criterion(9, "sip:own9") + shared_set(3)));
  EXPECT_THAT(servers(*merged), ElementsAre("sip:shared1", "sip:own2", "sip:shared5", "sip:own9"));
}

TEST(Profiles, when_a_shared_set_is_not_configured_then_the_profile_counts_without_it_and_says_so) {
  Profiles profiles;
  auto read = profiles.read(profile("one", criterion(2, "sip:own") + shared_set(7)));
  ASSERT_TRUE(read.ok());
  EXPECT_THAT(read->faults, ElementsAre(HasSubstr("the shared iFC set 7")));
  EXPECT_THAT(servers(*read->profile->service_profiles.front().services), ElementsAre("sip:own"));
}

TEST(Profiles, when_the_shared_sets_change_then_profiles_read_from_now_on_have_the_new_ones) {
  Profiles profiles({{3, {shared(1, "sip:old")}}});
  std::string xml = profile("one", shared_set(3));
  auto before = services_of(profiles, xml);
  profiles.configure({{3, {shared(1, "sip:new")}}}, RequestUriPart::host_or_number);
  EXPECT_THAT(servers(*before), ElementsAre("sip:old"));
  EXPECT_THAT(servers(*services_of(profiles, xml)), ElementsAre("sip:new"));
}

TEST(Profiles, when_a_profile_has_no_criteria_then_its_services_are_empty) {
  Profiles profiles;
  EXPECT_THAT(servers(*services_of(profiles, profile("one", ""))), IsEmpty());
}

TEST(Profiles, when_a_profile_cannot_be_read_then_the_reason) {
  Profiles profiles;
  EXPECT_FALSE(profiles.read("<IMSSubscription/>").ok());
}

TEST(Profiles, when_many_different_profiles_come_and_go_then_nothing_of_them_is_kept) {
  Profiles profiles;
  for (int i = 0; i < 5000; ++i) services_of(profiles, profile("one", criterion(1, absl::StrFormat("sip:a%d", i))));
  EXPECT_EQ(profiles.distinct(), 0u);
  EXPECT_LE(profiles.remembered(), 1024u);
}

TEST(Wildcards, when_an_identity_fits_the_expression_then_it_is_one_of_them) {
  auto matches = [](const std::string& wildcard, std::string_view identity) {
    return wildcard_matches({.identity = wildcard}, identity);
  };
  EXPECT_TRUE(matches("sip:room!.*!@example.org", "sip:room17@example.org"));
  EXPECT_TRUE(matches("sip:room!.*!@Example.org", "sip:room@example.org"));
  EXPECT_TRUE(matches("tel:+1555!.{4}!", "tel:+15550100"));
  EXPECT_FALSE(matches("tel:+1555!.{4}!", "tel:+155501000"));
  EXPECT_FALSE(matches("sip:room!.*!@example.org", "sip:hall17@example.org"));
  EXPECT_FALSE(matches("sip:room!.*!@example.org", "sip:room17@example.net"));
  EXPECT_FALSE(matches("sip:room!(!@example.org", "sip:room(@example.org"));
  EXPECT_FALSE(matches("sip:room@example.org", "sip:room@example.org"));
  EXPECT_FALSE(matches("sip:aaa!.*!aaa@h", "sip:aaa@h"));
  EXPECT_TRUE(
      wildcard_matches({.identity = "sip:x@h",
                        .details = std::make_shared<const IdentityDetails>(IdentityDetails{.wildcard = "sip:y!.!@h"})},
                       "sip:yz@h"));
}

}  // namespace
}  // namespace lapwing::scscf
