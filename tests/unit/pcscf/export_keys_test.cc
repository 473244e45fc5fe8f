// PcscfOperator::export_keys: when keys go out, which, and who is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pcscf/ipsec/fake_kernel.h"
#include "pcscf/operator.h"

namespace lapwing::pcscf {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Secret sixteen(uint8_t first) {
  std::array<uint8_t, 16> bytes{};
  bytes.fill(first);
  return Secret(std::span<const uint8_t>(bytes));
}

class ExportKeys : public testing::Test {
 protected:
  static Settings with_export(bool on) {
    Settings settings;
    settings.export_keys = on;
    return settings;
  }
  std::shared_ptr<Handset> handset(uint32_t number) {
    const std::string imsi = std::to_string(1010000000000 + number);
    auto made = core_.handsets.get_or_make(asio::ip::address_v4(0x0a2f0000 + number), imsi + "@x");
    made->impu = "sip:" + imsi + "@x";
    return made;
  }
  static void add_set(Handset& handset, SetState state, const char* algorithms, bool adopted = false) {
    SaEntry entry;
    entry.state = state;
    entry.adopted = adopted;
    entry.set.ue = handset.address;
    entry.set.pcscf = asio::ip::make_address("10.46.0.1");
    entry.set.spi_ps = {1};
    entry.set.spi_uc = {2};
    entry.set.spi_us = {3};
    entry.set.spi_pc = {4};
    entry.set.algorithms = *ipsec::algorithms_from(algorithms);
    entry.set.ck = sixteen(0xcc);
    entry.set.ik = sixteen(0x11);
    handset.sets.push_back(std::move(entry));
  }
  absl::StatusOr<v1::ExportKeysReply> ask(const std::string& identity) {
    v1::ExportKeysRequest request;
    request.set_identity(identity);
    return operator_.export_keys(request);
  }

  ManualClock clock_;
  ipsec::FakeKernel kernel_;
  std::vector<std::string> told_;
  Core core_{with_export(true),
             kernel_,
             clock_,
             control::Report(
                 [this](std::string_view kind, std::string_view impi, std::string_view impu, std::string text, Cause) {
                   told_.push_back(std::string(kind) + " " + std::string(impi) + " " + std::string(impu) + " " + text);
                 }),
             65536,
             65600};
  WorkerPool pool_{1, clock_};
  sip::Stack stack_{pool_, {}};
  PcscfOperator operator_{core_, pool_, stack_};
};

TEST_F(ExportKeys, when_the_switch_is_off_then_nothing_goes_out_and_it_says_what_to_set) {
  add_set(*handset(1), SetState::valid, "hmac-sha-1-96/aes-cbc");
  core_.configure(with_export(false));
  const auto reply = ask("");
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(reply.status().message()), HasSubstr("export_keys: true under ipsec:"));
  EXPECT_THAT(told_, ElementsAre());
  core_.configure(with_export(true));
  EXPECT_TRUE(ask("").ok());
}

TEST_F(ExportKeys, when_it_is_on_then_each_association_has_the_keys_of_the_kernel) {
  add_set(*handset(1), SetState::valid, "hmac-sha-1-96/aes-cbc");
  const auto reply = ask("1010000000001");
  ASSERT_TRUE(reply.ok()) << reply.status();
  ASSERT_EQ(reply->sas_size(), 4);
  const struct {
    const char* direction;
    const char* source;
    uint32_t spi;
  } expected[] = {{"in uc->ps", "10.47.0.1", 1},
                  {"out ps->uc", "10.46.0.1", 2},
                  {"out pc->us", "10.46.0.1", 3},
                  {"in us->pc", "10.47.0.1", 4}};
  for (int i = 0; i < 4; ++i) {
    const v1::EspSa& sa = reply->sas(i);
    EXPECT_EQ(sa.direction(), expected[i].direction);
    EXPECT_EQ(sa.source(), expected[i].source);
    EXPECT_NE(sa.destination(), sa.source());
    EXPECT_EQ(sa.spi(), expected[i].spi);
    EXPECT_EQ(sa.impi(), "1010000000001@x");
    EXPECT_EQ(sa.integrity(), "hmac-sha-1-96");
    EXPECT_EQ(sa.encryption(), "aes-cbc");
    EXPECT_EQ(sa.encryption_key(), std::string(16, '\xcc'));
    EXPECT_EQ(sa.integrity_key(), std::string(16, '\x11') + std::string(4, '\0'));  // padded, TS 33.203 Annex I
  }
  EXPECT_THAT(told_, ElementsAre("audit 1010000000001@x sip:1010000000001@x the keys of 4 security associations were "
                                 "given out, for Wireshark"));
}

TEST_F(ExportKeys, when_a_handset_has_several_sets_then_all_go_out_and_others_do_not) {
  for (SetState state : {SetState::old, SetState::valid, SetState::temporary}) {
    add_set(*handset(1), state, "hmac-md5-96/null");
  }
  add_set(*handset(2), SetState::valid, "aes-gmac/null");
  handset(3);
  auto one = ask("1010000000001");
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(one->sas_size(), 12);
  EXPECT_EQ(one->sas(0).encryption_key(), "");
  auto all = ask("");
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all->sas_size(), 16);
  EXPECT_EQ(told_.size(), 3U);
  EXPECT_EQ(ask("1010000000003")->sas_size(), 0);
  EXPECT_EQ(told_.size(), 3U);
}

TEST_F(ExportKeys, when_a_set_is_of_before_a_restart_then_its_keys_are_not_known) {
  add_set(*handset(1), SetState::valid, "hmac-sha-1-96/null", true);
  const auto reply = ask("");
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(reply->sas_size(), 0);
  EXPECT_EQ(reply->unknown(), 4U);
  EXPECT_THAT(told_, ElementsAre());
}

TEST_F(ExportKeys, when_more_handsets_are_meant_than_the_limit_then_nothing_goes_out) {
  for (uint32_t number = 1; number <= PcscfOperator::export_limit; ++number) {
    add_set(*handset(number), SetState::valid, "hmac-sha-1-96/null");
  }
  EXPECT_TRUE(ask("").ok());
  told_.clear();
  add_set(*handset(PcscfOperator::export_limit + 1), SetState::valid, "hmac-sha-1-96/null");
  EXPECT_EQ(ask("").status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(told_, ElementsAre());
  EXPECT_TRUE(ask("1010000000001").ok());
}

}  // namespace
}  // namespace lapwing::pcscf
