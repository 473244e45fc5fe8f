#include "pcscf/ipsec/sa.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace lapwing::ipsec {
namespace {

struct IntegrityName {
  Integrity value;
  std::string_view token;
};
struct EncryptionName {
  Encryption value;
  std::string_view token;
};

constexpr IntegrityName kIntegrity[] = {
    {Integrity::hmac_sha1_96, "hmac-sha-1-96"},
    {Integrity::hmac_md5_96, "hmac-md5-96"},
    {Integrity::aes_gmac, "aes-gmac"},
    {Integrity::null, "null"},
};
constexpr EncryptionName kEncryption[] = {
    {Encryption::aes_cbc, "aes-cbc"},
    {Encryption::des_ede3_cbc, "des-ede3-cbc"},
    {Encryption::aes_gcm, "aes-gcm"},
    {Encryption::null, "null"},
};

bool same(std::string_view a, std::string_view b) {
  return absl::EqualsIgnoreCase(absl::string_view(a.data(), a.size()), absl::string_view(b.data(), b.size()));
}

template <typename Names>
std::string listed(const Names& names) {
  std::string all;
  for (const auto& name : names) {
    if (!all.empty()) all += ", ";
    all += name.token;
  }
  return all;
}

// The salt of an AEAD: the last 32 bits of the KDF of TS 33.220 over CK || IK (TS 33.203 Annex I).
std::array<uint8_t, 4> salt(const SaSet& set, uint8_t fc, std::string_view p0) {
  std::vector<uint8_t> key;
  key.reserve(set.ck.size() + set.ik.size());  // growing would leave copies of the key behind
  for (uint8_t byte : set.ck.reveal()) key.push_back(byte);
  for (uint8_t byte : set.ik.reveal()) key.push_back(byte);
  std::vector<uint8_t> input{fc};
  input.insert(input.end(), p0.begin(), p0.end());
  input.push_back(0);
  input.push_back(static_cast<uint8_t>(p0.size()));
  std::array<uint8_t, 32> digest{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), input.data(), input.size(), digest.data(), &size);
  std::array<uint8_t, 4> last{};
  std::copy(digest.end() - 4, digest.end(), last.begin());
  OPENSSL_cleanse(key.data(), key.size());
  OPENSSL_cleanse(digest.data(), digest.size());
  return last;
}

Secret joined(const Secret& key, std::span<const uint8_t> tail) {
  std::array<uint8_t, 32> both{};
  size_t size = 0;
  for (uint8_t byte : key.reveal().first(std::min<size_t>(key.size(), 16))) both[size++] = byte;
  for (uint8_t byte : tail.first(std::min<size_t>(tail.size(), 16))) both[size++] = byte;
  Secret result(std::span<const uint8_t>(both.data(), size));
  OPENSSL_cleanse(both.data(), both.size());
  return result;
}

}  // namespace

bool Algorithms::valid() const {
  switch (integrity) {
    case Integrity::null:
      return encryption == Encryption::aes_gcm;
    case Integrity::aes_gmac:
      return encryption == Encryption::null;
    case Integrity::hmac_md5_96:
    case Integrity::hmac_sha1_96:
      return encryption != Encryption::aes_gcm;
  }
  return false;
}

std::string_view token(Integrity integrity) {
  for (const IntegrityName& name : kIntegrity)
    if (name.value == integrity) return name.token;
  return {};
}

std::string_view token(Encryption encryption) {
  for (const EncryptionName& name : kEncryption)
    if (name.value == encryption) return name.token;
  return {};
}

std::optional<Integrity> integrity_from(std::string_view token) {
  for (const IntegrityName& name : kIntegrity)
    if (same(name.token, token)) return name.value;
  return std::nullopt;
}

std::optional<Encryption> encryption_from(std::string_view token) {
  if (token.empty()) return Encryption::null;
  for (const EncryptionName& name : kEncryption)
    if (same(name.token, token)) return name.value;
  return std::nullopt;
}

absl::StatusOr<Algorithms> algorithms_from(std::string_view pair) {
  size_t slash = pair.find('/');
  if (slash == std::string_view::npos || slash + 1 == pair.size())
    return absl::InvalidArgumentError(
        absl::StrFormat("\"%s\" is not INTEGRITY/ENCRYPTION, as in \"hmac-sha-1-96/aes-cbc\"", pair));
  std::string_view first = pair.substr(0, slash), second = pair.substr(slash + 1);
  std::optional<Integrity> integrity = integrity_from(first);
  if (!integrity)
    return absl::InvalidArgumentError(
        absl::StrFormat("\"%s\" is no integrity algorithm; there are %s", first, listed(kIntegrity)));
  std::optional<Encryption> encryption = encryption_from(second);
  if (!encryption)
    return absl::InvalidArgumentError(
        absl::StrFormat("\"%s\" is no encryption algorithm; there are %s", second, listed(kEncryption)));
  Algorithms algorithms{*integrity, *encryption};
  if (!algorithms.valid())
    return absl::InvalidArgumentError(absl::StrFormat(
        "\"%s\" does not go together: null/aes-gcm, aes-gmac/null, or an hmac with aes-cbc, des-ede3-cbc or null",
        pair));
  return algorithms;
}

std::string text(const Algorithms& algorithms) {
  return absl::StrFormat("%s/%s", token(algorithms.integrity), token(algorithms.encryption));
}

std::array<Association, 4> associations(const SaSet& set) {
  return {{{set.ue, set.pcscf, set.uc, set.ps, set.spi_ps},
           {set.pcscf, set.ue, set.ps, set.uc, set.spi_uc},
           {set.pcscf, set.ue, set.pc, set.us, set.spi_us},
           {set.ue, set.pcscf, set.us, set.pc, set.spi_pc}}};
}

Secret integrity_key(const SaSet& set) {
  switch (set.algorithms.integrity) {
    case Integrity::null:
      return {};
    case Integrity::hmac_md5_96:
      return set.ik;
    case Integrity::hmac_sha1_96:
      return joined(set.ik, std::array<uint8_t, 4>{});
    case Integrity::aes_gmac:
      return joined(set.ik, salt(set, 0x58, "AES_GMAC_SALT"));
  }
  return {};
}

Secret encryption_key(const SaSet& set) {
  switch (set.algorithms.encryption) {
    case Encryption::null:
      return {};
    case Encryption::aes_cbc:
      return set.ck;
    case Encryption::des_ede3_cbc:
      return joined(set.ck, set.ck.reveal().first(std::min<size_t>(set.ck.size(), 8)));
    case Encryption::aes_gcm:
      return joined(set.ck, salt(set, 0x59, "AES_GCM_SALT"));
  }
  return {};
}

}  // namespace lapwing::ipsec
