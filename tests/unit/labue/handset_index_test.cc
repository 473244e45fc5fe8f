#include "lab/labue/handset_index.h"

#include <gtest/gtest.h>

namespace lapwing::labue {
namespace {

class HandsetIndexTest : public testing::Test {
 protected:
  // Only told apart, never touched.
  Handset* handset(uintptr_t number) { return reinterpret_cast<Handset*>(number * 64); }
  asio::ip::address here_ = asio::ip::make_address("10.0.0.2"), there_ = asio::ip::make_address("10.0.0.3");
  HandsetIndex index_;
};

TEST_F(HandsetIndexTest, when_each_has_an_address_then_it_tells_on_any_port) {
  index_.add(here_, {5060, 6300}, "001010000000001", handset(1));
  index_.add(there_, {5060, 6300}, "001010000000002", handset(2));
  EXPECT_EQ(index_.find({here_, 6300}, "sip:+1555@10.0.0.2:6300"), handset(1));
  EXPECT_EQ(index_.find({there_, 5060}, "sip:+1555@10.0.0.3"), handset(2));
  // Over the connection that the handset opened from a port of the system's choice.
  EXPECT_EQ(index_.find({there_, 41234}, "sip:+1555@10.0.0.3"), handset(2));
}

TEST_F(HandsetIndexTest, when_they_share_an_address_then_the_port_tells) {
  index_.add(here_, {5061, 6300}, "001010000000001", handset(1));
  index_.add(here_, {5062, 6300}, "001010000000002", handset(2));
  EXPECT_EQ(index_.find({here_, 5062}, "sip:+1555@10.0.0.2"), handset(2));
}

TEST_F(HandsetIndexTest, when_they_share_a_port_too_then_the_user_part_tells) {
  index_.add(here_, {5060, 6300}, "001010000000001", handset(1));
  index_.add(here_, {5060, 6300}, "001010000000002", handset(2));
  EXPECT_EQ(index_.find({here_, 5060}, "sip:001010000000002@10.0.0.2"), handset(2));
  EXPECT_EQ(index_.find({here_, 5060}, "sip:+1555@10.0.0.2"), nullptr);
  EXPECT_EQ(index_.find({here_, 5060}, "not a URI"), nullptr);
}

}  // namespace
}  // namespace lapwing::labue
