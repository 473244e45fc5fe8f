#include "pcscf/operator.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_format.h"
#include "common/control/gauges.h"
#include "common/control/metrics_endpoint.h"
#include "common/control/on_worker.h"
#include "common/control/timestamps.h"

namespace lapwing::pcscf {
namespace {

using control::add_gauge;
using control::set_time;

constexpr Duration worker_deadline = std::chrono::seconds(2);
constexpr uint32_t per_set = 4;
// Of ipsec::associations, as seen from here.
constexpr std::array<const char*, per_set> directions = {"in uc->ps", "out ps->uc", "out pc->us", "in us->pc"};

v1::Registration registration_of(const Handset& locked) {
  v1::Registration out;
  out.set_impi(locked.impi);
  if (locked.registered) {
    for (const Text& impu : locked.impus) out.add_impus(impu);
  } else if (!locked.impu.empty()) {
    out.add_impus(locked.impu);
  }
  out.set_state(state_text(locked.state).data());
  out.set_contact(locked.contact);
  out.set_user_agent(locked.user_agent);
  if (locked.since != WallTime{}) set_time(out.mutable_since(), locked.since);
  if (locked.registered) set_time(out.mutable_expires(), locked.expires_wall);
  const SaEntry* entry = locked.outbound_set();
  out.set_address(entry                                 ? sip::Endpoint{locked.address, entry->set.us.value}.text()
                  : locked.unprotected.remote.port != 0 ? locked.unprotected.remote.text()
                                                        : locked.address.to_string());
  if (!locked.service_route.empty()) out.set_scscf(locked.service_route.front());
  out.set_protection(entry ? ipsec::text(entry->set.algorithms) : "none");
  out.set_why(locked.why);
  out.set_nat(locked.nat);
  out.set_access(locked.access);
  return out;
}

v1::SaSet set_of(const std::string& impi, const SaEntry& entry) {
  v1::SaSet out;
  out.set_impi(impi);
  out.set_state(state_text(entry.state).data());
  out.set_ue(entry.set.ue.to_string());
  out.set_pcscf(entry.set.pcscf.to_string());
  out.set_port_uc(entry.set.uc.value);
  out.set_port_us(entry.set.us.value);
  out.set_port_pc(entry.set.pc.value);
  out.set_port_ps(entry.set.ps.value);
  out.set_spi_uc(entry.set.spi_uc.value);
  out.set_spi_us(entry.set.spi_us.value);
  out.set_spi_pc(entry.set.spi_pc.value);
  out.set_spi_ps(entry.set.spi_ps.value);
  out.set_algorithms(ipsec::text(entry.set.algorithms));
  set_time(out.mutable_created(), entry.created);
  set_time(out.mutable_expires(), entry.expires);
  return out;
}

// Marks what it takes, so that the rest can be counted as belonging to nobody.
void add_kernel(v1::SaSet& out, const SaEntry& entry, const std::vector<ipsec::KernelSa>& sas,
                std::vector<bool>& taken) {
  const auto four = ipsec::associations(entry.set);
  for (size_t which = 0; which < per_set; ++which) {
    for (size_t i = 0; i < sas.size(); ++i) {
      if (sas[i].destination != four[which].destination || sas[i].spi != four[which].spi) continue;
      taken[i] = true;
      v1::KernelSa* sa = out.add_kernel();
      sa->set_direction(directions[which]);
      sa->set_spi(sas[i].spi.value);
      sa->set_packets(sas[i].packets);
      sa->set_bytes(sas[i].bytes);
      sa->set_replay_errors(sas[i].replay_errors);
      sa->set_integrity_failures(sas[i].integrity_failures);
    }
  }
}

void add_keys(v1::ExportKeysReply& reply, const std::string& impi, const ipsec::SaSet& set) {
  auto bytes = [](const Secret& key) { return std::string(key.reveal().begin(), key.reveal().end()); };
  const auto four = ipsec::associations(set);
  for (size_t which = 0; which < per_set; ++which) {
    v1::EspSa* sa = reply.add_sas();
    sa->set_impi(impi);
    sa->set_direction(directions[which]);
    sa->set_source(four[which].source.to_string());
    sa->set_destination(four[which].destination.to_string());
    sa->set_spi(four[which].spi.value);
    sa->set_integrity(std::string(token(set.algorithms.integrity)));
    sa->set_encryption(std::string(token(set.algorithms.encryption)));
    sa->set_integrity_key(bytes(integrity_key(set)));
    sa->set_encryption_key(bytes(encryption_key(set)));
  }
}

Task<void> list_sas(ipsec::Kernel& kernel, Worker& worker, std::function<void(std::vector<ipsec::KernelSa>)> answer) {
  auto sas = co_await kernel.list(worker);
  answer(sas.ok() ? std::move(*sas) : std::vector<ipsec::KernelSa>{});
}

}  // namespace

void PcscfOperator::gauges(v1::StatusReply& reply) {
  reply.set_draining(core_.draining);
  size_t registered = 0, challenged = 0, sets = 0;
  for (const std::shared_ptr<Handset>& handset : core_.handsets.all()) {
    std::lock_guard lock(handset->mutex);
    registered += handset->registered ? 1 : 0;
    challenged += handset->state == HandsetState::challenged ? 1 : 0;
    sets += handset->sets.size();
  }
  sip::Stack::Counters sum = control::all_counters(pool_, stack_);
  add_gauge(reply, "registrations", registered);
  add_gauge(reply, "challenged", challenged);
  add_gauge(reply, "sa_sets", sets);
  add_gauge(reply, "spis_in_use", core_.spis.in_use());
  const ipsec::DropCounts dropped = core_.drops.total();
  add_gauge(reply, "dropped_unknown_spi", dropped.unknown_spi);
  add_gauge(reply, "dropped_bad_integrity", dropped.bad_integrity);
  add_gauge(reply, "dropped_replayed", dropped.replayed);
  add_gauge(reply, "dropped_in_clear", dropped.in_clear);
  control::add_store_gauges(reply, core_.store->counters());
  add_gauge(reply, "server_transactions", sum.layer.server_transactions);
  add_gauge(reply, "client_transactions", sum.layer.client_transactions);
  add_gauge(reply, "connections", sum.transport.connections);
  add_gauge(reply, "requests", sum.layer.requests);
  add_gauge(reply, "malformed", sum.layer.malformed);
}

void PcscfOperator::metrics(metrics::Sheet& sheet) {
  control::add_request_times(sheet, control::all_request_times(pool_, stack_));
  control::add_histogram(sheet, "lapwing_registration_seconds",
                         "From a first REGISTER that was challenged to its 200, with the handset's own time.",
                         core_.registration_times);
}

std::vector<std::shared_ptr<Handset>> PcscfOperator::wanted(std::string_view identity) {
  return identity.empty() ? core_.handsets.all() : core_.handsets.matching(identity);
}

std::vector<ipsec::KernelSa> PcscfOperator::kernel_sas() {
  Worker& worker = pool_.at(0);
  auto sas = control::ask_worker<std::vector<ipsec::KernelSa>>(
      worker, worker_deadline, [this, &worker](auto answer) { worker.spawn(list_sas(core_.kernel, worker, answer)); });
  return sas.ok() ? std::move(*sas) : std::vector<ipsec::KernelSa>{};
}

absl::StatusOr<v1::ListRegistrationsReply> PcscfOperator::list_registrations(
    const v1::ListRegistrationsRequest& request) {
  v1::ListRegistrationsReply reply;
  for (const std::shared_ptr<Handset>& handset : wanted(request.identity())) {
    std::lock_guard lock(handset->mutex);
    if (handset->state == HandsetState::none) continue;
    reply.set_total(reply.total() + 1);
    if (reply.total() <= request.limit()) *reply.add_registrations() = registration_of(*handset);
  }
  return reply;
}

std::vector<std::string> PcscfOperator::names_of(std::string_view identity) {
  std::vector<std::string> names;
  for (const std::shared_ptr<Handset>& handset : core_.handsets.matching(identity)) {
    std::lock_guard lock(handset->mutex);
    names.emplace_back(handset->impi);
    if (!handset->impu.empty()) names.emplace_back(handset->impu);
    for (const Text& impu : handset->impus) names.emplace_back(impu);
  }
  return names;
}

absl::StatusOr<v1::DrainReply> PcscfOperator::drain(const v1::DrainRequest& request) {
  return control::drain(core_.draining, request, pool_, stack_);
}

absl::StatusOr<v1::ShowReply> PcscfOperator::show(const v1::ShowRequest& request) {
  v1::ShowReply reply;
  std::vector<ipsec::KernelSa> sas = kernel_sas();
  std::vector<bool> taken(sas.size());
  for (const std::shared_ptr<Handset>& handset : wanted(request.identity())) {
    std::lock_guard lock(handset->mutex);
    *reply.add_registrations() = registration_of(*handset);
    for (const SaEntry& entry : handset->sets) {
      v1::SaSet* set = reply.add_sa_sets();
      *set = set_of(handset->impi, entry);
      add_kernel(*set, entry, sas, taken);
    }
  }
  if (reply.registrations().empty()) return absl::NotFoundError("no handset known by that identity");
  return reply;
}

absl::StatusOr<v1::ListSaSetsReply> PcscfOperator::list_sa_sets(const v1::ListSaSetsRequest& request) {
  v1::ListSaSetsReply reply;
  std::vector<ipsec::KernelSa> sas = kernel_sas();
  std::vector<bool> taken(sas.size());
  for (const std::shared_ptr<Handset>& handset : wanted(request.identity())) {
    std::lock_guard lock(handset->mutex);
    for (const SaEntry& entry : handset->sets) {
      v1::SaSet* set = reply.add_sets();
      *set = set_of(handset->impi, entry);
      add_kernel(*set, entry, sas, taken);
    }
  }
  if (request.identity().empty()) {
    reply.set_orphans(static_cast<uint32_t>(std::count(taken.begin(), taken.end(), false)));
  }
  return reply;
}

absl::StatusOr<v1::ExportKeysReply> PcscfOperator::export_keys(const v1::ExportKeysRequest& request) {
  if (!core_.settings().export_keys) {
    return absl::FailedPreconditionError(
        "keys are not given out here: set export_keys: true under ipsec: in the P-CSCF's file, and read it again with "
        "`imsctl reload`; set it back when you are done");
  }
  struct Audit {
    std::string impi, impu;
    size_t given;
  };
  std::vector<Audit> audits;
  v1::ExportKeysReply reply;
  for (const std::shared_ptr<Handset>& handset : wanted(request.identity())) {
    std::lock_guard lock(handset->mutex);
    size_t given = 0;
    for (const SaEntry& entry : handset->sets) {
      if (entry.adopted) {
        reply.set_unknown(reply.unknown() + per_set);
        continue;
      }
      add_keys(reply, handset->impi, entry.set);
      given += per_set;
    }
    if (given == 0) continue;
    audits.push_back({handset->impi, handset->impu, given});
    if (audits.size() > export_limit) {
      return absl::ResourceExhaustedError(absl::StrFormat(
          "more than %d handsets have security associations: ask for one by its identity", export_limit));
    }
  }
  for (const Audit& audit : audits) {
    core_.report("audit", audit.impi, audit.impu,
                 absl::StrFormat("the keys of %d security associations were given out, for Wireshark", audit.given));
  }
  return reply;
}

}  // namespace lapwing::pcscf
