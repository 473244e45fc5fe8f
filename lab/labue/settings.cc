#include "lab/labue/settings.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "common/runtime/values.h"
#include "common/sip/uri.h"

namespace lapwing::labue {
namespace {

absl::StatusOr<sip::Protocol> protocol_of(std::string_view option, std::string_view text) {
  if (text == "udp") return sip::Protocol::udp;
  if (text == "tcp") return sip::Protocol::tcp;
  return absl::InvalidArgumentError(absl::StrFormat("%s: write udp or tcp", option));
}

// RFC 7254: type allocation code, serial number, spare digit.
absl::StatusOr<std::string> instance_of(std::string_view imei) {
  if (imei.size() != 15 || imei.find_first_not_of("0123456789") != std::string_view::npos) {
    return absl::InvalidArgumentError("--imei: write 15 digits");
  }
  return absl::StrFormat("urn:gsma:imei:%s-%s-0", imei.substr(0, 8), imei.substr(8, 6));
}

}  // namespace

std::vector<ipsec::Algorithms> default_algorithms() {
  std::vector<ipsec::Algorithms> all;
  for (ipsec::Integrity integrity : {ipsec::Integrity::hmac_sha1_96, ipsec::Integrity::hmac_md5_96}) {
    for (ipsec::Encryption encryption :
         {ipsec::Encryption::aes_cbc, ipsec::Encryption::des_ede3_cbc, ipsec::Encryption::null}) {
      all.push_back({integrity, encryption});
    }
  }
  return all;
}

absl::StatusOr<std::vector<ipsec::Algorithms>> algorithms_of(const Settings& settings) {
  if (settings.algorithms.empty()) return default_algorithms();
  std::vector<ipsec::Algorithms> all;
  std::string_view rest = settings.algorithms;
  while (!rest.empty()) {
    absl::StatusOr<ipsec::Algorithms> one = ipsec::algorithms_from(sip::take_list_value(rest));
    if (!one.ok()) return one.status();
    all.push_back(*one);
  }
  return all;
}

absl::StatusOr<sip::TimerValues> timers_of(const Settings& settings) {
  absl::StatusOr<Duration> t1 = duration_from(settings.t1);
  if (!t1.ok()) return absl::InvalidArgumentError("--t1: " + std::string(t1.status().message()));
  if (*t1 <= Duration::zero()) return absl::InvalidArgumentError("--t1: write a time above 0");
  // In the proportion of TS 24.229 table 7.7.1: 2, 16 and 17 s.
  return sip::TimerValues{*t1, *t1 * 8, *t1 * 17 / 2, *t1 * 64};
}

absl::StatusOr<Answering> answering_of(const Settings& settings) {
  constexpr std::string_view reject = "reject:";
  Answering answering;
  double seconds = 0;
  if (!absl::SimpleAtod(settings.ring, &seconds) || !(seconds >= 0 && seconds <= 86400)) {
    return absl::InvalidArgumentError("--ring: write seconds, as 1 or 0.5");
  }
  answering.ring = std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
  if (settings.answer == "auto") return answering;
  if (settings.answer == "manual") {
    answering.mode = Answering::Mode::manual;
  } else if (settings.answer == "busy") {
    answering.mode = Answering::Mode::busy;
  } else if (settings.answer == "never") {
    answering.mode = Answering::Mode::never;
  } else if (settings.answer.starts_with(reject)) {
    answering.mode = Answering::Mode::reject;
    bool number = absl::SimpleAtoi(settings.answer.substr(reject.size()), &answering.code);
    if (!number || answering.code < 300 || answering.code > 699) {
      return absl::InvalidArgumentError("--answer: write reject:CODE with a code from 300 to 699");
    }
  } else {
    return absl::InvalidArgumentError("--answer: write auto, manual, busy, reject:CODE or never");
  }
  return answering;
}

absl::StatusOr<int> mnc_digits_of(const std::string& plmn) {
  absl::Status good = check_format("plmn", plmn);
  if (!good.ok()) return absl::InvalidArgumentError("--plmn: " + std::string(good.message()));
  return static_cast<int>(plmn.size() - plmn.find('/') - 1);
}

absl::StatusOr<HandsetOptions> options_of(const Settings& settings, std::string_view imsi, int mnc_digits,
                                          const asio::ip::address& address) {
  HandsetOptions options;
  if (imsi.size() < 6) return absl::InvalidArgumentError("an IMSI is 6 to 15 digits, MCC and MNC first");
  std::string domain = settings.domain.empty() ? domain_of(imsi, mnc_digits) : settings.domain;
  options.who = Identity::with_domain(imsi, domain);
  if (!settings.imei.empty()) {
    absl::StatusOr<std::string> instance = instance_of(settings.imei);
    if (!instance.ok()) return instance.status();
    options.who.instance = std::move(*instance);
  }
  options.address = address;
  absl::StatusOr<Endpoint> pcscf = endpoint_from(settings.pcscf);
  if (!pcscf.ok()) return absl::InvalidArgumentError("--pcscf: " + std::string(pcscf.status().message()));
  options.pcscf = *pcscf;
  if (pcscf->address.is_v4() != address.is_v4()) {
    return absl::InvalidArgumentError("--address and --pcscf are of different IP versions");
  }
  options.port = settings.port;
  options.server_port = settings.server_port;
  options.client_ports = settings.client_ports;
  if (options.client_ports.empty()) return absl::InvalidArgumentError("--client-ports: at least one");

  absl::StatusOr<sip::Protocol> first = protocol_of("--first", settings.first);
  absl::StatusOr<sip::Protocol> second = protocol_of("--protected", settings.protected_);
  absl::StatusOr<sip::Protocol> other =
      protocol_of("--requests", settings.requests.empty() ? "udp" : std::string_view(settings.requests));
  for (const auto* one : {&first, &second, &other}) {
    if (!one->ok()) return one->status();
  }
  options.first = *first;
  options.protected_register = *second;
  options.protected_other = *other;

  absl::StatusOr<std::vector<ipsec::Algorithms>> algorithms = algorithms_of(settings);
  if (!algorithms.ok()) return algorithms.status();
  options.algorithms = std::move(*algorithms);
  absl::StatusOr<sip::TimerValues> timers = timers_of(settings);
  if (!timers.ok()) return timers.status();
  options.timers = *timers;
  options.expires = settings.expires;

  absl::StatusOr<Answering> answering = answering_of(settings);
  if (!answering.ok()) return answering.status();
  options.answering = *answering;
  options.preconditions = !settings.no_preconditions;
  options.media = !settings.no_media;
  options.session_expires = settings.session_expires;
  if (settings.hold_with != "invite" && settings.hold_with != "update") {
    return absl::InvalidArgumentError("--hold-with: write invite or update");
  }
  options.smsc = settings.smsc.empty() ? "sip:smsc@" + domain : settings.smsc;
  if (!sip::Uri::parse(options.smsc).ok()) return absl::InvalidArgumentError("--smsc: write a sip: or tel: URI");
  options.hold_with_update = settings.hold_with == "update";

  std::optional<Misbehave> misbehave = misbehave_from(settings.misbehave);
  if (!misbehave) {
    return absl::InvalidArgumentError(absl::StrFormat("--misbehave: write one of %s", all_misbehaviours()));
  }
  options.misbehave = *misbehave;
  bool spoofs = *misbehave == Misbehave::spoof || *misbehave == Misbehave::spoof_answer;
  if (spoofs && settings.spoof_imsi.empty()) {
    return absl::InvalidArgumentError("--misbehave spoof needs --spoof-imsi, whom to claim to be");
  }
  if (spoofs) options.other = Identity::with_domain(settings.spoof_imsi, domain);
  return options;
}

asio::ip::address address_after(const asio::ip::address& first, uint64_t number) {
  if (first.is_v4()) return asio::ip::address_v4(static_cast<uint32_t>(first.to_v4().to_uint() + number));
  auto bytes = first.to_v6().to_bytes();
  for (size_t i = bytes.size(); i-- > 8 && number > 0;) {
    number += bytes[i];
    bytes[i] = static_cast<unsigned char>(number & 0xff);
    number >>= 8;
  }
  return asio::ip::address_v6(bytes);
}

}  // namespace lapwing::labue
