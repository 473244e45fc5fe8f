#include "cli/imsctl.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <ostream>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "cli/completion.h"
#include "cli/init.h"
#include "cli/preflight/preflight.h"
#include "cli/session.h"
#include "common/runtime/config.h"
#include "lapwing/v1/config.pb.h"

namespace lapwing::cli {
namespace {

constexpr const char* about =
    "The operator's client of pcscf, scscf and labhss: what is registered, why something is not, what happens now.";
constexpr const char* footer =
    R"(Addresses are those of control.listen: unix:/run/lapwing/pcscf.sock or 127.0.0.1:7070. Without options they are
read from ~/.config/lapwing/imsctl.yaml or /etc/lapwing/imsctl.yaml:
  pcscf: ["unix:/run/lapwing/pcscf.sock"]
  scscf: ["unix:/run/lapwing/scscf.sock"]

Daemons elsewhere, with control.tls, are known by certificates:
  tls: {ca: /etc/lapwing/tls/ca.pem, certificate: /etc/lapwing/tls/admin.pem, key: /etc/lapwing/tls/admin.key}

With --json, standard output is one document {"replies": [{"daemon", "address", "reply" or "error"}, ...]}; watch
prints one event in a line.

Exit codes:
  0  ok
  1  not found, nothing to show, or refused
  2  wrong usage, or a wrong configuration file
  3  no daemon is reachable; when some are, theirs is shown and the others are warned of)";

constexpr const char* esp_keys_footer =
    R"(The P-CSCF gives keys out while its ipsec.export_keys is true, and tells its log and all watchers each time. Who has
them can read, and forge, what handset and P-CSCF say to each other: remove the file when you are done.

The lines are those of Wireshark's file esp_sa. Wireshark reads ~/.config/wireshark/esp_sa when it starts, or esp_sa in the
folder that WIRESHARK_CONFIG_DIR names; then:
  tshark -r CAPTURE -o esp.enable_encryption_decode:TRUE -o esp.enable_authentication_check:TRUE
--save keeps what else is in the file, so that a capture of several registrations can be read. Do not give keys to tshark
as -o 'uat:esp_sa:...': everybody on the machine sees its command line.)";

struct CommandLine {
  std::vector<std::string> pcscf;
  std::vector<std::string> scscf;
  std::vector<std::string> labhss;
  std::string config;
  std::string shell;
  std::string timeout = "3s";
  std::string within = "1h";
  std::string interval = "1s";
  std::string length = "10m";
  Arguments arguments;
  int (Session::*command)() = nullptr;
  bool version = false;
  bool completion = false;
  bool preflight = false;
  preflight::Options host;
  bool init = false;
  InitOptions first;
};

// The commands that ask no daemon.
void describe_setup(CLI::App& app, CommandLine& line) {
  auto* preflight =
      app.add_subcommand("preflight", "Is this host ready for the daemons: before they start")->fallthrough();
  preflight->callback([&line] { line.preflight = true; });
  preflight->add_option("--pcscf-config", line.host.pcscf_config, "The P-CSCF's file")->type_name("FILE");
  preflight->add_option("--scscf-config", line.host.scscf_config, "The S-CSCF's file")->type_name("FILE");
  preflight->footer(
      "Without a file: pcscf.yaml and scscf.yaml of /etc/lapwing, where they exist. Run it as the user and in the "
      "network namespace\nof the daemons. Exit code 0: nothing FAILED; 1: something did. docs/preflight.md has all "
      "checks.");
  auto* init = app.add_subcommand("init", "Write the daemons' files from five answers")->fallthrough();
  init->callback([&line] { line.init = true; });
  init->add_option("--directory", line.first.directory, "Where to; default /etc/lapwing")->type_name("DIR");
  init->add_option("--plmn", line.first.plmn, "MCC/MNC, as 001/01")->type_name("MCC/MNC");
  init->add_option("--gm", line.first.gm, "This host's address for handsets")->type_name("ADDRESS");
  init->add_option("--core", line.first.core, "This host's address for the core; may be the same")
      ->type_name("ADDRESS");
  init->add_option("--hss", line.first.hss, "\"ADDRESS[:PORT] [NAME]\"; or lab, for labhss with one subscriber")
      ->type_name("HSS");
  init->add_option("--ipsec", line.first.ipsec, "required, optional, or off for a kernel without ESP")
      ->type_name("POLICY");
  init->add_flag("--yes", line.first.yes, "Ask nothing: the defaults for what is not given");
  init->add_flag("--force", line.first.force, "Write over files that exist");
  init->footer(
      "Asks for what is not given. Exit code 0: written; 1: a file exists, or cannot be written; 2: a wrong option, or "
      "no answer.");
}

void describe(CLI::App& app, CommandLine& line) {
  app.require_subcommand(1);
  app.footer(footer);
  app.add_option("--pcscf", line.pcscf, "A P-CSCF; may be given several times")
      ->type_name("ADDRESS")
      ->expected(1)
      ->take_all();
  app.add_option("--scscf", line.scscf, "An S-CSCF; may be given several times")
      ->type_name("ADDRESS")
      ->expected(1)
      ->take_all();
  app.add_option("--labhss", line.labhss, "A lab HSS; may be given several times")
      ->type_name("ADDRESS")
      ->expected(1)
      ->take_all();
  app.add_option("--config", line.config, "The file with the daemons' addresses")->type_name("FILE");
  app.add_flag("--json", line.arguments.json, "Print JSON for programs");
  app.add_option("--timeout", line.timeout, "How long a daemon may take (watch: no limit)")
      ->type_name("TIME")
      ->capture_default_str();

  auto command = [&](const char* name, const char* text, int (Session::*run)()) {
    CLI::App* made = app.add_subcommand(name, text)->fallthrough();
    made->callback([&line, run] { line.command = run; });
    return made;
  };
  auto takes_identity = [&](CLI::App* made, const char* text) {
    return made->add_option("identity", line.arguments.identity, text)->type_name("ID");
  };
  constexpr const char* who = "IMSI, IMPI, IMPU or number";
  auto* registrations =
      command("registrations", "Who is registered, at the P-CSCF and at the S-CSCF", &Session::registrations);
  takes_identity(registrations, "Only this IMSI, IMPI, IMPU or number");
  registrations->add_option("--limit", line.arguments.limit, "How many entries of each daemon; default 1000")
      ->type_name("N");
  takes_identity(command("show", "The story of one user: state, security, events, and what is wrong", &Session::show),
                 who)
      ->required();
  takes_identity(command("sa", "Security association sets and what the kernel says of them", &Session::sa),
                 "Only this IMSI, IMPI, IMPU or number");
  auto* hss = app.add_subcommand("hss", "The HSS peers of the S-CSCF; or the lab HSS")->fallthrough();
  hss->callback([&line] {
    if (!line.command) line.command = &Session::hss;
  });
  auto* subscriber =
      hss->add_subcommand("subscriber", "lab HSS: a subscriber's profile, and changes to it")->fallthrough();
  subscriber->callback([&line] { line.command = &Session::change_subscriber; });
  takes_identity(subscriber, who)->required();
  auto* bar = subscriber->add_flag("--bar", line.arguments.bar, "It may not register");
  subscriber->add_flag("--unbar", line.arguments.unbar, "It may")->excludes(bar);
  subscriber->add_option("--display-name", line.arguments.display_name)->type_name("NAME");
  subscriber->add_option("--add-impu", line.arguments.add_impus, "A public identity more; may be given several times")
      ->type_name("URI")
      ->expected(1)
      ->take_all();
  subscriber->add_option("--remove-impu", line.arguments.remove_impus, "One less; may be given several times")
      ->type_name("URI")
      ->expected(1)
      ->take_all();
  auto* ifc =
      subscriber
          ->add_option("--ifc", line.arguments.ifc,
                       "A file with an InitialFilterCriteria element, instead of those it has; several times for more")
          ->type_name("FILE")
          ->expected(1)
          ->take_all();
  subscriber->add_flag("--no-ifc", line.arguments.no_ifc, "No initial filter criteria")->excludes(ifc);
  subscriber->add_flag("--push", line.arguments.push, "Send the profile to the S-CSCF that serves it, with a PPR");
  subscriber->footer(
      "A change holds until labhss reads its file again: at `imsctl reload`, `imsctl push-profile` or a start.");
  auto* calls = command("calls", "The calls that are on", &Session::calls);
  takes_identity(calls, "Only this IMSI, IMPI, IMPU or number");
  calls->add_option("--limit", line.arguments.limit, "How many calls of each daemon; default 1000")->type_name("N");
  command("hangup", "End a call as the network", &Session::hangup)
      ->add_option("call", line.arguments.identity,
                   "A call of `imsctl calls`; or an IMSI, IMPI, IMPU or number: all its calls")
      ->type_name("CALL")
      ->required();
  auto* explain =
      app.add_subcommand("explain", "Why a user is not registered, or why its calls fail; or a call")->fallthrough();
  explain->callback([&line] {
    if (!line.command) line.command = &Session::explain;
  });
  takes_identity(explain, who);
  explain->footer("Exit code 0: registered, and nothing is wrong; 1: something is. docs/diagnoses.md has all causes.");
  auto* explain_call =
      explain->add_subcommand("call", "Which application servers a call would pass through, and why")->fallthrough();
  explain_call->callback([&line] { line.command = &Session::explain_call; });
  takes_identity(explain_call, "The caller: IMSI, IMPI, IMPU or number")->required();
  explain_call->add_option("callee", line.arguments.callee, "As it would be dialled: a number, SIP or tel URI")
      ->type_name("TARGET")
      ->required();
  explain_call->add_option("--method", line.arguments.method, "Of the request")
      ->type_name("METHOD")
      ->capture_default_str();
  explain_call->add_option("--header", line.arguments.headers, "Of the request; may be given several times")
      ->type_name("NAME:VALUE")
      ->expected(1)
      ->take_all();
  command("diagnoses", "All causes that explain can find, with what to do", &Session::diagnoses);
  auto* profile = app.add_subcommand("profile", "User profiles")->fallthrough()->require_subcommand(1);
  auto* lint =
      profile->add_subcommand("lint", "What handsets and services will stumble over in a profile")->fallthrough();
  lint->callback([&line] { line.command = &Session::lint_profile; });
  lint->add_option("profile", line.arguments.identity, "A file with User-Data as XML; or an IMSI, IMPI, IMPU or number")
      ->type_name("FILE|ID")
      ->required();
  auto* deregister = command("deregister", "End a registration as the network", &Session::deregister);
  takes_identity(deregister, who)->required();
  deregister
      ->add_option("--reason", line.arguments.reason,
                   "deactivated: the handset should register again; rejected: it should not")
      ->check(CLI::IsMember({"deactivated", "rejected"}))
      ->capture_default_str();
  takes_identity(command("watch", "Events as they happen, until interrupted", &Session::watch),
                 "Only this IMSI, IMPI, IMPU or number");
  auto* trace = command("trace", "The last messages of a user or a call, SIP and Cx, as a ladder", &Session::trace);
  takes_identity(trace, "IMSI, IMPI, IMPU or number; a call of `imsctl calls`; a Call-ID; nothing: all messages");
  auto* follow = trace->add_flag("--follow", line.arguments.follow, "Go on as messages come, until interrupted");
  trace->add_flag("--full", line.arguments.full, "Each message below its arrow");
  auto* from =
      trace->add_option("--from", line.arguments.from, "Show what --save kept, and ask no daemon")->type_name("FILE");
  from->excludes(follow);
  for (auto& [name, target, text] :
       {std::tuple("--save", &line.arguments.save, "Keep the messages, a line of JSON each"),
        std::tuple("--svg", &line.arguments.svg, "Write the ladder as a picture"),
        std::tuple("--html", &line.arguments.html, "Write a page with the ladder and all messages")}) {
    trace->add_option(name, *target, text)->type_name("FILE")->excludes(follow);
  }
  auto* capture =
      command("capture", "The last messages as a pcapng file for Wireshark, or to Homer", &Session::capture);
  takes_identity(capture, "As for trace");
  capture->add_option("--output,-o", line.arguments.output, "The file")->type_name("FILE");
  capture->add_option("--hep", line.arguments.hep, "Send the SIP messages to Homer, or sngrep -L, as HEPv3 over UDP")
      ->type_name("ADDRESS");
  capture->add_option("--hep-id", line.arguments.hep_id, "Our capture agent id there")
      ->type_name("N")
      ->capture_default_str();
  auto* going_on = capture->add_flag("--follow", line.arguments.follow, "Go on as messages come, until interrupted");
  capture->add_option("--from", line.arguments.from, "What `imsctl trace --save` kept, in place of the daemons'")
      ->type_name("FILE")
      ->excludes(going_on);
  auto* esp_keys = command("esp-keys", "The keys of security associations, for Wireshark", &Session::esp_keys);
  takes_identity(esp_keys, "Only this IMSI, IMPI, IMPU or number");
  esp_keys
      ->add_option("--save", line.arguments.save, "Put them into this file, which becomes readable by its owner alone")
      ->type_name("FILE");
  esp_keys->footer(esp_keys_footer);
  auto* debug = command("debug", "Write all about a user or a call to the daemons' logs for a while", &Session::debug);
  auto* debugged = takes_identity(debug, "As for trace; nothing: say who is debugged");
  auto* length = debug->add_option("--for", line.length, "How long; 24h at most")->type_name("TIME");
  length->capture_default_str();
  debug->add_flag("--off", line.arguments.off, "No longer")->excludes(length)->needs(debugged);
  auto* top = command("top", "What the daemons do now, on one screen, until interrupted", &Session::top);
  top->add_option("--interval", line.interval, "Between two looks")->type_name("TIME")->capture_default_str();
  top->add_option("--count", line.arguments.count, "How many looks; default: until interrupted")->type_name("N");
  command("status", "What runs: version, uptime, counts", &Session::status);
  command("reload", "Read the daemons' configuration files again", &Session::reload);
  auto* drain = command("drain", "Begin nothing new, and wait until all calls have ended", &Session::drain);
  auto* resume = drain->add_flag("--resume", line.arguments.resume, "Take new calls and registrations again");
  drain->add_flag("--no-wait", line.arguments.no_wait, "Say what is left, and do not wait")->excludes(resume);
  drain->add_option("--within", line.within, "Give up waiting, with exit code 1; the daemons go on draining")
      ->type_name("TIME")
      ->capture_default_str();
  command("subscribers", "lab HSS: its subscribers", &Session::subscribers);
  auto* terminate = command("terminate", "lab HSS: end a registration with an RTR", &Session::terminate);
  takes_identity(terminate, who)->required();
  terminate
      ->add_option("--reason", line.arguments.reason_code,
                   "Reason-Code: 0 permanent, 1 new server assigned, 2 server change, 3 remove S-CSCF")
      ->type_name("N")
      ->check(CLI::Range(0, 3));
  terminate->add_option("--text", line.arguments.text, "Reason-Info")->type_name("TEXT");
  takes_identity(command("push-profile", "lab HSS: send the profile anew with a PPR", &Session::push_profile), who)
      ->required();
  describe_setup(app, line);
  app.add_subcommand("version", "imsctl's version")->fallthrough()->callback([&line] { line.version = true; });
  auto* completion = app.add_subcommand("completion", "Print the completion script of a shell")->fallthrough();
  completion->add_option("shell", line.shell, "bash")->required()->check(CLI::IsMember({"bash"}));
  completion->callback([&line] { line.completion = true; });
}

absl::StatusOr<v1::ImsctlConfig> addresses(const CommandLine& line, const Surroundings& around) {
  v1::ImsctlConfig config;
  std::string path = line.config;
  for (const std::string& usual :
       {absl::StrCat(around.home, "/.config/lapwing/imsctl.yaml"), absl::StrCat(around.etc, "/lapwing/imsctl.yaml")}) {
    if (path.empty() && access(usual.c_str(), R_OK) == 0) path = usual;
  }
  if (!path.empty()) {
    if (absl::Status read = config::load_yaml(path, config); !read.ok()) return read;
  }
  auto override_with = [](const std::vector<std::string>& given,
                          google::protobuf::RepeatedPtrField<std::string>& kept) {
    if (!given.empty()) kept.Assign(given.begin(), given.end());
    for (const std::string& address : kept) {
      if (absl::Status form = check_format("control", address); !form.ok()) {
        return absl::InvalidArgumentError(absl::StrCat("\"", address, "\": ", form.message()));
      }
    }
    return absl::OkStatus();
  };
  if (absl::Status s = override_with(line.pcscf, *config.mutable_pcscf()); !s.ok()) return s;
  if (absl::Status s = override_with(line.scscf, *config.mutable_scscf()); !s.ok()) return s;
  if (absl::Status s = override_with(line.labhss, *config.mutable_labhss()); !s.ok()) return s;
  return config;
}

}  // namespace

int imsctl(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err,
           const Surroundings& around) {
  CLI::App app(about, "imsctl");
  CommandLine line;
  describe(app, line);
  try {
    // CLI11 takes them from the end.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    return app.exit(error, out, err) == 0 ? ok : usage;
  }
  if (line.version) {
    out << (line.arguments.json ? "{\"version\": \"" LAPWING_VERSION "\"}\n" : "imsctl " LAPWING_VERSION "\n");
    return ok;
  }
  if (line.completion) {
    out << bash_completion(app);
    return ok;
  }
  if (line.init) return init(line.first, out, err, around);
  if (line.preflight) {
    line.host.json = line.arguments.json;
    return preflight::preflight(line.host, out, err, around);
  }
  const absl::StatusOr<Duration> timeout = duration_from(line.timeout);
  if (!timeout.ok()) {
    err << "imsctl: --timeout \"" << line.timeout << "\": " << timeout.status().message() << "\n";
    return usage;
  }
  line.arguments.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(*timeout);
  const absl::StatusOr<Duration> within = duration_from(line.within);
  if (!within.ok()) {
    err << "imsctl: --within \"" << line.within << "\": " << within.status().message() << "\n";
    return usage;
  }
  line.arguments.within = *within;
  const absl::StatusOr<Duration> interval = duration_from(line.interval);
  if (!interval.ok() || *interval <= Duration::zero()) {
    err << "imsctl: --interval \"" << line.interval << "\" is not right: write a duration, as 1s\n";
    return usage;
  }
  line.arguments.interval = *interval;
  const absl::StatusOr<Duration> length = duration_from(line.length);
  if (!length.ok() || *length < std::chrono::seconds(1)) {
    err << "imsctl: --for \"" << line.length << "\" is not right: write a duration, as 10m\n";
    return usage;
  }
  line.arguments.length = std::chrono::duration_cast<std::chrono::seconds>(*length);
  const absl::StatusOr<v1::ImsctlConfig> config = addresses(line, around);
  if (!config.ok()) {
    err << "imsctl: " << config.status().message() << "\n";
    return usage;
  }
  std::vector<Daemon> daemons;
  std::shared_ptr<grpc::ChannelCredentials> tls;
  if (config->has_tls()) {
    auto credentials = credentials_of(config->tls());
    if (!credentials.ok()) {
      err << "imsctl: " << credentials.status().message() << "\n";
      return usage;
    }
    tls = *std::move(credentials);
  }
  for (const std::string& address : config->pcscf()) daemons.emplace_back(Role::pcscf, address, tls);
  for (const std::string& address : config->scscf()) daemons.emplace_back(Role::scscf, address, tls);
  for (const std::string& address : config->labhss()) daemons.emplace_back(Role::labhss, address, tls);
  Session session(std::move(daemons), line.arguments, out, err, around);
  return (session.*line.command)();
}

}  // namespace lapwing::cli
