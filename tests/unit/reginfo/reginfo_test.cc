#include "common/reginfo/reginfo.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_format.h"

namespace lapwing::reginfo {
namespace {

RegInfo handset_registered() {
  RegInfo info{.version = 4, .full = true};
  Contact contact{.id = "c1", .event = ContactEvent::registered, .expires = 3590};
  contact.callid = "a84@10.9.0.2";
  contact.cseq = 2;
  contact.uri = "sip:001010000000042@10.9.0.2:6000;transport=udp";
  contact.unknown_params = {{"+g.3gpp.smsip", ""}, {"+sip.instance", "\"<urn:gsma:imei:35000000-000001-0>\""}};
  info.registrations.push_back({"sip:+15550100042@ims.example.org", "r1", RegistrationState::active, {contact}});
  Contact created{.id = "c2", .event = ContactEvent::created, .expires = 3590};
  created.uri = contact.uri;
  info.registrations.push_back({"tel:+15550100042", "r2", RegistrationState::active, {created}});
  return info;
}

// Every element and attribute the writer knows, and text that needs escaping.
RegInfo everything() {
  RegInfo info = handset_registered();
  Contact& contact = info.registrations[0].contacts[0];
  contact.q = "0.8";
  contact.display_name = "Zo\xc3\xab & <sons>";
  contact.pub_gruu = "sip:+15550100042@ims.example.org;gr=urn:gsma:imei:35000000-000001-0";
  contact.temp_gruu = TempGruu{"sip:tgruu.7hs@ims.example.org;gr", 54301};
  contact.callid = "\"x\"<&>@h";
  contact.uri = "sip:u@10.9.0.2:6000;transport=tcp;x=\"<&>\"";
  uint32_t id = 10;
  for (const auto event :
       {ContactEvent::refreshed, ContactEvent::shortened, ContactEvent::expired, ContactEvent::deactivated,
        ContactEvent::probation, ContactEvent::unregistered, ContactEvent::rejected}) {
    Contact other{.id = absl::StrFormat("c%d", ++id), .event = event, .uri = "sip:u@10.9.0.2:6000"};
    other.state = event > ContactEvent::shortened ? ContactState::terminated : ContactState::active;
    if (event == ContactEvent::probation) other.retry_after = 30;
    info.registrations[0].contacts.push_back(other);
  }
  info.registrations.push_back({"sip:new@ims.example.org", "r3", RegistrationState::init, {}});
  info.registrations.push_back({"sip:gone@ims.example.org", "r4", RegistrationState::terminated, {}});
  return info;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::filesystem::path handset_data() {
  if (const char* set = std::getenv("LAPWING_HANDSET_DATA")) return set;
  return std::filesystem::path(LAPWING_SOURCE_DIR) / "../shared/data/handset";
}

// What xmllint says of the document by RFC 3680's schema; empty when it is valid.
std::string schema_complaints(const std::string& document) {
  const std::string base = testing::TempDir() + absl::StrFormat("/reginfo-%d", getpid());
  std::ofstream(base + ".xml", std::ios::binary) << document;
  const std::string command =
      absl::StrFormat("xmllint --noout --nonet --schema '%s/tests/unit/reginfo/reginfo.xsd' '%s.xml' 2>'%s.out'",
                      LAPWING_SOURCE_DIR, base, base);
  const int result = std::system(command.c_str());
  const std::string said = read_file(base + ".out");
  std::filesystem::remove(base + ".xml");
  std::filesystem::remove(base + ".out");
  return result == 0 ? "" : said;
}

bool have_xmllint() {
  return std::system("command -v xmllint >/dev/null") == 0;
}

void expect_refused(std::string_view xml, std::string_view why,
                    absl::StatusCode code = absl::StatusCode::kInvalidArgument, const Limits& limits = {}) {
  const auto parsed = parse(xml, limits);
  EXPECT_EQ(parsed.status().code(), code) << xml;
  EXPECT_NE(parsed.status().ToString().find(why), std::string::npos) << parsed.status();
}

std::string document(std::string_view inside) {
  return absl::StrFormat("<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"0\" state=\"full\">%s</reginfo>",
                         inside);
}
std::string with_contact(std::string_view attributes, std::string_view inside = "<uri>sip:u@h</uri>") {
  return document(
      absl::StrFormat("<registration aor=\"sip:u@h\" id=\"r\" state=\"active\"><contact id=\"c\" %s>%s</contact>"
                      "</registration>",
                      attributes, inside));
}

TEST(RegInfo, when_a_handset_is_registered_then_the_body_is_exactly_this) {
  EXPECT_EQ(write(handset_registered()), R"(<?xml version="1.0" encoding="UTF-8"?>
<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="4" state="full">
<registration aor="sip:+15550100042@ims.example.org" id="r1" state="active">
<contact id="c1" state="active" event="registered" expires="3590" callid="a84@10.9.0.2" cseq="2">
<uri>sip:001010000000042@10.9.0.2:6000;transport=udp</uri>
<unknown-param name="+g.3gpp.smsip"></unknown-param>
<unknown-param name="+sip.instance">"&lt;urn:gsma:imei:35000000-000001-0&gt;"</unknown-param>
</contact>
</registration>
<registration aor="tel:+15550100042" id="r2" state="active">
<contact id="c2" state="active" event="created" expires="3590">
<uri>sip:001010000000042@10.9.0.2:6000;transport=udp</uri>
</contact>
</registration>
</reginfo>
)");
}

TEST(RegInfo, when_the_contact_has_gruus_then_their_namespace_is_declared) {
  RegInfo info = handset_registered();
  EXPECT_EQ(write(info).find("gruuinfo"), std::string::npos);
  info.registrations[0].contacts[0].temp_gruu = TempGruu{"sip:t@h;gr", 7};
  const std::string body = write(info);
  EXPECT_NE(body.find(" xmlns:gr=\"urn:ietf:params:xml:ns:gruuinfo\""), std::string::npos);
  EXPECT_NE(body.find("<gr:temp-gruu uri=\"sip:t@h;gr\" first-cseq=\"7\"/>"), std::string::npos);
}

TEST(RegInfo, when_q_and_expires_are_among_the_parameters_then_they_are_not_repeated) {
  RegInfo info = handset_registered();
  Contact& contact = info.registrations[0].contacts[0];
  contact.q = "0.5";
  contact.unknown_params = {{"q", "0.5"}, {"Expires", "3600"}, {"audio", ""}};
  const std::string body = write(info);
  EXPECT_NE(body.find(" q=\"0.5\""), std::string::npos);
  EXPECT_EQ(body.find("name=\"q\""), std::string::npos);
  EXPECT_EQ(body.find("Expires"), std::string::npos);
  EXPECT_NE(body.find("name=\"audio\""), std::string::npos);
}

TEST(RegInfo, when_it_is_written_then_the_schema_of_rfc_3680_holds) {
  if (!have_xmllint()) GTEST_SKIP() << "xmllint (libxml2-utils) is not installed";
  EXPECT_EQ(schema_complaints(write(handset_registered())), "");
  EXPECT_EQ(schema_complaints(write(everything())), "");
  EXPECT_EQ(schema_complaints(write(RegInfo{})), "");
  EXPECT_NE(schema_complaints("<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" state=\"full\"/>"), "");
}

// Apart from the schema check, since libxml2 takes brackets in a URI without "//" for an error; TS 24.229's own
// examples have them.
TEST(RegInfo, when_the_contact_is_an_ipv6_address_then_its_brackets_stay) {
  RegInfo info = handset_registered();
  info.registrations[0].contacts[0].uri = "sip:u@[2001:db8::7]:6000;transport=tcp";
  const std::string body = write(info);
  EXPECT_NE(body.find("<uri>sip:u@[2001:db8::7]:6000;transport=tcp</uri>"), std::string::npos);
  const auto parsed = parse(body);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_TRUE(*parsed == info);
}

TEST(RegInfo, when_values_hold_what_xml_cannot_then_the_document_still_stands) {
  RegInfo info = handset_registered();
  Contact& contact = info.registrations[0].contacts[0];
  contact.unknown_params = {{std::string("a\0b", 3), "\xff\x01\r\nx"}};
  contact.display_name = "\xc3";
  const std::string body = write(info);
  const auto parsed = parse(body);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->registrations[0].contacts[0].unknown_params[0].first, "a?b");
  EXPECT_EQ(parsed->registrations[0].contacts[0].unknown_params[0].second, "??  x");
  EXPECT_EQ(parsed->registrations[0].contacts[0].display_name, "?");
  if (have_xmllint()) EXPECT_EQ(schema_complaints(body), "");
}

TEST(RegInfo, when_it_is_written_and_read_then_nothing_changed) {
  for (const RegInfo& info : {handset_registered(), everything(), RegInfo{.version = 4294967295, .full = false}}) {
    const auto parsed = parse(write(info));
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_TRUE(*parsed == info) << write(*parsed);
  }
}

TEST(RegInfo, when_a_samsung_accepted_it_then_it_is_read) {
  const auto path = handset_data() / "samsung-notify-reg-to-ue.sip";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "the captured NOTIFY is not here: " << path;
  const std::string message = read_file(path);
  const auto parsed = parse(std::string_view(message).substr(message.find("\r\n\r\n") + 4));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->version, 2u);
  ASSERT_EQ(parsed->registrations.size(), 2u);
  EXPECT_EQ(parsed->registrations[0].aor, "tel:0398765432100");
  const Contact& contact = parsed->registrations[1].contacts.at(0);
  EXPECT_EQ(contact.expires, 3599u);
  EXPECT_EQ(contact.q, "1.000");
  EXPECT_EQ(contact.uri, "sip:192.168.101.5:6300;alias=192.168.101.5~6301~2");
  ASSERT_EQ(contact.unknown_params.size(), 4u);
  EXPECT_EQ(contact.unknown_params[3].second, "\"<urn:gsma:imei:35622410-483840-0>\"");
  // What we would write of it is valid and reads back alike, but for the q that stood twice.
  const std::string ours = write(*parsed);
  if (have_xmllint()) EXPECT_EQ(schema_complaints(ours), "");
  const auto again = parse(ours);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->registrations[1].contacts[0].unknown_params.size(), 3u);
}

TEST(RegInfo, when_elements_and_namespaces_are_unknown_then_they_are_passed_over) {
  const auto parsed = parse(R"(<?xml version="1.0"?>
    <r:reginfo xmlns:r="urn:ietf:params:xml:ns:reginfo" xmlns:gr="urn:ietf:params:xml:ns:gruuinfo" xmlns:o="urn:other"
        xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="1" state="partial" extra="1">
      <o:registration aor="sip:x@h" state="nonsense"/>
      <r:wonder><r:registration aor="sip:y@h" state="active"/></r:wonder>
      <r:registration state="active" id="a7" aor="sip:joe@example.com">
        <o:contact id="9" state="x"/>
        <r:contact event="registered" state="active" id="76" duration-registered="7322">
          <o:uri>sip:wrong@h</o:uri>
          <gr:temp-gruu uri="sip:t@h;gr" first-cseq="5"/>
          <r:unknown-param name="+sip.instance">
            "&lt;urn:gsma:imei:35000000-000001-0&gt;"
          </r:unknown-param>
          <gr:pub-gruu uri="sip:p@h;gr"/>
          <r:display-name xml:lang="en"> Joe </r:display-name>
          <r:uri> <!-- c -->sip:joe@pc887.example.com </r:uri>
        </r:contact>
        <o:more/>
      </r:registration>
    </r:reginfo>)");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_FALSE(parsed->full);
  ASSERT_EQ(parsed->registrations.size(), 1u);
  ASSERT_EQ(parsed->registrations[0].contacts.size(), 1u);
  const Contact& contact = parsed->registrations[0].contacts[0];
  EXPECT_EQ(contact.uri, "sip:joe@pc887.example.com");
  EXPECT_EQ(contact.display_name, "Joe");
  EXPECT_EQ(contact.unknown_params.at(0).second, "\"<urn:gsma:imei:35000000-000001-0>\"");
  EXPECT_EQ(contact.pub_gruu, "sip:p@h;gr");
  EXPECT_EQ(contact.temp_gruu, (TempGruu{"sip:t@h;gr", 5}));
  EXPECT_FALSE(contact.expires.has_value());
}

TEST(RegInfo, when_no_namespace_is_declared_then_it_is_taken_for_ours) {
  EXPECT_TRUE(parse("<reginfo version='0' state='full'/>").ok());
  expect_refused("<reginfo xmlns='urn:other' version='0' state='full'/>", "not reginfo");
}

TEST(RegInfo, when_a_part_is_missing_or_wrong_then_the_error_names_it) {
  expect_refused("<regs/>", "not reginfo");
  expect_refused("<reginfo state='full'/>", "version");
  expect_refused("<reginfo version='0'/>", "state");
  expect_refused("<reginfo version='-1' state='full'/>", "version is not a number: '-1'");
  expect_refused("<reginfo version='4294967296' state='full'/>", "version");
  expect_refused("<reginfo version='1x' state='full'/>", "version");
  expect_refused(document("<registration id='r' state='active'/>"), "registration: no aor");
  expect_refused(document("<registration id='r' aor='sip:a@b' state='gone'/>"), "'gone'");
  expect_refused(with_contact("event='registered'"), "reginfo/registration/contact: state is unknown");
  expect_refused(with_contact("state='active' event='maybe'"), "event is unknown: 'maybe'");
  expect_refused(with_contact("state='active' event='registered' expires='soon'"), "expires is not a number");
  expect_refused(with_contact("state='active' event='registered'", ""), "no uri");
  expect_refused(with_contact("state='active' event='registered'", "<uri>sip:a@b&#13;&#10;X: y</uri>"), "control");
  expect_refused(with_contact("state='active' event='registered'", "<uri>sip:a@b</uri><unknown-param/>"), "no name");
}

TEST(RegInfo, when_a_time_is_beyond_32_bits_then_it_is_the_largest) {
  const auto parsed = parse(with_contact("state='active' event='registered' expires='18446744073709551615'"));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->registrations[0].contacts[0].expires, 4294967295u);
}

TEST(RegInfo, when_it_is_at_a_limit_then_it_is_read_and_one_more_is_refused) {
  const std::string contact = "<contact id='c' state='active' event='created'><uri>sip:a@b</uri></contact>";
  const std::string registration = "<registration aor='sip:a@b' id='r' state='active'>" + contact + "</registration>";
  const std::string two = document(registration + registration);
  const auto refused = absl::StatusCode::kResourceExhausted;
  EXPECT_TRUE(parse(two, {.bytes = two.size(), .registrations = 2, .contacts = 2}).ok());
  expect_refused(two, "bytes", refused, {.bytes = two.size() - 1});
  expect_refused(two, "more than 1 registrations", refused, {.registrations = 1});
  expect_refused(two, "more than 1 contacts", refused, {.contacts = 1});
  const std::string params = with_contact("state='active' event='created'",
                                          "<uri>sip:a@b</uri><unknown-param name='a'/><unknown-param name='b'/>");
  EXPECT_TRUE(parse(params, {.params = 2}).ok());
  expect_refused(params, "more than 1 parameters", refused, {.params = 1});
}

TEST(RegInfo, when_it_is_hostile_then_it_is_refused) {
  expect_refused("", "XML");
  expect_refused("<!DOCTYPE lolz [<!ENTITY a \"b\">]><reginfo version='0' state='full'>&a;</reginfo>", "document type");
  expect_refused(std::string("<reginfo version='0' state='full'>\0</reginfo>", 44), "control");
  std::string deep;
  for (int i = 0; i < 10'000; ++i) deep += "<x>";
  expect_refused(deep, "inside one another", absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace lapwing::reginfo
