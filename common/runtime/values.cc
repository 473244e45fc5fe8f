#include "common/runtime/values.h"

#include <algorithm>
#include <array>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace lapwing {
namespace {

absl::Status wrong(std::string_view text) {
  return absl::InvalidArgumentError(absl::string_view(text.data(), text.size()));
}

// nullopt: not a number, or above max.
std::optional<uint64_t> number(std::string_view text, uint64_t max) {
  if (!all_digits(text) || text.size() > 19) return std::nullopt;
  uint64_t value = 0;
  if (!absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &value) || value > max) return std::nullopt;
  return value;
}

std::optional<asio::ip::address> address(std::string_view text) {
  if (text.empty() || text.size() > 64 || text.find('\0') != text.npos) return std::nullopt;
  asio::error_code error;
  auto parsed = asio::ip::make_address(std::string(text), error);
  if (error) return std::nullopt;
  return parsed;
}

// RFC 1123 section 2.1: labels of letters, digits and inner hyphens.
bool host_name(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  size_t at = 0;
  while (true) {
    size_t end = std::min(text.find('.', at), text.size());
    std::string_view label = text.substr(at, end - at);
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    for (char c : label) {
      if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '-') return false;
    }
    if (end == text.size()) return true;
    at = end + 1;
  }
}

bool control(std::string_view text) {
  constexpr std::string_view scheme = "unix:";
  // sun_path holds 107 bytes and a zero.
  if (text.starts_with(scheme)) {
    std::string_view path = text.substr(scheme.size());
    return path.size() >= 2 && path.size() <= 107 && path.front() == '/' && path.find('\0') == path.npos;
  }
  return endpoint_from(text).ok();
}

bool sip_uri(std::string_view text) {
  for (std::string_view scheme : {"sip:", "sips:"}) {
    if (!text.starts_with(scheme)) continue;
    std::string_view rest = text.substr(scheme.size());
    if (rest.empty() || rest.front() == '@' || rest.back() == '@' || text.size() > 512) return false;
    return std::all_of(rest.begin(), rest.end(), [](char c) { return c > ' ' && c < 0x7f && c != '<' && c != '>'; });
  }
  return false;
}

bool algorithms(std::string_view text) {
  static constexpr std::array<std::string_view, 4> integrities = {"hmac-md5-96", "hmac-sha-1-96", "aes-gmac", "null"};
  static constexpr std::array<std::string_view, 4> encryptions = {"null", "aes-cbc", "des-ede3-cbc", "aes-gcm"};
  size_t slash = text.find('/');
  if (slash == text.npos) return false;
  std::string_view integrity = text.substr(0, slash);
  std::string_view encryption = text.substr(slash + 1);
  if (std::find(integrities.begin(), integrities.end(), integrity) == integrities.end()) return false;
  if (std::find(encryptions.begin(), encryptions.end(), encryption) == encryptions.end()) return false;
  // TS 33.203 Annex H: AES-GCM brings its own integrity; AES-GMAC has no encryption.
  if ((integrity == "null") != (encryption == "aes-gcm")) return false;
  return integrity != "aes-gmac" || encryption == "null";
}

bool hex(std::string_view text, size_t digits) {
  return text.size() == digits && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isxdigit(static_cast<unsigned char>(c));
         });
}

bool plmn(std::string_view text) {
  size_t slash = text.find('/');
  if (slash != 3) return false;
  std::string_view mnc = text.substr(4);
  return all_digits(text.substr(0, 3)) && all_digits(mnc) && (mnc.size() == 2 || mnc.size() == 3);
}

struct Format {
  std::string_view name;
  bool (*accepts)(std::string_view);
  std::string_view example;
  std::string_view advice;
};

constexpr Format formats[] = {
    {"endpoint", [](std::string_view t) { return endpoint_from(t).ok(); }, "10.0.0.1:5060",
     "write an address and a port, as 10.0.0.1:5060 or \"[2001:db8::1]:5060\""},
    {"address", [](std::string_view t) { return address(t).has_value(); }, "10.0.0.1",
     "write an IP address, as 10.0.0.1 or 2001:db8::1"},
    {"prefix", [](std::string_view t) { return prefix_from(t).ok(); }, "10.0.0.0/8",
     "write a network, as 10.0.0.0/8 or 2001:db8::/32, without bits set after the prefix"},
    {"control", control, "unix:/run/lapwing/NAME.sock",
     "write unix: and an absolute path of at most 107 bytes, or an address and a port, as 127.0.0.1:7070"},
    {"domain", host_name, "ims.mnc001.mcc001.3gppnetwork.org",
     "write a host name: letters, digits and hyphens between dots"},
    {"diameter", host_name, "hss.ims.mnc001.mcc001.3gppnetwork.org",
     "write a Diameter identity, which is a host name: letters, digits and hyphens between dots"},
    {"uri", sip_uri, "sip:scscf.ims.mnc001.mcc001.3gppnetwork.org:6060",
     "write a SIP URI, as sip:scscf.ims.mnc001.mcc001.3gppnetwork.org:6060"},
    {"algorithms", algorithms, "hmac-sha-1-96/aes-cbc",
     "write INTEGRITY/ENCRYPTION, as hmac-sha-1-96/aes-cbc: hmac-sha-1-96 or hmac-md5-96 with aes-cbc, des-ede3-cbc or "
     "null; aes-gmac/null; null/aes-gcm"},
    {"hex2", [](std::string_view t) { return hex(t, 4); }, "8000", "write 4 hex digits"},
    {"hex16", [](std::string_view t) { return hex(t, 32); }, "465b5ce8b199b49faa5f0a2ee238a6bc", "write 32 hex digits"},
    {"digits", [](std::string_view t) { return all_digits(t) && t.size() <= 15; }, "001010000000001",
     "write at most 15 digits, nothing else"},
    {"plmn", plmn, "001/01", "write MCC/MNC, as 001/01"},
    {"file", [](std::string_view t) { return !t.empty() && t.size() < 4096 && t.find('\0') == t.npos; },
     "/var/lib/lapwing/NAME", "write the path of a file"},
    {"duration", [](std::string_view t) { return duration_from(t).ok(); }, "30s",
     "write a whole number with a unit, as 500ms, 2s, 4m, 1h or 1d"},
};

const Format* find_format(std::string_view name) {
  for (const Format& format : formats) {
    if (format.name == name) return &format;
  }
  return nullptr;
}

absl::Status advice(std::string_view format) {
  return wrong(find_format(format)->advice);
}

}  // namespace

std::string Endpoint::text() const {
  return absl::StrCat(address.is_v6() ? "[" : "", address.to_string(), address.is_v6() ? "]:" : ":", port);
}

bool Prefix::contains(const asio::ip::address& other) const {
  asio::ip::address inner = other;
  if (inner.is_v6() && inner.to_v6().is_v4_mapped()) {
    inner = asio::ip::make_address_v4(asio::ip::v4_mapped, inner.to_v6());
  }
  if (inner.is_v4() != address.is_v4()) return false;
  auto same = [bits = static_cast<size_t>(length)](const auto& a, const auto& b) {
    for (size_t i = 0; i < bits; ++i) {
      auto mask = static_cast<unsigned>(0x80U >> (i % 8));
      if ((a[i / 8] & mask) != (b[i / 8] & mask)) return false;
    }
    return true;
  };
  if (inner.is_v4()) return same(inner.to_v4().to_bytes(), address.to_v4().to_bytes());
  return same(inner.to_v6().to_bytes(), address.to_v6().to_bytes());
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

absl::StatusOr<Duration> duration_from(std::string_view text) {
  struct Unit {
    std::string_view name;
    std::chrono::milliseconds size;
  };
  using namespace std::chrono_literals;
  static constexpr Unit units[] = {{"ms", 1ms}, {"s", 1s}, {"m", 1min}, {"h", 1h}, {"d", 24h}};
  size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  constexpr std::chrono::milliseconds longest = 24h * 3660;
  for (const Unit& unit : units) {
    if (text.substr(digits) != unit.name) continue;
    auto value = number(text.substr(0, digits), static_cast<uint64_t>(longest / unit.size));
    if (!value) break;
    return std::chrono::duration_cast<Duration>(unit.size * static_cast<int64_t>(*value));
  }
  return advice("duration");
}

absl::StatusOr<Endpoint> endpoint_from(std::string_view text) {
  size_t colon = text.rfind(':');
  if (colon == text.npos) return advice("endpoint");
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  auto parsed = address(host);
  auto port = number(text.substr(colon + 1), 65535);
  if (!parsed || !port || *port == 0 || parsed->is_v6() != bracketed) return advice("endpoint");
  return Endpoint{*parsed, static_cast<uint16_t>(*port)};
}

absl::StatusOr<asio::ip::address> address_from(std::string_view text) {
  auto parsed = address(text);
  if (!parsed) return advice("address");
  return *parsed;
}

absl::StatusOr<Prefix> prefix_from(std::string_view text) {
  size_t slash = std::min(text.find('/'), text.size());
  auto parsed = address(text.substr(0, slash));
  if (!parsed) return advice("prefix");
  const uint64_t bits = parsed->is_v4() ? 32 : 128;
  auto length = slash == text.size() ? bits : number(text.substr(slash + 1), bits);
  if (!length) return advice("prefix");
  auto clear_after = [&](const auto& bytes) {
    for (uint64_t i = *length; i < bits; ++i) {
      if (bytes[i / 8] & (0x80U >> (i % 8))) return false;
    }
    return true;
  };
  if (!(parsed->is_v4() ? clear_after(parsed->to_v4().to_bytes()) : clear_after(parsed->to_v6().to_bytes()))) {
    return advice("prefix");
  }
  return Prefix{*parsed, static_cast<int>(*length)};
}

absl::Status check_format(std::string_view format, std::string_view text) {
  const Format* found = find_format(format);
  if (found == nullptr || found->accepts(text)) return absl::OkStatus();
  return wrong(found->advice);
}

std::string_view example_of(std::string_view format) {
  const Format* found = find_format(format);
  return found == nullptr ? std::string_view() : found->example;
}

}  // namespace lapwing
