#include "common/aka/sqn.h"

#include <gtest/gtest.h>

namespace lapwing::aka {
namespace {

using Verdict = UsimSqn::Verdict;

TEST(Sqn, when_it_is_split_then_seq_and_ind_make_it_again) {
  const Sqn sqn = 0xff9bb4d0b607;
  EXPECT_EQ(ind_of(sqn), 7);
  EXPECT_EQ(sqn_of(seq_of(sqn), ind_of(sqn)), sqn);
  EXPECT_EQ(sqn_of(max_seq, 31), max_sqn);
}

TEST(NetworkSqn, when_vectors_are_made_then_seq_grows_by_one_in_its_own_slot) {
  NetworkSqn network(4);
  EXPECT_EQ(network.next(), sqn_of(1, 4));
  EXPECT_EQ(network.next(), sqn_of(2, 4));
  EXPECT_EQ(network.seq(), 2u);
}

TEST(NetworkSqn, when_the_usim_tells_sqn_ms_then_the_next_is_greater_and_in_our_slot) {
  NetworkSqn network(4, 10);
  network.resynchronise(sqn_of(500, 31));
  const std::optional<Sqn> next = network.next();
  EXPECT_EQ(next, sqn_of(501, 4));
  EXPECT_GT(*next, sqn_of(500, 31));
}

TEST(NetworkSqn, when_our_seq_ran_ahead_then_resynchronisation_takes_it_back) {
  NetworkSqn network(4, uint64_t{1} << 40);
  network.resynchronise(sqn_of(20, 1));
  EXPECT_EQ(network.next(), sqn_of(21, 4));
}

TEST(NetworkSqn, when_all_numbers_are_used_then_there_is_no_next) {
  NetworkSqn network(4, max_seq - 1);
  EXPECT_EQ(network.next(), sqn_of(max_seq, 4));
  EXPECT_EQ(network.next(), std::nullopt);
  EXPECT_EQ(network.next(), std::nullopt);
}

TEST(UsimSqn, when_seq_grows_then_it_is_accepted_and_a_repeat_is_not) {
  UsimSqn usim;
  EXPECT_EQ(usim.check(sqn_of(1, 0)), Verdict::accepted);
  EXPECT_EQ(usim.check(sqn_of(1, 0)), Verdict::not_fresh);
  EXPECT_EQ(usim.check(sqn_of(2, 0)), Verdict::accepted);
  EXPECT_EQ(usim.check(sqn_of(1, 0)), Verdict::not_fresh);
  EXPECT_EQ(usim.highest(), sqn_of(2, 0));
}

TEST(UsimSqn, when_two_nodes_use_two_slots_then_the_slower_one_is_accepted_too) {
  UsimSqn usim;
  EXPECT_EQ(usim.check(sqn_of(1000, 1)), Verdict::accepted);
  EXPECT_EQ(usim.check(sqn_of(5, 4)), Verdict::accepted);
  EXPECT_EQ(usim.check(sqn_of(4, 4)), Verdict::not_fresh);
  EXPECT_EQ(usim.highest(), sqn_of(1000, 1));
}

TEST(UsimSqn, when_a_fresh_card_sees_seq_zero_then_it_is_not_fresh) {
  UsimSqn usim;
  EXPECT_EQ(usim.check(sqn_of(0, 3)), Verdict::not_fresh);
}

TEST(UsimSqn, when_seq_jumps_by_delta_then_it_is_accepted_and_beyond_it_is_not) {
  UsimSqn usim(sqn_of(10, 0));
  EXPECT_EQ(usim.check(sqn_of(10 + default_delta + 1, 4)), Verdict::jump_too_big);
  EXPECT_EQ(usim.highest(), sqn_of(10, 0));
  EXPECT_EQ(usim.check(sqn_of(10 + default_delta, 4)), Verdict::accepted);
}

TEST(UsimSqn, when_network_and_usim_disagree_then_one_resynchronisation_mends_both_directions) {
  for (const uint64_t network_seq : {uint64_t{3}, uint64_t{1} << 42}) {
    NetworkSqn network(4, network_seq);
    UsimSqn usim(sqn_of(1'000'000, 9));
    ASSERT_NE(usim.check(*network.next()), Verdict::accepted);
    network.resynchronise(usim.highest());
    EXPECT_EQ(usim.check(*network.next()), Verdict::accepted);
  }
}

}  // namespace
}  // namespace lapwing::aka
