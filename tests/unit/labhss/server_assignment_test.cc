// SAR of every type: TS 29.228 section 6.1.2.
#include <gmock/gmock.h>

#include "lab/labhss/cx_service.h"
#include "tests/unit/labhss/lab.h"

namespace lapwing::labhss {
namespace {

using State = RegistrationState;
constexpr cx::Result avp_occurs_too_many_times{false, 5009};

TEST_F(Lab, when_sar_registers_then_the_profile_comes_and_the_state_is_registered) {
  mar(scscf);
  const cx::ServerAssignmentAnswer answer = sar(scscf, 1);
  EXPECT_EQ(answer.result, cx::base::success);
  EXPECT_EQ(answer.impi, impi);
  EXPECT_THAT(answer.user_data, testing::HasSubstr("<Identity>tel:+15550100001</Identity>"));
  EXPECT_EQ(state().state(), State::registered);
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
  EXPECT_EQ(state().state(), State::registered);
}

TEST_F(Lab, when_sar_asks_for_the_profile_only_then_the_s_cscf_must_be_the_stored_one) {
  EXPECT_EQ(sar(scscf, 0).result, cx::base::unable_to_comply);
  sar(scscf, 1);
  EXPECT_EQ(sar(other, 0).result, cx::base::unable_to_comply);
  const cx::ServerAssignmentAnswer answer = sar(scscf, 0);
  EXPECT_EQ(answer.result, cx::base::success);
  EXPECT_FALSE(answer.user_data.empty());
  EXPECT_EQ(state().state(), State::registered);
}

TEST_F(Lab, when_an_unregistered_user_is_served_then_the_s_cscf_is_stored) {
  cx::ServerAssignmentRequest request = sar_request(scscf, 3);
  request.impi = "";
  request.impus = {tel};
  const cx::ServerAssignmentAnswer answer = this->answer(request);
  EXPECT_EQ(answer.result, cx::base::success);
  EXPECT_EQ(answer.impi, impi);
  EXPECT_FALSE(answer.user_data.empty());
  EXPECT_EQ(state().state(), State::unregistered);
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
  EXPECT_EQ(state().state(), State::not_registered);
  EXPECT_EQ(state().server_name, "");
  EXPECT_EQ(sar(scscf, GetParam()).result, cx::base::success);  // once more changes nothing
}

TEST_P(Deregistration, when_one_identity_of_the_set_or_none_is_named_then_all_end) {
  for (const std::vector<std::string>& impus : {std::vector<std::string>{tel}, {}, {sip, tel}}) {
    sar(scscf, 1);
    cx::ServerAssignmentRequest request = sar_request(scscf, GetParam());
    request.impus = impus;
    EXPECT_EQ(answer(request).result, cx::base::success);
    EXPECT_EQ(state().state(), State::not_registered);
  }
}

TEST_P(Deregistration, when_another_s_cscf_asks_then_the_user_stays) {
  sar(scscf, 1);
  EXPECT_EQ(sar(other, GetParam()).result, cx::base::unable_to_comply);
  EXPECT_EQ(state().state(), State::registered);
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
    EXPECT_EQ(state().state(), State::unregistered);
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
    EXPECT_EQ(state().state(), State::registered);
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
  EXPECT_EQ(state().state(), State::not_registered);
}

}  // namespace
}  // namespace lapwing::labhss
