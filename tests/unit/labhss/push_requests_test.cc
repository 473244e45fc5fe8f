// RTR and PPR: TS 29.228 sections 6.1.3 and 6.2.
#include <gmock/gmock.h>

#include "common/aka/sqn.h"
#include "lab/labhss/cx_service.h"
#include "tests/unit/labhss/lab.h"

namespace lapwing::labhss {
namespace {

using State = RegistrationState;

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
  EXPECT_EQ(state().state(), State::registered);  // until the S-CSCF has answered
}

TEST_F(Lab, when_rtr_is_answered_then_the_registration_ends_only_if_it_ended_there) {
  const auto end = [this](const cx::Result& result) {
    sar(scscf, 1);
    service->terminated(*service->termination(impi, cx::DeregistrationReason::server_change, ""), result);
    return state().state();
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
  EXPECT_EQ(service->profile_pushes(impi).status().code(), absl::StatusCode::kFailedPrecondition);
  sar(scscf, 1);
  absl::StatusOr<Subscribers> changed = build(head + "profile: {shared_ifc_sets: [77]}\nsubscribers:\n" + one);
  ASSERT_TRUE(changed.ok());
  ASSERT_TRUE(service->replace(*std::move(changed)).ok());
  const auto requests = service->profile_pushes("001010000000001");
  ASSERT_TRUE(requests.ok()) << requests.status();
  ASSERT_EQ(requests->size(), 1u);
  EXPECT_EQ(requests->front().routing.destination_host, "scscf." + domain);
  EXPECT_EQ(requests->front().impi, impi);
  EXPECT_THAT(requests->front().user_data, testing::HasSubstr("<SharedIFCSetID>77</SharedIFCSetID>"));
  EXPECT_EQ(state().state(), State::registered);
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
  EXPECT_EQ(listed[0].assignment.state(), State::registered);
  EXPECT_EQ(listed[1].assignment.state(), State::not_registered);
  EXPECT_EQ(listed[1].sqn, 0u);
}

}  // namespace
}  // namespace lapwing::labhss
