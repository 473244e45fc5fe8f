// The integrity check values of a real handset's ESP packets (hmac-md5-96, null) recompute with the keys that the
// program would give the kernel.
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "pcscf/ipsec/sa.h"
#include "tests/unit/ipsec/hex.h"

namespace lapwing::ipsec {
namespace {

std::filesystem::path handset_data() {
  if (const char* given = std::getenv("LAPWING_HANDSET_DATA")) return given;
  return std::filesystem::path(LAPWING_SOURCE_DIR) / "../shared/data/handset";
}

TEST(CapturedEsp, when_the_handset_or_its_network_sent_it_then_the_icv_recomputes) {
  if (!std::filesystem::exists(handset_data() / "esp"))
    GTEST_SKIP() << "no captured handset traffic: set LAPWING_HANDSET_DATA to its directory";
  SaSet set;
  set.algorithms = {Integrity::hmac_md5_96, Encryption::null};
  set.ck = Secret(bytes_of("d53c02758b376066fad0af7daa6df765"));
  set.ik = Secret(bytes_of("e1763cf28cc2e584588800193137ec92"));
  Secret key = integrity_key(set);

  int checked = 0;
  for (const auto& entry : std::filesystem::directory_iterator(handset_data() / "esp")) {
    std::string name = entry.path().filename().string();
    if (name.find("frag") != std::string::npos) continue;  // half a packet has no value of its own
    std::ifstream file(entry.path(), std::ios::binary);
    std::vector<uint8_t> packet((std::istreambuf_iterator<char>(file)), {});
    ASSERT_GT(packet.size(), 40u) << name;
    size_t header = (packet[0] & 15u) * 4u;
    std::span<const uint8_t> esp(packet.begin() + static_cast<ptrdiff_t>(header), packet.end());
    std::span<const uint8_t> icv = esp.last(12), covered = esp.first(esp.size() - 12);
    uint8_t digest[16];
    unsigned size = 0;
    HMAC(EVP_md5(), key.reveal().data(), static_cast<int>(key.size()), covered.data(), covered.size(), digest, &size);
    EXPECT_TRUE(std::equal(icv.begin(), icv.end(), digest)) << name;
    ++checked;
  }
  EXPECT_EQ(checked, 9);
}

}  // namespace
}  // namespace lapwing::ipsec
