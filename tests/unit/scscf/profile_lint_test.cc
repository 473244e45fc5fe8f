#include "scscf/ifc/profile_lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_format.h"
#include "scscf/ifc/profiles.h"

namespace lapwing::scscf {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* temporary =
    "<PublicIdentity><BarringIndication>1</BarringIndication><Identity>sip:001010000000001@home.example</Identity>"
    "</PublicIdentity>";
constexpr const char* number = "<PublicIdentity><Identity>sip:+15550100042@home.example</Identity></PublicIdentity>";
constexpr const char* tel = "<PublicIdentity><Identity>tel:+15550100042</Identity></PublicIdentity>";

std::string identity(const std::string& uri) {
  return "<PublicIdentity><Identity>" + uri + "</Identity></PublicIdentity>";
}

std::string profile(const std::string& identities, const std::string& criteria = "",
                    const std::string& impi = "001010000000001@home.example") {
  return absl::StrFormat(
      "<IMSSubscription><PrivateID>%s</PrivateID><ServiceProfile>%s%s</ServiceProfile></IMSSubscription>", impi,
      identities, criteria);
}

std::string criterion(const std::string& spts, const std::string& server = "sip:192.0.2.7", int handling = 0,
                      int priority = 1, bool cnf = false) {
  return absl::StrFormat(
      "<InitialFilterCriteria><Priority>%d</Priority><TriggerPoint><ConditionTypeCNF>%d</ConditionTypeCNF>%s"
      "</TriggerPoint><ApplicationServer><ServerName>%s</ServerName><DefaultHandling>%d</DefaultHandling>"
      "</ApplicationServer></InitialFilterCriteria>",
      priority, cnf ? 1 : 0, spts, server, handling);
}
std::string spt(const std::string& condition) {
  return "<SPT><Group>0</Group>" + condition + "</SPT>";
}

// "error: identity sip:...: text"
std::vector<std::string> findings(const std::string& xml, const LintContext& context = {}) {
  auto read = parse_user_profile(xml);
  EXPECT_TRUE(read.ok()) << read.status();
  std::vector<std::string> lines;
  if (!read.ok()) return lines;
  for (const ProfileFinding& one : lint_profile(*read, context)) {
    EXPECT_FALSE(one.advice.empty());
    bool error = one.weight == ProfileFinding::Weight::error;
    lines.push_back((error ? "error: " : "warning: ") + one.where + ": " + one.text);
  }
  return lines;
}

std::string good() {
  return std::string(temporary) + number + tel;
}

TEST(ProfileLint, when_a_profile_is_as_handsets_want_it_then_nothing_is_found) {
  EXPECT_THAT(findings(profile(good(), criterion(spt("<Method>INVITE</Method>"))), {.home_domain = "home.example"}),
              IsEmpty());
}

TEST(ProfileLint, when_the_number_is_missing_as_tel_URI_then_a_warning) {
  EXPECT_THAT(findings(profile(std::string(temporary) + number)), Contains(HasSubstr("there is no tel URI")));
}

TEST(ProfileLint, when_every_identity_is_barred_then_an_error) {
  EXPECT_THAT(findings(profile(temporary)), Contains(HasSubstr("error: PublicIdentity: every identity is barred")));
}

TEST(ProfileLint, when_there_is_no_SIP_URI_to_use_then_an_error) {
  EXPECT_THAT(findings(profile(std::string(temporary) + tel)),
              Contains(HasSubstr("error: PublicIdentity: there is no SIP")));
}

TEST(ProfileLint, when_the_tel_URI_comes_first_then_a_warning) {
  EXPECT_THAT(findings(profile(std::string(temporary) + tel + number)),
              Contains(HasSubstr("the default identity is a tel")));
}

TEST(ProfileLint, when_a_SIP_URI_has_a_number_for_its_domain_then_a_warning) {
  EXPECT_THAT(findings(profile(good() + identity("sip:0398765432100"))),
              Contains(HasSubstr("phone-context=NUMBER@NUMBER")));
}

TEST(ProfileLint, when_an_identity_is_of_another_domain_then_a_warning) {
  EXPECT_THAT(findings(profile(good() + identity("sip:a@other.example")), {.home_domain = "home.example"}),
              Contains(HasSubstr("it is not in the home domain home.example")));
}

TEST(ProfileLint, when_a_number_is_local_then_a_warning) {
  EXPECT_THAT(findings(profile(good() + identity("tel:2001"))), Contains(HasSubstr("the number is local")));
}

TEST(ProfileLint, when_the_temporary_identity_is_not_barred_then_a_warning) {
  EXPECT_THAT(findings(profile(identity("sip:001010000000001@home.example") + number + tel)),
              Contains(HasSubstr("is not barred: calls may show the IMSI")));
}

TEST(ProfileLint, when_the_private_identity_is_a_public_one_then_an_error) {
  EXPECT_THAT(findings(profile(good(), "", "sip:001010000000001@home.example")),
              Contains(HasSubstr("error: PrivateID: sip:001010000000001@home.example is a public identity")));
}

TEST(ProfileLint, when_an_expression_cannot_be_read_then_an_error) {
  EXPECT_THAT(findings(profile(good(), criterion(spt("<RequestURI>a(b</RequestURI>")))), Contains(HasSubstr("a(b")));
}

TEST(ProfileLint, when_a_method_is_in_small_letters_then_an_error) {
  EXPECT_THAT(findings(profile(good(), criterion(spt("<Method>invite</Method>")))),
              Contains(HasSubstr("no request has the method invite")));
}

TEST(ProfileLint, when_a_RequestURI_is_written_for_the_whole_URI_then_an_error_unless_that_is_configured) {
  std::string xml = profile(good(), criterion(spt("<RequestURI>sip:.*@home</RequestURI>")));
  EXPECT_THAT(findings(xml), Contains(HasSubstr("it is never met")));
  EXPECT_THAT(findings(xml, {.request_uri = RequestUriPart::whole}), IsEmpty());
}

TEST(ProfileLint, when_the_server_hears_of_re_registrations_only_then_a_warning) {
  auto with = [](const std::string& types) {
    return profile(good(), criterion(spt("<Method>REGISTER</Method><Extension>" + types + "</Extension>")));
  };
  EXPECT_THAT(findings(with("<RegistrationType>1</RegistrationType>")), Contains(HasSubstr("not of the first")));
  EXPECT_THAT(findings(with("<RegistrationType>0</RegistrationType><RegistrationType>1</RegistrationType>")),
              IsEmpty());
}

TEST(ProfileLint, when_a_server_that_is_down_would_end_registrations_then_a_warning) {
  EXPECT_THAT(findings(profile(good(), criterion(spt("<Method>REGISTER</Method>"), "sip:192.0.2.7", 1))),
              Contains(HasSubstr("every handset is deregistered")));
}

TEST(ProfileLint, when_a_SessionCase_stands_with_REGISTER_then_a_warning) {
  EXPECT_THAT(findings(profile(good(), criterion(spt("<Method>REGISTER</Method>") + spt("<SessionCase>1</SessionCase>"),
                                                 "sip:192.0.2.7", 0, 1, true))),
              Contains(HasSubstr("a REGISTER counts as originating")));
}

TEST(ProfileLint, when_priorities_repeat_then_a_warning) {
  std::string one = criterion(spt("<Method>INVITE</Method>"));
  EXPECT_THAT(findings(profile(good(), one + one)), Contains(HasSubstr("the same priority")));
}

TEST(ProfileLint, when_the_name_of_a_server_is_not_configured_then_an_error_where_the_table_is_known) {
  std::string xml = profile(good(), criterion(spt("<Method>INVITE</Method>"), "sip:tas.home.example"));
  EXPECT_THAT(findings(xml), IsEmpty());
  sip::Hosts hosts;
  EXPECT_THAT(findings(xml, {.hosts = &hosts}), Contains(HasSubstr("is a name that is not in `hosts`")));
  hosts["tas.home.example"] = {};
  EXPECT_THAT(findings(xml, {.hosts = &hosts}), IsEmpty());
}

TEST(ProfileLint, when_the_media_profile_is_not_configured_then_a_warning_where_those_are_known) {
  std::string xml = profile(good() +
                            "<CoreNetworkServicesAuthorization><SubscribedMediaProfileId>7"
                            "</SubscribedMediaProfileId></CoreNetworkServicesAuthorization>");
  EXPECT_THAT(findings(xml), IsEmpty());
  EXPECT_THAT(findings(xml, {.media_profiles = std::vector<uint32_t>{1}}), Contains(HasSubstr("the number 7 is not")));
  EXPECT_THAT(findings(xml, {.media_profiles = std::vector<uint32_t>{1, 7}}), IsEmpty());
}

TEST(ProfileLint, when_there_are_errors_and_warnings_then_errors_come_first) {
  std::vector<std::string> lines =
      findings(profile(std::string(temporary) + number, criterion(spt("<Method>invite</Method>"))));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_TRUE(lines[0].starts_with("error: "));
  EXPECT_TRUE(lines[1].starts_with("warning: "));
}

TEST(ProfileLint, when_the_profile_is_that_of_a_registered_user_then_its_criteria_are_looked_at_too) {
  Profiles profiles;
  auto read = profiles.read(profile(good(), criterion(spt("<Method>invite</Method>"))));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(lint_profile(*read->profile, {}).size(), 1u);
}

}  // namespace
}  // namespace lapwing::scscf
