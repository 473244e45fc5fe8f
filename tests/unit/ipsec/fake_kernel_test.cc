#include "pcscf/ipsec/fake_kernel.h"

#include <gtest/gtest.h>

#include "tests/unit/ipsec/hex.h"

namespace lapwing::ipsec {
namespace {

using namespace std::chrono_literals;

class FakeKernelTest : public ::testing::Test {
 protected:
  SaSet set(uint32_t number) {
    SaSet set;
    set.ue = asio::ip::make_address("10.0.0.2");
    set.pcscf = asio::ip::make_address("10.0.0.1");
    set.uc = Port{static_cast<uint16_t>(6300 + number)};
    set.us = Port{6300};
    set.pc = Port{static_cast<uint16_t>(5100 + number)};
    set.ps = Port{5100};
    set.spi_uc = Spi{1000 + 2 * number};
    set.spi_us = Spi{1001 + 2 * number};
    set.spi_pc = Spi{2000 + 2 * number};
    set.spi_ps = Spi{2001 + 2 * number};
    set.ck = Secret(bytes_of("b40ba9a3c58b2a05bbf0d987b21bf8cb"));
    set.ik = Secret(bytes_of("f769bcd751044604127672711c6d3441"));
    return set;
  }

  static Task<void> keep(Task<absl::Status> task, std::optional<absl::Status>* result) {
    *result = co_await std::move(task);
  }
  absl::Status run(Task<absl::Status> task) {
    std::optional<absl::Status> result;
    worker_.spawn(keep(std::move(task), &result));
    worker_.run_ready();
    if (!result) {
      clock_.advance(2s);
      worker_.timers().run_due();
      worker_.run_ready();
    }
    return result ? *result : absl::InternalError("still waiting after 2 s");
  }

  ManualClock clock_;
  Worker worker_{0, clock_};
  FakeKernel kernel_{7};
  SaSet first_ = set(1), second_ = set(2);
};

TEST_F(FakeKernelTest, when_a_set_is_installed_and_removed_then_four_and_none) {
  EXPECT_TRUE(run(kernel_.install(worker_, first_, 0s)).ok());
  EXPECT_EQ(kernel_.installed().size(), 4u);
  EXPECT_TRUE(run(kernel_.remove(worker_, first_)).ok());
  EXPECT_TRUE(kernel_.installed().empty());
  EXPECT_TRUE(run(kernel_.remove(worker_, first_)).ok());
}

TEST_F(FakeKernelTest, when_an_spi_is_in_use_then_the_second_set_is_rolled_back) {
  ASSERT_TRUE(run(kernel_.install(worker_, first_, 0s)).ok());
  second_.spi_pc = first_.spi_ps;
  EXPECT_EQ(run(kernel_.install(worker_, second_, 0s)).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(kernel_.installed().size(), 4u);
  EXPECT_TRUE(run(kernel_.remove(worker_, second_)).ok());
  EXPECT_EQ(kernel_.installed().size(), 4u) << "the SPI is the first set's";
}

TEST_F(FakeKernelTest, when_the_nth_sa_fails_then_nothing_is_left) {
  for (int nth = 1; nth <= 4; ++nth) {
    kernel_.fail_new_sa(nth, absl::ResourceExhaustedError("no memory"));
    EXPECT_EQ(run(kernel_.install(worker_, first_, 0s)).code(), absl::StatusCode::kResourceExhausted);
    EXPECT_TRUE(kernel_.installed().empty()) << nth;
  }
  EXPECT_TRUE(run(kernel_.install(worker_, first_, 0s)).ok());
}

TEST_F(FakeKernelTest, when_there_is_no_answer_then_deadline_exceeded_and_nothing_installed) {
  kernel_.time_out_next(FakeKernel::Call::install);
  EXPECT_EQ(run(kernel_.install(worker_, first_, 0s)).code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(kernel_.installed().empty());
}

TEST_F(FakeKernelTest, when_ports_match_then_the_sa_of_that_handset_is_taken) {
  ASSERT_TRUE(run(kernel_.install(worker_, first_, 0s)).ok());
  ASSERT_TRUE(run(kernel_.install(worker_, second_, 0s)).ok());
  auto taken = kernel_.outbound(first_.pcscf, first_.pc, first_.ue, first_.us);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->flow.spi, first_.spi_us);
  taken = kernel_.outbound(first_.pcscf, second_.pc, first_.ue, first_.us);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->flow.spi, second_.spi_us);
  EXPECT_FALSE(kernel_.outbound(first_.pcscf, Port{5060}, first_.ue, first_.us));
  EXPECT_TRUE(kernel_.accepts(first_.spi_ps, first_.ue, first_.uc, first_.pcscf, first_.ps));
  EXPECT_FALSE(kernel_.accepts(first_.spi_ps, first_.ue, first_.us, first_.pcscf, first_.ps));
}

TEST_F(FakeKernelTest, when_selectors_are_loose_then_inbound_ports_are_free_and_outbound_ones_are_not) {
  FakeKernel loose(7, Selectors::address_only);
  ASSERT_TRUE(run(loose.install(worker_, first_, 0s)).ok());
  EXPECT_TRUE(loose.accepts(first_.spi_ps, first_.ue, first_.us, first_.pcscf, first_.ps));
  EXPECT_FALSE(loose.outbound(first_.pcscf, Port{9}, first_.ue, first_.us));
}

TEST_F(FakeKernelTest, when_the_lifetime_passes_then_the_sas_go_and_the_handler_hears) {
  std::vector<KernelExpiry> heard;
  kernel_.on_expire([&](KernelExpiry expiry) { heard.push_back(expiry); });
  ASSERT_TRUE(run(kernel_.install(worker_, first_, 30s)).ok());
  ASSERT_TRUE(run(kernel_.set_lifetime(worker_, first_, 60s)).ok());
  clock_.advance(59s);
  kernel_.expire_due(clock_.now());
  EXPECT_TRUE(heard.empty());
  clock_.advance(1s);
  kernel_.expire_due(clock_.now());
  ASSERT_EQ(heard.size(), 4u);
  EXPECT_TRUE(heard[0].hard);
  EXPECT_EQ(heard[0].reqid, 7u);
  EXPECT_TRUE(kernel_.installed().empty());
  EXPECT_EQ(run(kernel_.set_lifetime(worker_, first_, 60s)).code(), absl::StatusCode::kNotFound);
}

TEST_F(FakeKernelTest, when_events_are_lost_then_told_at_the_end) {
  int heard = 0;
  kernel_.on_expire([&](KernelExpiry) { ++heard; });
  ASSERT_TRUE(run(kernel_.install(worker_, first_, 0s)).ok());
  kernel_.lose_events(true);
  kernel_.expire(first_.pcscf, first_.spi_ps, true);
  EXPECT_EQ(heard, 0);
  kernel_.lose_events(false);
  EXPECT_EQ(heard, 1);
}

TEST_F(FakeKernelTest, when_prepared_then_what_is_ours_goes_and_what_is_not_stays) {
  ASSERT_TRUE(run(kernel_.install(worker_, first_, 0s)).ok());
  kernel_.add_foreign(associations(second_)[0], 99);
  ASSERT_TRUE(kernel_.prepare(End::pcscf, {first_.pcscf}, Port{5100}, {Port{5101}, Port{5102}}, {}).ok());
  ASSERT_EQ(kernel_.installed().size(), 1u);
  EXPECT_EQ(kernel_.installed()[0].reqid, 99u);
  EXPECT_EQ(kernel_.policies(), 6u);
  kernel_.clear();
  EXPECT_EQ(kernel_.installed().size(), 1u);
  EXPECT_EQ(kernel_.policies(), 0u);
}

}  // namespace
}  // namespace lapwing::ipsec
