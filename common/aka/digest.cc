#include "common/aka/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <span>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"

namespace lapwing::aka {
namespace {

constexpr size_t max_server_data = 256;

absl::string_view view(std::string_view text) {
  return {text.data(), text.size()};
}

std::string_view text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Secret secret(std::string_view bytes) {
  return Secret(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

const EVP_MD* algorithm(DigestHash hash) {
  static const EVP_MD* const md5 = EVP_MD_fetch(nullptr, "MD5", nullptr);
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  const EVP_MD* found = hash == DigestHash::md5 ? md5 : sha256;
  if (found == nullptr) {
    std::fputs("OpenSSL gives no MD5 or SHA-256: is a FIPS-only configuration active?\n", stderr);
    std::abort();
  }
  return found;
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// One context a thread and algorithm: setting one up costs more than hashing a line.
EVP_MD_CTX* begin(DigestHash hash) {
  thread_local std::unique_ptr<EVP_MD_CTX, FreeContext> contexts[2];
  std::unique_ptr<EVP_MD_CTX, FreeContext>& context = contexts[hash == DigestHash::md5 ? 0 : 1];
  const EVP_MD* type = nullptr;  // again with the algorithm that it has
  if (!context) {
    context.reset(EVP_MD_CTX_new());
    type = algorithm(hash);
  }
  if (!context || EVP_DigestInit_ex2(context.get(), type, nullptr) != 1) {
    std::fputs("OpenSSL cannot start a digest\n", stderr);
    std::abort();
  }
  return context.get();
}

struct Hex {
  std::array<char, 64> digits;
  size_t size;
  std::string_view text() const { return {digits.data(), size}; }
};

// The hash of the parts in a row, as lower-case hex.
Hex hash_hex(DigestHash hash, std::initializer_list<std::string_view> parts) {
  EVP_MD_CTX* context = begin(hash);
  // Lines gather here, since each call into OpenSSL costs as much as copying one.
  std::array<char, 256> buffer;
  size_t filled = 0;
  for (std::string_view part : parts) {
    if (part.size() > buffer.size() - filled) {
      EVP_DigestUpdate(context, buffer.data(), filled);
      filled = 0;
      if (part.size() > buffer.size()) {
        EVP_DigestUpdate(context, part.data(), part.size());
        continue;
      }
    }
    filled = static_cast<size_t>(std::ranges::copy(part, buffer.data() + filled).out - buffer.data());
  }
  EVP_DigestUpdate(context, buffer.data(), filled);
  OPENSSL_cleanse(buffer.data(), filled);
  std::array<uint8_t, EVP_MAX_MD_SIZE> bytes;
  unsigned size = 0;
  EVP_DigestFinal_ex(context, bytes.data(), &size);
  Hex hex;
  for (unsigned i = 0; i < size; ++i) {
    hex.digits[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
    hex.digits[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
  }
  hex.size = 2 * size;
  return hex;
}

Hex ha1_hex(const DigestInput& input, const Secret& password) {
  return hash_hex(input.hash, {input.username, ":", input.realm, ":", text(password.reveal())});
}

std::string respond(const DigestInput& input, std::string_view method, std::string_view ha1) {
  Hex session;
  if (input.session) {
    session = hash_hex(input.hash, {ha1, ":", input.nonce, ":", input.cnonce});
    ha1 = session.text();
  }
  Hex ha2;
  if (absl::EqualsIgnoreCase(view(input.qop), "auth-int")) {
    const Hex body = hash_hex(input.hash, {input.body});
    ha2 = hash_hex(input.hash, {method, ":", input.uri, ":", body.text()});
  } else {
    ha2 = hash_hex(input.hash, {method, ":", input.uri});
  }
  const Hex response = input.qop.empty() ? hash_hex(input.hash, {ha1, ":", input.nonce, ":", ha2.text()})
                                         : hash_hex(input.hash, {ha1, ":", input.nonce, ":", input.nc, ":",
                                                                 input.cnonce, ":", input.qop, ":", ha2.text()});
  return std::string(response.text());
}

std::string respond(const DigestInput& input, std::string_view method, const Secret& password) {
  Hex ha1 = ha1_hex(input, password);
  std::string response = respond(input, method, ha1.text());
  OPENSSL_cleanse(ha1.digits.data(), ha1.digits.size());
  return response;
}

Secret hmac(DigestHash hash, std::span<const uint8_t> key, std::string_view data) {
  std::array<uint8_t, EVP_MAX_MD_SIZE> out;
  unsigned size = 0;
  if (HMAC(algorithm(hash), key.data(), static_cast<int>(key.size()), reinterpret_cast<const uint8_t*>(data.data()),
           data.size(), out.data(), &size) == nullptr) {
    std::fputs("OpenSSL cannot make an HMAC\n", stderr);
    std::abort();
  }
  Secret result(std::span(out).first(size));
  OPENSSL_cleanse(out.data(), out.size());
  return result;
}

// Base64 of the standard alphabet. Abseil's decoder also takes blanks and dots, which no nonce of ours has.
std::optional<std::string> from_base64(std::string_view in) {
  const bool clean = std::ranges::all_of(in, [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '+' || c == '/' || c == '=';
  });
  std::string out;
  if (!clean || !absl::Base64Unescape(view(in), &out)) return std::nullopt;
  return out;
}

}  // namespace

std::optional<DigestAlgorithm> parse_digest_algorithm(std::string_view token) {
  DigestAlgorithm algorithm;
  if (token.empty()) return algorithm;
  if (absl::StartsWithIgnoreCase(view(token), "AKAv1-")) algorithm.scheme = DigestAlgorithm::Scheme::akav1;
  if (absl::StartsWithIgnoreCase(view(token), "AKAv2-")) algorithm.scheme = DigestAlgorithm::Scheme::akav2;
  if (algorithm.scheme != DigestAlgorithm::Scheme::plain) token.remove_prefix(6);
  if (absl::EndsWithIgnoreCase(view(token), "-sess")) {
    algorithm.session = true;
    token.remove_suffix(5);
  }
  if (absl::EqualsIgnoreCase(view(token), "SHA-256")) {
    algorithm.hash = DigestHash::sha256;
  } else if (!absl::EqualsIgnoreCase(view(token), "MD5")) {
    return std::nullopt;
  }
  return algorithm;
}

std::string digest_algorithm_text(const DigestAlgorithm& algorithm) {
  std::string out;
  if (algorithm.scheme == DigestAlgorithm::Scheme::akav1) out = "AKAv1-";
  if (algorithm.scheme == DigestAlgorithm::Scheme::akav2) out = "AKAv2-";
  out += algorithm.hash == DigestHash::md5 ? "MD5" : "SHA-256";
  if (algorithm.session) out += "-sess";
  return out;
}

std::string digest_response(const DigestInput& input, const Secret& password) {
  return respond(input, input.method, password);
}

std::string digest_rspauth(const DigestInput& input, const Secret& password) {
  return respond(input, "", password);
}

Secret digest_ha1(const DigestInput& input, const Secret& password) {
  Hex ha1 = ha1_hex(input, password);
  Secret out = secret(ha1.text());
  OPENSSL_cleanse(ha1.digits.data(), ha1.digits.size());
  return out;
}

std::string digest_response_from_ha1(const DigestInput& input, const Secret& ha1) {
  return respond(input, input.method, text(ha1.reveal()));
}

std::string digest_rspauth_from_ha1(const DigestInput& input, const Secret& ha1) {
  return respond(input, "", text(ha1.reveal()));
}

bool same_response(std::string_view received, std::string_view computed) {
  if (received.size() != computed.size()) return false;
  unsigned difference = 0;
  for (size_t i = 0; i < received.size(); ++i) {
    const auto lower = static_cast<unsigned char>(absl::ascii_tolower(static_cast<unsigned char>(received[i])));
    difference |= static_cast<unsigned>(lower ^ static_cast<unsigned char>(computed[i]));
  }
  return difference == 0;
}

Akav2Keys akav2_keys(DigestHash hash, const Secret& res, const Secret& ik, const Secret& ck) {
  std::vector<uint8_t> key;
  key.reserve(res.size() + ik.size() + ck.size());
  for (const Secret* part : {&res, &ik, &ck}) key.insert(key.end(), part->reveal().begin(), part->reveal().end());
  const Secret raw = hmac(hash, key, "http-digest-akav2-password");
  OPENSSL_cleanse(key.data(), key.size());
  std::string base64 = absl::Base64Escape(view(text(raw.reveal())));
  Akav2Keys keys{.password = secret(base64),
                 .ik = hmac(hash, ik.reveal(), "http-digest-akav2-integritykey"),
                 .ck = hmac(hash, ck.reveal(), "http-digest-akav2-cipherkey")};
  OPENSSL_cleanse(base64.data(), base64.size());
  return keys;
}

std::string encode_nonce(const Block& rand, const Block& autn, std::string_view server_data) {
  std::string bytes(rand.begin(), rand.end());
  bytes.append(autn.begin(), autn.end()).append(server_data);
  return absl::Base64Escape(bytes);
}

std::optional<Challenge> decode_nonce(std::string_view nonce) {
  if (nonce.size() > (32 + max_server_data) * 2) return std::nullopt;
  const std::optional<std::string> bytes = from_base64(nonce);
  if (!bytes || bytes->size() < 32 || bytes->size() > 32 + max_server_data) return std::nullopt;
  Challenge challenge;
  std::copy_n(bytes->begin(), 16, challenge.rand.begin());
  std::copy_n(bytes->begin() + 16, 16, challenge.autn.begin());
  challenge.server_data = bytes->substr(32);
  return challenge;
}

std::string encode_auts(const Auts& auts) {
  return absl::Base64Escape(view(text(auts)));
}

std::optional<Auts> decode_auts(std::string_view in) {
  if (in.size() > 24) return std::nullopt;
  const std::optional<std::string> bytes = from_base64(in);
  Auts auts;
  if (!bytes || bytes->size() != auts.size()) return std::nullopt;
  std::ranges::copy(*bytes, auts.begin());
  return auts;
}

}  // namespace lapwing::aka
