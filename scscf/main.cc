// scscf: registrar and interrogating role of the home network. Wires the parts together; the procedures are in
// procedures/.
#include <algorithm>
#include <functional>
#include <map>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "common/control/daemon.h"
#include "common/control/report.h"
#include "common/runtime/config.h"
#include "common/runtime/log.h"
#include "common/sip/next_hop.h"
#include "common/sip/stack.h"
#include "common/store/sqlite_store.h"
#include "common/trace/recorder.h"
#include "hss-client/cx_codec.h"
#include "hss-client/cx_text.h"
#include "hss-client/freediameter/cx_application.h"
#include "hss-client/freediameter/cx_client.h"
#include "lapwing/v1/config.pb.h"
#include "page/doors.h"
#include "scscf/call_records.h"
#include "scscf/config_check.h"
#include "scscf/core.h"
#include "scscf/operator.h"
#include "scscf/procedures/pushes.h"
#include "scscf/procedures/short_message.h"
#include "scscf/procedures/unregistered_user.h"
#include "scscf/state.h"

namespace lapwing::scscf {
namespace {

using config::duration;

constexpr int diameter_died = 3;

std::string realm_of(const std::string& host) {
  return host.substr(host.find('.') + 1);
}

MediaProfiles media_profiles_from(const v1::Services& services) {
  MediaProfiles profiles;
  for (const v1::MediaProfile& one : services.media_profiles()) profiles[one.id()] = sdp::policy_from(one.allowed());
  return profiles;
}

Settings settings_from(const v1::ScscfConfig& config) {
  Settings s;
  s.name = config.name();
  s.home_domain = config.home_domain();
  for (const std::string& listen : config.listen()) s.listen.push_back(*endpoint_from(listen));
  s.interrogating = config.roles().interrogating() == "on";
  s.serving = config.roles().serving() == "on";
  for (const v1::ServingCscf& server : config.servers()) {
    OtherServer other;
    other.name = server.name();
    other.flow.remote = *endpoint_from(server.address());
    other.capabilities.assign(server.capabilities().begin(), server.capabilities().end());
    other.weight = server.weight();
    for (const sip::Endpoint& ours : s.listen) {
      if (ours.address.is_v4() == other.flow.remote.address.is_v4()) other.flow.local = ours;
    }
    s.servers.push_back(std::move(other));
  }
  const v1::Registrar& r = config.registrar();
  s.min_expires = duration(r.min_expires());
  s.default_expires = duration(r.default_expires());
  s.max_expires = duration(r.max_expires());
  s.await_auth = duration(r.await_auth());
  s.reauthenticate_after = duration(r.reauthenticate_after());
  s.max_resynchronisations = r.max_resynchronisations();
  s.max_contacts = r.max_contacts();
  s.accept_unprotected_aka = r.accept_unprotected_aka();
  s.keep_profile = r.keep_profile();
  s.qop = r.qop() == "none" ? "" : r.qop();
  const v1::Timers& t = config.timers();
  s.timers = sip::TimerValues::of(duration(t.core_t1()), duration(t.core_t2()), duration(t.core_t4()));
  s.numbers = {.country_code = config.numbers().country_code(),
               .area_code = config.numbers().area_code(),
               .international_prefix = config.numbers().international_prefix(),
               .national_prefix = config.numbers().national_prefix()};
  const v1::Calls& c = config.calls();
  s.session_expires = duration(c.session_expires());
  s.min_session_expires = duration(c.min_session_expires());
  s.longest_call = duration(c.longest());
  s.next_contact_after = duration(c.next_contact_after());
  s.pcscf_answers_within = duration(c.pcscf_answers_within());
  const v1::ShortMessages& m = config.short_messages();
  s.short_messages = {.enabled = m.role() == "on",
                      .uri = "tel:+" + m.number(),
                      .address = *sms::Address::from_number("+" + m.number()),
                      .longest = duration(m.longest()),
                      .limit = m.limit(),
                      .per_receiver = m.per_receiver()};
  for (const std::string& network : config.trusted()) s.trusted.push_back(*prefix_from(network));
  for (const v1::Host& host : config.hosts())
    s.hosts[absl::AsciiStrToLower(host.name())] = *endpoint_from(host.address());
  s.capabilities.assign(config.capabilities().begin(), config.capabilities().end());
  s.weight = config.weight();
  const v1::Services& services = config.services();
  s.services = {
      .answer_within = duration(services.answer_within()),
      .keep_unregistered = duration(services.keep_unregistered()),
      .request_uri = services.request_uri() == "whole" ? RequestUriPart::whole : RequestUriPart::host_or_number,
      .shared_sets = *shared_sets_from(services, nullptr),
      .media_profiles = media_profiles_from(services)};
  return s;
}

DiameterOptions diameter_options(const v1::Cx& cx) {
  DiameterOptions options;
  options.identity = cx.origin_host();
  options.realm = cx.origin_realm().empty() ? realm_of(cx.origin_host()) : cx.origin_realm();
  options.identity_setting = "cx.origin_host";
  for (const v1::HssPeer& peer : cx.peers()) {
    sip::Endpoint at = *endpoint_from(peer.address());
    std::string setting = absl::StrFormat("cx.peers[%d].host", options.peers.size());
    options.peers.push_back({peer.host(), at.address.to_string(), at.port, std::move(setting)});
  }
  options.watchdog = std::chrono::duration_cast<std::chrono::seconds>(duration(cx.watchdog()));
  options.reconnect = std::chrono::duration_cast<std::chrono::seconds>(duration(cx.reconnect()));
  options.queue_limit = cx.queue();
  return options;
}

// Cx messages without their keys; watchdogs and the like are left out.
std::function<void(bool, std::string_view, std::string_view)> record_cx(trace::Recorder& recorder, size_t writer,
                                                                        const v1::ScscfConfig& config) {
  std::map<std::string, sip::Endpoint, std::less<>> peers;
  for (const v1::HssPeer& peer : config.cx().peers()) peers[peer.host()] = *endpoint_from(peer.address());
  const auto ours = endpoint_from(config.listen(0))->address;  // the port of Diameter is the system's choice
  return [&recorder, writer, ours, peers = std::move(peers)](bool incoming, std::string_view host,
                                                             std::string_view bytes) {
    auto parsed = diameter::decode(bytes, cx::is_group);
    auto* message = std::get_if<diameter::Message>(&parsed);
    if (!message || message->application != cx::application_id) return;
    cx::wipe_secrets(message->avps);
    auto found = peers.find(host);
    const sip::Endpoint remote = found == peers.end() ? sip::Endpoint{} : found->second;
    recorder.record(writer,
                    {.kind = trace::Kind::diameter,
                     .incoming = incoming,
                     .carrier = trace::Carrier::tcp,
                     .local = {ours, 0},
                     .remote = {remote.address, remote.port}},
                    diameter::encode(*message));
  };
}

control::CxWords cx_in_words(std::string_view bytes) {
  auto parsed = diameter::decode(bytes, cx::is_group);
  auto* message = std::get_if<diameter::Message>(&parsed);
  if (!message) return {};
  return {cx::one_line(*message), cx::listing(*message)};
}

absl::Status take_up(Core& core) {
  absl::StatusOr<Restored> restored = restore(core);
  if (!restored.ok()) return restored.status();
  keep_short_messages(core);
  if (restored->users + restored->subscriptions + restored->short_messages + restored->unreadable == 0) {
    return absl::OkStatus();
  }
  LW_LOG(info, "taken up from the state file: %d users with %d contacts, %d subscriptions, %d short messages%s",
         restored->users, restored->contacts, restored->subscriptions, restored->short_messages,
         restored->unreadable == 0 ? "" : absl::StrFormat("; %d records could not be used", restored->unreadable));
  return absl::OkStatus();
}

int run(control::Daemon& daemon, const v1::ScscfConfig& config) {
  SystemClock clock;
  uint32_t count = config.workers() != 0 ? config.workers() : std::max(1U, std::thread::hardware_concurrency());
  control::Events events(clock);
  // The last writer is Diameter.
  std::optional<trace::Recorder> recorder;
  if (config.trace().megabytes() > 0) recorder.emplace(clock, size_t{config.trace().megabytes()} << 20, count + 1);
  DiameterOptions with_diameter = diameter_options(config.cx());
  if (recorder) with_diameter.on_message = record_cx(*recorder, count, config);
  auto diameter = DiameterCore::create(with_diameter, {cx_application()}, [&daemon] {
    LW_LOG(error, "the Diameter framework died: leaving, so that the supervisor starts us again");
    daemon.stop(diameter_died);
  });
  if (!diameter.ok()) return control::could_not_start(diameter.status());
  WorkerPool pool(count, clock);
  CxClientOptions cx_options;
  cx_options.destination_realm =
      config.cx().destination_realm().empty() ? realm_of(config.cx().peers(0).host()) : config.cx().destination_realm();
  cx_options.deadline = duration(config.cx().deadline());
  CxClient hss(**diameter, cx_options);
  Core core(settings_from(config), hss, clock, control::report_to(events));

  std::optional<CallRecords> records;
  if (!config.calls().records().empty()) {
    auto opened =
        CallRecords::open(config.calls().records(), config.calls().records_megabytes(), config.calls().records_files());
    if (!opened.ok()) return control::could_not_start(opened.status());
    records.emplace(std::move(*opened));
    core.record_call = [&records](Call& call) { records->write(call); };
  }
  sip::Stack::Options options;
  options.transport.recorder = recorder ? &*recorder : nullptr;
  options.connections_per_address = 4096;
  options.layer = transaction_options(core);
  sip::Stack stack(pool, options);
  for (uint32_t i = 0; i < pool.size(); ++i) core.sites.push_back({pool.at(i), stack.layer(i)});
  for (Site& site : core.sites) serve(core, site);
  Pushes pushes(core, core.sites.front());
  hss.serve(pushes, {&pool.at(0)});

  if (!config.state_file().empty()) {
    auto store = SqliteStore::open({.file = config.state_file(), .owner = "scscf " + config.name()});
    if (!store.ok()) return control::could_not_start(store.status());
    core.store = std::move(*store);
  }
  if (absl::Status restored = take_up(core); !restored.ok()) return control::could_not_start(restored);
  for (const sip::Endpoint& at : core.settings().listen) {
    absl::Status listening = stack.listen(sip::Protocol::udp, at);
    if (listening.ok()) listening = stack.listen(sip::Protocol::tcp, at);
    if (!listening.ok()) return control::could_not_start(listening);
  }
  if (absl::Status started = (*diameter)->start(); !started.ok()) return control::could_not_start(started);
  daemon.applies<v1::ScscfConfig>([&core](const v1::ScscfConfig& next) {
    core.configure(settings_from(next));
    log::configure(next.log());
  });
  ScscfOperator oper(core, pool, stack);
  pool.at(0).timers().every(std::chrono::minutes(1), [&core, &clock] {
    core.registrar.sweep();
    core.original_dialogs.sweep(clock.now() - std::chrono::minutes(5));
    release_unregistered(core, core.sites.front());
    expire_short_messages(core, core.sites.front());
  });
  pool.start();
  resume(core);
  auto doors = page::open_doors(config, cli::Role::scscf,
                                {.workers = count,
                                 .reload = [&daemon] { return daemon.reload(); },
                                 .recorder = recorder ? &*recorder : nullptr,
                                 .cx_in_words = cx_in_words},
                                oper, events);
  if (!doors.ok()) {
    pool.stop();
    return control::could_not_start(doors.status());
  }
  LW_LOG(info, "%s is up on %s, %d workers", config.name(), core.settings().listen.front().text(), count);
  int code = daemon.wait_for_stop();
  LW_LOG(info, "stopping");
  doors->close();
  pool.stop();
  (*diameter)->stop();  // it is used until the end of this function, so it stays
  stack.close();
  log::stop();
  return code;
}

}  // namespace
}  // namespace lapwing::scscf

int main(int argc, char** argv) {
  using namespace lapwing;
  v1::ScscfConfig config;
  control::Daemon daemon("scscf", "The S-CSCF: registrar of the home network, with the interrogating role inside.");
  if (auto code = daemon.start(argc, argv, config, scscf::check)) return *code;
  if (absl::Status logging = log::start("scscf", config.log()); !logging.ok()) return 1;
  return scscf::run(daemon, config);
}
