// Security mode set-up as the handset does it (TS 33.203 section 7.2, RFC 3329 section 2.3.1).
#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/runtime/ids.h"
#include "common/sip/uri.h"
#include "lab/labue/handset.h"
#include "pcscf/ipsec/sec_agree.h"

namespace lapwing::labue {
namespace {

using sip::HeaderId;

constexpr Duration await_auth = std::chrono::minutes(4);  // a set that no 200 follows

std::string joined_values(const sip::Message& message, HeaderId id) {
  std::string out;
  for (std::string_view value : message.values(id)) {
    out.append(out.empty() ? "" : ", ").append(sip::unfold(value));
  }
  return out;
}

// The mechanism of the highest q, and of these the first, that we offered too.
std::optional<ipsec::Mechanism> choose_mechanism(const std::vector<ipsec::Mechanism>& offered,
                                                 const std::vector<ipsec::Algorithms>& ours) {
  std::optional<ipsec::Mechanism> best;
  for (const ipsec::Mechanism& mechanism : offered) {
    bool common = std::find(ours.begin(), ours.end(), mechanism.algorithms) != ours.end();
    if (common && (!best || mechanism.q > best->q)) best = mechanism;
  }
  return best;
}

}  // namespace

bool Handset::port_in_use(uint16_t port_uc) const {
  auto has = [port_uc](const std::shared_ptr<Security>& security) {
    return security && security->set.uc.value == port_uc;
  };
  return has(line_.sets.current) || has(line_.sets.pending) ||
         std::any_of(line_.sets.old.begin(), line_.sets.old.end(), has);
}

// New SPIs and another port-uc for each authentication (TS 33.203 section 7.1).
Handset::Offer Handset::new_offer() {
  Offer offer;
  offer.uc.value = random_between(0x1000, 0x7ffffffe) & ~1u;
  offer.us.value = offer.uc.value + 1;
  const std::vector<uint16_t>& ports = options_.client_ports;
  size_t tried = 0;
  do {
    offer.port_uc = ports[next_port_++ % ports.size()];
  } while (port_in_use(offer.port_uc) && ++tried < ports.size());
  // All are taken by sets that were replaced a moment ago: the oldest of them gives way.
  if (port_in_use(offer.port_uc) && !line_.sets.old.empty()) {
    std::shared_ptr<Security> oldest = line_.sets.old.front();
    offer.port_uc = oldest->set.uc.value;
    retire(oldest, Duration::zero());
  }
  return offer;
}

std::string Handset::security_client(const Step& step) const {
  if (options_.misbehave == Misbehave::no_client) return {};
  Offer offer = step.offer;
  if (step.answers_challenge && options_.misbehave == Misbehave::wrong_client) offer.us.value ^= 0x10000;
  return ipsec::security_client(options_.algorithms, offer.uc, offer.us, {offer.port_uc}, {options_.server_port});
}

std::string Handset::security_verify(const Step& step) const {
  if (!step.over) return {};
  if (!step.answers_challenge) return step.over->verify;
  if (options_.misbehave == Misbehave::no_verify) return {};
  if (options_.misbehave == Misbehave::wrong_verify) {
    // As if somebody on the way had taken out what he could not break.
    const ipsec::SaSet& set = step.over->set;
    return ipsec::security_server({{ipsec::Integrity::hmac_md5_96, ipsec::Encryption::null}}, set.spi_pc, set.spi_ps,
                                  {static_cast<uint16_t>(set.pc.value ^ 1)}, set.ps);
  }
  return step.over->verify;
}

// Chooses from Security-Server, opens the protected ports and puts the set into the kernel.
Task<absl::StatusOr<std::shared_ptr<Security>>> Handset::agree(Offer offer,
                                                               std::shared_ptr<const sip::Message> response, Secret ck,
                                                               Secret ik) {
  if (!response->has(HeaderId::security_server)) {
    co_return absl::FailedPreconditionError("the 401 has no Security-Server");
  }
  absl::StatusOr<std::vector<ipsec::Mechanism>> offered = ipsec::parse_offer(*response, HeaderId::security_server);
  if (!offered.ok()) co_return offered.status();
  std::optional<ipsec::Mechanism> chosen = choose_mechanism(*offered, options_.algorithms);
  if (!chosen) co_return absl::FailedPreconditionError("Security-Server has no algorithms that we offered");

  auto security = std::make_shared<Security>();
  security->verify = joined_values(*response, HeaderId::security_server);
  ipsec::SaSet& set = security->set;
  set.ue = options_.address;
  set.pcscf = options_.pcscf.address;
  set.uc.value = offer.port_uc;
  set.us.value = options_.server_port;
  set.pc = chosen->port_c;
  set.ps = chosen->port_s;
  set.spi_uc = offer.uc;
  set.spi_us = offer.us;
  set.spi_pc = chosen->spi_c;
  set.spi_ps = chosen->spi_s;
  set.algorithms = chosen->algorithms;
  set.ck = std::move(ck);
  set.ik = std::move(ik);
  if (options_.misbehave == Misbehave::wrong_port) {
    // Our kernel then takes packets of that port for the SA that the P-CSCF bound to port-uc.
    for (uint16_t port : options_.client_ports) {
      if (port != offer.port_uc) set.uc.value = port;
    }
  }
  for (auto [protocol, port] : {std::pair(sip::Protocol::udp, set.us), std::pair(sip::Protocol::tcp, set.us),
                                std::pair(sip::Protocol::udp, set.uc)}) {
    absl::Status opened = ports_.open(protocol, {options_.address, port.value});
    if (!opened.ok()) co_return opened;
  }
  ipsec::SaSet installed = set;
  absl::Status status = co_await kernel_->install(worker_, std::move(installed), await_auth);
  if (!status.ok()) co_return status;
  tell(Event("security_associations", options_.who.imsi)
           .with("alg", ipsec::text(set.algorithms))
           .with("port_uc", set.uc.value)
           .with("port_us", set.us.value)
           .with("port_pc", set.pc.value)
           .with("port_ps", set.ps.value)
           .with("spi_uc", set.spi_uc.value)
           .with("spi_us", set.spi_us.value)
           .with("spi_pc", set.spi_pc.value)
           .with("spi_ps", set.spi_ps.value));
  co_return security;
}

// Lets what is under way pass, then ends the set.
void Handset::retire(std::shared_ptr<Security> security, Duration after) {
  if (std::find(line_.sets.old.begin(), line_.sets.old.end(), security) == line_.sets.old.end())
    line_.sets.old.push_back(security);
  worker_.spawn(remove_later(std::move(security), after));
}

Task<void> Handset::remove_later(std::shared_ptr<Security> security, Duration after) {
  if (after > Duration::zero()) co_await worker_.sleep(after);
  auto found = std::find(line_.sets.old.begin(), line_.sets.old.end(), security);
  if (found == line_.sets.old.end()) co_return;
  line_.sets.old.erase(found);
  // The connections first: their resets still go out protected.
  ports_.reset(line_.flow_over(security.get(), sip::Protocol::tcp));
  ports_.reset({sip::Protocol::tcp,
                {security->set.ue, security->set.us.value},
                {security->set.pcscf, security->set.pc.value},
                0});
  ipsec::SaSet set = std::move(security->set);
  absl::Status status = co_await kernel_->remove(worker_, std::move(set));
  if (!status.ok()) tell(Event("warning", options_.who.imsi).with("why", std::string(status.message())));
}

Task<void> Handset::stop() {
  calls_.drop();
  for (std::shared_ptr<Security>* set : {&line_.sets.current, &line_.sets.pending}) {
    if (*set) line_.sets.old.push_back(std::exchange(*set, nullptr));
  }
  while (!line_.sets.old.empty()) {
    std::shared_ptr<Security> security = line_.sets.old.front();
    co_await remove_later(security, Duration::zero());
  }
  forget();
}

}  // namespace lapwing::labue
