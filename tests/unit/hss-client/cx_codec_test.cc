#include "hss-client/cx_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace lapwing::cx {
namespace {

using diameter::Avp;
using diameter::Fault;
using diameter::Parsed;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Avps = std::vector<Avp>;

Secret secret(std::string_view bytes) {
  return Secret({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

Routing from_scscf() {
  return {"scscf.ims.example", "ims.example", "hss.ims.example", "ims.example"};
}
Routing from_hss() {
  return {"hss.ims.example", "ims.example", "", ""};
}

AuthDataItem vector_of(uint32_t number) {
  AuthDataItem item;
  item.item_number = number;
  item.scheme = "Digest-AKAv1-MD5";
  item.authenticate = std::string(32, 'a');
  item.authorization = secret("12345678");
  item.confidentiality_key = secret(std::string(16, 'c'));
  item.integrity_key = secret(std::string(16, 'i'));
  return item;
}

MultimediaAuthRequest mar() {
  MultimediaAuthRequest r;
  r.routing = from_scscf();
  r.impi = "001010000000001@ims.example";
  r.impu = "sip:001010000000001@ims.example";
  r.server_name = "sip:scscf.ims.example:6060";
  r.item.scheme = "Digest-AKAv1-MD5";
  return r;
}

MultimediaAuthAnswer maa(std::vector<AuthDataItem> vectors) {
  MultimediaAuthAnswer a;
  a.routing = from_hss();
  a.result = base::success;
  a.items = static_cast<uint32_t>(vectors.size());
  a.vectors = std::move(vectors);
  return a;
}

RegistrationTerminationRequest rtr() {
  RegistrationTerminationRequest r;
  r.routing = {"hss.ims.example", "ims.example", "scscf.ims.example", "ims.example"};
  r.impi = "001010000000001@ims.example";
  r.impus = {"sip:a@ims.example", "tel:+15550100001"};
  r.associated_identities = {"other@ims.example"};
  r.reason = DeregistrationReason::server_change;
  r.reason_info = "moved";
  r.flags = 1;
  return r;
}

template <typename T>
T through(const T& value) {
  auto parsed = decode<T>(encode(value));
  if (auto* fault = std::get_if<Fault>(&parsed)) {
    ADD_FAILURE() << fault->text;
    return {};
  }
  return std::get<T>(std::move(parsed));
}

template <typename T>
Fault fault_of(const Avps& avps) {
  auto parsed = decode<T>(avps);
  if (auto* fault = std::get_if<Fault>(&parsed)) return *fault;
  return Fault{0, "no fault", {}};
}

// Drops the AVP, for "when missing" cases.
Avps without(Avps avps, uint32_t code) {
  std::erase_if(avps, [&](const Avp& avp) { return avp.code == code; });
  return avps;
}

Avps with(Avps avps, Avp avp) {
  avps = without(std::move(avps), avp.code);
  avps.push_back(std::move(avp));
  return avps;
}

TEST(CxCodec, when_a_uar_is_encoded_then_it_decodes_to_the_same) {
  UserAuthorizationRequest r;
  r.routing = from_scscf();
  r.impi = "u@ims.example";
  r.impu = "sip:u@ims.example";
  r.visited_network = "ims.example";
  r.type = UserAuthorizationType::registration_and_capabilities;
  r.emergency = true;
  r.features = {{1, 5}};
  UserAuthorizationRequest back = through(r);
  EXPECT_EQ(back.routing.destination_host, "hss.ims.example");
  EXPECT_EQ(back.impi, r.impi);
  EXPECT_EQ(back.visited_network, r.visited_network);
  EXPECT_EQ(back.type, r.type);
  EXPECT_TRUE(back.emergency);
  ASSERT_EQ(back.features.size(), 1u);
  EXPECT_EQ(back.features[0].features, 5u);
}

TEST(CxCodec, when_a_uaa_is_encoded_then_it_decodes_to_the_same) {
  UserAuthorizationAnswer a;
  a.routing = from_hss();
  a.result = experimental::first_registration;
  a.capabilities = ServerCapabilities{{1, 2}, {3}, {"sip:s1.example", "sip:s2.example"}};
  UserAuthorizationAnswer back = through(a);
  EXPECT_EQ(back.result, a.result);
  ASSERT_TRUE(back.capabilities);
  EXPECT_THAT(back.capabilities->mandatory, ElementsAre(1, 2));
  EXPECT_THAT(back.capabilities->server_names, ElementsAre("sip:s1.example", "sip:s2.example"));
}

TEST(CxCodec, when_a_sar_with_restoration_info_is_encoded_then_it_decodes_to_the_same) {
  ServerAssignmentRequest r;
  r.routing = from_scscf();
  r.impi = "u@ims.example";
  r.impus = {"sip:u@ims.example", "tel:+15550100001"};
  r.server_name = "sip:scscf.ims.example:6060";
  r.type = ServerAssignmentType::re_registration;
  r.user_data_available = true;
  r.multiple_registration = false;
  r.session_priority = 4;
  r.pcscf_restoration = true;
  r.restoration = ScscfRestorationInfo{
      r.impi,
      {RestorationInfo{"<sip:p1;lr>, <sip:p2;lr>", "<sip:u@10.0.0.1>;q=1", 7, "abc",
                       Subscription{"c", "f", "t", "rr", "m"}, Subscription{"c2", "f2", "t2", "", "m2"}}},
      4000000000u,
      "Digest-AKAv1-MD5"};
  ServerAssignmentRequest back = through(r);
  EXPECT_EQ(back.impus, r.impus);
  EXPECT_EQ(back.type, r.type);
  EXPECT_TRUE(back.user_data_available);
  EXPECT_EQ(back.multiple_registration, false);
  EXPECT_EQ(back.session_priority, 4u);
  EXPECT_TRUE(back.pcscf_restoration);
  EXPECT_EQ(back.restoration, r.restoration);
}

TEST(CxCodec, when_a_saa_is_encoded_then_it_decodes_to_the_same) {
  ServerAssignmentAnswer a;
  a.routing = from_hss();
  a.result = base::success;
  a.impi = "u@ims.example";
  a.user_data = "<?xml version=\"1.0\"?>\n<IMSSubscription/>";
  a.charging = ChargingInformation{"aaa://ecf", "", "aaa://ccf", "aaa://ccf2"};
  a.associated_identities = {"v@ims.example"};
  a.associated_registered_identities = {"w@ims.example"};
  a.loose_route = true;
  a.privileged_sender = false;
  a.restoration = {ScscfRestorationInfo{"u@ims.example", {RestorationInfo{"p", "c", {}, "", {}, {}}}, {}, ""}};
  ServerAssignmentAnswer back = through(a);
  EXPECT_EQ(back.user_data, a.user_data);
  ASSERT_TRUE(back.charging);
  EXPECT_EQ(back.charging->secondary_collection, "aaa://ccf2");
  EXPECT_EQ(back.charging->secondary_event, "");
  EXPECT_EQ(back.associated_identities, a.associated_identities);
  EXPECT_EQ(back.associated_registered_identities, a.associated_registered_identities);
  EXPECT_EQ(back.loose_route, true);
  EXPECT_EQ(back.privileged_sender, false);
  EXPECT_EQ(back.restoration, a.restoration);
}

TEST(CxCodec, when_a_lir_and_a_lia_are_encoded_then_they_decode_to_the_same) {
  LocationInfoRequest r;
  r.routing = from_scscf();
  r.impu = "tel:+15550100001";
  r.originating = true;
  r.type = UserAuthorizationType::registration_and_capabilities;
  LocationInfoRequest back = through(r);
  EXPECT_EQ(back.impu, r.impu);
  EXPECT_TRUE(back.originating);
  EXPECT_EQ(back.type, r.type);
  LocationInfoAnswer a;
  a.routing = from_hss();
  a.result = experimental::unregistered_service;
  a.server_name = "sip:scscf.ims.example";
  a.wildcarded_impu = "sip:!.*!@ims.example";
  a.flags = 1;
  LocationInfoAnswer answer = through(a);
  EXPECT_EQ(answer.result, a.result);
  EXPECT_EQ(answer.wildcarded_impu, a.wildcarded_impu);
  EXPECT_EQ(answer.flags, 1u);
}

TEST(CxCodec, when_a_resynchronisation_mar_is_encoded_then_rand_and_auts_come_through) {
  MultimediaAuthRequest r = mar();
  r.item.authorization = secret(std::string(30, '\x01'));
  MultimediaAuthRequest back = through(r);
  EXPECT_TRUE(back.item.authorization.equals(r.item.authorization));
  EXPECT_EQ(back.item.scheme, "Digest-AKAv1-MD5");
  EXPECT_EQ(back.items, 1u);
}

TEST(CxCodec, when_a_maa_has_vectors_then_the_lower_item_number_comes_first) {
  MultimediaAuthAnswer back = through(maa({vector_of(3), vector_of(1), vector_of(2)}));
  ASSERT_EQ(back.vectors.size(), 3u);
  EXPECT_EQ(back.vectors[0].item_number, 1u);
  EXPECT_EQ(back.vectors[2].item_number, 3u);
  EXPECT_EQ(back.vectors[0].integrity_key.size(), 16u);
}

TEST(CxCodec, when_a_maa_has_sip_digest_then_no_aka_length_is_asked) {
  AuthDataItem item;
  item.scheme = "SIP Digest";
  item.digest = SipDigest{"ims.example", "MD5", "auth", secret("0123456789abcdef0123456789abcdef")};
  MultimediaAuthAnswer back = through(maa({item}));
  ASSERT_EQ(back.vectors.size(), 1u);
  ASSERT_TRUE(back.vectors[0].digest);
  EXPECT_EQ(back.vectors[0].digest->realm, "ims.example");
  EXPECT_EQ(back.vectors[0].digest->ha1.size(), 32u);
}

TEST(CxCodec, when_the_only_vector_has_a_wrong_length_then_the_maa_is_malformed_and_says_why) {
  auto check = [](AuthDataItem item, const char* reason) {
    Fault fault = fault_of<MultimediaAuthAnswer>(encode(maa({std::move(item)})));
    EXPECT_EQ(fault.result_code, 5004u);
    EXPECT_THAT(fault.text, HasSubstr(reason));
  };
  AuthDataItem bad = vector_of(1);
  bad.authenticate.pop_back();
  check(bad, "SIP-Authenticate is 31 bytes, 32 wanted");
  bad = vector_of(1);
  bad.authorization = secret("123");
  check(bad, "SIP-Authorization is 3 bytes, 4 to 16 wanted");
  bad.authorization = secret(std::string(17, 'x'));
  check(bad, "SIP-Authorization is 17 bytes");
  bad = vector_of(1);
  bad.confidentiality_key = secret(std::string(32, 'x'));
  check(bad, "Confidentiality-Key is 32 bytes");
  bad = vector_of(1);
  bad.integrity_key = Secret();
  check(bad, "Integrity-Key is 0 bytes");
}

TEST(CxCodec, when_one_of_two_vectors_is_bad_then_the_good_one_is_kept) {
  AuthDataItem bad = vector_of(1);
  bad.authenticate = "short";
  MultimediaAuthAnswer back = through(maa({bad, vector_of(2)}));
  ASSERT_EQ(back.vectors.size(), 1u);
  EXPECT_EQ(back.vectors[0].item_number, 2u);
}

TEST(CxCodec, when_auts_has_a_wrong_length_then_the_mar_is_refused_with_5004) {
  MultimediaAuthRequest r = mar();
  r.item.authorization = secret(std::string(29, 'x'));
  Fault fault = fault_of<MultimediaAuthRequest>(encode(r));
  EXPECT_EQ(fault.result_code, 5004u);
  EXPECT_THAT(fault.text, HasSubstr("29 bytes, 30 wanted"));
}

TEST(CxCodec, when_an_rtr_and_an_rta_are_encoded_then_they_decode_to_the_same) {
  RegistrationTerminationRequest back = through(rtr());
  EXPECT_EQ(back.impus, rtr().impus);
  EXPECT_EQ(back.associated_identities, rtr().associated_identities);
  EXPECT_EQ(back.reason, DeregistrationReason::server_change);
  EXPECT_EQ(back.reason_info, "moved");
  EXPECT_EQ(back.flags, 1u);
  RegistrationTerminationAnswer a;
  a.routing = from_scscf();
  a.result = base::limited_success;
  a.emergency = {{"u@ims.example", "sip:u@ims.example"}};
  EXPECT_EQ(through(a).emergency, a.emergency);
  EXPECT_EQ(through(a).result, base::limited_success);
}

TEST(CxCodec, when_a_ppr_and_a_ppa_are_encoded_then_they_decode_to_the_same) {
  PushProfileRequest r;
  r.routing = from_hss();
  r.impi = "u@ims.example";
  r.user_data = "<IMSSubscription/>";
  r.charging = ChargingInformation{"", "", "aaa://ccf", ""};
  PushProfileRequest back = through(r);
  EXPECT_EQ(back.user_data, r.user_data);
  EXPECT_EQ(back.charging->primary_collection, "aaa://ccf");
  PushProfileAnswer a;
  a.routing = from_scscf();
  a.result = experimental::not_supported_user_data;
  EXPECT_EQ(through(a).result, a.result);
}

TEST(CxCodec, when_avps_come_in_any_order_then_they_are_taken) {
  Avps avps = encode(mar());
  std::reverse(avps.begin(), avps.end());
  EXPECT_TRUE(std::holds_alternative<MultimediaAuthRequest>(decode<MultimediaAuthRequest>(avps)));
}

TEST(CxCodec, when_an_unknown_avp_has_the_m_flag_then_a_request_gets_5001_and_an_answer_is_taken) {
  Avp unknown = diameter::octets(9999, 10415, true, "x");
  Avps request = encode(mar());
  request.push_back(unknown);
  Fault fault = fault_of<MultimediaAuthRequest>(request);
  EXPECT_EQ(fault.result_code, 5001u);
  EXPECT_EQ(fault.failed, unknown);
  Avps inside = encode(mar());
  for (Avp& avp : inside) {
    if (avp.code == 612) avp.children.push_back(unknown);
  }
  EXPECT_EQ(fault_of<MultimediaAuthRequest>(inside).result_code, 5001u);
  Avps answer = encode(maa({vector_of(1)}));
  answer.push_back(unknown);
  EXPECT_TRUE(std::holds_alternative<MultimediaAuthAnswer>(decode<MultimediaAuthAnswer>(answer)));
}

TEST(CxCodec, when_an_unknown_avp_has_no_m_flag_then_it_is_ignored) {
  Avps request = encode(mar());
  request.push_back(diameter::octets(9999, 10415, false, "x"));
  request.push_back(diameter::octets(494, 50, false, "x"));
  EXPECT_TRUE(std::holds_alternative<MultimediaAuthRequest>(decode<MultimediaAuthRequest>(request)));
}

TEST(CxCodec, when_a_known_avp_has_the_other_m_flag_then_it_is_taken) {
  Avps request = encode(mar());
  for (Avp& avp : request) avp.mandatory = !avp.mandatory;
  EXPECT_TRUE(std::holds_alternative<MultimediaAuthRequest>(decode<MultimediaAuthRequest>(request)));
}

TEST(CxCodec, when_a_required_avp_is_missing_then_5005_names_it) {
  Fault fault = fault_of<MultimediaAuthRequest>(without(encode(mar()), 602));
  EXPECT_EQ(fault.result_code, 5005u);
  EXPECT_THAT(fault.text, HasSubstr("Server-Name is missing"));
  ASSERT_TRUE(fault.failed);
  EXPECT_EQ(fault.failed->code, 602u);
  EXPECT_EQ(fault_of<RegistrationTerminationRequest>(without(encode(rtr()), 615)).result_code, 5005u);
  EXPECT_EQ(fault_of<RegistrationTerminationRequest>(without(encode(rtr()), 1)).result_code, 5005u);
  EXPECT_EQ(fault_of<RegistrationTerminationRequest>(without(encode(rtr()), 264)).result_code, 5005u);
}

TEST(CxCodec, when_user_name_is_empty_then_5004) {
  Fault fault = fault_of<RegistrationTerminationRequest>(with(encode(rtr()), diameter::octets(1, 0, true, "")));
  EXPECT_EQ(fault.result_code, 5004u);
  EXPECT_THAT(fault.text, HasSubstr("User-Name is empty"));
}

TEST(CxCodec, when_an_identity_has_a_control_character_then_5004) {
  Avps avps = with(encode(rtr()), diameter::octets(1, 0, true, std::string_view("a\0b", 3)));
  EXPECT_EQ(fault_of<RegistrationTerminationRequest>(avps).result_code, 5004u);
  UserAuthorizationAnswer a;
  a.routing = from_hss();
  a.result = experimental::subsequent_registration;
  a.server_name = "sip:s\r\nEvil: yes";
  EXPECT_EQ(fault_of<UserAuthorizationAnswer>(encode(a)).result_code, 5004u);
}

TEST(CxCodec, when_a_required_avp_is_twice_in_a_request_then_5009) {
  Avps avps = encode(mar());
  avps.push_back(diameter::octets(1, 0, true, "second@ims.example"));
  EXPECT_EQ(fault_of<MultimediaAuthRequest>(avps).result_code, 5009u);
}

TEST(CxCodec, when_an_unsigned32_is_3_bytes_then_5014) {
  Avps avps = with(encode(mar()), diameter::octets(607, 10415, true, "abc"));
  Fault fault = fault_of<MultimediaAuthRequest>(avps);
  EXPECT_EQ(fault.result_code, 5014u);
  EXPECT_THAT(fault.text, HasSubstr("SIP-Number-Auth-Items is 3 bytes, 4 wanted"));
}

TEST(CxCodec, when_an_enumeration_is_out_of_range_then_5004) {
  ServerAssignmentRequest r;
  r.routing = from_scscf();
  r.server_name = "sip:s";
  Avps avps = with(encode(r), diameter::unsigned32(614, 10415, true, 12));  // SWx
  EXPECT_EQ(fault_of<ServerAssignmentRequest>(avps).result_code, 5004u);
}

TEST(CxCodec, when_experimental_result_lacks_its_vendor_then_the_code_counts) {
  Avps avps = {diameter::grouped(297, 0, true, {diameter::unsigned32(298, 0, true, 5001)})};
  EXPECT_EQ(std::get<Result>(result_of(avps)), experimental::user_unknown);
}

TEST(CxCodec, when_an_answer_has_no_result_then_5005) {
  EXPECT_EQ(fault_of<UserAuthorizationAnswer>({}).result_code, 5005u);
}

TEST(CxCodec, when_numbers_are_equal_then_the_text_tells_base_from_experimental) {
  EXPECT_EQ(result_text(base::authorization_rejected), "DIAMETER_AUTHORIZATION_REJECTED (5003)");
  EXPECT_EQ(result_text(experimental::identity_not_registered),
            "DIAMETER_ERROR_IDENTITY_NOT_REGISTERED (experimental 5003)");
  EXPECT_EQ(result_text({false, 5420}), "unknown result (5420)");
}

TEST(CxCodec, when_an_error_answer_is_made_then_it_has_the_session_the_e_flag_and_the_failed_avp) {
  diameter::Message request = request_message(Command::registration_termination, "hss;1;2", encode(rtr()));
  request.hop_by_hop = 9;
  diameter::Message busy = answer_message(request, encode_error(from_scscf(), Fault{3004, "busy", {}}));
  EXPECT_EQ(busy.flags, 0x60);
  EXPECT_EQ(busy.hop_by_hop, 9u);
  EXPECT_EQ(session_id(busy.avps), "hss;1;2");
  Avps refused = encode_error(from_scscf(), Fault{5001, "no", diameter::octets(9999, 0, true, "x")});
  EXPECT_EQ(diameter::find(refused, 279, 0)->children[0].code, 9999u);
  EXPECT_EQ(answer_message(request, refused).flags, 0x40);
}

TEST(CxCodec, when_a_message_is_encoded_then_flags_are_those_of_ts_29_229) {
  Avps avps = encode(mar());
  for (const Avp& avp : avps) EXPECT_TRUE(avp.mandatory) << avp.code;
  ServerAssignmentRequest sar;
  sar.features = {{1, 1}};
  sar.wildcarded_impu = "x";
  avps = encode(sar);
  EXPECT_FALSE(diameter::find(avps, 628, 10415)->mandatory);
  EXPECT_FALSE(diameter::find(avps, 634, 10415)->mandatory);
}

TEST(CxCodec, when_secrets_are_wiped_then_no_key_is_left_in_the_tree) {
  Avps avps = encode(maa({vector_of(1)}));
  wipe_secrets(avps);
  std::string bytes = diameter::encode_avps(avps);
  EXPECT_EQ(bytes.find(std::string(16, 'c')), std::string::npos);
  EXPECT_EQ(bytes.find(std::string(16, 'i')), std::string::npos);
  EXPECT_EQ(bytes.find("12345678"), std::string::npos);
}

std::string captured(const char* name) {
  const char* folder = std::getenv("LAPWING_HANDSET_DATA");
  std::filesystem::path data = folder ? folder : LAPWING_SOURCE_DIR "/../shared/data/handset";
  std::ifstream in(data / "cx" / name, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// What the capture holds of AVPs we know, without the order: any is right but for Session-Id.
Avps comparable(Avps avps) {
  std::erase_if(avps, [](const Avp& avp) { return avp.code == 263 || !definition(avp.code, avp.vendor); });
  for (Avp& avp : avps) avp.children = comparable(std::move(avp.children));
  std::sort(avps.begin(), avps.end(), [](const Avp& a, const Avp& b) {
    return std::pair(a.code, diameter::encode_avps({a})) < std::pair(b.code, diameter::encode_avps({b}));
  });
  return avps;
}

template <typename T>
void check_capture(const char* name, T& value) {
  std::string bytes = captured(name);
  if (bytes.empty()) GTEST_SKIP() << "no captured Cx messages here: set LAPWING_HANDSET_DATA";
  auto message = diameter::decode(bytes, is_group);
  ASSERT_TRUE(std::holds_alternative<diameter::Message>(message)) << std::get<Fault>(message).text;
  const Avps& avps = std::get<diameter::Message>(message).avps;
  auto parsed = decode<T>(avps);
  ASSERT_TRUE(std::holds_alternative<T>(parsed)) << std::get<Fault>(parsed).text;
  value = std::get<T>(std::move(parsed));
  EXPECT_EQ(comparable(encode(value)), comparable(avps));
}

TEST(CxCapture, when_a_samsung_uar_is_decoded_then_it_encodes_to_the_same_avps) {
  UserAuthorizationRequest value;
  check_capture("samsung-uar.diameter", value);
}
TEST(CxCapture, when_a_samsung_uaa_is_decoded_then_it_encodes_to_the_same_avps) {
  UserAuthorizationAnswer value;
  check_capture("samsung-uaa.diameter", value);
  if (!IsSkipped()) EXPECT_EQ(value.result, experimental::subsequent_registration);
}
TEST(CxCapture, when_a_samsung_mar_is_decoded_then_it_encodes_to_the_same_avps) {
  MultimediaAuthRequest value;
  check_capture("samsung-mar.diameter", value);
}
TEST(CxCapture, when_a_samsung_maa_is_decoded_then_it_encodes_to_the_same_avps) {
  MultimediaAuthAnswer value;
  check_capture("samsung-maa.diameter", value);
  if (!IsSkipped()) EXPECT_EQ(value.vectors.at(0).authorization.size(), 8u);
}
TEST(CxCapture, when_a_samsung_sar_is_decoded_then_it_encodes_to_the_same_avps) {
  ServerAssignmentRequest value;
  check_capture("samsung-sar.diameter", value);
}
TEST(CxCapture, when_a_samsung_saa_is_decoded_then_it_encodes_to_the_same_avps) {
  ServerAssignmentAnswer value;
  check_capture("samsung-saa.diameter", value);
}

}  // namespace
}  // namespace lapwing::cx
