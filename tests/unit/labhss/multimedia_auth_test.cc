// MAR: TS 29.228 section 6.3.
#include "common/aka/sqn.h"
#include "lab/labhss/cx_service.h"
#include "tests/unit/labhss/lab.h"

namespace lapwing::labhss {
namespace {

using State = RegistrationState;

TEST_F(Lab, when_mar_comes_then_the_sim_opens_the_vector) {
  const cx::MultimediaAuthAnswer answer = mar(scscf);
  EXPECT_EQ(answer.result, cx::base::success);
  EXPECT_EQ(answer.impi, impi);
  EXPECT_EQ(answer.impu, temporary);
  EXPECT_EQ(answer.items, 1u);
  ASSERT_EQ(answer.vectors.size(), 1u);
  const cx::AuthDataItem& item = answer.vectors[0];
  EXPECT_EQ(item.item_number, 1u);
  EXPECT_EQ(item.scheme, "Digest-AKAv1-MD5");
  ASSERT_EQ(item.authenticate.size(), 32u);
  aka::Milenage sim = *aka::Milenage::create(secret(k_text), secret(opc_text));
  aka::Block rand, autn;
  std::copy_n(item.authenticate.begin(), 16, rand.begin());
  std::copy_n(item.authenticate.begin() + 16, 16, autn.begin());
  const absl::StatusOr<aka::OpenedAutn> opened = aka::open_autn(sim, rand, autn);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->sqn, aka::sqn_of(1, 4));
  EXPECT_EQ(opened->amf, 0x8000);
  EXPECT_TRUE(opened->res.equals(item.authorization));
  EXPECT_TRUE(opened->ck.equals(item.confidentiality_key));
  EXPECT_TRUE(opened->ik.equals(item.integrity_key));
  EXPECT_TRUE(state().authentication_pending);
  EXPECT_EQ(state().server_name, scscf);
  EXPECT_EQ(state().state(), State::not_registered);
}

TEST_F(Lab, when_mar_is_malformed_then_the_result_says_how) {
  cx::MultimediaAuthRequest good;
  good.impi = impi;
  good.impu = temporary;
  good.server_name = scscf;
  good.item.scheme = "digest-akav1-md5";
  EXPECT_EQ(answer(good).result, cx::base::success);

  cx::MultimediaAuthRequest request = good;
  request.impi = "";
  EXPECT_EQ(answer(request).result, cx::base::missing_avp);
  request = good;
  request.impu = "tel:+15550100002";
  EXPECT_EQ(answer(request).result, cx::experimental::identities_dont_match);
  request = good;
  request.impi = "x@y";
  EXPECT_EQ(answer(request).result, cx::experimental::user_unknown);
  request = good;
  request.server_name = "";
  EXPECT_EQ(answer(request).result, cx::base::missing_avp);
  request = good;
  request.item.scheme = "";
  EXPECT_EQ(answer(request).result, cx::base::missing_avp);
  for (const char* scheme : {"Unknown", "SIP Digest", "Early-IMS-Security", "NASS-Bundled", "Digest-AKAv2-MD5"}) {
    request = good;
    request.item.scheme = scheme;
    const cx::MultimediaAuthAnswer answer = this->answer(request);
    EXPECT_EQ(answer.result, cx::experimental::auth_scheme_not_supported) << scheme;
    EXPECT_TRUE(answer.vectors.empty());
  }
}

TEST_F(Lab, when_several_vectors_are_asked_for_then_at_most_five_come_in_order) {
  cx::MultimediaAuthRequest request;
  request.impi = impi;
  request.impu = temporary;
  request.server_name = scscf;
  request.item.scheme = "Digest-AKAv1-MD5";
  for (const auto& [wanted, given] : {std::pair(0u, 0u), std::pair(3u, 3u), std::pair(4'000'000'000u, 5u)}) {
    request.items = wanted;
    const cx::MultimediaAuthAnswer answer = this->answer(request);
    EXPECT_EQ(answer.items, given);
    ASSERT_EQ(answer.vectors.size(), given);
    for (uint32_t i = 0; i < given; ++i) EXPECT_EQ(answer.vectors[i].item_number, i + 1);
  }
}

// A SIM of the first subscriber, and what it says to a challenge that is not fresh.
class Resynchronisation : public Lab {
 protected:
  // RAND || AUTS as hex.
  std::string failure(uint64_t seq, const std::string& k = k_text) {
    aka::Milenage sim = *aka::Milenage::create(secret(k), secret(opc_text));
    const aka::Block rand = aka::random_rand();
    const aka::Auts auts = aka::make_auts(sim, rand, aka::sqn_of(seq, 9));
    return to_hex(std::string(rand.begin(), rand.end()) + std::string(auts.begin(), auts.end()));
  }
  uint64_t seq() { return aka::seq_of(service->list()[0].sqn); }
};

TEST_F(Resynchronisation, when_auts_is_good_then_the_next_vector_follows_the_sim) {
  mar(scscf);
  const cx::MultimediaAuthAnswer answer = mar(scscf, failure(1'000'000));
  EXPECT_EQ(answer.result, cx::base::success);
  EXPECT_EQ(answer.vectors.size(), 1u);
  EXPECT_EQ(seq(), 1'000'001u);
}

TEST_F(Resynchronisation, when_auts_is_of_another_sim_then_nothing_changes) {
  mar(scscf);
  const cx::MultimediaAuthAnswer answer = mar(scscf, failure(1'000'000, op_text));
  EXPECT_EQ(answer.result, cx::base::unable_to_comply);
  EXPECT_TRUE(answer.vectors.empty());
  EXPECT_EQ(seq(), 1u);
}

TEST_F(Resynchronisation, when_it_has_another_size_then_it_is_an_invalid_value) {
  const std::string good = failure(50);
  for (const size_t bytes : {1u, 14u, 29u}) {
    EXPECT_EQ(mar(scscf, good.substr(0, 2 * bytes)).result, cx::base::invalid_avp_value);
  }
  EXPECT_EQ(mar(scscf, good + "00").result, cx::base::invalid_avp_value);
}

TEST_F(Resynchronisation, when_another_s_cscf_asks_then_it_is_refused) {
  mar(scscf);
  EXPECT_EQ(mar(other, failure(50)).result, cx::base::unable_to_comply);
  EXPECT_EQ(seq(), 1u);
  EXPECT_EQ(state().server_name, scscf);
}

TEST_F(Resynchronisation, when_the_hss_has_forgotten_the_challenge_then_it_is_accepted) {
  EXPECT_EQ(mar(scscf, failure(50)).result, cx::base::success);
  EXPECT_EQ(state().server_name, scscf);
}

TEST_F(Lab, when_another_s_cscf_authenticates_a_registered_user_then_the_old_one_is_told) {
  sar(scscf, 1);
  EXPECT_EQ(mar(scscf).result, cx::base::success);
  EXPECT_TRUE(terminations.empty());
  EXPECT_EQ(mar(other).result, cx::base::success);
  ASSERT_EQ(terminations.size(), 1u);
  EXPECT_EQ(terminations[0].routing.destination_host, "scscf." + domain);
  EXPECT_EQ(terminations[0].routing.destination_realm, domain);
  EXPECT_EQ(terminations[0].impi, impi);
  EXPECT_EQ(terminations[0].impus, (std::vector<std::string>{temporary, sip, tel}));
  EXPECT_EQ(terminations[0].reason, cx::DeregistrationReason::new_server_assigned);
  EXPECT_EQ(state().server_name, other);
  EXPECT_EQ(state().state(), State::registered);
}

TEST_F(Lab, when_another_s_cscf_challenges_a_user_who_was_only_challenged_then_nobody_is_told) {
  mar(scscf);
  mar(other);
  EXPECT_TRUE(terminations.empty());
  EXPECT_EQ(state().server_name, other);
}

}  // namespace
}  // namespace lapwing::labhss
