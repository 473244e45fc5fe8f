#include "pcscf/procedures/subscribe_reg.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/reginfo/reginfo.h"
#include "common/runtime/ids.h"
#include "common/sip/headers.h"
#include "common/sip/next_hop.h"
#include "pcscf/sa_sets.h"
#include "pcscf/state.h"

namespace lapwing::pcscf {
namespace {

using sip::HeaderId;

constexpr uint32_t wanted_expires = 600'000;

// TS 24.229 section 5.2.3: refresh 600 s before the end when it lasts over 1200 s, else at half the time.
Duration refresh_after(uint32_t granted) {
  return std::chrono::seconds(granted > 1200 ? granted - 600 : std::max(granted / 2, 1U));
}

std::string subscribe(Core& core, const Handset& locked, const std::string& branch, const sip::Flow& flow) {
  const Text& impu = locked.impus.front();
  std::string own = absl::StrFormat("sip:%s@%s", locked.token, core.settings().mw.text());
  sip::Writer writer = sip::Writer::request("SUBSCRIBE", impu);
  writer.add(HeaderId::via, sip::TransactionLayer::via(flow.protocol, core.settings().mw.text(), branch));
  writer.add(HeaderId::max_forwards, "70");
  for (const Text& hop : locked.service_route) writer.add(HeaderId::route, hop);
  writer.add(HeaderId::from, absl::StrFormat("<%s>;tag=%s", own, locked.subscription_tag));
  writer.add(HeaderId::to,
             locked.subscription_to.empty() ? absl::StrFormat("<%s>", impu) : locked.subscription_to.str());
  writer.add(HeaderId::call_id, locked.subscription_call_id);
  writer.add(HeaderId::cseq, absl::StrFormat("%d SUBSCRIBE", locked.subscribe_cseq));
  writer.add(HeaderId::contact, absl::StrFormat("<%s>", own));
  writer.add(HeaderId::p_asserted_identity, absl::StrFormat("<%s>", own));
  writer.add(HeaderId::event, "reg");
  writer.add(HeaderId::accept, "application/reginfo+xml");
  writer.add(HeaderId::expires, std::to_string(wanted_expires));
  return std::move(writer).finish();
}

std::optional<sip::Flow> first_hop(const Core& core, const Handset& locked) {
  if (locked.service_route.empty()) return core.settings().entry;
  auto hop = sip::NameAddr::parse(locked.service_route.front());
  if (!hop.ok()) return std::nullopt;
  auto flow = sip::next_hop(hop->uri, {core.settings().mw}, core.settings().entry.protocol, core.settings().hosts);
  if (!flow.ok()) return std::nullopt;
  return *flow;
}

// The network ended the registration: what is on the sets may finish (TS 24.229 section 5.2.5.2).
void end_registration(Core& core, Site& site, const std::shared_ptr<Handset>& handset, HandsetState state,
                      std::string why, Cause cause) {
  std::vector<uint64_t> ids;
  {
    std::lock_guard lock(handset->mutex);
    if (!handset->registered) return;
    handset->registered = false;
    handset->reachable_until = core.clock.now() + core.settings().grace;
    handset->enter(state, core.clock.wall(), why);
    for (const SaEntry& entry : handset->sets) ids.push_back(entry.id);
    keep_handset(core, *handset);
  }
  for (uint64_t id : ids) retire_set(core, site, handset, id, core.settings().grace);
  core.report("register.ended", handset->impi, "", why, cause);
}

// The network wants the handset to authenticate again soon (TS 24.229 section 5.2.3): its security associations last no
// longer than its contact.
void shorten(Core& core, Site& site, const std::shared_ptr<Handset>& handset, Duration left) {
  {
    std::lock_guard lock(handset->mutex);
    TimePoint end = core.clock.now() + left;
    if (end >= handset->expires) return;
    WallTime wall = core.clock.wall() + std::chrono::duration_cast<WallTime::duration>(left);
    handset->expires = end;
    handset->expires_wall = wall;
    for (SaEntry& entry : handset->sets) {
      if (entry.state != SetState::valid) continue;
      entry.deadline = std::min(entry.deadline, end + core.settings().expiry_margin);
      entry.expires =
          std::min(entry.expires, wall + std::chrono::duration_cast<WallTime::duration>(core.settings().expiry_margin));
    }
  }
  watch_deadlines(core, site, handset);
  core.report("register.shortened", handset->impi, "",
              absl::StrFormat("the network wants it to register again within %d s",
                              std::chrono::duration_cast<std::chrono::seconds>(left).count()));
}

// What a reginfo document says of this handset.
void apply(Core& core, Site& site, const std::shared_ptr<Handset>& handset, const reginfo::RegInfo& info) {
  std::vector<std::string> impus;
  std::string contact;
  bool mentioned = false, active = false;
  std::optional<uint32_t> shortened;
  std::string ended;
  {
    std::lock_guard lock(handset->mutex);
    contact = handset->contact;
  }
  for (const reginfo::Registration& registration : info.registrations) {
    bool here = false;
    for (const reginfo::Contact& told : registration.contacts) {
      if (!sip::uris_equal(told.uri, contact)) continue;
      mentioned = true;
      if (told.state == reginfo::ContactState::active) {
        here = active = true;
        if (told.event == reginfo::ContactEvent::shortened) shortened = told.expires;
      } else {
        ended = std::string(reginfo::name_of(told.event));
      }
    }
    if (here && registration.state == reginfo::RegistrationState::active) impus.push_back(registration.aor);
  }
  if (!active && (mentioned || info.full)) {
    const bool expired = ended == "expired";
    end_registration(
        core, site, handset, expired ? HandsetState::expired : HandsetState::deregistered,
        "the network ended the registration: " + (ended.empty() ? std::string("its contact is gone") : ended),
        expired ? Cause::expired : Cause::ended_by_network);
    return;
  }
  if (impus.empty()) return;
  {
    std::lock_guard lock(handset->mutex);
    handset->impus.assign(impus.begin(), impus.end());
    keep_handset(core, *handset);
  }
  if (shortened) shorten(core, site, handset, std::chrono::seconds(*shortened));
}

// The next SUBSCRIBE of the handset's dialog; false: it has none any more, or leads nowhere.
bool make_subscribe(Core& core, Site& site, Handset& handset, uint32_t number, sip::ClientRequest& request) {
  std::lock_guard lock(handset.mutex);
  if (!handset.registered || handset.subscription_number != number) return false;
  std::optional<sip::Flow> flow = first_hop(core, handset);
  if (!flow) {
    core.report("subscribe.failed", handset.impi, "", "the Service-Route leads nowhere: no address in it");
    return false;
  }
  ++handset.subscribe_cseq;
  request.method = sip::Method::subscribe;
  request.branch = site.transactions.new_branch();
  request.flow = *flow;
  request.timers = core.settings().core_timers;
  request.wire = subscribe(core, handset, request.branch, *flow);
  return true;
}

// Tens of thousands of handsets wait for their next SUBSCRIBE: each is a timer and no suspended procedure. It looks now
// and then whether the registration is still there, so that nothing is left of one that ended for the hours until then.
void subscribe_later(Core& core, Site& site, const std::shared_ptr<Handset>& handset, uint32_t number, TimePoint at);
Task<void> subscribe_now(Core& core, Site& site, std::shared_ptr<Handset> handset, uint32_t number) {
  sip::ClientRequest request;
  if (!make_subscribe(core, site, *handset, number, request)) co_return;
  sip::Answer answer = co_await site.transactions.request(std::move(request));
  int code = answer.response ? answer.response->status() : 408;
  Duration wait = std::chrono::minutes(1);
  if (code >= 300) {
    // Without it the registration works on, but an end by the network would go unnoticed: try again, slowly.
    core.report("subscribe.failed", handset->impi, "",
                absl::StrFormat("our SUBSCRIBE to its reg event was answered %d", code));
  } else {
    wait = refresh_after(sip::parse_seconds(answer.response->header(HeaderId::expires)).value_or(3761));
  }
  {
    std::lock_guard lock(handset->mutex);
    if (handset->subscription_number != number) co_return;
    if (code < 300) handset->subscription_to = sip::unfold(answer.response->header(HeaderId::to));
    if (code == 481 || code == 408) handset->subscription_to.clear();
  }
  subscribe_later(core, site, handset, number, core.clock.now() + wait);
}

void subscribe_later(Core& core, Site& site, const std::shared_ptr<Handset>& handset, uint32_t number, TimePoint at) {
  Duration step = std::min<Duration>(at - core.clock.now(), std::chrono::minutes(10));
  site.worker.timers().after(step, [&core, &site, weak = std::weak_ptr(handset), number, at] {
    std::shared_ptr<Handset> there = weak.lock();
    if (!there) return;
    {
      std::lock_guard lock(there->mutex);
      if (!there->registered || there->subscription_number != number) return;
    }
    if (core.clock.now() < at) return subscribe_later(core, site, there, number, at);
    site.worker.spawn(subscribe_now(core, site, there, number));
  });
}

}  // namespace

Task<void> subscribe_reg(Core& core, Site& site, std::shared_ptr<Handset> handset) {
  uint32_t number = 0;
  {
    std::lock_guard lock(handset->mutex);
    handset->subscription_call_id = random_hex(32);
    handset->subscription_tag = random_hex(16);
    handset->subscription_to.clear();
    handset->subscribe_cseq = 0;
    handset->notify_cseq = 0;
    handset->notify_version.reset();
    number = ++handset->subscription_number;
  }
  co_await subscribe_now(core, site, handset, number);
}

Task<void> notified(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction) {
  const sip::Message& request = transaction->request();
  auto uri = sip::Uri::parse(request.request_uri());
  auto to = sip::NameAddr::parse(request.header(HeaderId::to));
  auto cseq = sip::CSeq::parse(request.header(HeaderId::cseq));
  std::shared_ptr<Handset> handset = uri.ok() ? core.handsets.by_token(std::string(uri->user)) : nullptr;
  auto event = sip::TokenParams::parse(request.header(HeaderId::event));
  if (!event.ok() || event->token != "reg") co_return transaction->reject(489);
  if (!handset || !to.ok() || !cseq.ok()) co_return transaction->reject(481);
  {
    std::lock_guard lock(handset->mutex);
    bool ours =
        handset->subscription_call_id == request.header(HeaderId::call_id) && handset->subscription_tag == to->tag();
    if (!ours) co_return transaction->reject(481);
    if (cseq->number <= handset->notify_cseq) co_return transaction->reject(500, "CSeq out of order");
    handset->notify_cseq = cseq->number;
  }
  absl::StatusOr<reginfo::RegInfo> info = reginfo::parse(request.body());
  if (!info.ok()) {
    core.report("notify.refused", handset->impi, "", std::string(info.status().message()));
    co_return transaction->reject(400, "Bad Reginfo");
  }
  transaction->respond(200, transaction->response(200).finish());
  {
    std::lock_guard lock(handset->mutex);
    // RFC 3680 section 5.2: an older version than the one known says nothing new.
    if (handset->notify_version && info->version <= *handset->notify_version && cseq->number > 1) co_return;
    handset->notify_version = info->version;
  }
  apply(core, site, handset, *info);
}

}  // namespace lapwing::pcscf
