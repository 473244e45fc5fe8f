#include "scscf/procedures/notify_reg.h"

#include "absl/strings/str_format.h"
#include "common/sip/headers.h"
#include "common/sip/next_hop.h"
#include "scscf/state.h"

namespace lapwing::scscf {
namespace {

using sip::HeaderId;

// More than this many states waiting for an unanswered NOTIFY: the oldest go, since each later one is complete.
constexpr size_t max_waiting = 8;

reginfo::Contact reg_contact(const Binding& binding, const Identity& identity, TimePoint now, bool gone) {
  reginfo::Contact contact;
  contact.id = binding.id;
  contact.state = gone ? reginfo::ContactState::terminated : reginfo::ContactState::active;
  contact.event = binding.event;
  // Identities that did not register themselves were created with the one that did (TS 24.229 section 5.4.2.1.2).
  bool explicitly = identity.canonical == binding.registered_impu;
  if (!gone && !explicitly && contact.event == reginfo::ContactEvent::registered) {
    contact.event = reginfo::ContactEvent::created;
  }
  if (!gone) contact.expires = seconds_of(binding.expires - now);
  contact.callid = binding.call_id;
  contact.cseq = binding.cseq;
  contact.uri = binding.uri;
  std::string_view rest = binding.params;
  while (auto item = sip::Params::take(rest)) {
    if (sip::equals_ignoring_case(item->name, "q")) {
      contact.q = std::string(item->value);
    } else {
      contact.unknown_params.emplace_back(std::string(item->name), std::string(item->value));
    }
  }
  return contact;
}

bool everything_ended(const reginfo::RegInfo& state) {
  for (const reginfo::Registration& registration : state.registrations) {
    if (registration.state != reginfo::RegistrationState::terminated) return false;
  }
  return true;
}

// The reason for Subscription-State when nothing is left (RFC 6665 section 4.1.3).
std::string_view ended_because(const reginfo::RegInfo& state) {
  for (const reginfo::Registration& registration : state.registrations) {
    for (const reginfo::Contact& contact : registration.contacts) {
      if (contact.event == reginfo::ContactEvent::rejected) return "rejected";
      if (contact.event == reginfo::ContactEvent::deactivated) return "deactivated";
    }
  }
  return "noresource";
}

// What the subscription is once this state has been told.
struct Standing {
  bool over = false;
  std::string text;  // for Subscription-State
};

Standing standing_after(const Core& core, const Subscription& subscription, const reginfo::RegInfo& state) {
  Duration left = subscription.expires - core.clock.now();
  bool timed_out = left <= Duration::zero();
  if (!timed_out && !everything_ended(state)) return {false, absl::StrFormat("active;expires=%d", seconds_of(left))};
  return {true, absl::StrFormat("terminated;reason=%s", timed_out ? "timeout" : ended_because(state))};
}

// What the next NOTIFY is routed by (RFC 3261 section 12.2.1.1).
absl::StatusOr<sip::Uri> routing_uri(const Subscription& subscription) {
  if (subscription.route.empty()) return sip::Uri::parse(subscription.target);
  absl::StatusOr<sip::NameAddr> first = sip::NameAddr::parse(subscription.route.front());
  if (!first.ok()) return first.status();
  return first->uri;
}

// Where that URI leads nowhere: back the way the SUBSCRIBE came.
sip::Flow flow_to_watcher(const Core& core, const Subscription& subscription) {
  absl::StatusOr<sip::Uri> uri = routing_uri(subscription);
  if (!uri.ok()) return subscription.flow;
  absl::StatusOr<sip::Flow> hop =
      sip::next_hop(*uri, core.settings().listen, sip::Protocol::udp, core.settings().hosts);
  return hop.ok() ? *hop : subscription.flow;
}

sip::ClientRequest make_notify(const Core& core, Site& site, Subscription& subscription, const reginfo::RegInfo& state,
                               const std::string& subscription_state) {
  sip::ClientRequest request;
  request.method = sip::Method::notify;
  request.branch = site.transactions.new_branch();
  request.flow = flow_to_watcher(core, subscription);
  request.timers = core.settings().timers;
  sip::Writer notify = sip::Writer::request("NOTIFY", subscription.target);
  notify.add(HeaderId::via,
             sip::TransactionLayer::via(request.flow.protocol, sent_by(core, request.flow), request.branch));
  for (const Text& hop : subscription.route) notify.add(HeaderId::route, hop);
  notify.add(HeaderId::max_forwards, "70");
  notify.add(HeaderId::from, subscription.local);
  notify.add(HeaderId::to, subscription.remote);
  notify.add(HeaderId::call_id, subscription.call_id);
  notify.add(HeaderId::cseq, absl::StrFormat("%d NOTIFY", ++subscription.cseq));
  notify.add(HeaderId::contact, subscription.contact);
  notify.add(HeaderId::event, "reg");
  notify.add(HeaderId::subscription_state, subscription_state);
  request.wire = std::move(notify).finish("application/reginfo+xml", reginfo::write(state));
  return request;
}

// RFC 6665 section 4.2.2: no answer, or 481, ends the subscription; other failures leave it to the next change.
void judge(Core& core, Site& site, const std::shared_ptr<Subscription>& subscription, const sip::Answer& answer,
           bool over) {
  int code = answer.response ? answer.response->status() : 408;
  if (over || code == 408 || code == 481 || code == 489) end_subscription(core, site, subscription);
  if (code >= 300) {
    core.report("notify.failed", core.registrar.find(subscription->watched), subscription->watched,
                answer.response ? absl::StrFormat("NOTIFY to %s was answered %d", subscription->target, code)
                                : absl::StrFormat("NOTIFY to %s was not answered", subscription->target),
                Cause::notify_unanswered);
  }
}

Task<void> send_waiting(Core& core, Site& site, std::shared_ptr<Subscription> subscription) {
  while (!subscription->waiting.empty() && !subscription->over) {
    reginfo::RegInfo state = std::move(subscription->waiting.front());
    subscription->waiting.erase(subscription->waiting.begin());
    state.version = subscription->version++;
    state.full = true;
    Standing standing = standing_after(core, *subscription, state);
    sip::ClientRequest notify = make_notify(core, site, *subscription, state, standing.text);
    keep_subscription(core, *subscription);
    sip::Answer answer = co_await site.transactions.request(std::move(notify));
    judge(core, site, subscription, answer, standing.over);
  }
  subscription->sending = false;
}

// Of any identity of the set.
std::vector<std::shared_ptr<Subscription>> watchers_of(Core& core, const std::vector<Identity>& set) {
  std::vector<std::shared_ptr<Subscription>> all;
  for (const Identity& identity : set) {
    std::vector<std::shared_ptr<Subscription>> some = core.subscriptions.watching(identity.canonical);
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

void tell(Core& core, const std::vector<std::shared_ptr<Subscription>>& watchers, const reginfo::RegInfo& state) {
  for (const std::shared_ptr<Subscription>& watcher : watchers) {
    Site& site = core.site(watcher->worker);
    site.worker.post([&core, &site, watcher, state] { notify(core, site, watcher, state); });
  }
}

}  // namespace

reginfo::RegInfo registration_state(Core& core, const std::vector<Identity>& set, const std::vector<Binding>& gone) {
  reginfo::RegInfo state;
  TimePoint now = core.clock.now();
  for (const Identity& identity : set) {
    if (identity.barred) continue;
    reginfo::Registration registration;
    registration.aor = identity.uri;
    registration.state = reginfo::RegistrationState::terminated;
    for (const std::string& impi : core.registrar.impis_of(identity.canonical)) {
      core.registrar.with_existing(impi, [&](User& user) {
        Registration* found = user.registration_of(identity.canonical);
        if (!found) return;
        for (const Binding& binding : found->bindings) {
          registration.state = reginfo::RegistrationState::active;
          registration.contacts.push_back(reg_contact(binding, identity, now, false));
        }
      });
    }
    for (const Binding& binding : gone) registration.contacts.push_back(reg_contact(binding, identity, now, true));
    registration.id = absl::StrFormat("r%x", std::hash<std::string>{}(identity.canonical));
    state.registrations.push_back(std::move(registration));
  }
  return state;
}

void notify_watchers(Core& core, const std::vector<Identity>& set, const std::vector<Binding>& gone) {
  std::vector<std::shared_ptr<Subscription>> watchers = watchers_of(core, set);
  if (!watchers.empty()) tell(core, watchers, registration_state(core, set, gone));
}

void tell_watchers(Core& core, const std::vector<Identity>& watched, const reginfo::RegInfo& state) {
  tell(core, watchers_of(core, watched), state);
}

void forget_watchers(Core& core, const std::vector<Identity>& set) {
  for (const std::shared_ptr<Subscription>& watcher : watchers_of(core, set)) {
    Site& site = core.site(watcher->worker);
    site.worker.post([&core, &site, watcher] { end_subscription(core, site, watcher); });
  }
}

void notify(Core& core, Site& site, std::shared_ptr<Subscription> subscription, reginfo::RegInfo state) {
  if (subscription->over) return;
  if (subscription->waiting.size() >= max_waiting) subscription->waiting.erase(subscription->waiting.begin());
  subscription->waiting.push_back(std::move(state));
  if (subscription->sending) return;
  subscription->sending = true;
  site.worker.spawn(send_waiting(core, site, subscription));
}

void end_subscription(Core& core, Site& site, const std::shared_ptr<Subscription>& subscription) {
  if (std::exchange(subscription->over, true)) return;
  site.worker.timers().cancel(std::exchange(subscription->expiry, 0));
  core.subscriptions.remove(*subscription);
  forget_subscription(core, *subscription);
}

}  // namespace lapwing::scscf
