// The security associations of one handset as values (TS 33.203 section 7, Annex H). CK and IK stay inside Secret.
#pragma once

#include <array>
#include <asio/ip/address.hpp>
#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/runtime/secret.h"

namespace lapwing::ipsec {

// Host byte order everywhere; the XFRM codec alone turns it.
struct Spi {
  uint32_t value = 0;
  auto operator<=>(const Spi&) const = default;
};
struct Port {
  uint16_t value = 0;
  auto operator<=>(const Port&) const = default;
};

enum class Integrity : uint8_t { null, hmac_md5_96, hmac_sha1_96, aes_gmac };
enum class Encryption : uint8_t { null, aes_cbc, des_ede3_cbc, aes_gcm };

struct Algorithms {
  Integrity integrity = Integrity::hmac_sha1_96;
  Encryption encryption = Encryption::null;
  bool operator==(const Algorithms&) const = default;
  // aes-gcm goes with null integrity only, null integrity with aes-gcm only, aes-gmac with null encryption only.
  bool valid() const;
};
std::string_view token(Integrity integrity);                        // "hmac-sha-1-96", as Annex H writes it
std::string_view token(Encryption encryption);                      // "aes-cbc"
std::optional<Integrity> integrity_from(std::string_view token);    // any case
std::optional<Encryption> encryption_from(std::string_view token);  // any case; empty: null
// "hmac-sha-1-96/aes-cbc", as the configuration writes it; InvalidArgument names what is wrong and what there is.
absl::StatusOr<Algorithms> algorithms_from(std::string_view pair);
std::string text(const Algorithms& algorithms);

// The names of TS 33.203: uc, us: the handset's client and server port; pc, ps: the P-CSCF's. spi_uc is the SPI of the
// SA inbound at the handset's port uc, and so on.
struct SaSet {
  asio::ip::address ue, pcscf;
  Port uc, us, pc, ps;
  Spi spi_uc, spi_us, spi_pc, spi_ps;
  Algorithms algorithms;
  Secret ck, ik;  // 16 bytes each
  uint32_t reqid = 0;
};

// One of the four SAs of a set: packets from source:source_port to destination:destination_port.
struct Association {
  asio::ip::address source, destination;
  Port source_port, destination_port;
  Spi spi;  // chosen by the destination
};
// In the order into ps, into uc (the same connections), into us, into pc (TS 33.203 section 7.1).
std::array<Association, 4> associations(const SaSet& set);

// The keys that go into the kernel, derived by Annex I (TS 33.203): SHA-1's IK is padded, 3DES repeats CK, the AEADs
// get their salt. Empty for null, and for the half of a pair that an AEAD does not use.
Secret integrity_key(const SaSet& set);
Secret encryption_key(const SaSet& set);

}  // namespace lapwing::ipsec
