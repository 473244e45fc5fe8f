#include "pcscf/sa_sets.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/runtime/log.h"
#include "pcscf/state.h"

namespace lapwing::pcscf {
namespace {

// The kernel's limit stands this much behind our own deadline: it is a backstop, not the clock.
constexpr Duration backstop = std::chrono::seconds(60);

struct Unanswered {
  Cause cause;
  std::string why;
};

// Why nobody answered, as far as the kernel's counters tell.
Unanswered unanswered_because(const SaEntry& entry, const std::vector<ipsec::KernelSa>& sas,
                              const ipsec::DropCounts& dropped) {
  uint64_t packets = 0, bad = 0;
  for (const ipsec::KernelSa& sa : sas) {
    if (sa.spi != entry.set.spi_ps && sa.spi != entry.set.spi_pc) continue;
    packets += sa.packets;
    bad += sa.integrity_failures;
  }
  if (bad > 0) {
    return {Cause::esp_wrong_keys,
            absl::StrFormat("the handset answered through IPsec with other keys (%d packets failed the integrity "
                            "check): its K or OPc differs from the HSS's (OP given for OPc?)",
                            bad)};
  }
  if (packets > 0) {
    return {Cause::esp_wrong_port,
            "ESP packets came and were sound, but no REGISTER: it was sent from another port than agreed (see "
            "`ipsec.selectors`), a TCP connection never carried one, or packets were lost to the MTU"};
  }
  if (dropped.in_clear > 0) {
    return {
        Cause::answer_in_clear,
        absl::StrFormat("no ESP packet came after the 401, and meanwhile the kernel dropped %d packets that came in "
                        "clear to protected ports: the handset seems to answer without IPsec",
                        dropped.in_clear)};
  }
  if (dropped.unknown_spi > 0) {
    return {Cause::esp_unknown_spi,
            absl::StrFormat("no ESP packet came on its associations after the 401, and meanwhile the kernel dropped %d "
                            "with an SPI that nobody has: the handset seems to use other associations",
                            dropped.unknown_spi)};
  }
  return {
      Cause::challenge_unanswered,
      "no ESP packet came after the 401: the SIM refused the challenge (its K or OPc differs from the HSS's, or the "
      "sequence numbers of two HSSs differ), the handset found no algorithm to its liking, or ESP (IP protocol 50) "
      "does not pass between it and us"};
}

void run_out(Handset& locked, WallTime now) {
  locked.registered = false;
  locked.enter(HandsetState::expired, now, "the registration ran out without a refresh");
}

// A set whose time is over.
Task<void> end_set(Core& core, Site& site, std::shared_ptr<Handset> handset, uint64_t id) {
  std::optional<SaEntry> over;
  bool superseded = false;
  {
    std::lock_guard lock(handset->mutex);
    SaEntry* entry = handset->find_set(id);
    if (!entry || entry->deadline > core.clock.now()) co_return;
    over = *entry;
    superseded = handset->registered;
  }
  if (over->state == SetState::temporary) {
    auto sas = co_await core.kernel.list(site.worker);
    auto [cause, why] =
        unanswered_because(*over, sas.ok() ? *sas : std::vector<ipsec::KernelSa>{}, core.drops.since(over->created));
    {
      std::lock_guard lock(handset->mutex);
      if (!superseded && handset->state == HandsetState::challenged) {
        handset->enter(HandsetState::challenge_unanswered, core.clock.wall(), why);
      }
    }
    core.report("register.unanswered", handset->impi, "", why, cause);
  } else if (over->state == SetState::valid) {
    std::lock_guard lock(handset->mutex);
    // A newer set that the handset has not used yet takes over (TS 33.203 section 7.4.1.2).
    bool last = std::none_of(handset->sets.begin(), handset->sets.end(),
                             [id](const SaEntry& other) { return other.id != id && other.state == SetState::valid; });
    if (last && handset->outbound == id && handset->registered) run_out(*handset, core.clock.wall());
  }
  co_await drop_set(core, site, handset, id, "its time was over");
}

// Without security associations the contact's own time counts, and the wait for an answer to the 401.
std::optional<TimePoint> unprotected_end(const Core& core, const Handset& locked) {
  if (!locked.registered || !locked.sets.empty()) return std::nullopt;
  return locked.expires + core.settings().expiry_margin;
}

void end_unprotected(Core& core, Handset& locked) {
  TimePoint now = core.clock.now();
  if (locked.answer_by && *locked.answer_by <= now) {
    locked.answer_by.reset();
    if (locked.state == HandsetState::challenged) {
      locked.enter(HandsetState::challenge_unanswered, core.clock.wall(),
                   "no right answer to the 401 came: the SIM's K or OPc differs from the HSS's, or the 401 was lost");
    }
  }
  std::optional<TimePoint> end = unprotected_end(core, locked);
  if (end && *end <= now) run_out(locked, core.clock.wall());
}

Task<void> deadlines_passed(Core& core, Site& site, std::shared_ptr<Handset> handset) {
  std::vector<uint64_t> over;
  {
    std::lock_guard lock(handset->mutex);
    handset->alarm.rang();
    end_unprotected(core, *handset);
    for (const SaEntry& entry : handset->sets) {
      if (entry.deadline <= core.clock.now()) over.push_back(entry.id);
    }
  }
  for (uint64_t id : over) co_await end_set(core, site, handset, id);
  watch_deadlines(core, site, handset);
}

// Ports and SPIs that would be ambiguous next to a living set (TS 33.203 section 7.1). Sets of the same handset that
// was challenged without protection are lost to it: they make room.
struct Clash {
  absl::Status status;
  std::vector<std::pair<std::shared_ptr<Handset>, uint64_t>> lost;
};

Clash find_clash(Core& core, const std::shared_ptr<Handset>& handset, const NewSet& wanted) {
  const ipsec::Mechanism& offer = wanted.offered.front();
  Clash clash;
  for (const std::shared_ptr<Handset>& other : core.handsets.at(handset->address)) {
    std::lock_guard lock(other->mutex);
    for (const SaEntry& entry : other->sets) {
      bool same_ports = entry.set.uc == offer.port_c;
      bool same_spis = entry.set.spi_uc == offer.spi_c || entry.set.spi_us == offer.spi_s ||
                       entry.set.spi_uc == offer.spi_s || entry.set.spi_us == offer.spi_c;
      bool same_attempt = other == handset && entry.state == SetState::temporary;
      if (same_attempt) {
        clash.lost.emplace_back(other, entry.id);
      } else if (same_ports || same_spis) {
        // Another user's set at this address: the address was given to another handset, and the set's owner is gone.
        if (wanted.made_over == 0) {
          clash.lost.emplace_back(other, entry.id);
        } else {
          clash.status = absl::AlreadyExistsError(
              absl::StrFormat("the handset offered %s of a security association that still lives",
                              same_ports ? absl::StrFormat("port %d", offer.port_c.value) : "an SPI"));
        }
      }
    }
  }
  return clash;
}

// The first client port that no set of this handset's server port uses: they alternate on re-registration.
std::optional<ipsec::Port> free_client_port(Core& core, const asio::ip::address& address, ipsec::Port us) {
  std::vector<ipsec::Port> used;
  for (const std::shared_ptr<Handset>& other : core.handsets.at(address)) {
    std::lock_guard lock(other->mutex);
    for (const SaEntry& entry : other->sets) {
      if (entry.set.us == us) used.push_back(entry.set.pc);
    }
  }
  for (ipsec::Port candidate : core.settings().pc) {
    if (std::find(used.begin(), used.end(), candidate) == used.end()) return candidate;
  }
  return std::nullopt;
}

// A later set may have the ports of this one, and would find a connection that its handset does not know any more.
void reset_connections(Site& site, const ipsec::SaSet& set) {
  for (auto [ours, theirs] : {std::pair(set.ps, set.uc), std::pair(set.pc, set.us)}) {
    site.transactions.reset_connection({sip::Protocol::tcp, {set.pcscf, ours.value}, {set.ue, theirs.value}, 0});
  }
}

}  // namespace

void watch_deadlines(Core& core, Site& site, const std::shared_ptr<Handset>& handset) {
  std::lock_guard lock(handset->mutex);
  keep_handset(core, *handset);
  std::optional<TimePoint> earliest = unprotected_end(core, *handset);
  auto wait_for = [&earliest](TimePoint at) { earliest = std::min(earliest.value_or(at), at); };
  if (handset->answer_by) wait_for(*handset->answer_by);
  for (const SaEntry& entry : handset->sets) wait_for(entry.deadline);
  if (!earliest) return handset->alarm.cancel();
  handset->alarm.by(site.worker, *earliest,
                    [&core, &site, handset] { site.worker.spawn(deadlines_passed(core, site, handset)); });
}

Task<absl::StatusOr<SaEntry>> create_set(Core& core, Site& site, std::shared_ptr<Handset> handset, NewSet wanted) {
  Clash clash = find_clash(core, handset, wanted);
  if (!clash.status.ok()) co_return clash.status;
  for (const auto& [owner, id] : clash.lost) {
    co_await drop_set(core, site, owner, id, "a new challenge takes its place");
  }

  const ipsec::Mechanism& offer = wanted.offered.front();
  SaEntry entry;
  entry.id = core.handsets.next_id();
  entry.made_over = wanted.made_over;
  entry.call_id = wanted.call_id;
  entry.security_client = wanted.security_client;
  entry.set.ue = handset->address;
  entry.set.pcscf = wanted.pcscf;
  entry.set.uc = offer.port_c;
  entry.set.us = offer.port_s;
  entry.set.spi_uc = offer.spi_c;
  entry.set.spi_us = offer.spi_s;
  entry.set.algorithms = wanted.algorithms;
  entry.set.ck = wanted.ck;
  entry.set.ik = wanted.ik;
  entry.set.reqid = core.settings().reqid;
  entry.set.ps = core.settings().ps;
  auto pc = free_client_port(core, handset->address, offer.port_s);
  if (!pc) co_return absl::ResourceExhaustedError("every protected client port is in use by this handset");
  entry.set.pc = *pc;
  auto spis = core.spis.take({offer.spi_c, offer.spi_s});
  if (!spis) co_return absl::ResourceExhaustedError("every SPI of the configured range is in use");
  entry.set.spi_pc = spis->first;
  entry.set.spi_ps = spis->second;
  entry.security_server = ipsec::security_server(core.settings().algorithms, entry.set.spi_pc, entry.set.spi_ps,
                                                 entry.set.pc, entry.set.ps);
  entry.created = core.clock.wall();
  entry.expires = core.clock.wall() + core.settings().await_auth;
  entry.deadline = core.clock.now() + core.settings().await_auth;

  absl::Status installed = co_await core.kernel.install(site.worker, entry.set, core.settings().await_auth + backstop);
  if (!installed.ok()) {
    core.spis.give_back(entry.set.spi_pc);
    core.spis.give_back(entry.set.spi_ps);
    co_return installed;
  }
  {
    std::lock_guard lock(handset->mutex);
    handset->sets.push_back(entry);
  }
  watch_deadlines(core, site, handset);
  core.report("sa.installed", handset->impi, "",
              absl::StrFormat("%s: %s port %d <-> port %d and port %d <-> port %d", ipsec::text(entry.set.algorithms),
                              handset->address.to_string(), entry.set.uc.value, entry.set.ps.value, entry.set.us.value,
                              entry.set.pc.value));
  co_return entry;
}

std::optional<ConfirmedSet> confirm_set(Core& core, Handset& handset, uint64_t id, Duration expires) {
  Duration lifetime = expires + core.settings().expiry_margin;
  std::lock_guard lock(handset.mutex);
  SaEntry* entry = handset.find_set(id);
  if (!entry) return std::nullopt;
  bool fresh = entry->state == SetState::temporary;
  entry->state = SetState::valid;
  if (fresh || core.clock.now() + lifetime > entry->deadline) {
    entry->deadline = core.clock.now() + lifetime;
    entry->expires = core.clock.wall() + lifetime;
  }
  ConfirmedSet confirmed{entry->set, entry->deadline - core.clock.now(), {}};
  for (const SaEntry& other : handset.sets) {
    if (fresh && other.id != id && other.id != entry->made_over) confirmed.ending.push_back(other.id);
  }
  // What went out on the set that carried the REGISTER goes on doing so until the handset uses the new one.
  if (fresh && entry->made_over == 0) handset.outbound = id;
  if (!handset.find_set(handset.outbound)) handset.outbound = id;
  return confirmed;
}

Task<void> settle_set(Core& core, Site& site, std::shared_ptr<Handset> handset, ConfirmedSet confirmed) {
  watch_deadlines(core, site, handset);
  absl::Status extended = co_await core.kernel.set_lifetime(site.worker, confirmed.set, confirmed.lifetime + backstop);
  if (!extended.ok()) {
    LW_LOG(warn, "the kernel keeps the old lifetime of the security associations of %s: %s", handset->impi,
           std::string(extended.message()));
  }
  for (uint64_t other : confirmed.ending) {
    co_await drop_set(core, site, handset, other, "replaced by a new registration");
  }
}

void switch_to(Core& core, Site& site, const std::shared_ptr<Handset>& handset, uint64_t id) {
  std::vector<uint64_t> older;
  {
    std::lock_guard lock(handset->mutex);
    SaEntry* entry = handset->find_set(id);
    if (!entry || entry->state != SetState::valid || handset->outbound == id) return;
    handset->outbound = id;
    for (const SaEntry& other : handset->sets) {
      if (other.id != id && other.state != SetState::temporary) older.push_back(other.id);
    }
    keep_handset(core, *handset);
  }
  for (uint64_t other : older) retire_set(core, site, handset, other, core.settings().grace);
}

void retire_set(Core& core, Site& site, const std::shared_ptr<Handset>& handset, uint64_t id, Duration in) {
  {
    std::lock_guard lock(handset->mutex);
    SaEntry* entry = handset->find_set(id);
    if (!entry) return;
    entry->state = SetState::old;
    entry->deadline = std::min(entry->deadline, core.clock.now() + in);
    entry->expires = std::min(entry->expires, core.clock.wall() + std::chrono::duration_cast<WallTime::duration>(in));
  }
  watch_deadlines(core, site, handset);
}

Task<void> drop_set(Core& core, Site& site, std::shared_ptr<Handset> handset, uint64_t id, std::string why) {
  std::optional<SaEntry> gone;
  bool ports_in_use = false;
  {
    std::lock_guard lock(handset->mutex);
    SaEntry* entry = handset->find_set(id);
    if (!entry) co_return;
    gone = std::move(*entry);
    std::erase_if(handset->sets, [id](const SaEntry& e) { return e.id == id; });
    handset->touched = core.clock.now();
    ports_in_use = std::any_of(handset->sets.begin(), handset->sets.end(), [&](const SaEntry& other) {
      return other.set.us == gone->set.us && other.set.pc == gone->set.pc;
    });
    if (handset->outbound == id) {
      handset->outbound = 0;
      for (const SaEntry& other : handset->sets) {
        if (other.state == SetState::valid) handset->outbound = other.id;
      }
    }
  }
  // While the associations still carry the resets.
  if (!ports_in_use) reset_connections(site, gone->set);
  // The set is out of the table already; the kernel forgets it even when this fails, by its hard lifetime.
  absl::Status removed = co_await core.kernel.remove(site.worker, gone->set);
  core.spis.give_back(gone->set.spi_pc);
  core.spis.give_back(gone->set.spi_ps);
  if (!removed.ok()) {
    LW_LOG(warn, "security associations of %s were not removed from the kernel: %s", handset->impi,
           std::string(removed.message()));
  }
  watch_deadlines(core, site, handset);
  core.report("sa.removed", handset->impi, "", absl::StrFormat("%s set: %s", state_text(gone->state), why));
}

Task<void> kernel_expired(Core& core, Site& site, ipsec::KernelExpiry expiry) {
  if (!expiry.hard || expiry.reqid != core.settings().reqid) co_return;
  for (std::shared_ptr<Handset>& handset : core.handsets.all()) {
    uint64_t id = 0;
    {
      std::lock_guard lock(handset->mutex);
      for (const SaEntry& entry : handset->sets) {
        bool ours =
            entry.set.pcscf == expiry.destination && (entry.set.spi_pc == expiry.spi || entry.set.spi_ps == expiry.spi);
        bool theirs =
            entry.set.ue == expiry.destination && (entry.set.spi_uc == expiry.spi || entry.set.spi_us == expiry.spi);
        if (ours || theirs) id = entry.id;
      }
    }
    if (id == 0) continue;
    co_await drop_set(core, site, handset, id, "the kernel expired it");
    co_return;
  }
}

std::optional<Carrier> carrier_of(Core& core, const sip::Flow& flow) {
  for (std::shared_ptr<Handset>& handset : core.handsets.at(flow.remote.address)) {
    std::lock_guard lock(handset->mutex);
    for (const SaEntry& entry : handset->sets) {
      ipsec::Port from{flow.remote.port}, to{flow.local.port};
      bool by_table = (from == entry.set.uc && to == entry.set.ps) || (from == entry.set.us && to == entry.set.pc);
      bool crossed = (from == entry.set.us && to == entry.set.ps) || (from == entry.set.uc && to == entry.set.pc);
      if (by_table || (core.settings().address_selectors && crossed)) return Carrier{handset, entry};
    }
  }
  return std::nullopt;
}

sip::Flow reply_flow(const SaEntry& entry, const sip::Flow& came_by) {
  if (sip::reliable(came_by.protocol)) return came_by;
  return sip::Flow{sip::Protocol::udp, {entry.set.pcscf, entry.set.pc.value}, {entry.set.ue, entry.set.us.value}, 0};
}

std::optional<sip::Flow> request_flow(const Handset& locked, TimePoint now, sip::Protocol protocol) {
  if (const SaEntry* entry = locked.outbound_set()) {
    return sip::Flow{protocol, {entry->set.pcscf, entry->set.pc.value}, {entry->set.ue, entry->set.us.value}, 0};
  }
  bool reachable = locked.registered || now < locked.reachable_until;
  if (!reachable || locked.unprotected.remote.port == 0) return std::nullopt;
  return locked.unprotected;
}

}  // namespace lapwing::pcscf
