#include "scscf/procedures/subscribe_reg.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/runtime/ids.h"
#include "common/runtime/one_shot.h"
#include "common/sip/headers.h"
#include "scscf/procedures/notify_reg.h"
#include "scscf/procedures/served_user.h"
#include "scscf/state.h"

namespace lapwing::scscf {
namespace {

using sip::HeaderId;

constexpr uint32_t default_expires = 3761;  // RFC 3680 section 5.4
constexpr uint32_t longest_expires = 600'000;

struct Watched {
  Text canonical;  // the profile's own
  std::vector<Identity> set;
  std::vector<std::string> paths;    // URIs on the Path of its contacts: its P-CSCFs
  std::vector<std::string> servers;  // application servers of its filter criteria
  std::string impi;
};

// The registration that the Request-URI names.
std::optional<Watched> find_watched(Core& core, const sip::Uri& uri) {
  Watched watched;
  watched.canonical = uri.canonical();
  for (const std::string& impi : core.registrar.impis_of(watched.canonical)) {
    core.registrar.with_existing(impi, [&](User& user) {
      Registration* registration = user.registration_of(watched.canonical);
      if (!registration) return;
      watched.canonical = registration->find(watched.canonical)->canonical;
      watched.set = registration->set();
      watched.impi = impi;
      for (const ServiceProfile& profile : registration->profile->service_profiles) {
        if (!profile.services) continue;
        for (const InitialFilterCriteria& criteria : profile.services->all()) {
          watched.servers.push_back(criteria.application_server.server_name);
        }
      }
      for (const Binding& binding : registration->bindings) {
        for (const Text& hop : binding.path) {
          auto parsed = sip::NameAddr::parse(hop);
          if (parsed.ok()) watched.paths.emplace_back(parsed->uri.text);
        }
      }
    });
  }
  if (watched.set.empty()) return std::nullopt;
  return watched;
}

// TS 24.229 section 5.4.2.1.1: the user itself, by an identity of the set that is not barred; the P-CSCFs on its Path;
// the application servers of its filter criteria.
bool may_watch(const Watched& watched, std::string_view asserted) {
  auto uri = sip::Uri::parse(asserted);
  if (!uri.ok()) return false;
  std::string canonical = uri->canonical();
  bool own = std::any_of(watched.set.begin(), watched.set.end(),
                         [&](const Identity& i) { return !i.barred && i.canonical == canonical; });
  auto at_host_of = [&](const std::string& text) {
    auto other = sip::Uri::parse(text);
    return other.ok() && sip::equals_ignoring_case(other->host, uri->host) && other->port == uri->port;
  };
  return own || std::any_of(watched.paths.begin(), watched.paths.end(), at_host_of) ||
         std::any_of(watched.servers.begin(), watched.servers.end(), at_host_of);
}

// Who asks: P-Asserted-Identity, which the P-CSCF has checked, else From.
std::string watcher_of(const sip::Message& request) {
  if (std::optional<sip::Uri> asserted = asserted_identity(request)) return std::string(asserted->text);
  auto from = sip::NameAddr::parse(request.header(HeaderId::from));
  return from.ok() ? std::string(from->uri.text) : std::string();
}

bool accepts_reginfo(const sip::Message& request) {
  if (!request.has(HeaderId::accept)) return true;
  for (std::string_view value : request.values(HeaderId::accept)) {
    auto type = sip::TokenParams::parse(value);
    if (!type.ok()) continue;
    if (type->is("application/reginfo+xml") || type->is("application/*") || type->is("*/*")) return true;
  }
  return false;
}

uint32_t granted(const sip::Message& request) {
  uint32_t asked = default_expires;
  if (request.has(HeaderId::expires)) asked = sip::parse_seconds(request.header(HeaderId::expires)).value_or(asked);
  return std::min(asked, longest_expires);
}

void accept(const Subscription& subscription, sip::ServerTransaction& transaction, uint32_t expires) {
  const sip::Message& request = transaction.request();
  sip::Writer ok = sip::response_to(request, 200, "OK", subscription.local_tag);
  for (std::string_view hop : request.values(HeaderId::record_route)) ok.add(HeaderId::record_route, hop);
  ok.add(HeaderId::contact, subscription.contact);
  ok.add(HeaderId::expires, std::to_string(expires));
  transaction.respond(200, std::move(ok).finish());
}

// Empty: it is not registered any more.
std::vector<Identity> watched_set(Core& core, const Subscription& subscription) {
  auto uri = sip::Uri::parse(subscription.watched);
  std::optional<Watched> watched = uri.ok() ? find_watched(core, *uri) : std::nullopt;
  return watched ? std::move(watched->set) : std::vector<Identity>();
}

void watch_end(Core& core, Site& site, const std::shared_ptr<Subscription>& subscription) {
  site.worker.timers().cancel(std::exchange(subscription->expiry, 0));
  Duration left = subscription->expires - core.clock.now();
  subscription->expiry = site.worker.timers().after(left, [&core, &site, subscription] {
    subscription->expiry = 0;
    notify(core, site, subscription, registration_state(core, watched_set(core, *subscription), {}));
  });
}

// Sets the subscription's end anew, and tells the watcher the state of now.
void run(Core& core, Site& site, const std::shared_ptr<Subscription>& subscription, const std::vector<Identity>& set,
         uint32_t expires) {
  subscription->expires = core.clock.now() + std::chrono::seconds(expires);
  if (expires > 0) {
    watch_end(core, site, subscription);
    keep_subscription(core, *subscription);
  } else {
    site.worker.timers().cancel(std::exchange(subscription->expiry, 0));
  }
  notify(core, site, subscription, registration_state(core, set, {}));
}

// What a SUBSCRIBE inside the dialog asks.
struct Refresh {
  uint32_t cseq = 0, expires = 0;
  std::string target;  // empty: as before
};

// On the subscription's worker; the code to answer with.
int refresh(Subscription& subscription, const Refresh& asked) {
  if (subscription.over) return 481;
  if (asked.cseq <= subscription.remote_cseq) return 500;
  subscription.remote_cseq = asked.cseq;
  if (!asked.target.empty()) subscription.target = asked.target;
  return 200;
}

void run_again(Core& core, Site& site, const std::shared_ptr<Subscription>& subscription, uint32_t expires) {
  if (subscription->over) return;
  run(core, site, subscription, watched_set(core, *subscription), expires);
}

Task<void> in_dialog(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction,
                     std::shared_ptr<Subscription> subscription, Refresh asked) {
  OneShot<int> done(site.worker);
  Site& owner = core.site(subscription->worker);
  owner.worker.post([subscription, asked, sink = done.sink()] { sink.set(refresh(*subscription, asked)); });
  int code = (co_await done.wait(std::chrono::seconds(2))).value_or(500);
  if (code != 200) co_return transaction->reject(code);
  // The NOTIFY must not overtake the 200.
  accept(*subscription, *transaction, asked.expires);
  owner.worker.post(
      [&core, &owner, subscription, expires = asked.expires] { run_again(core, owner, subscription, expires); });
}

}  // namespace

void resume_subscription(Core& core, Site& site, const std::shared_ptr<Subscription>& subscription) {
  if (watched_set(core, *subscription).empty()) return end_subscription(core, site, subscription);
  watch_end(core, site, subscription);
}

Task<void> subscribe_reg(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction) {
  const sip::Message& request = transaction->request();
  auto event = sip::TokenParams::parse(request.header(HeaderId::event));
  if (!event.ok() || event->token != "reg") {
    sip::Writer bad = transaction->response(489);
    bad.add(HeaderId::allow_events, "reg");
    transaction->respond(489, std::move(bad).finish());
    co_return;
  }
  if (!accepts_reginfo(request)) co_return transaction->reject(406);
  auto to = sip::NameAddr::parse(request.header(HeaderId::to));
  auto from = sip::NameAddr::parse(request.header(HeaderId::from));
  auto uri = sip::Uri::parse(request.request_uri());
  auto cseq = sip::CSeq::parse(request.header(HeaderId::cseq));
  if (!to.ok() || !from.ok() || !uri.ok() || !cseq.ok()) co_return transaction->reject(400);
  std::string call_id(request.header(HeaderId::call_id));

  if (!to->tag().empty()) {
    auto subscription = core.subscriptions.find(call_id, std::string(to->tag()), std::string(from->tag()));
    if (!subscription) co_return transaction->reject(481);
    Refresh asked{.cseq = cseq->number, .expires = granted(request), .target = {}};
    auto moved = sip::NameAddr::parse(request.values(HeaderId::contact).front());
    if (moved.ok()) asked.target = std::string(moved->uri.text);
    co_return co_await in_dialog(core, site, transaction, subscription, asked);
  }

  std::optional<Watched> watched = find_watched(core, *uri);
  std::string watcher = watcher_of(request);
  if (!watched) co_return transaction->reject(480, "Not Registered");
  if (!may_watch(*watched, watcher)) co_return transaction->reject(403);
  auto contact = sip::NameAddr::parse(request.values(HeaderId::contact).front());
  if (!contact.ok()) co_return transaction->reject(400, "Contact Missing");

  auto subscription = std::make_shared<Subscription>();
  subscription->worker = site.worker.index();
  subscription->call_id = call_id;
  subscription->local_tag = random_hex(16);
  subscription->remote_tag = std::string(from->tag());
  subscription->local = sip::unfold(request.header(HeaderId::to)) + ";tag=" + subscription->local_tag;
  subscription->remote = sip::unfold(request.header(HeaderId::from));
  subscription->watcher = core.common.of(watcher);
  subscription->watched = watched->canonical;
  subscription->contact = core.common.of(absl::StrFormat("<sip:reg@%s>", sent_by(core, transaction->flow())));
  subscription->target = std::string(contact->uri.text);
  subscription->device = static_cast<uint32_t>(TextHash{}(subscription->target));
  for (std::string_view hop : request.values(HeaderId::record_route)) subscription->route.push_back(sip::unfold(hop));
  subscription->flow = transaction->reply_flow();
  subscription->remote_cseq = cseq->number;
  uint32_t expires = granted(request);
  std::shared_ptr<Subscription> replaced;
  bool taken = expires == 0 || core.subscriptions.add(subscription, replaced);
  if (replaced) {
    Site& owner = core.site(replaced->worker);
    owner.worker.post([&core, &owner, replaced] { end_subscription(core, owner, replaced); });
  }
  if (!taken) co_return transaction->reject(503, "Too Many Subscriptions");
  accept(*subscription, *transaction, expires);
  core.report("subscribe.accepted", watched->impi, watched->canonical,
              absl::StrFormat("%s watches the registration for %d s", watcher, expires));
  run(core, site, subscription, watched->set, expires);
}

}  // namespace lapwing::scscf
