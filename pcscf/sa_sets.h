// The life of a handset's security association sets (TS 33.203 sections 7.1 to 7.4, TS 24.229 sections 5.2.2
// and 5.2.3): temporary from the 401, valid from the 200, old when replaced or ended, then gone. The kernel's hard
// lifetime stands behind every deadline.
#pragma once

#include "absl/status/statusor.h"
#include "pcscf/core.h"
#include "pcscf/ipsec/sec_agree.h"

namespace lapwing::pcscf {

// What the 401 is about to set up.
struct NewSet {
  std::vector<ipsec::Mechanism> offered;
  ipsec::Algorithms algorithms;
  Secret ck, ik;
  asio::ip::address pcscf;  // where the REGISTER came to
  uint64_t made_over = 0;
  std::string call_id, security_client;
};

// Installs four SAs as a temporary set and returns its entry. A temporary set of an earlier attempt goes first.
// ResourceExhausted: no free client port or SPI; AlreadyExists: the handset's ports or SPIs are those of a living set.
Task<absl::StatusOr<SaEntry>> create_set(Core& core, Site& site, std::shared_ptr<Handset> handset, NewSet wanted);

// Sets the handset's alarm for the earliest of its deadlines: those of its sets; without sets that of its contact, and
// that of an answer to a 401 (Handset::answer_by). Call after a change of these. Keeps the handset (state.h).
void watch_deadlines(Core& core, Site& site, const std::shared_ptr<Handset>& handset);

// The 200 came: the set is valid for the registration's time and the margin; never shortened by a refresh. Before the
// 200 is sent on, since the handset's next request may come by another worker in the same moment; what is left to do
// then follows behind the 200. nullopt: the set has gone.
struct ConfirmedSet {
  ipsec::SaSet set;
  Duration lifetime{};
  std::vector<uint64_t> ending;
};
std::optional<ConfirmedSet> confirm_set(Core& core, Handset& handset, uint64_t id, Duration expires);
// Sets that nobody uses any more are dropped: made over nothing, all others; made over one, all but that one.
Task<void> settle_set(Core& core, Site& site, std::shared_ptr<Handset> handset, ConfirmedSet confirmed);

// The set takes over what we send, the one before it ends after the grace time. Called when the first request other
// than REGISTER arrives on it.
void switch_to(Core& core, Site& site, const std::shared_ptr<Handset>& handset, uint64_t id);

// The set ends after `in`.
void retire_set(Core& core, Site& site, const std::shared_ptr<Handset>& handset, uint64_t id, Duration in);

// Takes it out of the kernel and the handset, now.
Task<void> drop_set(Core& core, Site& site, std::shared_ptr<Handset> handset, uint64_t id, std::string why);

// The kernel's own expiry of an SA of ours.
Task<void> kernel_expired(Core& core, Site& site, ipsec::KernelExpiry expiry);

// The set that a protected message from the handset belongs to: (U, UE port, our port); TS 33.203 section 7.1.
struct Carrier {
  std::shared_ptr<Handset> handset;
  SaEntry entry;
};
std::optional<Carrier> carrier_of(Core& core, const sip::Flow& flow);

// How a response to a request that came on this set goes: over UDP from port-pc to port-us.
sip::Flow reply_flow(const SaEntry& entry, const sip::Flow& came_by);
// How our requests go to the handset. nullopt: it has no way (no valid set, not registered).
std::optional<sip::Flow> request_flow(const Handset& locked, TimePoint now, sip::Protocol protocol);

}  // namespace lapwing::pcscf
