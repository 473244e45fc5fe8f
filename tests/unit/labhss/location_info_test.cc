// LIR: TS 29.228 section 6.1.4.
#include "lab/labhss/cx_service.h"
#include "tests/unit/labhss/lab.h"

namespace lapwing::labhss {
namespace {

using Uat = cx::UserAuthorizationType;

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

}  // namespace
}  // namespace lapwing::labhss
