#include "scscf/state.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "common/control/timestamps.h"
#include "common/runtime/log.h"
#include "lapwing/v1/state.pb.h"
#include "scscf/procedures/deadlines.h"
#include "scscf/procedures/short_message.h"
#include "scscf/procedures/subscribe_reg.h"

namespace lapwing::scscf {
namespace {

using control::from_wall;
using control::set_time;
using control::time_of;
using control::to_wall;

constexpr std::string_view users = "users", profiles = "profiles", subscriptions = "subscriptions",
                           short_messages = "short_messages";

std::string profile_key(const std::string& impi, uint32_t number) {
  return absl::StrFormat("%s %d", impi, number);
}
std::string dialog_key(const Subscription& subscription) {
  return subscription.call_id + " " + subscription.local_tag + " " + subscription.remote_tag;
}
// Zeros in front: in the order of the numbers.
std::string number_key(uint64_t number) {
  return absl::StrFormat("%020d", number);
}

void write_binding(const Core& core, const Binding& binding, v1::StoredBinding& out) {
  out.set_id(binding.id);
  out.set_uri(binding.uri);
  out.set_params(binding.params);
  out.set_instance(binding.instance);
  if (binding.reg_id) out.set_reg_id(*binding.reg_id);
  out.set_q(binding.q);
  for (const Text& hop : binding.path) out.add_path(hop);
  out.set_call_id(binding.call_id);
  out.set_cseq(binding.cseq);
  set_time(out.mutable_expires(), to_wall(core.clock, binding.expires));
  out.set_event(static_cast<uint32_t>(binding.event));
  out.set_registered_impu(binding.registered_impu);
  out.set_user_agent(binding.user_agent);
  out.set_access(binding.access);
  out.set_visited_network(binding.visited_network);
}

Binding read_binding(Core& core, const v1::StoredBinding& in) {
  Binding binding;
  binding.id = in.id();
  binding.uri = in.uri();
  binding.params = in.params();
  binding.instance = in.instance();
  if (in.has_reg_id()) binding.reg_id = in.reg_id();
  binding.q = static_cast<uint16_t>(in.q());
  binding.path.assign(in.path().begin(), in.path().end());
  binding.call_id = in.call_id();
  binding.cseq = in.cseq();
  binding.expires = from_wall(core.clock, in.expires());
  binding.event = static_cast<reginfo::ContactEvent>(in.event());
  binding.registered_impu = in.registered_impu();
  binding.user_agent = core.common.of(in.user_agent());
  binding.access = core.common.of(in.access());
  binding.visited_network = core.common.of(in.visited_network());
  return binding;
}

using StoredProfiles = absl::flat_hash_map<std::string, std::shared_ptr<const UserProfile>>;

// False: its profile is not there.
bool read_registration(Core& core, const std::string& impi, const v1::StoredRegistration& in,
                       const StoredProfiles& known, Registration& out) {
  auto profile = known.find(profile_key(impi, in.number()));
  if (profile == known.end()) return false;
  out.number = in.number();
  out.profile = profile->second;
  out.hss_host = core.common.of(in.hss_host());
  out.charging = core.common.of(in.charging());
  out.authenticated = from_wall(core.clock, in.authenticated());
  out.since = time_of(in.since());
  for (const v1::StoredBinding& binding : in.bindings()) out.bindings.push_back(read_binding(core, binding));
  return true;
}

// False: nothing of it can be used.
bool restore_user(Core& core, const std::string& impi, const v1::StoredUser& stored, const StoredProfiles& known,
                  Restored& restored) {
  std::vector<Registration> registrations;
  for (const v1::StoredRegistration& one : stored.registrations()) {
    Registration registration;
    if (read_registration(core, impi, one, known, registration)) registrations.push_back(std::move(registration));
  }
  if (registrations.empty()) return false;
  std::vector<Text> after = canonicals(registrations);
  bool made = core.registrar.with(impi, [&](User& user) {
    user.registrations = std::move(registrations);
    user.hss_features = stored.hss_features();
    for (const Registration& registration : user.registrations) {
      user.last_number = std::max(user.last_number, registration.number);
      for (const Binding& binding : registration.bindings) {
        core.registrar.note_contact_id(binding.id);
        user.note_last(binding);
        ++restored.contacts;
      }
      user.enter(UserState::registered, registration.since, "");
    }
  });
  if (made) core.registrar.reindex(impi, {}, after);
  return made;
}

std::shared_ptr<Subscription> read_subscription(Core& core, const v1::StoredSubscription& in) {
  auto subscription = std::make_shared<Subscription>();
  subscription->call_id = in.call_id();
  subscription->local = in.local();
  subscription->remote = in.remote();
  subscription->local_tag = in.local_tag();
  subscription->remote_tag = in.remote_tag();
  subscription->watcher = core.common.of(in.watcher());
  subscription->watched = in.watched();
  subscription->contact = core.common.of(in.contact());
  subscription->target = in.target();
  subscription->route.assign(in.route().begin(), in.route().end());
  subscription->flow.protocol = in.transport() == "tcp" ? sip::Protocol::tcp : sip::Protocol::udp;
  if (auto local = endpoint_from(in.local_endpoint()); local.ok()) subscription->flow.local = *local;
  if (auto remote = endpoint_from(in.remote_endpoint()); remote.ok()) subscription->flow.remote = *remote;
  subscription->expires = from_wall(core.clock, in.expires());
  subscription->cseq = in.cseq();
  subscription->remote_cseq = in.remote_cseq();
  subscription->version = in.version();
  return subscription;
}

void write_address(const sms::Address& address, v1::StoredAddress& out) {
  out.set_type(address.type);
  out.set_text(address.text);
}
sms::Address read_address(const v1::StoredAddress& in) {
  return {.type = static_cast<uint8_t>(in.type()), .text = in.text()};
}

// Each record of the table that can be read goes to `take`, which says whether it could be used.
template <typename Record>
absl::Status each_record(Core& core, std::string_view table, Restored& restored,
                         const std::function<bool(const std::string& key, const Record& record)>& take) {
  return core.store->each(table, [&](std::string_view key, std::string_view value) {
    Record record;
    bool read = record.ParseFromArray(value.data(), static_cast<int>(value.size()));
    if (read && take(std::string(key), record)) return;
    ++restored.unreadable;
    core.store->erase(table, key);
  });
}

}  // namespace

void keep_user(Core& core, const std::string& impi) {
  if (!core.store->keeps()) return;
  v1::StoredUser stored;
  core.registrar.with_existing(impi, [&](User& user) {
    stored.set_hss_features(user.hss_features);
    for (const Registration& registration : user.registrations) {
      v1::StoredRegistration& out = *stored.add_registrations();
      out.set_number(registration.number);
      out.set_hss_host(registration.hss_host);
      out.set_charging(registration.charging);
      set_time(out.mutable_authenticated(), to_wall(core.clock, registration.authenticated));
      set_time(out.mutable_since(), registration.since);
      for (const Binding& binding : registration.bindings) write_binding(core, binding, *out.add_bindings());
    }
  });
  if (stored.registrations().empty()) return core.store->erase(users, impi);
  core.store->put(users, impi, stored.SerializeAsString());
}

void keep_profile(Core& core, const std::string& impi, uint32_t number, std::string user_data) {
  core.store->put(profiles, profile_key(impi, number), std::move(user_data));
}

void forget_profile(Core& core, const std::string& impi, uint32_t number) {
  core.store->erase(profiles, profile_key(impi, number));
}

void keep_subscription(Core& core, const Subscription& subscription) {
  if (subscription.over || !core.store->keeps()) return;
  v1::StoredSubscription out;
  out.set_call_id(subscription.call_id);
  out.set_local(subscription.local);
  out.set_remote(subscription.remote);
  out.set_local_tag(subscription.local_tag);
  out.set_remote_tag(subscription.remote_tag);
  out.set_watcher(subscription.watcher);
  out.set_watched(subscription.watched);
  out.set_contact(subscription.contact);
  out.set_target(subscription.target);
  for (const Text& hop : subscription.route) out.add_route(hop);
  out.set_transport(sip::reliable(subscription.flow.protocol) ? "tcp" : "udp");
  out.set_local_endpoint(subscription.flow.local.text());
  out.set_remote_endpoint(subscription.flow.remote.text());
  set_time(out.mutable_expires(), to_wall(core.clock, subscription.expires));
  out.set_cseq(subscription.cseq);
  out.set_remote_cseq(subscription.remote_cseq);
  out.set_version(subscription.version);
  core.store->put(subscriptions, dialog_key(subscription), out.SerializeAsString());
}

void forget_subscription(Core& core, const Subscription& subscription) {
  core.store->erase(subscriptions, dialog_key(subscription));
}

void keep_short_messages(Core& core) {
  core.short_messages.on_put = [&core](const std::string& receiver, const ShortMessage& message) {
    v1::StoredShortMessage out;
    out.set_receiver(receiver);
    out.set_submit(message.submit);
    out.set_deliver(message.deliver);
    write_address(message.originator, *out.mutable_originator());
    set_time(out.mutable_sent(), message.sent);
    set_time(out.mutable_expires(), to_wall(core.clock, message.expires));
    out.set_sender(message.sender);
    out.set_reference(message.reference);
    write_address(message.recipient, *out.mutable_recipient());
    core.store->put(short_messages, number_key(message.number), out.SerializeAsString());
  };
  core.short_messages.on_gone = [&core](const ShortMessage& message) {
    core.store->erase(short_messages, number_key(message.number));
  };
}

absl::StatusOr<Restored> restore(Core& core) {
  Restored restored;
  StoredProfiles known;
  absl::Status status = core.store->each(profiles, [&](std::string_view key, std::string_view user_data) {
    auto read = core.profiles.read(user_data);
    if (read.ok()) {
      known.emplace(std::string(key), read->profile);
    } else {
      ++restored.unreadable;
      core.store->erase(profiles, key);
    }
  });
  if (!status.ok()) return status;
  status = each_record<v1::StoredUser>(core, users, restored, [&](const std::string& impi, const v1::StoredUser& user) {
    if (!restore_user(core, impi, user, known, restored)) return false;
    ++restored.users;
    return true;
  });
  if (!status.ok()) return status;
  uint32_t worker = 0;
  status = each_record<v1::StoredSubscription>(
      core, subscriptions, restored, [&](const std::string&, const v1::StoredSubscription& stored) {
        std::shared_ptr<Subscription> subscription = read_subscription(core, stored);
        subscription->worker = worker++ % static_cast<uint32_t>(std::max<size_t>(1, core.sites.size()));
        if (core.registrar.impis_of(subscription->watched).empty()) return false;
        subscription->device = static_cast<uint32_t>(TextHash{}(subscription->target));
        std::shared_ptr<Subscription> replaced;
        bool taken = core.subscriptions.add(subscription, replaced);
        if (replaced) forget_subscription(core, *replaced);
        if (!taken) return false;
        ++restored.subscriptions;
        return true;
      });
  if (!status.ok()) return status;
  status = each_record<v1::StoredShortMessage>(
      core, short_messages, restored, [&](const std::string& key, const v1::StoredShortMessage& stored) {
        ShortMessage message{.submit = stored.submit(),
                             .deliver = stored.deliver(),
                             .originator = read_address(stored.originator()),
                             .sent = time_of(stored.sent()),
                             .expires = from_wall(core.clock, stored.expires()),
                             .sender = stored.sender(),
                             .reference = static_cast<uint8_t>(stored.reference()),
                             .recipient = read_address(stored.recipient())};
        if (!absl::SimpleAtoi(key, &message.number)) return false;
        core.short_messages.put_back(stored.receiver(), std::move(message));
        ++restored.short_messages;
        return true;
      });
  if (!status.ok()) return status;
  return restored;
}

void resume(Core& core) {
  size_t next = 0;
  core.registrar.each([&](const User& user) {
    Site& site = core.sites[next++ % core.sites.size()];
    site.worker.post([&core, &site, impi = user.impi] { watch_deadlines(core, site, impi); });
  });
  for (std::shared_ptr<Subscription>& subscription : core.subscriptions.all()) {
    Site& site = core.site(subscription->worker);
    site.worker.post([&core, &site, subscription] { resume_subscription(core, site, subscription); });
  }
  Site& site = core.sites.front();
  site.worker.post([&core, &site] {
    for (const std::string& receiver : core.short_messages.receivers()) deliver_short_messages(core, site, receiver);
  });
}

}  // namespace lapwing::scscf
