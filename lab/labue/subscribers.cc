#include "lab/labue/subscribers.h"

#include <charconv>

#include "absl/strings/str_format.h"
#include "common/aka/milenage.h"
#include "common/runtime/config.h"
#include "common/runtime/ids.h"
#include "lab/labue/identity.h"
#include "lapwing/v1/config.pb.h"

namespace lapwing::labue {
namespace {

aka::Block numbered(std::string_view base, uint64_t number) {
  aka::Block block{};
  std::string bytes = from_hex(base);
  for (size_t i = 0; i < block.size(); ++i) block[i] = static_cast<uint8_t>(bytes[i]);
  for (size_t i = block.size(); i-- > 8; number >>= 8) block[i] = static_cast<uint8_t>(block[i] ^ (number & 0xff));
  return block;
}

std::string hex_of(const Secret& key) {
  std::string bytes(key.reveal().begin(), key.reveal().end());
  return to_hex(bytes);
}

}  // namespace

absl::StatusOr<Secret> key_from_hex(std::string_view hex, std::string_view what) {
  std::string bytes = from_hex(hex);
  if (bytes.size() != 16) return absl::InvalidArgumentError(absl::StrFormat("%s is not 32 hexadecimal digits", what));
  Secret key(std::span<const uint8_t>(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return key;
}

absl::StatusOr<Keys> keys_from_file(const std::string& path, std::string_view imsi) {
  v1::LabHssConfig config;
  absl::Status read = config::load_yaml(path, config, nullptr, config::subscriber_file_limit);
  if (!read.ok()) return read;
  for (const v1::Subscriber& subscriber : config.subscribers()) {
    if (subscriber.imsi() != imsi) continue;
    Keys keys;
    keys.mnc_digits = static_cast<int>(config.plmn().size() - config.plmn().find('/') - 1);
    absl::StatusOr<Secret> k = key_from_hex(subscriber.k(), "K");
    if (!k.ok()) return k.status();
    keys.k = std::move(*k);
    bool from_op = subscriber.opc().empty();
    absl::StatusOr<Secret> op = key_from_hex(from_op ? subscriber.op() : subscriber.opc(), from_op ? "OP" : "OPc");
    if (!op.ok()) return op.status();
    if (!from_op) {
      keys.opc = std::move(*op);
      return keys;
    }
    absl::StatusOr<Secret> opc = aka::opc_from_op(keys.k, *op);
    if (!opc.ok()) return opc.status();
    keys.opc = std::move(*opc);
    return keys;
  }
  return absl::NotFoundError(absl::StrFormat("%s: no subscriber with the IMSI %s", path, imsi));
}

Keys generated_keys(uint64_t number) {
  Keys keys;
  keys.k = Secret(numbered("465b5ce8b199b49f5a0f2ee238a6bc00", number));
  keys.opc = Secret(numbered("cd63cb71954a9f4e48a5994e37a02b00", number));
  return keys;
}

absl::StatusOr<std::string> imsi_after(std::string_view first, uint64_t number) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(first.data(), first.data() + first.size(), value);
  if (error != std::errc{} || end != first.data() + first.size() || first.size() < 6 || first.size() > 15) {
    return absl::InvalidArgumentError("an IMSI is 6 to 15 digits, MCC and MNC first");
  }
  std::string imsi = std::to_string(value + number);
  if (imsi.size() > first.size()) return absl::InvalidArgumentError("there are not so many IMSIs after the first");
  return std::string(first.size() - imsi.size(), '0') + imsi;
}

absl::StatusOr<std::string> labhss_config(std::string_view first_imsi, uint64_t count, int mnc_digits) {
  std::string out;
  for (uint64_t i = 0; i < count; ++i) {
    absl::StatusOr<std::string> imsi = imsi_after(first_imsi, i);
    if (!imsi.ok()) return imsi.status();
    if (out.empty()) {
      std::string mcc = imsi->substr(0, 3), mnc = imsi->substr(3, static_cast<size_t>(mnc_digits));
      out = absl::StrFormat(
          "origin_host: hss.%s\nlisten: 127.0.0.1:3868\nplmn: %s/%s\nstate_file: labhss.sqn\n"
          "control:\n  listen: 127.0.0.1:50053\nsubscribers:\n",
          domain_of(*imsi, mnc_digits), mcc, mnc);
    }
    Keys keys = generated_keys(i);
    absl::StrAppendFormat(&out, "  - {imsi: \"%s\", k: \"%s\", opc: \"%s\", msisdn: \"1555%07d\"}\n", *imsi,
                          hex_of(keys.k), hex_of(keys.opc), i + 1);
  }
  return out;
}

}  // namespace lapwing::labue
