#include "pcscf/state.h"

#include <algorithm>

#include "common/control/timestamps.h"
#include "common/runtime/ids.h"
#include "lapwing/v1/state.pb.h"
#include "pcscf/procedures/subscribe_reg.h"
#include "pcscf/sa_sets.h"

namespace lapwing::pcscf {
namespace {

using control::from_wall;
using control::set_time;
using control::time_of;
using control::to_wall;

constexpr std::string_view handsets = "handsets";
// Our subscriptions begin anew one after the other, not all at once.
constexpr uint32_t subscribe_within_ms = 5000;

void write_set(const Core& core, const SaEntry& entry, v1::StoredSaSet& out) {
  out.set_id(entry.id);
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
  out.set_old(entry.state == SetState::old);
  out.set_made_over(entry.made_over);
  out.set_call_id(entry.call_id);
  out.set_security_client(entry.security_client);
  out.set_security_server(entry.security_server);
  set_time(out.mutable_created(), entry.created);
  set_time(out.mutable_expires(), entry.expires);
  set_time(out.mutable_deadline(), to_wall(core.clock, entry.deadline));
}

// What stands for the keys where they must have a form: the kernel keeps its own when a lifetime changes.
Secret no_key() {
  std::array<uint8_t, 16> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i + 1);
  return Secret(std::span<const uint8_t>(bytes));
}

ipsec::Port port_of(uint32_t value) {
  return {static_cast<uint16_t>(value)};
}

// nullopt: it cannot be read.
std::optional<SaEntry> read_set(const Core& core, const asio::ip::address& handset, const v1::StoredSaSet& in) {
  asio::error_code error;
  auto ours = asio::ip::make_address(in.pcscf(), error);
  auto algorithms = ipsec::algorithms_from(in.algorithms());
  if (error || !algorithms.ok()) return std::nullopt;
  SaEntry entry;
  entry.id = in.id();
  entry.set = {.ue = handset,
               .pcscf = ours,
               .uc = port_of(in.port_uc()),
               .us = port_of(in.port_us()),
               .pc = port_of(in.port_pc()),
               .ps = port_of(in.port_ps()),
               .spi_uc = {in.spi_uc()},
               .spi_us = {in.spi_us()},
               .spi_pc = {in.spi_pc()},
               .spi_ps = {in.spi_ps()},
               .algorithms = *algorithms,
               .ck = no_key(),
               .ik = no_key(),
               .reqid = core.settings().reqid};
  entry.state = in.old() ? SetState::old : SetState::valid;
  entry.adopted = true;
  entry.made_over = in.made_over();
  entry.call_id = in.call_id();
  entry.security_client = in.security_client();
  entry.security_server = in.security_server();
  entry.created = time_of(in.created());
  entry.expires = time_of(in.expires());
  entry.deadline = from_wall(core.clock, in.deadline());
  return entry;
}

void write_flow(const sip::Flow& flow, v1::StoredFlow& out) {
  out.set_transport(sip::reliable(flow.protocol) ? "tcp" : "udp");
  out.set_local(flow.local.text());
  out.set_remote(flow.remote.text());
}
sip::Flow read_flow(const v1::StoredFlow& in) {
  sip::Flow flow;
  flow.protocol = in.transport() == "tcp" ? sip::Protocol::tcp : sip::Protocol::udp;
  if (auto local = endpoint_from(in.local()); local.ok()) flow.local = *local;
  if (auto remote = endpoint_from(in.remote()); remote.ok()) flow.remote = *remote;
  return flow;
}

// Null: it cannot be read.
std::shared_ptr<Handset> read_handset(Core& core, std::string_view token, std::string_view value) {
  v1::StoredHandset in;
  asio::error_code error;
  if (!in.ParseFromArray(value.data(), static_cast<int>(value.size()))) return nullptr;
  auto handset = std::make_shared<Handset>();
  handset->address = asio::ip::make_address(in.address(), error);
  if (error || token.empty() || in.impi().empty()) return nullptr;
  handset->token = std::string(token);
  handset->impi = in.impi();
  handset->registered = true;
  handset->impu = in.impu();
  handset->contact = in.contact();
  handset->impus.assign(in.impus().begin(), in.impus().end());
  for (const std::string& hop : in.service_route()) handset->service_route.push_back(core.common.of(hop));
  handset->expires = from_wall(core.clock, in.expires());
  handset->expires_wall = time_of(in.expires());
  handset->unprotected = read_flow(in.unprotected());
  for (const v1::StoredSaSet& set : in.sets()) {
    if (auto entry = read_set(core, handset->address, set)) handset->sets.push_back(std::move(*entry));
  }
  handset->outbound = in.outbound();
  handset->state = HandsetState::registered;
  handset->since = time_of(in.since());
  handset->user_agent = core.common.of(in.user_agent());
  handset->access = core.common.of(in.access());
  handset->via_host = in.via_host();
  handset->nat = in.nat();
  return handset;
}

// Leaves the sets that the kernel still has. False: it had some, and has none of them any more.
bool keep_adopted(Core& core, Handset& handset, const std::vector<ipsec::SaSet>& adopted) {
  bool had_any = !handset.sets.empty();
  std::erase_if(handset.sets, [&](const SaEntry& entry) {
    return std::none_of(adopted.begin(), adopted.end(), [&](const ipsec::SaSet& set) {
      return set.spi_ps == entry.set.spi_ps && set.spi_pc == entry.set.spi_pc && set.ue == entry.set.ue;
    });
  });
  for (const SaEntry& entry : handset.sets) {
    core.handsets.note_id(entry.id);
    core.spis.note(entry.set.spi_pc);
    core.spis.note(entry.set.spi_ps);
  }
  if (!handset.sets.empty() && !handset.outbound_set()) handset.outbound = handset.sets.back().id;
  return !had_any || !handset.sets.empty();
}

}  // namespace

void keep_handset(Core& core, const Handset& locked) {
  if (!core.store->keeps()) return;
  if (!locked.registered) return core.store->erase(handsets, locked.token);
  v1::StoredHandset out;
  out.set_address(locked.address.to_string());
  out.set_impi(locked.impi);
  out.set_impu(locked.impu);
  out.set_contact(locked.contact);
  for (const Text& impu : locked.impus) out.add_impus(impu);
  for (const Text& hop : locked.service_route) out.add_service_route(hop);
  set_time(out.mutable_expires(), locked.expires_wall);
  set_time(out.mutable_since(), locked.since);
  write_flow(locked.unprotected, *out.mutable_unprotected());
  for (const SaEntry& entry : locked.sets) {
    if (entry.state != SetState::temporary) write_set(core, entry, *out.add_sets());
  }
  out.set_outbound(locked.outbound);
  out.set_user_agent(locked.user_agent);
  out.set_access(locked.access);
  out.set_via_host(locked.via_host);
  out.set_nat(locked.nat);
  core.store->put(handsets, locked.token, out.SerializeAsString());
}

absl::StatusOr<Restored> restore(Core& core) {
  Restored restored;
  std::vector<std::shared_ptr<Handset>> found;
  std::vector<ipsec::SaSet> candidates;
  absl::Status status = core.store->each(handsets, [&](std::string_view token, std::string_view value) {
    std::shared_ptr<Handset> handset = read_handset(core, token, value);
    if (!handset) {
      ++restored.unreadable;
      return core.store->erase(handsets, token);
    }
    for (const SaEntry& entry : handset->sets) candidates.push_back(entry.set);
    found.push_back(std::move(handset));
  });
  if (!status.ok()) return status;
  absl::StatusOr<std::vector<ipsec::SaSet>> adopted = core.kernel.adopt(std::move(candidates));
  if (!adopted.ok()) return adopted.status();
  for (std::shared_ptr<Handset>& handset : found) {
    if (!keep_adopted(core, *handset, *adopted)) {
      ++restored.lost;
      handset->registered = false;
      handset->enter(HandsetState::expired, core.clock.wall(),
                     "the kernel does not have its security associations any more, as after a reboot: it registers "
                     "anew when it finds out, or after flight mode on and off");
      core.store->erase(handsets, handset->token);
    } else {
      ++restored.handsets;
      restored.sets += handset->sets.size();
    }
    core.handsets.put_back(std::move(handset));
  }
  return restored;
}

void resume(Core& core) {
  size_t next = 0;
  for (std::shared_ptr<Handset>& handset : core.handsets.all()) {
    Site& site = core.sites[next++ % core.sites.size()];
    site.worker.post([&core, &site, handset] {
      watch_deadlines(core, site, handset);
      std::lock_guard lock(handset->mutex);
      if (!handset->registered) return;
      site.worker.timers().after(std::chrono::milliseconds(random_between(0, subscribe_within_ms)),
                                 [&core, &site, handset] { site.worker.spawn(subscribe_reg(core, site, handset)); });
    });
  }
}

}  // namespace lapwing::pcscf
