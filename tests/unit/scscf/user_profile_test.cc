#include "scscf/user_profile.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace lapwing::scscf {
namespace {

// Every element of TS 29.228 Annex B that the S-CSCF uses, and some that it passes over.
constexpr std::string_view kEverything = R"(<?xml version="1.0" encoding="UTF-8"?>
<IMSSubscription>
  <PrivateID>001010000000042@ims.mnc001.mcc001.3gppnetwork.org</PrivateID>
  <ServiceProfile>
    <PublicIdentity>
      <BarringIndication>1</BarringIndication>
      <Identity>sip:001010000000042@ims.mnc001.mcc001.3gppnetwork.org</Identity>
    </PublicIdentity>
    <PublicIdentity>
      <Identity>sip:+15550100042@IMS.mnc001.mcc001.3gppnetwork.org</Identity>
      <Extension><IdentityType>0</IdentityType>
        <Extension>
          <DisplayName>Zoë &amp; sons</DisplayName><AliasIdentityGroupID>1</AliasIdentityGroupID>
          <Extension>
            <ServiceLevelTraceInfo>x</ServiceLevelTraceInfo><ServicePriorityLevel>2</ServicePriorityLevel>
            <Extension>
              <ExtendedPriority><PriorityNamespace>ets</PriorityNamespace><PriorityLevel>1</PriorityLevel></ExtendedPriority>
              <Extension><MaxNumOfAllowedSimultRegistrations>3</MaxNumOfAllowedSimultRegistrations></Extension>
            </Extension>
          </Extension>
        </Extension>
      </Extension>
    </PublicIdentity>
    <PublicIdentity>
      <BarringIndication>false</BarringIndication>
      <Identity> tel:+1-555-010-0042 </Identity>
      <Extension><IdentityType>3</IdentityType></Extension>
    </PublicIdentity>
    <CoreNetworkServicesAuthorization>
      <SubscribedMediaProfileId>7</SubscribedMediaProfileId>
      <Extension><ListOfServiceIds><ServiceId>urn:urn-7:3gpp-service.ims.icsi.mmtel</ServiceId><ServiceId>b</ServiceId></ListOfServiceIds></Extension>
    </CoreNetworkServicesAuthorization>
    <InitialFilterCriteria>
      <Priority>10</Priority>
      <TriggerPoint>
        <ConditionTypeCNF>0</ConditionTypeCNF>
        <SPT><ConditionNegated>1</ConditionNegated><Group>0</Group><Group>4</Group><Method>INVITE</Method></SPT>
        <SPT><ConditionNegated>0</ConditionNegated><Group>0</Group><SessionCase>4</SessionCase></SPT>
        <SPT><Group>1</Group><Method>REGISTER</Method>
          <Extension><RegistrationType>0</RegistrationType><RegistrationType>2</RegistrationType></Extension></SPT>
        <SPT><Group>2</Group><RequestURI>.*\.example\.org</RequestURI></SPT>
        <SPT><Group>2</Group><SIPHeader><Header>Event</Header><Content><![CDATA[.*<presence>.*]]></Content></SIPHeader></SPT>
        <SPT><Group>2</Group><SIPHeader><Header>P-Early-Media</Header></SIPHeader></SPT>
        <SPT><Group>2</Group><SessionDescription><Line>m</Line><Content>audio.*</Content></SessionDescription></SPT>
      </TriggerPoint>
      <ApplicationServer>
        <ServerName>sip:tas.example.org:5065;lr</ServerName>
        <DefaultHandling>1</DefaultHandling>
        <ServiceInfo> a &lt;b/&gt;
 c</ServiceInfo>
        <Extension><IncludeRegisterRequest/><IncludeRegisterResponse/></Extension>
      </ApplicationServer>
      <ProfilePartIndicator>0</ProfilePartIndicator>
    </InitialFilterCriteria>
    <InitialFilterCriteria>
      <Priority>0</Priority>
      <ApplicationServer><ServerName>sip:as2.example.org</ServerName></ApplicationServer>
    </InitialFilterCriteria>
    <Extension><SharedIFCSetID>3</SharedIFCSetID><SharedIFCSetID>9</SharedIFCSetID></Extension>
  </ServiceProfile>
  <ServiceProfile>
    <PublicIdentity>
      <Identity>sip:room@example.org</Identity>
      <Extension><IdentityType>1</IdentityType></Extension>
    </PublicIdentity>
    <PublicIdentity>
      <Identity>sip:list!.*!@example.org</Identity>
      <Extension><IdentityType>2</IdentityType><WildcardedPSI>sip:list!.*!@example.org</WildcardedPSI></Extension>
    </PublicIdentity>
    <PublicIdentity>
      <Identity>sip:+1555![0-9]{4}!@example.org</Identity>
      <Extension><IdentityType>4</IdentityType><Extension><Extension>
        <WildcardedIMPU>sip:+1555![0-9]{4}!@example.org</WildcardedIMPU></Extension></Extension></Extension>
    </PublicIdentity>
  </ServiceProfile>
  <Extension><IMSI>001010000000042</IMSI><Extension><ReferenceLocationInformation/></Extension></Extension>
</IMSSubscription>
)";

constexpr std::string_view kSmall =
    "<IMSSubscription><PrivateID>u@h</PrivateID><ServiceProfile>"
    "<PublicIdentity><BarringIndication>0</BarringIndication><Identity>sip:u@h</Identity></PublicIdentity>"
    "<InitialFilterCriteria><Priority>1</Priority><TriggerPoint><ConditionTypeCNF>1</ConditionTypeCNF>"
    "<SPT><ConditionNegated>0</ConditionNegated><Group>0</Group><Method>INVITE</Method></SPT></TriggerPoint>"
    "<ApplicationServer><ServerName>sip:as@h</ServerName></ApplicationServer></InitialFilterCriteria>"
    "</ServiceProfile></IMSSubscription>";

std::string small_with(std::string_view part, std::string_view instead) {
  std::string text(kSmall);
  const size_t at = text.find(part);
  EXPECT_NE(at, std::string::npos) << part;
  return text.replace(at, part.size(), instead);
}

void expect_refused(std::string_view xml, std::string_view why,
                    absl::StatusCode code = absl::StatusCode::kInvalidArgument, const ProfileLimits& limits = {}) {
  const auto profile = parse_user_profile(xml, limits);
  EXPECT_EQ(profile.status().code(), code) << xml.substr(0, 500);
  const std::string said = profile.status().ToString();
  EXPECT_NE(said.find(why), std::string::npos) << said;
  EXPECT_EQ(said.find_first_of("\r\n"), std::string::npos) << said;
}

std::string times(size_t count, std::string_view text) {
  std::string out;
  for (size_t i = 0; i < count; ++i)
    out += absl::StrReplaceAll(absl::string_view(text.data(), text.size()), {{"%", std::to_string(i)}});
  return out;
}

std::filesystem::path handset_data() {
  if (const char* set = std::getenv("LAPWING_HANDSET_DATA")) return set;
  return std::filesystem::path(LAPWING_SOURCE_DIR) / "../shared/data/handset";
}

TEST(UserProfile, when_every_element_is_there_then_every_value_is_read) {
  const auto parsed = parse_user_profile(kEverything);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->impi, "001010000000042@ims.mnc001.mcc001.3gppnetwork.org");
  ASSERT_EQ(parsed->service_profiles.size(), 2u);
  const ServiceProfile& first = parsed->service_profiles[0];

  ASSERT_EQ(first.identities.size(), 3u);
  EXPECT_TRUE(first.identities[0].barred);
  const PublicIdentity& number = first.identities[1];
  EXPECT_FALSE(number.barred);
  EXPECT_EQ(number.identity, "sip:+15550100042@IMS.mnc001.mcc001.3gppnetwork.org");
  EXPECT_EQ(number.canonical, "sip:+15550100042@ims.mnc001.mcc001.3gppnetwork.org");
  EXPECT_EQ(number.type, IdentityType::distinct_impu);
  EXPECT_EQ(number.more().display_name, "Zo\xc3\xab & sons");
  EXPECT_EQ(number.more().alias_group, "1");
  EXPECT_EQ(number.more().service_priority, 2u);
  EXPECT_EQ(number.more().max_registrations, 3u);
  EXPECT_EQ(first.identities[2].identity, "tel:+1-555-010-0042");
  EXPECT_EQ(first.identities[2].canonical, "tel:+15550100042");
  EXPECT_EQ(first.identities[2].type, IdentityType::non_distinct_impu);
  EXPECT_FALSE(first.identities[2].more().service_priority.has_value());

  EXPECT_EQ(first.subscribed_media_profile, 7u);
  EXPECT_EQ(first.service_ids, (std::vector<std::string>{"urn:urn-7:3gpp-service.ims.icsi.mmtel", "b"}));
  EXPECT_EQ(first.shared_ifc_sets, (std::vector<uint32_t>{3, 9}));

  const ServiceProfile& second = parsed->service_profiles[1];
  EXPECT_EQ(second.identities[0].type, IdentityType::distinct_psi);
  EXPECT_EQ(second.identities[1].more().wildcard, "sip:list!.*!@example.org");
  EXPECT_EQ(second.identities[2].type, IdentityType::wildcarded_impu);
  EXPECT_EQ(second.identities[2].more().wildcard, "sip:+1555![0-9]{4}!@example.org");
  EXPECT_TRUE(second.criteria.empty());
}

TEST(UserProfile, when_there_are_filter_criteria_then_they_keep_the_order_of_the_document) {
  const auto parsed = parse_user_profile(kEverything);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  const auto& criteria = parsed->service_profiles[0].criteria;
  ASSERT_EQ(criteria.size(), 2u);
  EXPECT_EQ(criteria[0].priority, 10u);
  EXPECT_EQ(criteria[0].profile_part, ProfilePart::registered);
  EXPECT_EQ(criteria[0].application_server.server_name, "sip:tas.example.org:5065;lr");
  EXPECT_EQ(criteria[0].application_server.default_handling, DefaultHandling::session_terminated);
  EXPECT_EQ(criteria[0].application_server.service_info, " a <b/>\n c");
  EXPECT_TRUE(criteria[0].application_server.include_register_request);
  EXPECT_TRUE(criteria[0].application_server.include_register_response);

  EXPECT_EQ(criteria[1].priority, 0u);
  EXPECT_FALSE(criteria[1].trigger_point.has_value());
  EXPECT_FALSE(criteria[1].profile_part.has_value());
  EXPECT_EQ(criteria[1].application_server.default_handling, DefaultHandling::session_continued);
  EXPECT_FALSE(criteria[1].application_server.include_register_request);

  const TriggerPoint& trigger = *criteria[0].trigger_point;
  EXPECT_FALSE(trigger.cnf);
  ASSERT_EQ(trigger.spts.size(), 7u);
  EXPECT_TRUE(trigger.spts[0].negated);
  EXPECT_EQ(trigger.spts[0].groups, (std::vector<uint32_t>{0, 4}));
  EXPECT_EQ(std::get<Spt::Method>(trigger.spts[0].condition).name, "INVITE");
  EXPECT_EQ(std::get<SessionCase>(trigger.spts[1].condition), SessionCase::originating_cdiv);
  EXPECT_EQ(trigger.spts[2].registration_types,
            (std::vector<RegistrationType>{RegistrationType::initial, RegistrationType::de_registration}));
  EXPECT_EQ(std::get<Spt::RequestUri>(trigger.spts[3].condition).pattern, ".*\\.example\\.org");
  EXPECT_EQ(std::get<Spt::SipHeader>(trigger.spts[4].condition).name, "Event");
  EXPECT_EQ(std::get<Spt::SipHeader>(trigger.spts[4].condition).content, ".*<presence>.*");
  EXPECT_FALSE(std::get<Spt::SipHeader>(trigger.spts[5].condition).content.has_value());
  EXPECT_EQ(std::get<Spt::SessionDescription>(trigger.spts[6].condition).line, "m");
  EXPECT_EQ(std::get<Spt::SessionDescription>(trigger.spts[6].condition).content, "audio.*");
}

TEST(UserProfile, when_asked_for_the_implicit_set_then_impus_come_in_order_without_psis) {
  const auto parsed = parse_user_profile(kEverything);
  ASSERT_TRUE(parsed.ok());
  std::vector<std::string> set;
  for (const PublicIdentity* identity : implicit_set(*parsed)) set.push_back(identity->identity);
  EXPECT_EQ(set, (std::vector<std::string>{"sip:001010000000042@ims.mnc001.mcc001.3gppnetwork.org",
                                           "sip:+15550100042@IMS.mnc001.mcc001.3gppnetwork.org", "tel:+1-555-010-0042",
                                           "sip:+1555![0-9]{4}!@example.org"}));
  ASSERT_NE(default_impu(*parsed), nullptr);
  EXPECT_EQ(default_impu(*parsed)->canonical, "sip:+15550100042@ims.mnc001.mcc001.3gppnetwork.org");
}

TEST(UserProfile, when_every_identity_is_barred_then_there_is_no_default) {
  const auto parsed = parse_user_profile(small_with(">0</BarringIndication>", ">true</BarringIndication>"));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(default_impu(*parsed), nullptr);
  EXPECT_TRUE(is_barred(*parsed, "sip:u@h"));
}

TEST(UserProfile, when_an_identity_is_looked_up_then_the_canonical_form_decides) {
  const auto parsed = parse_user_profile(kEverything);
  ASSERT_TRUE(parsed.ok());
  EXPECT_TRUE(is_barred(*parsed, "sip:001010000000042@IMS.mnc001.mcc001.3gppnetwork.org;user=phone"));
  EXPECT_FALSE(is_barred(*parsed, "tel:+15550100042"));
  EXPECT_FALSE(is_barred(*parsed, "sip:stranger@example.org"));
  EXPECT_FALSE(is_barred(*parsed, "not a uri"));
  ASSERT_NE(find_identity(*parsed, "tel:+1(555)0100042"), nullptr);
  EXPECT_EQ(find_identity(*parsed, "tel:+1(555)0100042")->type, IdentityType::non_distinct_impu);
  EXPECT_EQ(find_identity(*parsed, "sip:stranger@example.org"), nullptr);
  EXPECT_EQ(find_service_profile(*parsed, "sip:room@example.org"), &parsed->service_profiles[1]);
  EXPECT_EQ(find_service_profile(*parsed, "sip:stranger@example.org"), nullptr);
}

TEST(UserProfile, when_a_local_number_has_no_phone_context_then_it_is_an_identity_all_the_same) {
  const auto parsed = parse_user_profile(small_with("sip:u@h", "tel:0398765432100"));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  ASSERT_NE(find_identity(*parsed, "tel:03-98765432100"), nullptr);
  EXPECT_EQ(find_identity(*parsed, "tel:03-98765432100")->canonical, "tel:0398765432100");
  EXPECT_EQ(find_identity(*parsed, "tel:+0398765432100"), nullptr);
}

TEST(UserProfile, when_a_number_stands_where_a_host_should_then_it_is_an_identity_all_the_same) {
  const auto parsed = parse_user_profile(small_with("sip:u@h", "sip:0398765432100"));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_NE(find_identity(*parsed, "sip:0398765432100"), nullptr);
}

TEST(UserProfile, when_the_hss_of_the_capture_sent_it_then_it_is_read) {
  const auto path = handset_data() / "cx/samsung-saa.diameter";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "the captured SAA is not here: " << path;
  std::ifstream in(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  const std::string message = bytes.str();
  const std::string end = "</IMSSubscription>";
  const size_t from = message.find("<?xml");
  const size_t to = message.find(end);
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  const auto parsed = parse_user_profile(std::string_view(message).substr(from, to + end.size() - from));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->impi, "001011234567893@ims.mnc001.mcc001.3gppnetwork.org");
  ASSERT_EQ(implicit_set(*parsed).size(), 3u);
  ASSERT_NE(default_impu(*parsed), nullptr);
  EXPECT_EQ(default_impu(*parsed)->identity, "tel:0398765432100");
  EXPECT_EQ(find_identity(*parsed, "sip:0398765432100"), implicit_set(*parsed)[2]);
  EXPECT_TRUE(is_barred(*parsed, "sip:001011234567893@ims.mnc001.mcc001.3gppnetwork.org"));
  EXPECT_EQ(parsed->service_profiles[0].criteria.at(0).trigger_point->spts.size(), 12u);
}

TEST(UserProfile, when_a_byte_order_mark_or_white_space_comes_first_then_it_is_read) {
  EXPECT_TRUE(parse_user_profile("\xef\xbb\xbf" + std::string(kSmall)).ok());
  EXPECT_TRUE(parse_user_profile(" \r\n<?xml version=\"1.0\"?>\n" + std::string(kSmall) + "\r\n").ok());
}

TEST(UserProfile, when_elements_are_unknown_or_out_of_order_then_it_is_read) {
  const auto parsed = parse_user_profile(
      "<IMSSubscription><New><Deep/></New><ServiceProfile><Extension><What/></Extension><PublicIdentity><Extension>"
      "<New/><Extension><IdentityType>3</IdentityType></Extension></Extension><Identity>sip:u@h</Identity><New/>"
      "</PublicIdentity></ServiceProfile><PrivateID>u@h</PrivateID></IMSSubscription>");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->service_profiles[0].identities[0].type, IdentityType::non_distinct_impu);
}

TEST(UserProfile, when_an_identity_is_repeated_alike_then_it_is_kept_once) {
  const auto parsed = parse_user_profile(small_with(
      "</PublicIdentity>", "</PublicIdentity><PublicIdentity><Identity>sip:u@H</Identity></PublicIdentity>"));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->service_profiles[0].identities.size(), 1u);
}

TEST(UserProfile, when_an_identity_is_repeated_otherwise_then_the_error_names_it) {
  expect_refused(small_with("</PublicIdentity>",
                            "</PublicIdentity><PublicIdentity><BarringIndication>1"
                            "</BarringIndication><Identity>sip:u@h</Identity></PublicIdentity>"),
                 "PublicIdentity[2] stands here barred and not barred: 'sip:u@h'");
  expect_refused(small_with("</ServiceProfile>",
                            "</ServiceProfile><ServiceProfile><PublicIdentity><Identity>sip:u@h"
                            "</Identity></PublicIdentity></ServiceProfile>"),
                 "ServiceProfile[2]/PublicIdentity stands in another ServiceProfile too: 'sip:u@h'");
}

TEST(UserProfile, when_a_part_is_missing_then_the_error_names_it) {
  expect_refused("", "no element");
  expect_refused("<Other/>", "not IMSSubscription");
  expect_refused("<IMSSubscription/>", "IMSSubscription has no PrivateID");
  expect_refused("<IMSSubscription><PrivateID>u</PrivateID></IMSSubscription>", "has no ServiceProfile");
  expect_refused("<IMSSubscription><PrivateID>u</PrivateID><ServiceProfile/></IMSSubscription>",
                 "has no PublicIdentity");
  expect_refused(small_with("<PrivateID>u@h", "<PrivateID> "), "PrivateID is empty");
  expect_refused(small_with("<Identity>sip:u@h</Identity>", ""), "PublicIdentity has no Identity");
  expect_refused(small_with("<Identity>sip:u@h</Identity>", "<Identity/>"), "Identity is empty");
  expect_refused(small_with("<Priority>1</Priority>", ""), "has no Priority");
  expect_refused(small_with("<ConditionTypeCNF>1</ConditionTypeCNF>", ""), "has no ConditionTypeCNF");
  expect_refused(small_with("<Group>0</Group>", ""), "SPT has no Group");
  expect_refused(small_with("<Method>INVITE</Method>", ""), "SPT must have exactly one of");
  expect_refused(small_with("<Method>INVITE</Method>", "<SIPHeader/>"), "SIPHeader has no Header");
  expect_refused(small_with("<Method>INVITE</Method>", "<SessionDescription/>"), "SessionDescription has no Line");
  expect_refused(small_with("<ServerName>sip:as@h</ServerName>", ""), "ApplicationServer has no ServerName");
  expect_refused(
      "<IMSSubscription><PrivateID>u</PrivateID><ServiceProfile><PublicIdentity><Identity>sip:u@h</Identity>"
      "</PublicIdentity><InitialFilterCriteria><Priority>1</Priority><TriggerPoint><ConditionTypeCNF>1"
      "</ConditionTypeCNF></TriggerPoint></InitialFilterCriteria></ServiceProfile></IMSSubscription>",
      "TriggerPoint has no SPT");
}

TEST(UserProfile, when_a_value_is_wrong_then_the_error_names_the_element_and_the_value) {
  for (const char* bad : {"2", "yes", "TRUE", "01", "-1"})
    expect_refused(small_with(">0</BarringIndication>", absl::StrFormat(">%s</BarringIndication>", bad)),
                   absl::StrFormat("BarringIndication must be 0, 1, true or false, not '%s'", bad));
  for (const char* bad : {"-1", "+1", "1.0", "0x1", "2147483648", "99999999999999999999"})
    expect_refused(small_with("<Priority>1", absl::StrFormat("<Priority>%s", bad)),
                   absl::StrFormat("Priority must be a number from 0 to 2147483647, not '%s'", bad));
  expect_refused(small_with("<Method>INVITE</Method>", "<SessionCase>5</SessionCase>"), "SessionCase must be a number");
  expect_refused(small_with("<Method>INVITE</Method>", "<Method>INVITE</Method><SessionCase>0</SessionCase>"),
                 "SPT must have exactly one of");
  expect_refused(small_with("</Method>", "</Method><Extension><RegistrationType>3</RegistrationType></Extension>"),
                 "RegistrationType must be a number from 0 to 2, not '3'");
  expect_refused(small_with("</Identity>", "</Identity><Extension><IdentityType>5</IdentityType></Extension>"),
                 "IdentityType must be a number from 0 to 4");
  expect_refused(small_with("sip:as@h", "tel:+1555"), "ServerName is not a SIP URI: 'tel:+1555'");
  expect_refused(small_with("sip:as@h", "as.example.org"), "ServerName is not a SIP URI");
  expect_refused(small_with("<PrivateID>u@h", "<PrivateID>u @h"), "PrivateID is not a private identity");
}

TEST(UserProfile, when_an_identity_is_no_uri_then_the_error_names_it) {
  for (const char* bad : {"u@h", "mailto:u@h", "urn:service:sos", "sip:", "sip:u@", "sip:u@h@h", "tel:", "tel:xyz"})
    expect_refused(small_with("<Identity>sip:u@h", absl::StrFormat("<Identity>%s", bad)),
                   absl::StrFormat("PublicIdentity/Identity is not a SIP or tel URI: '%s'", bad));
  for (const char* bad : {"sip:u@h&gt;", "sip:u&lt;@h", "sip:u&quot;@h", "sip:u @h", "sip:u@h\xc3\xa9"})
    expect_refused(small_with("<Identity>sip:u@h", absl::StrFormat("<Identity>%s", bad)), "cannot have");
}

TEST(UserProfile, when_text_would_break_a_header_then_it_is_refused) {
  expect_refused(small_with("<Identity>sip:u@h", "<Identity>sip:u@h&#13;&#10;X: y"),
                 "Identity has a control character");
  expect_refused(small_with("<Identity>sip:u@h", "<Identity>sip:u\n@h"), "Identity has a control character");
  expect_refused(small_with("<PrivateID>u@h", "<PrivateID>u&#10;@h"), "PrivateID has a control character");
  expect_refused(small_with("</Identity>", "</Identity><Extension><DisplayName>a&#10;b</DisplayName></Extension>"),
                 "DisplayName has a control character");
  expect_refused(small_with("sip:as@h", "sip:as@h&#13;"), "", absl::StatusCode::kOk);  // at the end it is white space
  expect_refused(small_with("sip:as@h", "sip:as&#13;@h"), "ServerName has a control character");
}

TEST(UserProfile, when_a_count_is_at_its_limit_then_it_is_read_and_one_more_is_refused) {
  const auto refused = absl::StatusCode::kResourceExhausted;
  const auto identities = [](size_t count) {
    return small_with(
        "<PublicIdentity>",
        times(count, "<PublicIdentity><Identity>sip:u%@h</Identity></PublicIdentity>") + "<PublicIdentity>");
  };
  EXPECT_TRUE(parse_user_profile(identities(999)).ok());
  expect_refused(identities(1000), "PublicIdentity[1001] is one of more than 1000 public identities", refused);

  const auto criteria = [](size_t count) {
    return small_with("<InitialFilterCriteria>",
                      times(count,
                            "<InitialFilterCriteria><Priority>1</Priority><ApplicationServer><ServerName>sip:a@h"
                            "</ServerName></ApplicationServer></InitialFilterCriteria>") +
                          "<InitialFilterCriteria>");
  };
  EXPECT_TRUE(parse_user_profile(criteria(999)).ok());
  expect_refused(criteria(1000), "more than 1000 initial filter criteria", refused);

  const auto spts = [](size_t count) {
    return small_with("<SPT>", times(count, "<SPT><Group>%</Group><Method>M</Method></SPT>") + "<SPT>");
  };
  EXPECT_TRUE(parse_user_profile(spts(999)).ok());
  expect_refused(spts(1000), "more than 1000 service point triggers", refused);

  const auto groups = [](size_t count) { return small_with("<Group>", times(count, "<Group>%</Group>") + "<Group>"); };
  EXPECT_TRUE(parse_user_profile(groups(99)).ok());
  expect_refused(groups(100), "more than 100 groups", refused);

  EXPECT_TRUE(parse_user_profile(kSmall, {.bytes = kSmall.size(), .depth = 6}).ok());
  expect_refused(kSmall, "bytes", refused, {.bytes = kSmall.size() - 1});
  expect_refused(kSmall, "inside one another", refused, {.depth = 5});
}

TEST(UserProfile, when_it_is_hostile_then_it_is_refused) {
  expect_refused("<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;&lol;\">]>" +
                     small_with("u@h", "&lol2;"),
                 "document type");
  expect_refused(small_with("u@h", "&lol;"), "entity");
  expect_refused("<!DOCTYPE x SYSTEM \"file:///etc/passwd\">" + std::string(kSmall), "document type");
  expect_refused(times(20'000, "<Extension>"), "inside one another", absl::StatusCode::kResourceExhausted);
  expect_refused(small_with("u@h", std::string(2'000'000, 'u')), "bytes", absl::StatusCode::kResourceExhausted);
  expect_refused(small_with("u@h", times(60'000, "<a/>")), "elements", absl::StatusCode::kResourceExhausted);
  expect_refused(small_with("u@h", std::string_view("u\0h", 3)), "control character");
  expect_refused(small_with("u@h", "u&#0;h"), "character reference");
  expect_refused(small_with("u@h", "u\xffh"), "UTF-8");
  expect_refused(std::string_view(kSmall).substr(0, 200), "XML refused");
}

}  // namespace
}  // namespace lapwing::scscf
