// Every row of TS 29.228 sections 6.1 and 6.3 that the lab HSS knows.
#include "lab/labhss/cx_service.h"

#include <gmock/gmock.h>

#include "common/aka/sqn.h"
#include "tests/unit/labhss/lab.h"

namespace lapwing::labhss {
namespace {

using State = RegistrationState;
using Uat = cx::UserAuthorizationType;
constexpr cx::Result avp_occurs_too_many_times{false, 5009};

// --- UAR

TEST_F(Lab, when_uar_names_nobody_then_it_is_missing_or_unknown) {
  cx::UserAuthorizationRequest request;
  request.impu = temporary;
  EXPECT_EQ(answer(request).result, cx::base::missing_avp);
  request.impi = impi;
  request.impu = "";
  EXPECT_EQ(answer(request).result, cx::base::missing_avp);
  request.impu = "sip:nobody@" + domain;
  EXPECT_EQ(answer(request).result, cx::experimental::user_unknown);
  request.impi = "nobody@" + domain;
  request.impu = temporary;
  EXPECT_EQ(answer(request).result, cx::experimental::user_unknown);
}

TEST_F(Lab, when_uar_identities_are_of_two_subscribers_then_they_do_not_match) {
  cx::UserAuthorizationRequest request;
  request.impi = impi;
  request.impu = "tel:+15550100002";
  EXPECT_EQ(answer(request).result, cx::experimental::identities_dont_match);
}

TEST_F(Lab, when_all_identities_are_barred_then_uar_is_rejected_unless_it_is_an_emergency) {
  open(head + "subscribers:\n  - {imsi: '001010000000001', k: " + k_text + ", opc: " + opc_text +
       ", msisdn: '15550100001', barred: true}\n");
  EXPECT_EQ(uar().result, cx::base::authorization_rejected);
  cx::UserAuthorizationRequest request;
  request.impi = impi;
  request.impu = temporary;
  request.emergency = true;
  EXPECT_EQ(answer(request).result, cx::experimental::first_registration);
}

TEST_F(Lab, when_the_visited_network_is_not_listed_then_roaming_is_not_allowed) {
  open(head + "subscribers:\n" + one, {"partner.example.org"});
  cx::UserAuthorizationRequest request;
  request.impi = impi;
  request.impu = temporary;
  request.visited_network = "stranger.example.org";
  EXPECT_EQ(answer(request).result, cx::experimental::roaming_not_allowed);
  request.emergency = true;
  EXPECT_EQ(answer(request).result, cx::experimental::first_registration);
  request.emergency = false;
  for (const std::string& network : {std::string("Partner.Example.org"), domain}) {
    request.visited_network = network;
    EXPECT_EQ(answer(request).result, cx::experimental::first_registration) << network;
  }
}

TEST_F(Lab, when_nobody_serves_the_user_then_uar_says_first_registration_with_capabilities) {
  EXPECT_EQ(uar().result, cx::experimental::first_registration);
  EXPECT_FALSE(uar().capabilities);
  EXPECT_EQ(uar().server_name, "");
  EXPECT_EQ(uar(Uat::de_registration).result, cx::experimental::identity_not_registered);
  open(head + "profile: {mandatory_capabilities: [1, 2], optional_capabilities: [7]}\nsubscribers:\n" + one);
  const cx::UserAuthorizationAnswer answer = uar();
  ASSERT_TRUE(answer.capabilities);
  EXPECT_EQ(answer.capabilities->mandatory, (std::vector<uint32_t>{1, 2}));
  EXPECT_EQ(answer.capabilities->optional, (std::vector<uint32_t>{7}));
}

TEST_F(Lab, when_an_s_cscf_is_stored_then_uar_says_subsequent_registration_in_every_state) {
  const auto expect_served = [this] {
    EXPECT_EQ(uar().result, cx::experimental::subsequent_registration);
    EXPECT_EQ(uar().server_name, scscf);
    EXPECT_EQ(uar(Uat::de_registration).result, cx::base::success);
    EXPECT_EQ(uar(Uat::de_registration).server_name, scscf);
    EXPECT_FALSE(uar().capabilities);
  };
  mar(scscf);  // authentication pending
  expect_served();
  sar(scscf, 1);  // registered
  expect_served();
  sar(scscf, 5);
  sar(scscf, 3);  // unregistered
  expect_served();
}

TEST_F(Lab, when_the_answer_is_made_then_it_comes_from_us_to_the_one_who_asked) {
  const cx::UserAuthorizationAnswer answer = uar();
  EXPECT_EQ(answer.routing.origin_host, "hss." + domain);
  EXPECT_EQ(answer.routing.origin_realm, domain);
}

TEST_F(Lab, when_capabilities_are_asked_for_then_another_s_cscf_may_take_the_user_over_once) {
  sar(scscf, 1);
  EXPECT_EQ(sar(other, 1).result, cx::experimental::identity_already_registered);
  const cx::UserAuthorizationAnswer answer = uar(Uat::registration_and_capabilities);
  EXPECT_EQ(answer.result, cx::base::success);
  EXPECT_EQ(answer.server_name, "");
  EXPECT_EQ(sar(other, 1).result, cx::base::success);
  EXPECT_EQ(state().server_name, other);
  EXPECT_EQ(sar(scscf, 1).result, cx::experimental::identity_already_registered);
}

// --- MAR

TEST_F(Lab, when_mar_comes_then_the_sim_opens_the_vector) {
  const cx::MultimediaAuthAnswer answer = mar(scscf);
  EXPECT_EQ(answer.result, cx::base::success);
  EXPECT_EQ(answer.impi, impi);
  EXPECT_EQ(answer.impu, temporary);
  EXPECT_EQ(answer.items, 1u);
  ASSERT_EQ(answer.vectors.size(), 1u);
  const cx::AuthDataItem& item = answer.vectors[0];
  EXPECT_EQ(item.item_number, 1u);
  EXPECT_EQ(item.scheme, "Digest-AKAv1-MD5");
  ASSERT_EQ(item.authenticate.size(), 32u);
  aka::Milenage sim = *aka::Milenage::create(secret(k_text), secret(opc_text));
  aka::Block rand, autn;
  std::copy_n(item.authenticate.begin(), 16, rand.begin());
  std::copy_n(item.authenticate.begin() + 16, 16, autn.begin());
  const absl::StatusOr<aka::OpenedAutn> opened = aka::open_autn(sim, rand, autn);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->sqn, aka::sqn_of(1, 4));
  EXPECT_EQ(opened->amf, 0x8000);
  EXPECT_TRUE(opened->res.equals(item.authorization));
  EXPECT_TRUE(opened->ck.equals(item.confidentiality_key));
  EXPECT_TRUE(opened->ik.equals(item.integrity_key));
  EXPECT_TRUE(state().authentication_pending);
  EXPECT_EQ(state().server_name, scscf);
  EXPECT_EQ(state().state, State::not_registered);
}

TEST_F(Lab, when_mar_is_malformed_then_the_result_says_how) {
  cx::MultimediaAuthRequest good;
  good.impi = impi;
  good.impu = temporary;
  good.server_name = scscf;
  good.item.scheme = "digest-akav1-md5";
  EXPECT_EQ(answer(good).result, cx::base::success);

  cx::MultimediaAuthRequest request = good;
  request.impi = "";
  EXPECT_EQ(answer(request).result, cx::base::missing_avp);
  request = good;
  request.impu = "tel:+15550100002";
  EXPECT_EQ(answer(request).result, cx::experimental::identities_dont_match);
  request = good;
  request.impi = "x@y";
  EXPECT_EQ(answer(request).result, cx::experimental::user_unknown);
  request = good;
  request.server_name = "";
  EXPECT_EQ(answer(request).result, cx::base::missing_avp);
  request = good;
  request.item.scheme = "";
  EXPECT_EQ(answer(request).result, cx::base::missing_avp);
  for (const char* scheme : {"Unknown", "SIP Digest", "Early-IMS-Security", "NASS-Bundled", "Digest-AKAv2-MD5"}) {
    request = good;
    request.item.scheme = scheme;
    const cx::MultimediaAuthAnswer answer = this->answer(request);
    EXPECT_EQ(answer.result, cx::experimental::auth_scheme_not_supported) << scheme;
    EXPECT_TRUE(answer.vectors.empty());
  }
}

TEST_F(Lab, when_several_vectors_are_asked_for_then_at_most_five_come_in_order) {
  cx::MultimediaAuthRequest request;
  request.impi = impi;
  request.impu = temporary;
  request.server_name = scscf;
  request.item.scheme = "Digest-AKAv1-MD5";
  for (const auto& [wanted, given] : {std::pair(0u, 0u), std::pair(3u, 3u), std::pair(4'000'000'000u, 5u)}) {
    request.items = wanted;
    const cx::MultimediaAuthAnswer answer = this->answer(request);
    EXPECT_EQ(answer.items, given);
    ASSERT_EQ(answer.vectors.size(), given);
    for (uint32_t i = 0; i < given; ++i) EXPECT_EQ(answer.vectors[i].item_number, i + 1);
  }
}

// A SIM of the first subscriber, and what it says to a challenge that is not fresh.
class Resynchronisation : public Lab {
 protected:
  // RAND || AUTS as hex.
  std::string failure(uint64_t seq, const std::string& k = k_text) {
    aka::Milenage sim = *aka::Milenage::create(secret(k), secret(opc_text));
    const aka::Block rand = aka::random_rand();
    const aka::Auts auts = aka::make_auts(sim, rand, aka::sqn_of(seq, 9));
    return to_hex(std::string(rand.begin(), rand.end()) + std::string(auts.begin(), auts.end()));
  }
  uint64_t seq() { return aka::seq_of(service->list()[0].sqn); }
};

TEST_F(Resynchronisation, when_auts_is_good_then_the_next_vector_follows_the_sim) {
  mar(scscf);
  const cx::MultimediaAuthAnswer answer = mar(scscf, failure(1'000'000));
  EXPECT_EQ(answer.result, cx::base::success);
  EXPECT_EQ(answer.vectors.size(), 1u);
  EXPECT_EQ(seq(), 1'000'001u);
}

TEST_F(Resynchronisation, when_auts_is_of_another_sim_then_nothing_changes) {
  mar(scscf);
  const cx::MultimediaAuthAnswer answer = mar(scscf, failure(1'000'000, op_text));
  EXPECT_EQ(answer.result, cx::base::unable_to_comply);
  EXPECT_TRUE(answer.vectors.empty());
  EXPECT_EQ(seq(), 1u);
}

TEST_F(Resynchronisation, when_it_has_another_size_then_it_is_an_invalid_value) {
  const std::string good = failure(50);
  for (const size_t bytes : {1u, 14u, 29u}) {
    EXPECT_EQ(mar(scscf, good.substr(0, 2 * bytes)).result, cx::base::invalid_avp_value);
  }
  EXPECT_EQ(mar(scscf, good + "00").result, cx::base::invalid_avp_value);
}

TEST_F(Resynchronisation, when_another_s_cscf_asks_then_it_is_refused) {
  mar(scscf);
  EXPECT_EQ(mar(other, failure(50)).result, cx::base::unable_to_comply);
  EXPECT_EQ(seq(), 1u);
  EXPECT_EQ(state().server_name, scscf);
}

TEST_F(Resynchronisation, when_the_hss_has_forgotten_the_challenge_then_it_is_accepted) {
  EXPECT_EQ(mar(scscf, failure(50)).result, cx::base::success);
  EXPECT_EQ(state().server_name, scscf);
}

TEST_F(Lab, when_another_s_cscf_authenticates_a_registered_user_then_the_old_one_is_told) {
  sar(scscf, 1);
  EXPECT_EQ(mar(scscf).result, cx::base::success);
  EXPECT_TRUE(terminations.empty());
  EXPECT_EQ(mar(other).result, cx::base::success);
  ASSERT_EQ(terminations.size(), 1u);
  EXPECT_EQ(terminations[0].routing.destination_host, "scscf." + domain);
  EXPECT_EQ(terminations[0].routing.destination_realm, domain);
  EXPECT_EQ(terminations[0].impi, impi);
  EXPECT_EQ(terminations[0].impus, (std::vector<std::string>{temporary, sip, tel}));
  EXPECT_EQ(terminations[0].reason, cx::DeregistrationReason::new_server_assigned);
  EXPECT_EQ(state().server_name, other);
  EXPECT_EQ(state().state, State::registered);
}

TEST_F(Lab, when_another_s_cscf_challenges_a_user_who_was_only_challenged_then_nobody_is_told) {
  mar(scscf);
  mar(other);
  EXPECT_TRUE(terminations.empty());
  EXPECT_EQ(state().server_name, other);
}

// --- SAR

TEST_F(Lab, when_sar_registers_then_the_profile_comes_and_the_state_is_registered) {
  mar(scscf);
  const cx::ServerAssignmentAnswer answer = sar(scscf, 1);
  EXPECT_EQ(answer.result, cx::base::success);
  EXPECT_EQ(answer.impi, impi);
  EXPECT_THAT(answer.user_data, testing::HasSubstr("<Identity>tel:+15550100001</Identity>"));
  EXPECT_EQ(state().state, State::registered);
  EXPECT_FALSE(state().authentication_pending);
  EXPECT_EQ(state().origin_host, "scscf." + domain);
  EXPECT_EQ(service->registered(), 1u);
}

TEST_F(Lab, when_the_profile_is_there_already_then_it_is_left_out) {
  cx::ServerAssignmentRequest request = sar_request(scscf, 1);
  EXPECT_FALSE(answer(request).user_data.empty());
  request.user_data_available = true;
  for (const uint32_t type : {0u, 1u, 2u}) {
    request.type = static_cast<cx::ServerAssignmentType>(type);
    const cx::ServerAssignmentAnswer answer = this->answer(request);
    EXPECT_EQ(answer.result, cx::base::success);
    EXPECT_TRUE(answer.user_data.empty());
  }
}

TEST_F(Lab, when_the_hss_has_forgotten_a_registration_then_re_registration_restores_it) {
  EXPECT_EQ(sar(scscf, 2).result, cx::base::success);
  EXPECT_EQ(state().state, State::registered);
}

TEST_F(Lab, when_sar_asks_for_the_profile_only_then_the_s_cscf_must_be_the_stored_one) {
  EXPECT_EQ(sar(scscf, 0).result, cx::base::unable_to_comply);
  sar(scscf, 1);
  EXPECT_EQ(sar(other, 0).result, cx::base::unable_to_comply);
  const cx::ServerAssignmentAnswer answer = sar(scscf, 0);
  EXPECT_EQ(answer.result, cx::base::success);
  EXPECT_FALSE(answer.user_data.empty());
  EXPECT_EQ(state().state, State::registered);
}

TEST_F(Lab, when_an_unregistered_user_is_served_then_the_s_cscf_is_stored) {
  cx::ServerAssignmentRequest request = sar_request(scscf, 3);
  request.impi = "";
  request.impus = {tel};
  const cx::ServerAssignmentAnswer answer = this->answer(request);
  EXPECT_EQ(answer.result, cx::base::success);
  EXPECT_EQ(answer.impi, impi);
  EXPECT_FALSE(answer.user_data.empty());
  EXPECT_EQ(state().state, State::unregistered);
  EXPECT_EQ(state().server_name, scscf);
}

TEST_F(Lab, when_a_registered_user_is_asked_for_as_unregistered_then_it_is_refused) {
  sar(scscf, 1);
  EXPECT_EQ(sar(scscf, 3).result, cx::experimental::in_assignment_type);
  const cx::ServerAssignmentAnswer answer = sar(other, 3);
  EXPECT_EQ(answer.result, cx::experimental::identity_already_registered);
  EXPECT_EQ(answer.server_name, scscf);
  EXPECT_EQ(state().server_name, scscf);
}

TEST_F(Lab, when_another_s_cscf_registers_without_authentication_then_the_user_is_registered_already) {
  for (const uint32_t type : {1u, 2u}) {
    sar(scscf, 1);
    const cx::ServerAssignmentAnswer answer = sar(other, type);
    EXPECT_EQ(answer.result, cx::experimental::identity_already_registered);
    EXPECT_TRUE(answer.user_data.empty());
  }
}

class Deregistration : public Lab, public testing::WithParamInterface<uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Types, Deregistration, testing::Values(4, 5, 8, 11));

TEST_P(Deregistration, when_the_registration_ends_then_the_s_cscf_is_forgotten) {
  sar(scscf, 1);
  const cx::ServerAssignmentAnswer answer = sar(scscf, GetParam());
  EXPECT_EQ(answer.result, cx::base::success);
  EXPECT_TRUE(answer.user_data.empty());
  EXPECT_EQ(state().state, State::not_registered);
  EXPECT_EQ(state().server_name, "");
  EXPECT_EQ(sar(scscf, GetParam()).result, cx::base::success);  // once more changes nothing
}

TEST_P(Deregistration, when_one_identity_of_the_set_or_none_is_named_then_all_end) {
  for (const std::vector<std::string>& impus : {std::vector<std::string>{tel}, {}, {sip, tel}}) {
    sar(scscf, 1);
    cx::ServerAssignmentRequest request = sar_request(scscf, GetParam());
    request.impus = impus;
    EXPECT_EQ(answer(request).result, cx::base::success);
    EXPECT_EQ(state().state, State::not_registered);
  }
}

TEST_P(Deregistration, when_another_s_cscf_asks_then_the_user_stays) {
  sar(scscf, 1);
  EXPECT_EQ(sar(other, GetParam()).result, cx::base::unable_to_comply);
  EXPECT_EQ(state().state, State::registered);
}

TEST_F(Lab, when_the_name_shall_be_kept_and_nothing_needs_it_then_it_is_not_stored) {
  for (const uint32_t type : {6u, 7u}) {
    sar(scscf, 1);
    EXPECT_EQ(sar(scscf, type).result, cx::experimental::server_name_not_stored);
    EXPECT_EQ(state().server_name, "");
  }
}

TEST_F(Lab, when_the_name_shall_be_kept_for_services_of_unregistered_users_then_it_is) {
  open(head + "profile: {shared_ifc_sets: [1]}\nsubscribers:\n" + one);
  for (const uint32_t type : {6u, 7u}) {
    sar(scscf, 1);
    EXPECT_EQ(sar(scscf, type).result, cx::base::success);
    EXPECT_EQ(state().state, State::unregistered);
    EXPECT_EQ(state().server_name, scscf);
  }
}

TEST_F(Lab, when_authentication_fails_then_only_a_user_who_was_not_registered_is_forgotten) {
  for (const uint32_t type : {9u, 10u}) {
    mar(scscf);
    EXPECT_EQ(sar(scscf, type).result, cx::base::success);
    EXPECT_EQ(state().server_name, "");
    EXPECT_FALSE(state().authentication_pending);

    sar(scscf, 1);
    mar(scscf);
    EXPECT_EQ(sar(scscf, type).result, cx::base::success);
    EXPECT_EQ(state().state, State::registered);
    EXPECT_EQ(state().server_name, scscf);
    EXPECT_FALSE(state().authentication_pending);
    sar(scscf, 5);
  }
}

TEST_F(Lab, when_a_superseded_s_cscf_gives_up_then_the_new_challenge_stays) {
  mar(scscf);
  mar(other);
  EXPECT_EQ(sar(scscf, 10).result, cx::base::unable_to_comply);
  EXPECT_EQ(state().server_name, other);
  EXPECT_TRUE(state().authentication_pending);
}

TEST_F(Lab, when_sar_is_malformed_then_the_result_says_how) {
  cx::ServerAssignmentRequest request = sar_request(scscf, 1);
  request.impus = {sip, tel};
  for (const uint32_t type : {0u, 1u, 2u, 3u, 9u, 10u}) {
    request.type = static_cast<cx::ServerAssignmentType>(type);
    EXPECT_EQ(answer(request).result, avp_occurs_too_many_times) << type;
  }
  request.impus = {};
  for (const uint32_t type : {0u, 1u, 2u, 3u, 9u, 10u}) {
    request.type = static_cast<cx::ServerAssignmentType>(type);
    EXPECT_EQ(answer(request).result, cx::base::missing_avp) << type;
  }
  request = sar_request(scscf, 5);
  request.impi = "";
  request.impus = {};
  EXPECT_EQ(answer(request).result, cx::base::missing_avp);
  request = sar_request(scscf, 1);
  request.impi = "";
  EXPECT_EQ(answer(request).result, cx::base::missing_avp);
  request = sar_request(scscf, 1);
  request.server_name = "";
  EXPECT_EQ(answer(request).result, cx::base::missing_avp);
  EXPECT_EQ(sar(scscf, 12).result, cx::base::invalid_avp_value);
  request = sar_request(scscf, 1);
  request.impi = "x@y";
  EXPECT_EQ(answer(request).result, cx::experimental::user_unknown);
  request = sar_request(scscf, 1);
  request.impus = {"sip:nobody@" + domain};
  EXPECT_EQ(answer(request).result, cx::experimental::user_unknown);
  request.impus = {"tel:+15550100002"};
  EXPECT_EQ(answer(request).result, cx::experimental::identities_dont_match);
  request = sar_request(scscf, 4);
  request.impus = {tel, "tel:+15550100002"};
  EXPECT_EQ(answer(request).result, cx::experimental::identities_dont_match);
  EXPECT_EQ(state().state, State::not_registered);
}

// --- LIR

TEST_F(Lab, when_lir_names_nobody_then_it_is_missing_or_unknown) {
  cx::LocationInfoRequest request;
  EXPECT_EQ(answer(request).result, cx::base::missing_avp);
  request.impu = "tel:+19990000000";
  EXPECT_EQ(answer(request).result, cx::experimental::user_unknown);
}

TEST_F(Lab, when_the_user_is_served_then_lir_names_the_s_cscf) {
  sar(scscf, 1);
  EXPECT_EQ(lir().result, cx::base::success);
  EXPECT_EQ(lir().server_name, scscf);
  sar(scscf, 5);
  sar(scscf, 3);
  EXPECT_EQ(lir().result, cx::base::success);
  EXPECT_EQ(lir().server_name, scscf);
}

TEST_F(Lab, when_the_user_is_not_registered_then_lir_depends_on_services_and_direction) {
  EXPECT_EQ(lir().result, cx::experimental::identity_not_registered);
  EXPECT_EQ(lir(true).result, cx::experimental::unregistered_service);
  mar(scscf);  // a name is stored while authentication is pending
  EXPECT_EQ(lir().result, cx::experimental::identity_not_registered);
  EXPECT_EQ(lir(true).result, cx::base::success);
  EXPECT_EQ(lir(true).server_name, scscf);

  open(head + "profile: {shared_ifc_sets: [1], mandatory_capabilities: [4]}\nsubscribers:\n" + one);
  EXPECT_EQ(lir().result, cx::experimental::unregistered_service);
  ASSERT_TRUE(lir().capabilities);
  EXPECT_EQ(lir().capabilities->mandatory, std::vector<uint32_t>{4});
}

TEST_F(Lab, when_lir_asks_for_capabilities_then_another_s_cscf_may_take_the_user_over) {
  sar(scscf, 1);
  cx::LocationInfoRequest request;
  request.impu = sip;
  request.type = Uat::registration_and_capabilities;
  EXPECT_EQ(answer(request).result, cx::base::success);
  EXPECT_EQ(answer(request).server_name, "");
  EXPECT_EQ(sar(other, 1).result, cx::base::success);
  EXPECT_EQ(state().server_name, other);
}

// --- RTR and PPR

TEST_F(Lab, when_the_operator_ends_a_registration_then_rtr_goes_to_its_s_cscf) {
  EXPECT_EQ(service->termination("nobody", {}, "").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(service->termination(impi, {}, "").status().code(), absl::StatusCode::kFailedPrecondition);
  sar(scscf, 1);
  const auto request =
      service->termination("15550100001", cx::DeregistrationReason::permanent_termination, "contract ended");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->routing.origin_host, "hss." + domain);
  EXPECT_EQ(request->routing.destination_host, "scscf." + domain);
  EXPECT_EQ(request->impi, impi);
  EXPECT_TRUE(request->impus.empty());
  EXPECT_EQ(request->reason_info, "contract ended");
  EXPECT_EQ(state().state, State::registered);  // until the S-CSCF has answered
}

TEST_F(Lab, when_rtr_is_answered_then_the_registration_ends_only_if_it_ended_there) {
  const auto end = [this](const cx::Result& result) {
    sar(scscf, 1);
    service->terminated(*service->termination(impi, cx::DeregistrationReason::server_change, ""), result);
    return state().state;
  };
  EXPECT_EQ(end(cx::base::unable_to_comply), State::registered);
  EXPECT_EQ(end(cx::base::unable_to_deliver), State::registered);
  EXPECT_EQ(end(cx::base::success), State::not_registered);
  EXPECT_EQ(end(cx::base::limited_success), State::not_registered);
  EXPECT_EQ(end(cx::experimental::user_unknown), State::not_registered);
}

TEST_F(Lab, when_the_user_moved_on_before_rtr_was_answered_then_the_new_registration_stays) {
  sar(scscf, 1);
  const auto request = service->termination(impi, cx::DeregistrationReason::server_change, "");
  mar(other);
  sar(other, 1);
  service->terminated(*request, cx::base::success);
  EXPECT_EQ(state().server_name, other);
}

TEST_F(Lab, when_the_file_changed_then_ppr_carries_the_new_profile) {
  EXPECT_EQ(service->profile_push(impi).status().code(), absl::StatusCode::kFailedPrecondition);
  sar(scscf, 1);
  absl::StatusOr<Subscribers> changed = build(head + "profile: {shared_ifc_sets: [77]}\nsubscribers:\n" + one);
  ASSERT_TRUE(changed.ok());
  ASSERT_TRUE(service->replace(*std::move(changed)).ok());
  const auto request = service->profile_push("001010000000001");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->routing.destination_host, "scscf." + domain);
  EXPECT_EQ(request->impi, impi);
  EXPECT_THAT(request->user_data, testing::HasSubstr("<SharedIFCSetID>77</SharedIFCSetID>"));
  EXPECT_EQ(state().state, State::registered);
}

TEST_F(Lab, when_a_subscriber_left_the_file_then_it_is_unknown) {
  sar(scscf, 1);
  absl::StatusOr<Subscribers> changed = build(head + "subscribers:\n" + two);
  ASSERT_TRUE(changed.ok());
  ASSERT_TRUE(service->replace(*std::move(changed)).ok());
  EXPECT_EQ(uar().result, cx::experimental::user_unknown);
  EXPECT_EQ(service->registered(), 0u);
}

TEST_F(Lab, when_subscribers_are_listed_then_their_state_is_there) {
  mar(scscf);
  sar(scscf, 1);
  const std::vector<CxService::Listed> listed = service->list();
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_EQ(listed[0].imsi, "001010000000001");
  EXPECT_EQ(listed[0].impus.size(), 3u);
  EXPECT_EQ(listed[0].sqn, aka::sqn_of(1, 4));
  EXPECT_EQ(listed[0].assignment.state, State::registered);
  EXPECT_EQ(listed[1].assignment.state, State::not_registered);
  EXPECT_EQ(listed[1].sqn, 0u);
}

}  // namespace
}  // namespace lapwing::labhss
