#include "lab/labue/messages.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/sip/headers.h"
#include "common/sip/message.h"
#include "lab/labue/challenge.h"

namespace lapwing::labue {
namespace {

std::vector<std::string> header_names(const sip::Message& message) {
  std::vector<std::string> names;
  for (const sip::HeaderRow& row : message.rows()) names.emplace_back(message.name(row));
  return names;
}

sip::Message parsed(std::string wire) {
  sip::ParseResult result = sip::Message::parse(std::move(wire), sip::Framing::stream);
  EXPECT_TRUE(result.ok()) << (result.failure ? result.failure->why : "");
  return std::move(*result.message);
}

// A captured message of a real handset, where the machine has the captures.
std::optional<sip::Message> captured(const std::string& name) {
  const char* set = std::getenv("LAPWING_HANDSET_DATA");
  std::filesystem::path folder =
      set ? std::filesystem::path(set) : std::filesystem::path(LAPWING_SOURCE_DIR) / "../shared/data/handset";
  std::ifstream in(folder / name, std::ios::binary);
  if (!in) return std::nullopt;
  std::ostringstream text;
  text << in.rdbuf();
  return parsed(text.str());
}

const Identity who = Identity::from_imsi("001011234567893", 2);

RegisterShape protected_shape() {
  RegisterShape shape;
  shape.hop.protocol = sip::Protocol::tcp;
  shape.hop.sent_by = "192.168.101.5:6300";
  shape.hop.branch = "z9hG4bKx";
  shape.hop.access_network = "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=001010001000019b";
  shape.hop.security_client = "ipsec-3gpp;alg=hmac-md5-96";
  shape.hop.security_verify = "ipsec-3gpp;alg=hmac-md5-96";
  shape.call_id = "a@192.168.101.5";
  shape.from_tag = "t";
  shape.authorization = initial_authorization(who);
  shape.expires = 3600;
  shape.require_sec_agree = true;
  return shape;
}

TEST(Messages, when_a_protected_register_is_made_then_its_headers_are_a_samsungs_in_their_order) {
  std::optional<sip::Message> real = captured("samsung-register-2-protected-tcp-esp.sip");
  if (!real) GTEST_SKIP() << "the captured handset messages are not on this machine";
  sip::Message ours = parsed(register_request(who, protected_shape()));
  EXPECT_EQ(header_names(ours), header_names(*real));
  for (sip::HeaderId id : {sip::HeaderId::to, sip::HeaderId::allow, sip::HeaderId::supported,
                           sip::HeaderId::p_access_network_info, sip::HeaderId::max_forwards}) {
    EXPECT_EQ(ours.header(id), real->header(id));
  }
  EXPECT_EQ(ours.request_uri(), real->request_uri());
}

TEST(Messages, when_a_first_register_is_made_then_its_headers_are_a_samsungs_in_their_order) {
  std::optional<sip::Message> real = captured("samsung-register-1-initial-udp.sip");
  if (!real) GTEST_SKIP() << "the captured handset messages are not on this machine";
  RegisterShape shape = protected_shape();
  shape.hop.protocol = sip::Protocol::udp;
  shape.hop.security_verify.clear();
  shape.hop.access_network.clear();
  sip::Message ours = parsed(register_request(who, shape));
  EXPECT_EQ(header_names(ours), header_names(*real));
  EXPECT_EQ(ours.header(sip::HeaderId::require), "sec-agree");
}

TEST(Messages, when_a_subscribe_is_made_then_its_headers_are_a_samsungs_in_their_order) {
  std::optional<sip::Message> real = captured("samsung-subscribe-reg-udp-esp.sip");
  if (!real) GTEST_SKIP() << "the captured handset messages are not on this machine";
  SubscribeShape shape;
  shape.hop = protected_shape().hop;
  shape.target = shape.impu = "tel:0398765432100";
  shape.contact_user = "0398765432100";
  shape.call_id = "b@192.168.101.5";
  shape.from_tag = "t";
  shape.routes = {"<sip:10.4.128.21:6100;lr>", "<sip:orig@scscf.ims.mnc001.mcc001.3gppnetwork.org:6060;lr>"};
  shape.require_sec_agree = true;
  sip::Message ours = parsed(subscribe_request(who, shape));
  EXPECT_EQ(header_names(ours), header_names(*real));
  for (sip::HeaderId id : {sip::HeaderId::to, sip::HeaderId::accept, sip::HeaderId::event, sip::HeaderId::expires,
                           sip::HeaderId::route, sip::HeaderId::p_preferred_identity}) {
    EXPECT_EQ(ours.header(id), real->header(id));
  }
}

TEST(Messages, when_a_register_is_made_then_contact_carries_instance_and_features) {
  sip::Message ours = parsed(register_request(who, protected_shape()));
  auto contact = sip::Contact::parse(ours.header(sip::HeaderId::contact));
  ASSERT_TRUE(contact.ok()) << contact.status();
  EXPECT_EQ(contact->address.uri.text, "sip:192.168.101.5:6300");
  EXPECT_EQ(contact->instance, "<" + who.instance + ">");
  EXPECT_TRUE(contact->address.params.has("+g.3gpp.smsip"));
  EXPECT_EQ(ours.header(sip::HeaderId::user_agent), "labue/0.1");
}

TEST(Messages, when_handsets_share_a_port_then_contact_names_the_imsi) {
  RegisterShape shape = protected_shape();
  shape.contact_user = who.imsi;
  sip::Message ours = parsed(register_request(who, shape));
  auto contact = sip::Contact::parse(ours.header(sip::HeaderId::contact));
  ASSERT_TRUE(contact.ok());
  EXPECT_EQ(contact->address.uri.text, "sip:001011234567893@192.168.101.5:6300");
}

TEST(Identity, when_derived_from_an_imsi_then_two_and_three_digit_mncs_give_the_domain) {
  EXPECT_EQ(Identity::from_imsi("001010000000001", 2).impi, "001010000000001@ims.mnc001.mcc001.3gppnetwork.org");
  EXPECT_EQ(Identity::from_imsi("310260000000001", 3).domain, "ims.mnc260.mcc310.3gppnetwork.org");
}

TEST(Identity, when_two_imsis_differ_then_so_do_their_imeis) {
  EXPECT_EQ(who.instance, "urn:gsma:imei:35011234-567893-0");
  EXPECT_NE(Identity::from_imsi("001011234567894", 2).instance, who.instance);
}

}  // namespace
}  // namespace lapwing::labue
