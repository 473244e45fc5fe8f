// Subscribers with several implicit registration sets (TS 23.228 section 5.2.1a): each is registered by itself.
#include <gmock/gmock.h>

#include "tests/unit/labhss/lab.h"

namespace lapwing::labhss {
namespace {

using State = RegistrationState;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class TwoSets : public Lab {
 protected:
  TwoSets() {
    open(head + "subscribers:\n  - {imsi: '001010000000001', k: " + k_text + ", opc: " + opc_text +
         ", msisdn: '15550100001', more_sets: [{impus: ['" + office + "', 'tel:+15550109999'], display_name: Office, " +
         "profile: {shared_ifc_sets: [5]}}]}\n");
  }
  cx::ServerAssignmentAnswer sar_of(const std::string& impu, uint32_t type) {
    cx::ServerAssignmentRequest request = sar_request(scscf, type);
    request.impus = {impu};
    return answer(request);
  }
  State state_of(size_t set) { return state().of(set); }

  const std::string office = "sip:office@" + domain;
};

TEST_F(TwoSets, when_one_set_registers_then_its_profile_comes_and_the_other_is_not_registered) {
  EXPECT_THAT(sar_of(temporary, 1).user_data, testing::AllOf(HasSubstr(sip), HasSubstr(tel), Not(HasSubstr(office))));
  EXPECT_EQ(state_of(0), State::registered);
  EXPECT_EQ(state_of(1), State::not_registered);
  const std::string other = sar_of(office, 1).user_data;
  EXPECT_THAT(other, testing::AllOf(HasSubstr(office), HasSubstr("tel:+15550109999"), Not(HasSubstr(temporary))));
  EXPECT_THAT(other, HasSubstr("<SharedIFCSetID>5</SharedIFCSetID>"));
  EXPECT_THAT(other, HasSubstr("<DisplayName>Office</DisplayName>"));
  EXPECT_EQ(state_of(1), State::registered);
}

TEST_F(TwoSets, when_one_set_leaves_then_the_S_CSCF_keeps_the_other) {
  sar_of(temporary, 1);
  sar_of(office, 1);
  sar_of(office, 5);
  EXPECT_EQ(state_of(0), State::registered);
  EXPECT_EQ(state_of(1), State::not_registered);
  EXPECT_EQ(state().server_name, scscf);
  sar_of(temporary, 5);
  EXPECT_EQ(state().server_name, "");
}

TEST_F(TwoSets, when_no_identity_is_listed_then_all_sets_leave) {
  sar_of(temporary, 1);
  sar_of(office, 1);
  cx::ServerAssignmentRequest request = sar_request(scscf, 4);
  request.impus.clear();
  answer(request);
  EXPECT_EQ(state().state(), State::not_registered);
}

TEST_F(TwoSets, when_the_callee_s_set_is_not_registered_then_LIR_says_so_though_the_other_set_is) {
  sar_of(temporary, 1);
  cx::LocationInfoRequest request;
  request.impu = "tel:+15550109999";
  EXPECT_TRUE(answer(request).result.success());  // it has services for the unregistered: shared ones may be
  EXPECT_EQ(lir().server_name, scscf);
}

TEST_F(TwoSets, when_the_operator_names_an_IMPU_then_its_set_is_terminated) {
  sar_of(temporary, 1);
  sar_of(office, 1);
  auto rtr = service->termination(office, cx::DeregistrationReason::permanent_termination, "");
  ASSERT_TRUE(rtr.ok());
  EXPECT_THAT(rtr->impus, ElementsAre(office, "tel:+15550109999"));
  service->terminated(*rtr, cx::base::success);
  EXPECT_EQ(state_of(0), State::registered);
  EXPECT_EQ(state_of(1), State::not_registered);
}

TEST_F(TwoSets, when_profiles_are_pushed_then_each_registered_set_gets_its_own) {
  sar_of(temporary, 1);
  auto one = service->profile_pushes(impi);
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(one->size(), 1u);
  sar_of(office, 1);
  auto both = service->profile_pushes(impi);
  ASSERT_TRUE(both.ok());
  ASSERT_EQ(both->size(), 2u);
  EXPECT_THAT(both->at(1).user_data, HasSubstr(office));
  EXPECT_EQ(service->profile_pushes(office)->size(), 1u);
}

TEST_F(TwoSets, when_an_identity_is_in_two_sets_then_the_file_is_wrong) {
  auto built = build(head + "subscribers:\n  - {imsi: '001010000000001', k: " + k_text + ", opc: " + opc_text +
                     ", msisdn: '15550100001', more_sets: [{impus: ['tel:+15550100001']}]}\n");
  EXPECT_THAT(std::string(built.status().message()), HasSubstr("belongs to this subscriber already"));
}

// ---- Changes while it runs ----

Subscribers::Change change() {
  return {};
}

TEST_F(Lab, when_an_identity_is_added_then_it_can_be_called_and_stands_in_the_profile) {
  Subscribers::Change more = change();
  more.add_impus = {"sip:reception@" + domain};
  auto profiles = service->change("001010000000001", more);
  ASSERT_TRUE(profiles.ok()) << profiles.status();
  EXPECT_THAT(profiles->front(), HasSubstr("sip:reception@"));
  cx::LocationInfoRequest request;
  request.impu = more.add_impus[0];
  EXPECT_EQ(answer(request).result, cx::experimental::identity_not_registered);
}

TEST_F(Lab, when_an_identity_is_removed_then_it_is_unknown_and_the_temporary_one_cannot_go) {
  Subscribers::Change less = change();
  less.remove_impus = {tel};
  auto profiles = service->change(impi, less);
  ASSERT_TRUE(profiles.ok()) << profiles.status();
  EXPECT_THAT(profiles->front(), Not(HasSubstr(tel)));
  cx::LocationInfoRequest request;
  request.impu = tel;
  EXPECT_EQ(answer(request).result, cx::experimental::user_unknown);
  less.remove_impus = {temporary};
  EXPECT_EQ(service->change(impi, less).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(Lab, when_a_change_is_wrong_in_one_part_then_nothing_of_it_is_done) {
  Subscribers::Change wrong = change();
  wrong.display_name = "Ann";
  wrong.add_impus = {"sip:fine@" + domain, "nonsense"};
  EXPECT_THAT(std::string(service->change(impi, wrong).status().message()), HasSubstr("nonsense"));
  wrong.add_impus = {"tel:+15550100002"};  // another subscriber's
  EXPECT_FALSE(service->change(impi, wrong).ok());
  wrong.add_impus = {"sip:fine@" + domain, "sip:fine@" + domain};
  EXPECT_FALSE(service->change(impi, wrong).ok());
  wrong.add_impus.clear();
  wrong.ifc = std::vector<std::string>{"<Nonsense/>"};
  EXPECT_FALSE(service->change(impi, wrong).ok());
  auto unchanged = service->change(impi, change());
  ASSERT_TRUE(unchanged.ok());
  EXPECT_THAT(unchanged->front(), Not(HasSubstr("Ann")));
  EXPECT_EQ(service->change("nobody", change()).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(Lab, when_a_subscriber_is_barred_then_it_may_not_register_until_it_is_unbarred) {
  Subscribers::Change barring = change();
  barring.barred = true;
  ASSERT_TRUE(service->change(impi, barring).ok());
  EXPECT_EQ(uar().result, cx::base::authorization_rejected);
  barring.barred = false;
  ASSERT_TRUE(service->change(impi, barring).ok());
  EXPECT_EQ(uar().result, cx::experimental::first_registration);
}

TEST_F(Lab, when_the_file_is_read_again_then_changes_are_forgotten) {
  Subscribers::Change name = change();
  name.display_name = "Ann";
  EXPECT_THAT(service->change(impi, name)->front(), HasSubstr("Ann"));
  ASSERT_TRUE(service->replace(*build(head + "subscribers:\n" + one)).ok());
  EXPECT_THAT(service->change(impi, change())->front(), Not(HasSubstr("Ann")));
}

// ---- Restoration (TS 23.380) ----

class Restoration : public Lab {
 protected:
  cx::ServerAssignmentAnswer ask(const std::string& server, uint32_t type, bool brings = false) {
    cx::ServerAssignmentRequest request = sar_request(server, type);
    request.features = {{.list_id = 1, .features = 4}};
    if (brings) {
      cx::ScscfRestorationInfo info{.impi = impi, .contacts = {}, .registration_timeout = 3908992400U, .scheme = {}};
      info.contacts.push_back(
          {.path = "<sip:p>", .contact = "<sip:c>", .initial_cseq = 2, .call_id = "x", .ue = {}, .pcscf = {}});
      request.restoration = info;
    }
    return answer(request);
  }
  cx::ServerAssignmentAnswer pcscf_down() {
    cx::ServerAssignmentRequest request = sar_request(scscf, 3);
    request.pcscf_restoration = true;
    request.features = {{.list_id = 1, .features = 12}};
    return answer(request);
  }
};

TEST_F(Restoration, when_the_S_CSCF_says_that_it_supports_restoration_then_we_say_so_too) {
  ASSERT_EQ(ask(scscf, 1).features.size(), 1u);
  EXPECT_EQ(ask(scscf, 1).features[0].features, 4u);
  EXPECT_TRUE(sar(scscf, 1).features.empty());
}

TEST_F(Restoration, when_the_S_CSCF_asks_without_assignment_then_it_gets_profile_and_contacts) {
  ask(scscf, 1, true);
  const auto back = ask(scscf, 0);
  EXPECT_TRUE(back.result.success());
  EXPECT_THAT(back.user_data, HasSubstr(sip));
  ASSERT_EQ(back.restoration.size(), 1u);
  EXPECT_EQ(back.restoration[0].contacts[0].contact, "<sip:c>");
  EXPECT_EQ(back.restoration[0].registration_timeout, 3908992400U);
}

TEST_F(Restoration, when_another_S_CSCF_asks_without_assignment_then_it_gets_nothing) {
  ask(scscf, 1, true);
  EXPECT_EQ(ask(other, 0).result, cx::base::unable_to_comply);
}

TEST_F(Restoration, when_another_takes_over_a_registered_user_then_it_gets_the_contacts) {
  ask(scscf, 1, true);
  cx::LocationInfoRequest request;
  request.impu = sip;
  request.type = cx::UserAuthorizationType::registration_and_capabilities;
  answer(request);
  const auto back = ask(other, 3);
  EXPECT_TRUE(back.result.success());
  ASSERT_EQ(back.restoration.size(), 1u);
  EXPECT_EQ(state().server_name, other);
  EXPECT_EQ(state().state(), State::registered);
}

TEST_F(Restoration, when_another_takes_over_and_nothing_is_kept_then_the_user_is_unregistered) {
  ask(scscf, 1);
  uar(cx::UserAuthorizationType::registration_and_capabilities);
  EXPECT_TRUE(ask(other, 3).restoration.empty());
  EXPECT_EQ(state().state(), State::unregistered);
}

TEST_F(Restoration, when_the_registration_ends_then_nothing_is_kept_of_it) {
  ask(scscf, 1, true);
  ask(scscf, 5);
  ask(scscf, 1);
  EXPECT_TRUE(ask(scscf, 0).restoration.empty());
}

TEST_F(Restoration, when_no_MME_has_P_CSCF_restoration_then_the_S_CSCF_is_told_and_the_user_stays_registered) {
  EXPECT_EQ(ask(scscf, 1, true).features[0].features, 4u);
  EXPECT_EQ(pcscf_down().result, cx::experimental::serving_node_feature_unsupported);
  EXPECT_EQ(state().state(), State::registered);
}

TEST_F(Restoration, when_MMEs_have_P_CSCF_restoration_then_the_user_is_unregistered) {
  pcscf_restoration = true;
  open(head + "subscribers:\n" + one + two);
  EXPECT_EQ(pcscf_down().result, cx::base::unable_to_comply);
  ask(scscf, 1, true);
  const auto back = pcscf_down();
  EXPECT_TRUE(back.result.success());
  EXPECT_EQ(back.features[0].features, 12u);
  EXPECT_EQ(state().state(), State::unregistered);
  EXPECT_TRUE(ask(scscf, 0).restoration.empty());
}

TEST_F(Lab, when_requests_come_then_they_are_counted) {
  uar();
  mar(scscf);
  sar(scscf, 1);
  lir();
  sar(other, 1);
  EXPECT_EQ(service->counters().uar, 1u);
  EXPECT_EQ(service->counters().mar, 1u);
  EXPECT_EQ(service->counters().sar, 2u);
  EXPECT_EQ(service->counters().lir, 1u);
  EXPECT_EQ(service->counters().refused, 1u);
}

}  // namespace
}  // namespace lapwing::labhss
