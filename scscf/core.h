// What the procedures of the S-CSCF work with: the settings, the HSS, the registrar, the subscriptions, and the place
// (a worker with its transactions) that a procedure runs on. main.cc builds it; tests build it over fakes.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/control/report.h"
#include "common/metrics/distribution.h"
#include "common/runtime/live.h"
#include "common/runtime/turns.h"
#include "common/runtime/worker.h"
#include "common/sdp/policy.h"
#include "common/sip/next_hop.h"
#include "common/sip/transaction_layer.h"
#include "common/store/store.h"
#include "hss-client/hss.h"
#include "scscf/calls.h"
#include "scscf/ifc/original_dialogs.h"
#include "scscf/ifc/profiles.h"
#include "scscf/numbers.h"
#include "scscf/registrar.h"
#include "scscf/short_messages.h"
#include "scscf/silent_servers.h"
#include "scscf/subscriptions.h"
#include "scscf/unregistered_users.h"

namespace lapwing::scscf {

struct OtherServer {
  std::string name;
  sip::Flow flow;
  std::vector<uint32_t> capabilities;
  uint32_t weight = 0;
};

// The IP-SM-GW role.
struct ShortMessageSettings {
  bool enabled = false;
  std::string uri;       // of the service centre, "tel:+15550000000"
  sms::Address address;  // its number
  Duration longest = std::chrono::hours(72);
  uint32_t limit = 100'000, per_receiver = 100;
};

// By SubscribedMediaProfileId.
using MediaProfiles = std::map<uint32_t, sdp::Policy>;

// Application servers, and what else the users' profiles speak of.
struct ServiceSettings {
  Duration answer_within = std::chrono::seconds(5);       // one that says nothing at all until then has failed
  Duration keep_unregistered = std::chrono::minutes(30);  // the profile of a user who is served unregistered
  RequestUriPart request_uri = RequestUriPart::host_or_number;
  SharedIfcSets shared_sets;
  MediaProfiles media_profiles;
};

struct Settings {
  std::string name;  // our SIP URI, as the HSS knows it
  std::string home_domain;
  std::vector<sip::Endpoint> listen;
  bool interrogating = true, serving = true;
  std::vector<OtherServer> servers;
  std::vector<uint32_t> capabilities;  // our own
  uint32_t weight = 1;
  Duration server_answers_within = std::chrono::seconds(6);  // another S-CSCF to a REGISTER, our HSS's time included
  Duration min_expires = std::chrono::seconds(60);
  Duration default_expires = std::chrono::hours(1);
  Duration max_expires = std::chrono::seconds(600'000);
  Duration await_auth = std::chrono::minutes(4);
  Duration reauthenticate_after = std::chrono::hours(24);
  uint32_t max_resynchronisations = 2;
  uint32_t max_contacts = 10;
  bool accept_unprotected_aka = false;
  bool keep_profile = false;
  std::string qop = "auth";  // empty: none
  sip::TimerValues timers;
  std::vector<Prefix> trusted;  // from where SIP is taken; empty: from everywhere
  sip::Hosts hosts;             // names in URIs that lead somewhere
  NumberPlan numbers;
  // Calls.
  Duration next_contact_after = std::chrono::seconds(20);   // how long a group of contacts rings while there is another
  Duration pcscf_answers_within = std::chrono::seconds(8);  // see procedures/restore_pcscf.h
  Duration session_expires = std::chrono::minutes(30);      // asked for where a call has no session timer; zero: not
  Duration min_session_expires = std::chrono::seconds(90);
  Duration longest_call = std::chrono::hours(12);  // of calls without a session timer
  ShortMessageSettings short_messages;
  ServiceSettings services;
};

// One worker's view.
struct Site {
  Worker& worker;
  sip::TransactionLayer& transactions;
};

// From the INVITE to the first 180 and to the 200; and how long calls lasted that were answered.
struct CallTimes {
  metrics::Histogram ringing{metrics::seconds_bounds}, answered{metrics::seconds_bounds};
  metrics::Histogram lasted{metrics::call_bounds};
};

struct Core {
  Live<Settings> configured;
  Hss& hss;
  const Clock& clock;
  control::Report report;
  CommonTexts common;
  Profiles profiles;
  Registrar registrar;
  UnregisteredUsers unregistered;
  OriginalDialogs original_dialogs;
  SilentServers silent_servers;
  Subscriptions subscriptions;
  Calls calls;
  ShortMessages short_messages;
  CallTimes call_times;
  std::function<void(Call&)> record_call;  // when one has ended; may be empty
  std::unique_ptr<Store> store = std::make_unique<NoStore>();
  Turns turns;
  std::vector<Site> sites;            // by worker
  std::atomic<bool> draining{false};  // nothing new begins here

  Core(Settings s, Hss& h, const Clock& c, control::Report r)
      : configured(std::move(s)),
        hss(h),
        clock(c),
        report(std::move(r)),
        profiles(settings().services.shared_sets, settings().services.request_uri),
        registrar(c),
        silent_servers(c),
        short_messages(settings().short_messages.limit, settings().short_messages.per_receiver) {}
  const Settings& settings() const { return configured.get(); }
  // Of all that begins from now on. What is fixed at start (name, listen, ...) must be as it was.
  void configure(Settings next);
  Site& site(uint32_t worker) { return sites[worker]; }
  bool trusts(const asio::ip::address& address) const;
};

// Who we are to the other end of a flow, as ADDRESS:PORT for Via, Contact and Service-Route: where we listen at our end
// of it, else where we listen in its address family.
std::string sent_by(const Core& core, const sip::Flow& flow);

// Whole seconds, rounded up; what SIP headers carry.
inline uint32_t seconds_of(Duration duration) {
  auto whole = std::chrono::ceil<std::chrono::seconds>(duration).count();
  return whole < 0 ? 0 : static_cast<uint32_t>(whole);
}

// Retry-After of what is refused because we drain; seconds.
inline constexpr uint32_t retry_when_drained = 30;

// How a procedure ends; reply() below turns it into the response.
struct Outcome {
  int code = 500;
  std::string reason = {};  // of the status line; empty: the standard phrase
  std::vector<std::pair<sip::HeaderId, std::string>> headers = {};
  // Run when the response, as given to it, is on its way: NOTIFYs, which must not overtake it.
  std::function<void(const std::string&)> then = {};
  std::string why = {};  // in plain words, for the log and the operator; no secrets
  Cause cause = Cause::none;
};

// Sends the outcome as the transaction's response.
void reply(sip::ServerTransaction& transaction, const Outcome& outcome);

// How the transactions of each worker behave.
sip::TransactionLayer::Options transaction_options(const Core& core);

// Does the URI lead to us: our name, or one of our addresses?
bool is_ours(const Core& core, const sip::Uri& uri);

// The entry: from now on the core takes what the site's transactions deliver.
void serve(Core& core, Site& site);

}  // namespace lapwing::scscf
