#include "tests/unit/labue/call_network.h"

namespace lapwing::labue {
namespace {

using sip::HeaderId;

class CallTest : public CallNetwork {};

using Log = std::vector<std::string>;

TEST_F(CallTest, when_a_call_is_made_then_it_goes_as_volte_calls_go) {
  make_phones();
  call();
  EXPECT_EQ(log_, (Log{"1 INVITE", "2 100", "2 183", "1 PRACK", "2 200 PRACK", "1 UPDATE", "2 200 UPDATE", "2 180",
                       "2 200", "1 ACK"}));
  EXPECT_NE(phone(1).last("answered").find(R"("codec":"AMR-WB/16000","precondition":"yes")"), std::string::npos);
  EXPECT_NE(phone(2).last("call_in").find(R"("from":"tel:+15550001")"), std::string::npos);
  EXPECT_NE(phone(2).last("answered"), "");
}

TEST_F(CallTest, when_the_caller_hangs_up_then_bye_ends_it_on_both_sides) {
  make_phones();
  call();
  begin(phone(1).calls().hang_up());
  ASSERT_TRUE(outcome_ && outcome_->ok);
  EXPECT_EQ(log_[log_.size() - 2], "1 BYE");
  EXPECT_EQ(log_.back(), "2 200 BYE");
  EXPECT_NE(phone(1).last("call_ended").find(R"("by":"us","code":200)"), std::string::npos);
  EXPECT_NE(phone(2).last("call_ended").find(R"("by":"them")"), std::string::npos);
  EXPECT_FALSE(phone(1).calls().busy());
  EXPECT_FALSE(phone(2).calls().busy());
}

}  // namespace
}  // namespace lapwing::labue
