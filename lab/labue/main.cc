// labue: handsets in software for the lab and for tests. See --help of each subcommand.
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <asio/signal_set.hpp>
#include <csignal>
#include <iostream>
#include <memory>

#include "absl/strings/str_format.h"
#include "common/runtime/log.h"
#include "common/runtime/worker.h"
#include "lab/labue/host.h"
#include "lab/labue/load.h"
#include "lab/labue/session.h"
#include "lab/labue/settings.h"
#include "lab/labue/subscribers.h"
#include "pcscf/ipsec/netlink_kernel.h"

namespace {

using namespace lapwing;
using namespace lapwing::labue;

struct One {  // register and run
  Settings settings;
  std::string imsi, k, opc, op, subscribers, address, state_file;
  std::vector<std::string> then;
  int expect = -1;
  bool subscribe = false, json = false;
};

struct Many {  // load
  Settings settings;
  std::string first_imsi = "001010000000001", first_address, subscribers;
  uint64_t handsets = 100, print_subscribers = 0;
  LoadPlan plan;
  bool shared_address = false, own_ports = false;
};

int fail(std::string_view sentence) {
  std::cerr << "labue: " << sentence << '\n';
  return 1;
}

int fail(const absl::Status& status) {
  return fail(std::string(status.message()));
}

void add_common(CLI::App& command, Settings& settings) {
  command.add_option("--pcscf", settings.pcscf,
                     "the P-CSCF's unprotected port, as 10.0.0.1:5060 or [2001:db8::1]:5060");
  command.add_option("--plmn", settings.plmn, "MCC/MNC of the SIM, as 001/01; gives the home domain")
      ->capture_default_str();
  command.add_option("--domain", settings.domain, "the home domain, where it is not the PLMN's");
  command.add_option("--first", settings.first, "transport of the first REGISTER: udp or tcp")->capture_default_str();
  command.add_option("--protected", settings.protected_, "transport of the protected REGISTER: tcp or udp")
      ->capture_default_str();
  command.add_option("--requests", settings.requests, "transport of other protected requests: udp (default) or tcp");
  command.add_option(
      "--algorithms", settings.algorithms,
      "offered, in order, as hmac-sha-1-96/aes-cbc,hmac-md5-96/null; default: SHA-1 and MD5, each with AES, "
      "3DES and null");
  command.add_option("--expires", settings.expires, "seconds to register for")->capture_default_str();
  command.add_option("--t1", settings.t1, "SIP's T1; the other timers follow from it")->capture_default_str();
  command.add_option("--port", settings.port, "our unprotected port")->capture_default_str();
  command.add_option("--server-port", settings.server_port, "port-us")->capture_default_str();
  command.add_option("--client-ports", settings.client_ports, "the ports that port-uc is taken from, in turn")
      ->delimiter(',')
      ->capture_default_str();
  command.add_option("--reqid", settings.reqid, "marks our SAs in the kernel; default: from the process id");
  command.add_option("--ring", settings.ring, "seconds that a call rings here before it is answered")
      ->capture_default_str();
  command.add_option("--session-expires", settings.session_expires, "session timer of calls, in seconds; 0: none")
      ->capture_default_str();
  command.add_flag("--no-preconditions", settings.no_preconditions, "calls without 100rel and preconditions");
  command.add_flag("--no-ipsec", settings.no_ipsec, "register without security associations");
}

void add_one(CLI::App& command, One& one) {
  add_common(command, one.settings);
  command.add_option("--imsi", one.imsi, "of the SIM")->required();
  command.add_option("--subscribers", one.subscribers, "labhss's configuration, from which K, OPc and PLMN are taken");
  command.add_option("--k", one.k, "32 hexadecimal digits");
  command.add_option("--opc", one.opc, "32 hexadecimal digits");
  command.add_option("--op", one.op, "in place of --opc");
  command.add_option("--address", one.address, "the handset's IP address")->required();
  command.add_option("--sqn-file", one.state_file, "keeps the SIM's sequence numbers between runs");
  command.add_option("--imei", one.settings.imei,
                     "of the device, where a user has several; default: made from the IMSI");
  command.add_flag("--subscribe", one.subscribe, "subscribe to the registration");
  command.add_option("--misbehave", one.settings.misbehave, std::string(all_misbehaviours()))->capture_default_str();
  command.add_option("--spoof-imsi", one.settings.spoof_imsi, "whom a spoofing handset claims to be");
  command.add_option("--answer", one.settings.answer, "calls that come: auto, manual, busy, reject:CODE or never")
      ->capture_default_str();
  command.add_option("--hold-with", one.settings.hold_with, "what puts a call on hold: invite or update")
      ->capture_default_str();
  command.add_option("--smsc", one.settings.smsc, "the short message service centre; default: sip:smsc@DOMAIN");
  command.add_flag("--no-media", one.settings.no_media, "no RTP in calls");
  command.add_flag("--json", one.json, "one JSON object a line for each event");
}

void add_many(CLI::App& command, Many& many) {
  add_common(command, many.settings);
  command.add_option("--handsets", many.handsets, "how many")->capture_default_str();
  command.add_option("--first-imsi", many.first_imsi, "IMSIs are consecutive")->capture_default_str();
  command.add_option("--first-address", many.first_address,
                     "addresses are consecutive, and local: ip route add local 10.46.0.0/16 dev lo");
  command.add_flag("--shared-address", many.shared_address,
                   "all handsets at one address and port, with one socket; only with --no-ipsec; a P-CSCF that tells "
                   "handsets apart by "
                   "address and port takes no other requests than REGISTER then: add --own-ports");
  command.add_flag("--own-ports", many.own_ports, "with --shared-address: a port and a socket for each handset");
  command.add_option("--rate", many.plan.rate, "registrations begun each second; without it a closed loop");
  command.add_option("--window", many.plan.window, "registrations under way at a time in the closed loop")
      ->capture_default_str();
  command.add_option("--rounds", many.plan.rounds, "each registers all handsets and ends their registrations")
      ->capture_default_str();
  command.add_flag("--deregister", many.plan.deregister, "end the registrations of a single round, too");
  command.add_flag("--subscribe", many.plan.subscribe, "each subscribes to its registration as well");
  command.add_option("--calls", many.plan.calls,
                     "after registering, so many calls: the first handset calls the second, the third the fourth; "
                     "answered and hung up at once, without RTP, --window at a time");
  command.add_option("--call-rate", many.plan.call_rate, "calls begun each second, in place of --window at a time");
  command.add_option("--print-subscribers", many.print_subscribers,
                     "print a labhss configuration with so many subscribers of this load, and end");
}

// The algorithms that this kernel has; null with IPsec off.
absl::StatusOr<std::unique_ptr<ipsec::Kernel>> kernel_for(const Settings& settings,
                                                          std::vector<asio::ip::address> addresses,
                                                          std::vector<ipsec::Algorithms>& algorithms) {
  if (settings.no_ipsec) return nullptr;
  uint32_t reqid = settings.reqid != 0 ? settings.reqid : 8192 + static_cast<uint32_t>(getpid()) % 8191;
  auto kernel = std::make_unique<ipsec::NetlinkKernel>(ipsec::NetlinkKernel::Options{.reqid = reqid});
  std::vector<ipsec::Port> client_ports;
  for (uint16_t port : settings.client_ports) client_ports.push_back({port});
  auto prepare = [&](const std::vector<ipsec::Algorithms>& wanted) {
    return kernel->prepare(ipsec::End::handset, addresses, {settings.server_port}, client_ports, wanted);
  };
  absl::Status status = prepare(algorithms);
  if (!status.ok() && settings.algorithms.empty()) {
    // Nobody asked for the one that is missing: offer the rest.
    std::erase_if(algorithms, [&](const ipsec::Algorithms& one) { return !prepare({one}).ok(); });
    if (!algorithms.empty()) status = prepare(algorithms);
  }
  if (!status.ok()) return status;
  return kernel;
}

absl::StatusOr<Sim> sim_of(const One& one, int& mnc_digits) {
  Keys keys;
  if (!one.subscribers.empty()) {
    absl::StatusOr<Keys> found = keys_from_file(one.subscribers, one.imsi);
    if (!found.ok()) return found.status();
    keys = std::move(*found);
    mnc_digits = keys.mnc_digits;
  } else {
    absl::StatusOr<Secret> k = key_from_hex(one.k, "--k");
    if (!k.ok()) return k.status();
    absl::StatusOr<Secret> opc =
        one.opc.empty() ? key_from_hex(one.op, "--opc or --op") : key_from_hex(one.opc, "--opc");
    if (opc.ok() && one.opc.empty()) opc = aka::opc_from_op(*k, *opc);
    if (!opc.ok()) return opc.status();
    keys.k = std::move(*k);
    keys.opc = std::move(*opc);
  }
  return Sim::create(one.imsi, keys.k, keys.opc);
}

// Ends sets, then connections: those, too, that the network opened while their set was being ended.
Task<void> leave(Worker& worker, Host& host) {
  for (size_t i = 0; i < host.size(); ++i) co_await host.at(i).stop();
  host.close();
  worker.stop();
}

Task<void> drive_one(Worker& worker, Host& host, Session& session, bool console) {
  if (console) {
    co_await session.run_console();
  } else {
    co_await session.run_actions();
  }
  co_await leave(worker, host);
}

int run_one(One one, bool console) {
  absl::StatusOr<int> digits = mnc_digits_of(one.settings.plmn);
  if (!digits.ok()) return fail(digits.status());
  int mnc_digits = *digits;
  absl::StatusOr<Sim> sim = sim_of(one, mnc_digits);
  if (!sim.ok()) return fail(sim.status());
  absl::StatusOr<asio::ip::address> address = address_from(one.address);
  if (!address.ok()) return fail("--address: " + std::string(address.status().message()));
  absl::StatusOr<HandsetOptions> options = options_of(one.settings, one.imsi, mnc_digits, *address);
  if (!options.ok()) return fail(options.status());

  std::vector<std::string> actions{"register"};
  if (one.subscribe) actions.emplace_back("subscribe");
  actions.insert(actions.end(), one.then.begin(), one.then.end());
  for (const std::string& action : actions) {
    if (!is_action(action))
      return fail(absl::StrFormat("--then: what is \"%s\"? See --help for what there is", action));
  }
  if (acts_at_reregistration(options->misbehave) && one.then.empty() && !console) actions.emplace_back("reregister");

  std::optional<SqnFile> sqns;
  if (!one.state_file.empty()) {
    absl::StatusOr<SqnFile> opened = SqnFile::open(one.state_file);
    if (!opened.ok()) return fail(opened.status());
    sqns = std::move(*opened);
    if (auto kept = sqns->find(one.imsi)) sim->restore(*kept);
  }
  auto kernel = kernel_for(one.settings, {*address}, options->algorithms);
  if (!kernel.ok()) return fail(kernel.status());

  SystemClock clock;
  Worker worker(0, clock);
  Host host(worker, options->timers);
  EventSink sink = [json = one.json](const Event& event) {
    std::cout << (json ? event.json() : event.text()) << std::endl;
  };
  Handset& handset = host.add(kernel->get(), std::move(*sim), std::move(*options), sink);
  if (absl::Status started = handset.start(); !started.ok()) return fail(started);
  Session session(worker, handset, std::move(actions));
  worker.spawn(drive_one(worker, host, session, console));
  worker.run();
  host.close();
  if (*kernel) (*kernel)->clear();

  if (sqns) {
    sqns->keep(handset.sim());
    if (absl::Status saved = sqns->save(); !saved.ok()) return fail(saved);
  }
  const Outcome& outcome = session.outcome();
  if (one.expect >= 0) {
    if (outcome.code == one.expect) return 0;
    return fail(absl::StrFormat("expected %d, but the end was %d %s", one.expect, outcome.code, outcome.why));
  }
  return outcome.ok ? 0 : fail(outcome.why);
}

absl::Status add_handsets(const Many& many, Host& host, ipsec::Kernel* kernel,
                          const std::vector<ipsec::Algorithms>& algorithms, int mnc_digits) {
  absl::StatusOr<asio::ip::address> first = address_from(many.first_address);
  if (!first.ok()) return absl::InvalidArgumentError("--first-address: " + std::string(first.status().message()));
  for (uint64_t i = 0; i < many.handsets; ++i) {
    absl::StatusOr<std::string> imsi = imsi_after(many.first_imsi, i);
    if (!imsi.ok()) return imsi.status();
    Keys keys = generated_keys(i);
    absl::StatusOr<Sim> sim = Sim::create(*imsi, keys.k, keys.opc);
    if (!sim.ok()) return sim.status();
    asio::ip::address address = many.shared_address ? *first : address_after(*first, i);
    absl::StatusOr<HandsetOptions> options = options_of(many.settings, *imsi, mnc_digits, address);
    if (!options.ok()) return options.status();
    options->algorithms = algorithms;
    options->media = false;
    options->answering.ring = Duration::zero();
    options->user_in_contact = many.shared_address;
    if (many.own_ports) options->port = static_cast<uint16_t>(options->port + i);
    if (absl::Status started = host.add(kernel, std::move(*sim), std::move(*options), {}).start(); !started.ok()) {
      return started;
    }
  }
  return absl::OkStatus();
}

// A handset has six sockets with IPsec. Only root may pass the hard limit.
void allow_many_sockets() {
  rlimit files{1 << 20, 1 << 20};
  if (setrlimit(RLIMIT_NOFILE, &files) == 0 || getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

Task<void> drive_many(Worker& worker, Host& host, Load& load) {
  co_await load.run();
  co_await leave(worker, host);
}

int run_many(Many many) {
  absl::StatusOr<int> mnc_digits = mnc_digits_of(many.settings.plmn);
  if (!mnc_digits.ok()) return fail(mnc_digits.status());
  if (many.print_subscribers > 0) {
    absl::StatusOr<std::string> config = labhss_config(many.first_imsi, many.print_subscribers, *mnc_digits);
    if (!config.ok()) return fail(config.status());
    std::cout << *config;
    return 0;
  }
  if (many.shared_address && !many.settings.no_ipsec) return fail("--shared-address goes with --no-ipsec only");
  if (many.own_ports && many.settings.port + many.handsets > 65536)
    return fail("--own-ports: there are not so many ports");
  allow_many_sockets();
  absl::StatusOr<std::vector<ipsec::Algorithms>> algorithms = algorithms_of(many.settings);
  if (!algorithms.ok()) return fail(algorithms.status());
  absl::StatusOr<sip::TimerValues> timers = timers_of(many.settings);
  if (!timers.ok()) return fail(timers.status());
  auto kernel = kernel_for(many.settings, {}, *algorithms);
  if (!kernel.ok()) return fail(kernel.status());

  SystemClock clock;
  Worker worker(0, clock);
  Host host(worker, *timers);
  absl::Status added = add_handsets(many, host, kernel->get(), *algorithms, *mnc_digits);
  if (!added.ok()) return fail(added);
  // Whoever measures the network takes the end of a phase from this line.
  auto print = [](const PhaseResult& result) { std::cout << result.json() << std::endl; };
  Load load(worker, host.all(), many.plan, print);
  bool stopped = false;
  asio::signal_set signals(worker.context(), SIGTERM, SIGINT);
  signals.async_wait([&](const asio::error_code& error, int) {
    if (error) return;
    stopped = true;
    worker.stop();
  });
  worker.spawn(drive_many(worker, host, load));
  worker.run();
  host.close();
  if (*kernel) (*kernel)->clear();
  for (const PhaseResult& result : load.results()) std::cerr << result.table();
  if (stopped) return fail("stopped by a signal");
  return load.all_succeeded() ? 0 : fail("not every handset did what was asked for");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("labue: handsets in software");
  app.set_version_flag("--version", std::string("labue ") + LAPWING_VERSION);
  app.require_subcommand(1);
  std::string log_level = "warn";
  app.add_option("--log", log_level, "debug, info, warn or error")->capture_default_str();

  One once, stay;
  Many many;
  CLI::App* register_command = app.add_subcommand("register", "register one handset; exit 0 when all went as asked");
  add_one(*register_command, once);
  register_command
      ->add_option("--then", once.then,
                   "what to do after registering, in order: reregister, deregister, deregister-all, "
                   "subscribe, wait:SECONDS, wait, call:TARGET, dial:TARGET (goes on while it rings), answer, "
                   "reject[:CODE], hold, resume, hangup, message:TARGET:TEXT, sms:NUMBER:TEXT, memory-full, "
                   "memory-available; a target is a sip: or tel: URI, in <> where it has a port, or a number")
      ->delimiter(',');
  register_command->add_option("--expect", once.expect,
                               "the status code that the last procedure shall end with; 0: no answer");
  CLI::App* run_command = app.add_subcommand(
      "run", "stay registered; reads actions as those of `labue register --then` from standard input, until quit");
  add_one(*run_command, stay);
  CLI::App* load_command = app.add_subcommand("load", "register many handsets and measure");
  add_many(*load_command, many);
  CLI11_PARSE(app, argc, argv);

  if (absl::Status started = log::start("labue", log_level); !started.ok()) return fail(started);
  int code = register_command->parsed() ? run_one(std::move(once), false)
             : run_command->parsed()    ? run_one(std::move(stay), true)
                                        : run_many(std::move(many));
  log::stop();
  return code;
}
