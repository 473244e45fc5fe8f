#include "lab/labue/sim.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "lab/labue/subscribers.h"

namespace lapwing::labue {
namespace {

using aka::Block;

class SimTest : public testing::Test {
 protected:
  SimTest()
      : k_(*key_from_hex("465b5ce8b199b49faa5f0a2ee238a6bc", "K")),
        opc_(*key_from_hex("cd63cb71954a9f4e48a5994e37a02baf", "OPc")),
        home_(*aka::Milenage::create(k_, opc_)),
        sim_(*Sim::create("001010000000001", k_, opc_)) {}

  aka::AuthVector vector(aka::Sqn sqn) { return aka::make_vector(home_, aka::random_rand(), sqn, 0x8000); }

  Secret k_, opc_;
  aka::Milenage home_;
  Sim sim_;
};

TEST_F(SimTest, when_the_sqn_is_fresh_then_res_ck_and_ik_are_the_networks) {
  aka::AuthVector v = vector(aka::sqn_of(1, 4));
  Sim::Verdict verdict = sim_.authenticate(v.rand, v.autn);
  auto* accepted = std::get_if<Sim::Accepted>(&verdict);
  ASSERT_TRUE(accepted);
  EXPECT_TRUE(accepted->res.equals(v.xres));
  EXPECT_TRUE(accepted->ck.equals(v.ck));
  EXPECT_TRUE(accepted->ik.equals(v.ik));
}

TEST_F(SimTest, when_a_vector_comes_twice_then_auts_carries_the_highest_sqn) {
  aka::AuthVector v = vector(aka::sqn_of(7, 4));
  sim_.authenticate(v.rand, v.autn);
  Sim::Verdict verdict = sim_.authenticate(v.rand, v.autn);
  auto* stale = std::get_if<Sim::Stale>(&verdict);
  ASSERT_TRUE(stale);
  absl::StatusOr<aka::Sqn> sqn_ms = aka::check_auts(home_, v.rand, stale->auts);
  ASSERT_TRUE(sqn_ms.ok());
  EXPECT_EQ(*sqn_ms, aka::sqn_of(7, 4));
}

TEST_F(SimTest, when_another_slot_is_ahead_then_a_lower_sqn_of_its_own_slot_is_still_fresh) {
  aka::AuthVector ahead = vector(aka::sqn_of(100, 1)), behind = vector(aka::sqn_of(5, 2));
  EXPECT_TRUE(std::holds_alternative<Sim::Accepted>(sim_.authenticate(ahead.rand, ahead.autn)));
  EXPECT_TRUE(std::holds_alternative<Sim::Accepted>(sim_.authenticate(behind.rand, behind.autn)));
  EXPECT_TRUE(std::holds_alternative<Sim::Stale>(sim_.authenticate(behind.rand, behind.autn)));
}

TEST_F(SimTest, when_the_mac_is_wrong_then_the_network_is_rejected) {
  aka::AuthVector v = vector(aka::sqn_of(1, 4));
  v.autn[15] ^= 1;
  EXPECT_TRUE(std::holds_alternative<Sim::NetworkRejected>(sim_.authenticate(v.rand, v.autn)));
}

TEST_F(SimTest, when_told_to_run_ahead_then_one_good_challenge_is_stale_and_the_next_after_it_is_not) {
  sim_.run_ahead();
  aka::AuthVector v = vector(aka::sqn_of(3, 4));
  Sim::Verdict verdict = sim_.authenticate(v.rand, v.autn);
  auto* stale = std::get_if<Sim::Stale>(&verdict);
  ASSERT_TRUE(stale);
  absl::StatusOr<aka::Sqn> sqn_ms = aka::check_auts(home_, v.rand, stale->auts);
  ASSERT_TRUE(sqn_ms.ok());
  aka::NetworkSqn network(4, 3);
  network.resynchronise(*sqn_ms);
  aka::AuthVector next = vector(*network.next());
  EXPECT_TRUE(std::holds_alternative<Sim::Accepted>(sim_.authenticate(next.rand, next.autn)));
}

TEST_F(SimTest, when_the_imsi_or_a_key_is_malformed_then_no_sim_is_made) {
  EXPECT_FALSE(Sim::create("00101x", k_, opc_).ok());
  EXPECT_FALSE(Sim::create("00101", k_, opc_).ok());
  EXPECT_FALSE(Sim::create("0010100000000012", k_, opc_).ok());
  EXPECT_FALSE(Sim::create("001010000000001", Secret(), opc_).ok());
}

class SqnFileTest : public SimTest {
 protected:
  SqnFileTest() : path_(testing::TempDir() + "labue-sqn-" + std::to_string(::getpid())) {}
  ~SqnFileTest() override { std::remove(path_.c_str()); }
  std::string path_;
};

TEST_F(SqnFileTest, when_a_sim_is_kept_then_a_used_sqn_is_stale_in_the_next_run_in_its_slot_only) {
  aka::AuthVector v = vector(aka::sqn_of(9, 4)), other_slot = vector(aka::sqn_of(8, 5));
  sim_.authenticate(v.rand, v.autn);
  absl::StatusOr<SqnFile> file = SqnFile::open(path_);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_FALSE(file->find("001010000000001"));
  file->keep(sim_);
  ASSERT_TRUE(file->save().ok());

  absl::StatusOr<SqnFile> again = SqnFile::open(path_);
  ASSERT_TRUE(again.ok());
  auto kept = again->find("001010000000001");
  ASSERT_TRUE(kept);
  Sim next = *Sim::create("001010000000001", k_, opc_);
  next.restore(*kept);
  EXPECT_TRUE(std::holds_alternative<Sim::Stale>(next.authenticate(v.rand, v.autn)));
  EXPECT_TRUE(std::holds_alternative<Sim::Accepted>(next.authenticate(other_slot.rand, other_slot.autn)));
}

TEST_F(SqnFileTest, when_a_line_is_malformed_then_the_error_names_it) {
  std::ofstream(path_) << "001010000000001 5 1 2 3\n";
  absl::StatusOr<SqnFile> file = SqnFile::open(path_);
  ASSERT_FALSE(file.ok());
  EXPECT_NE(std::string(file.status().message()).find(path_ + ":1:"), std::string::npos);
}

}  // namespace
}  // namespace lapwing::labue
