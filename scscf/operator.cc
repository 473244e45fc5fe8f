#include "scscf/operator.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/control/events.h"
#include "common/control/gauges.h"
#include "common/control/metrics_endpoint.h"
#include "common/control/on_worker.h"
#include "common/control/timestamps.h"
#include "common/sip/uri.h"
#include "scscf/call_records.h"
#include "scscf/explain_call.h"
#include "scscf/ifc/profile_lint.h"
#include "scscf/procedures/deregister.h"
#include "scscf/procedures/release.h"

namespace lapwing::scscf {
namespace {

using control::add_gauge;
using control::set_time;

constexpr Duration worker_deadline = std::chrono::seconds(2);

v1::Registration common_part(const User& user) {
  v1::Registration out;
  out.set_impi(user.impi);
  out.set_state(state_text(user.state).data());
  if (user.since != WallTime{}) set_time(out.mutable_since(), user.since);
  out.set_why(user.why);
  return out;
}

// One entry for each contact; one for a user that has none.
std::vector<v1::Registration> entries_of(const User& user, TimePoint now, WallTime wall) {
  std::vector<v1::Registration> out;
  for (const Registration& registration : user.registrations) {
    for (const Binding& binding : registration.bindings) {
      v1::Registration entry = common_part(user);
      for (const Identity& identity : registration.set()) {
        (identity.barred ? *entry.add_barred_impus() : *entry.add_impus()) = identity.uri;
      }
      entry.set_contact(binding.uri);
      entry.set_user_agent(binding.user_agent);
      set_time(entry.mutable_expires(), wall + std::chrono::duration_cast<WallTime::duration>(binding.expires - now));
      entry.set_instance(binding.instance);
      if (!binding.path.empty()) entry.set_pcscf(binding.path.front());
      entry.set_access(binding.access);
      out.push_back(std::move(entry));
    }
  }
  if (!out.empty()) return out;
  v1::Registration entry = common_part(user);
  if (!user.last_impu.empty()) entry.add_impus(user.last_impu);
  entry.set_contact(user.last_contact);
  entry.set_user_agent(user.last_user_agent);
  entry.set_pcscf(user.last_path);
  out.push_back(std::move(entry));
  return out;
}

Task<void> end(Core& core, Site& site, std::string impi, reginfo::ContactEvent event,
               std::function<void(std::vector<std::string>)> answer) {
  std::vector<std::string> uris = co_await deregister_by_network(core, site, std::move(impi), {}, event, true,
                                                                 "the operator ended the registration");
  answer(std::move(uris));
}

// The calls that an operator means: all, one by its id, or those of a user.
std::vector<std::shared_ptr<Call>> calls_of(Core& core, const std::string& typed) {
  if (typed.empty()) return core.calls.all();
  if (std::shared_ptr<Call> call = core.calls.find(typed)) return {call};
  std::vector<std::shared_ptr<Call>> found;
  for (std::shared_ptr<Call>& call : core.calls.all()) {
    bool meant = false;
    std::lock_guard lock(call->mutex);
    for (const Party* party : {&call->caller, &call->callee}) {
      meant = meant || control::same_user(typed, party->impi, party->identity);
    }
    if (meant) found.push_back(call);
  }
  return found;
}

}  // namespace

void ScscfOperator::gauges(v1::StatusReply& reply) {
  reply.set_draining(core_.draining);
  Registrar::Counts counts = core_.registrar.counts();
  sip::Stack::Counters sum = control::all_counters(pool_, stack_);
  add_gauge(reply, "registrations", counts.registrations);
  add_gauge(reply, "contacts", counts.contacts);
  add_gauge(reply, "challenges", counts.challenges);
  add_gauge(reply, "subscriptions", core_.subscriptions.size());
  add_gauge(reply, "calls", core_.calls.size());
  add_gauge(reply, "at_application_servers", core_.original_dialogs.size());
  add_gauge(reply, "unregistered_users", core_.unregistered.size());
  add_gauge(reply, "service_profiles", core_.profiles.distinct());
  control::add_store_gauges(reply, core_.store->counters());
  if (core_.settings().short_messages.enabled) add_gauge(reply, "short_messages", core_.short_messages.size());
  add_gauge(reply, "server_transactions", sum.layer.server_transactions);
  add_gauge(reply, "client_transactions", sum.layer.client_transactions);
  add_gauge(reply, "requests", sum.layer.requests);
  add_gauge(reply, "malformed", sum.layer.malformed);
}

void ScscfOperator::metrics(metrics::Sheet& sheet) {
  using Type = metrics::Sheet::Type;
  control::add_request_times(sheet, control::all_request_times(pool_, stack_));
  if (const metrics::HistogramSet* times = core_.hss.times()) {
    sheet.family("lapwing_cx_seconds", Type::histogram, "From a Cx request to the HSS to its answer, by outcome.");
    for (const auto& [labels, distribution] : times->read()) {
      sheet.distribution(distribution, {{"command", labels[0]}, {"outcome", labels[1]}});
    }
  }
  const std::vector<HssPeerState> peers = core_.hss.peers();
  sheet.family("lapwing_hss_up", Type::gauge, "1: the connection to this HSS is open and it answers.");
  for (const HssPeerState& peer : peers) {
    sheet.value(peer.state == "open" && !peer.circuit_open ? 1 : 0, {{"host", peer.host}});
  }
  sheet.family("lapwing_hss_requests", Type::counter, "Requests to this HSS, by what became of them.");
  for (const HssPeerState& peer : peers) {
    sheet.value(static_cast<double>(peer.answered), {{"host", peer.host}, {"outcome", "answered"}});
    sheet.value(static_cast<double>(peer.timeouts), {{"host", peer.host}, {"outcome", "timeout"}});
    sheet.value(static_cast<double>(peer.errors), {{"host", peer.host}, {"outcome", "error"}});
    sheet.value(static_cast<double>(peer.malformed), {{"host", peer.host}, {"outcome", "malformed"}});
  }
  control::add_histogram(sheet, "lapwing_call_ringing_seconds", "From an INVITE to the first 180.",
                         core_.call_times.ringing);
  control::add_histogram(sheet, "lapwing_call_answered_seconds", "From an INVITE to the 200 of who answered.",
                         core_.call_times.answered);
  control::add_histogram(sheet, "lapwing_call_seconds", "How long calls lasted that were answered.",
                         core_.call_times.lasted);
}

absl::StatusOr<v1::ListRegistrationsReply> ScscfOperator::list_registrations(
    const v1::ListRegistrationsRequest& request) {
  v1::ListRegistrationsReply reply;
  TimePoint now = core_.clock.now();
  WallTime wall = core_.clock.wall();
  std::string only = request.identity().empty() ? "" : core_.registrar.find(request.identity());
  if (!request.identity().empty() && only.empty()) return reply;
  auto take = [&](const User& user) {
    if (user.state == UserState::none) return;
    for (v1::Registration& entry : entries_of(user, now, wall)) {
      reply.set_total(reply.total() + 1);
      if (reply.total() <= request.limit()) *reply.add_registrations() = std::move(entry);
    }
  };
  if (only.empty()) {
    core_.registrar.each(take);
  } else {
    core_.registrar.with_existing(only, take);
  }
  return reply;
}

absl::StatusOr<v1::ShowReply> ScscfOperator::show(const v1::ShowRequest& request) {
  v1::ShowReply reply;
  std::string impi = core_.registrar.find(request.identity());
  if (impi.empty()) return absl::NotFoundError("no user known by that identity");
  std::vector<Text> watched;
  core_.registrar.with_existing(impi, [&](User& user) {
    for (v1::Registration& entry : entries_of(user, core_.clock.now(), core_.clock.wall())) {
      *reply.add_registrations() = std::move(entry);
    }
    watched = canonicals(user.registrations);
  });
  for (const Text& canonical : watched) {
    for (const std::shared_ptr<Subscription>& subscription : core_.subscriptions.watching(canonical)) {
      auto copy = control::ask_worker<v1::Subscription>(
          pool_.at(subscription->worker), worker_deadline, [subscription, &clock = core_.clock](auto answer) {
            v1::Subscription out;
            out.set_watcher(subscription->watcher);
            out.set_package("reg");
            set_time(out.mutable_expires(), control::to_wall(clock, subscription->expires));
            out.set_version(subscription->version);
            answer(out);
          });
      if (copy.ok()) *reply.add_subscriptions() = *copy;
    }
  }
  return reply;
}

absl::StatusOr<v1::ListHssPeersReply> ScscfOperator::list_hss_peers(const v1::ListHssPeersRequest&) {
  v1::ListHssPeersReply reply;
  for (const HssPeerState& peer : core_.hss.peers()) {
    v1::HssPeerStatus* out = reply.add_peers();
    out->set_host(peer.host);
    out->set_address(peer.address);
    out->set_state(peer.state);
    out->set_why(peer.why);
    out->set_circuit_open(peer.circuit_open);
    out->set_sent(peer.sent);
    out->set_answered(peer.answered);
    out->set_timeouts(peer.timeouts);
    out->set_errors(peer.errors);
    out->set_malformed(peer.malformed);
    out->set_mean_answer_ms(peer.mean_answer_ms);
  }
  return reply;
}

absl::StatusOr<v1::ListCallsReply> ScscfOperator::list_calls(const v1::ListCallsRequest& request) {
  v1::ListCallsReply reply;
  std::vector<std::shared_ptr<Call>> calls = calls_of(core_, request.identity());
  std::sort(calls.begin(), calls.end(), [](const auto& a, const auto& b) { return a->started < b->started; });
  reply.set_total(static_cast<uint32_t>(calls.size()));
  if (calls.size() > request.limit()) calls.resize(request.limit());
  for (const std::shared_ptr<Call>& call : calls) *reply.add_calls() = to_message(*call);
  return reply;
}

absl::StatusOr<v1::ExplainCallReply> ScscfOperator::explain_call(const v1::ExplainCallRequest& request) {
  return scscf::explain_call(core_, request);
}

absl::StatusOr<v1::LintProfileReply> ScscfOperator::lint_profile(const v1::LintProfileRequest& request) {
  std::vector<std::shared_ptr<const UserProfile>> profiles;
  core_.registrar.with_existing(core_.registrar.find(request.identity()), [&](User& user) {
    for (const Registration& registration : user.registrations) profiles.push_back(registration.profile);
  });
  if (profiles.empty()) return absl::NotFoundError(absl::StrFormat("%s is not registered", request.identity()));
  v1::LintProfileReply reply;
  LintContext context{.home_domain = core_.settings().home_domain,
                      .request_uri = core_.settings().services.request_uri,
                      .hosts = &core_.settings().hosts,
                      .media_profiles = std::vector<uint32_t>()};
  for (const auto& [number, policy] : core_.settings().services.media_profiles) {
    context.media_profiles->push_back(number);
  }
  for (const auto& profile : profiles) add_findings(reply, scscf::lint_profile(*profile, context));
  return reply;
}

std::vector<std::string> ScscfOperator::names_of(std::string_view identity) {
  std::vector<std::string> names;
  if (std::string impi = core_.registrar.find(identity); !impi.empty()) {
    core_.registrar.with_existing(impi, [&](User& user) {
      for (const Registration& registration : user.registrations) {
        for (const Identity& one : registration.set()) names.push_back(one.uri);
      }
      if (!user.last_impu.empty()) names.emplace_back(user.last_impu);
    });
    names.push_back(std::move(impi));
  }
  for (const std::shared_ptr<Call>& call : core_.calls.all()) {
    if (call->id == identity) names.push_back(call->call_id);
  }
  return names;
}

absl::StatusOr<v1::DrainReply> ScscfOperator::drain(const v1::DrainRequest& request) {
  v1::DrainReply reply = control::drain(core_.draining, request, pool_, stack_);
  reply.set_calls(static_cast<uint32_t>(core_.calls.size()));
  return reply;
}

absl::StatusOr<v1::HangupReply> ScscfOperator::hangup(const v1::HangupRequest& request) {
  std::vector<std::shared_ptr<Call>> calls = calls_of(core_, request.call());
  if (calls.empty()) return absl::NotFoundError(absl::StrFormat("%s has no call", request.call()));
  v1::HangupReply reply;
  for (const std::shared_ptr<Call>& call : calls) {
    *reply.add_calls() = to_message(*call);
    Site& site = core_.site(call->worker);
    site.worker.post([this, &site, call] {
      release(core_, site, call, "SIP;cause=200;text=\"Ended by the operator\"", "the operator ended the call");
    });
  }
  return reply;
}

absl::StatusOr<v1::DeregisterReply> ScscfOperator::deregister(const v1::DeregisterRequest& request) {
  std::string impi = core_.registrar.find(request.identity());
  bool registered = false;
  if (!impi.empty()) core_.registrar.with_existing(impi, [&](User& user) { registered = user.registered(); });
  if (!registered) return absl::NotFoundError(absl::StrFormat("%s is not registered", request.identity()));
  auto event = request.reason() == "rejected" ? reginfo::ContactEvent::rejected : reginfo::ContactEvent::deactivated;
  Site& site = core_.sites.front();
  auto uris = control::ask_worker<std::vector<std::string>>(
      site.worker, std::chrono::seconds(10),
      [this, &site, impi, event](auto answer) { site.worker.spawn(end(core_, site, impi, event, answer)); });
  if (!uris.ok()) return uris.status();
  v1::DeregisterReply reply;
  for (std::string& uri : *uris) reply.add_impus(std::move(uri));
  return reply;
}

}  // namespace lapwing::scscf
