// UAR: TS 29.228 section 6.1.1.
#include "lab/labhss/cx_service.h"
#include "tests/unit/labhss/lab.h"

namespace lapwing::labhss {
namespace {

using Uat = cx::UserAuthorizationType;

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

}  // namespace
}  // namespace lapwing::labhss
