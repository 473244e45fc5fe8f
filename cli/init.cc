#include "cli/init.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <istream>
#include <ostream>
#include <span>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "cli/preflight/routes.h"
#include "common/runtime/config.h"
#include "common/runtime/log.h"
#include "lapwing/v1/config.pb.h"
#include "pcscf/config_check.h"
#include "scscf/config_check.h"

namespace lapwing::cli {
namespace {

constexpr uint16_t sip_port = 5060;
constexpr uint16_t second_sip_port = 5070;  // of Mw, where it shares an address with Gm
constexpr uint16_t scscf_port = 6060;
constexpr uint16_t diameter_port = 3868;
constexpr size_t longest_socket_path = 107;

struct Answers {
  std::string plmn;
  std::string domain;
  asio::ip::address gm;
  asio::ip::address core;
  bool lab = false;
  Endpoint hss;
  std::string hss_name;
  std::string ipsec;
};

struct Question {
  std::string option;  // "--gm"
  std::string text;
  std::string usual;  // in brackets; empty: there is none
  const std::optional<std::string>& given;
  std::function<absl::Status(const std::string&)> take;
};

absl::Status wrong(std::string text) {
  return absl::InvalidArgumentError(text);
}

// ims.mncMNC.mccMCC.3gppnetwork.org, the MNC with three digits (TS 23.003 section 13.2).
std::string home_domain(const std::string& plmn) {
  const std::string mnc = plmn.substr(4);
  return absl::StrCat("ims.mnc", mnc.size() == 2 ? "0" : "", mnc, ".mcc", plmn.substr(0, 3), ".3gppnetwork.org");
}

absl::Status take_plmn(const std::string& text, Answers& out) {
  if (absl::Status form = check_format("plmn", text); !form.ok()) return form;
  out.plmn = text;
  out.domain = home_domain(text);
  return absl::OkStatus();
}

absl::Status take_address(const std::string& text, asio::ip::address& out) {
  const auto address = address_from(text);
  if (!address.ok()) return address.status();
  if (address->is_unspecified() || address->is_multicast()) {
    return wrong("write one address of this host: it stands in Via, Path and security associations");
  }
  out = *address;
  return absl::OkStatus();
}

absl::Status take_hss(const std::string& text, Answers& out) {
  out.lab = text == "lab";
  if (out.lab) {
    // It gives authentication vectors to whoever reaches it: this host only.
    out.hss = {asio::ip::make_address("127.0.0.1"), diameter_port};
    out.hss_name = absl::StrCat("hss.", out.domain);
    return absl::OkStatus();
  }
  const size_t space = text.find_first_of(" ,");
  const std::string where = text.substr(0, space);
  const std::string rest = space == text.npos ? "" : text.substr(space + 1);
  const std::string name(absl::StripAsciiWhitespace(rest));
  const auto endpoint = endpoint_from(where);
  const auto address = address_from(where);
  if (!endpoint.ok() && !address.ok()) {
    return wrong("write lab; or the HSS's address and its Diameter identity, as 10.0.0.5 hss." + out.domain);
  }
  out.hss = endpoint.ok() ? *endpoint : Endpoint{*address, diameter_port};
  out.hss_name = name.empty() ? absl::StrCat("hss.", out.domain) : name;
  if (!check_format("diameter", out.hss_name).ok() || out.hss_name.find('.') == out.hss_name.npos) {
    return wrong("the HSS's Diameter identity is a host name with its realm behind the first dot, as hss." +
                 out.domain);
  }
  return absl::OkStatus();
}

absl::Status take_policy(const std::string& text, Answers& out) {
  if (text != "required" && text != "optional" && text != "off") {
    return wrong("write required or optional; or off, where the kernel has no ESP");
  }
  out.ipsec = text;
  return absl::OkStatus();
}

// The one that handsets most likely reach; empty: there is none.
std::string likely_gm() {
  for (const bool ipv4 : {true, false}) {
    for (const preflight::HostAddress& one : preflight::host_addresses()) {
      const bool link_local = one.address.is_v6() && one.address.to_v6().is_link_local();
      if (one.up && one.address.is_v4() == ipv4 && !one.address.is_loopback() && !link_local) {
        return one.address.to_string();
      }
    }
  }
  return "";
}

bool on_this_host(const asio::ip::address& address) {
  return preflight::route_to(address).local;
}

// Where the daemons put what they write.
struct Places {
  std::string directory;
  std::string sockets;
  std::string state;
};

std::string quoted(const std::string& text) {
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

std::string quoted(const asio::ip::address& address, uint16_t port) {
  return quoted(Endpoint{address, port}.text());
}

std::string control(const Places& places, const std::string& program) {
  return absl::StrFormat("control: {listen: %s}\n", quoted("unix:" + places.sockets + "/" + program + ".sock"));
}

std::string state(const Places& places, const std::string& program) {
  return absl::StrFormat("state_file: %s\n", quoted(places.state + "/" + program + ".db"));
}

std::string pcscf_file(const Answers& a, const Places& places) {
  return absl::StrCat(
      "# The P-CSCF: handsets reach it at gm.listen, the address that the P-GW gives them in the PCO.\n",
      "name: pcscf.", a.domain, "\nhome_domain: ", a.domain, "\n",
      absl::StrFormat("gm: {listen: [%s]}\n", quoted(a.gm, sip_port)), "# Toward the S-CSCF.\n",
      absl::StrFormat("mw: {listen: %s, entry: %s}\n", quoted(a.core, a.core == a.gm ? second_sip_port : sip_port),
                      quoted(a.core, scscf_port)),
      "# required: a handset without sec-agree gets 421. optional: it registers without IPsec. off: needs no ESP.\n",
      "ipsec: {policy: ", a.ipsec, "}\n", control(places, "pcscf"), "# Registrations survive a restart.\n",
      state(places, "pcscf"));
}

std::string scscf_file(const Answers& a, const Places& places) {
  return absl::StrCat(
      "# The S-CSCF with the interrogating role: registrar of the home network.\n", "name: sip:scscf.", a.domain, ":",
      scscf_port, "   # the Server-Name in the HSS: keep it\nhome_domain: ", a.domain, "\n",
      absl::StrFormat("listen: [%s]\n", quoted(a.core, scscf_port)),
      "# Who may send it SIP: the P-CSCF. Add application servers and other CSCFs.\n",
      absl::StrFormat("trusted: [%s]\n", quoted(a.core.to_string())), "cx:\n  origin_host: scscf.", a.domain,
      "   # the HSS must know it as a peer\n  peers:\n",
      absl::StrFormat("    - {host: %s, address: %s}\n", a.hss_name, quoted(a.hss.text())),
      a.ipsec == "required" ? ""
                            : "# For handsets without IPsec, in a lab only: their answers are checked although nothing "
                              "protects them.\nregistrar: {accept_unprotected_aka: true}\n",
      control(places, "scscf"), "# Registrations and short messages survive a restart.\n", state(places, "scscf"));
}

// Keys of its own: those of published test sets would let anybody register.
std::string labhss_file(const Answers& a, const Places& places) {
  std::array<unsigned char, 32> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) return "";
  const std::string hex =
      absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(random.data()), random.size()));
  std::string imsi = absl::StrReplaceAll(a.plmn, {{"/", ""}});
  imsi.resize(14, '0');
  return absl::StrCat(
      "# The lab HSS: Cx for the S-CSCF, and the subscribers.\n", "origin_host: ", a.hss_name,
      "\nlisten: ", quoted(a.hss.text()), "\nplmn: ", a.plmn, "\n# Sequence numbers; keep it across restarts.\n",
      state(places, "labhss"), control(places, "labhss"),
      "# An example: one line for each SIM, with its own K and OPc. Identities follow from IMSI and MSISDN.\n",
      "subscribers:\n",
      absl::StrFormat("  - {imsi: \"%s1\", k: \"%s\", opc: \"%s\", msisdn: \"15550100001\"}\n", imsi, hex.substr(0, 32),
                      hex.substr(32)));
}

std::string imsctl_file(const Answers& a, const Places& places) {
  std::string out = "# Where imsctl finds the daemons.\n";
  std::vector<std::string> programs = {"pcscf", "scscf"};
  if (a.lab) programs.emplace_back("labhss");
  for (const std::string& program : programs) {
    absl::StrAppend(&out, program, ": [", quoted("unix:" + places.sockets + "/" + program + ".sock"), "]\n");
  }
  return out;
}

struct File {
  std::string name;
  std::string text;
  mode_t mode = 0640;
};

std::vector<File> files_for(const Answers& answers, const Places& places) {
  std::vector<File> files = {{"pcscf.yaml", pcscf_file(answers, places)},
                             {"scscf.yaml", scscf_file(answers, places)},
                             {"imsctl.yaml", imsctl_file(answers, places)}};
  // It holds keys: for its owner alone.
  if (answers.lab) files.push_back({"labhss.yaml", labhss_file(answers, places), 0600});
  return files;
}

// What the daemons would say of them. An error here is ours, not the operator's.
absl::Status check_files(const std::vector<File>& files) {
  for (const File& file : files) {
    config::Locations where;
    absl::Status read;
    if (file.name == "pcscf.yaml") {
      v1::PcscfConfig config;
      read = config::read_yaml(file.text, file.name, config, &where);
      if (read.ok()) read = pcscf::check(config, where);
    } else if (file.name == "scscf.yaml") {
      v1::ScscfConfig config;
      read = config::read_yaml(file.text, file.name, config, &where);
      if (read.ok()) read = scscf::check(config, where);
    } else if (file.name == "labhss.yaml") {
      v1::LabHssConfig config;
      read = config::read_yaml(file.text, file.name, config, &where);
    } else {
      v1::ImsctlConfig config;
      read = config::read_yaml(file.text, file.name, config, &where);
    }
    if (!read.ok()) return read;
  }
  return absl::OkStatus();
}

absl::Status write_file(const std::string& path, const File& file, bool force) {
  const auto failure = [&] { return absl::UnavailableError(absl::StrFormat("%s: %s", path, std::strerror(errno))); };
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | (force ? O_TRUNC : O_EXCL), file.mode);
  if (fd < 0) return failure();
  // A file that was there keeps its mode otherwise.
  bool done = fchmod(fd, file.mode) == 0;
  for (size_t at = 0; done && at < file.text.size();) {
    const ssize_t wrote = write(fd, file.text.data() + at, file.text.size() - at);
    done = wrote > 0;
    if (done) at += static_cast<size_t>(wrote);
  }
  if (close(fd) != 0 || !done) return failure();
  return absl::OkStatus();
}

class Wizard {
 public:
  Wizard(const InitOptions& options, std::ostream& out, std::ostream& err, const Surroundings& around)
      : options_(options), out_(out), err_(err), around_(around) {
    const std::string usual = absl::StrCat(around.etc, "/lapwing");
    const std::string asked = options.directory.empty() ? usual : options.directory;
    places_.directory = std::filesystem::absolute(asked).lexically_normal().string();
    while (places_.directory.size() > 1 && places_.directory.back() == '/') places_.directory.pop_back();
    const bool system = places_.directory == usual;
    places_.sockets = system ? "/run/lapwing" : places_.directory;
    places_.state = system ? "/var/lib/lapwing" : places_.directory;
  }

  int run() {
    if (places_.sockets.size() + std::strlen("/labhss.sock") > longest_socket_path) {
      err_ << "imsctl: " << places_.directory << " is too long a path for sockets in it: choose a shorter one\n";
      return 2;
    }
    // Before anybody answers in vain.
    if (int code = refuse_existing({"pcscf.yaml", "scscf.yaml", "imsctl.yaml"}); code != 0) return code;
    if (!ask_all()) return 2;
    const std::vector<File> files = files_for(answers_, places_);
    if (answers_.lab) {
      if (int code = refuse_existing({"labhss.yaml"}); code != 0) return code;
    }
    if (absl::Status right = check_files(files); !right.ok()) {
      err_ << "imsctl: these answers make a wrong file: " << right.message() << "\n";
      return 1;
    }
    std::error_code failed;
    if (std::filesystem::create_directories(places_.directory, failed)) {
      std::filesystem::permissions(places_.directory, std::filesystem::perms(0750), failed);
    }
    if (failed) {
      err_ << "imsctl: " << places_.directory << ": " << failed.message() << "\n";
      return 1;
    }
    std::vector<std::string> written;
    for (const File& file : files) {
      const std::string path = places_.directory + "/" + file.name;
      if (absl::Status done = write_file(path, file, options_.force); !done.ok()) {
        err_ << "imsctl: " << done.message() << "\n";
        return 1;
      }
      written.push_back(path);
    }
    out_ << "\nWritten: " << absl::StrJoin(written, ", ") << "\n";
    tell_what_is_next();
    return 0;
  }

 private:
  int refuse_existing(const std::vector<std::string>& names) {
    if (options_.force) return 0;
    for (const std::string& name : names) {
      const std::string path = places_.directory + "/" + name;
      if (access(path.c_str(), F_OK) != 0) continue;
      err_ << "imsctl: " << path << " exists: it stays as it is; --force writes over it\n";
      return 1;
    }
    return 0;
  }

  bool ask_all() {
    const std::string example = "hss." + home_domain("001/01");
    const bool asks =
        !options_.yes && !(options_.plmn && options_.gm && options_.core && options_.hss && options_.ipsec);
    if (asks) out_ << "Five questions; an empty answer takes what stands in brackets.\n\n";
    const std::vector<Question> questions = {
        {"--plmn", "MCC and MNC of your network", "001/01", options_.plmn,
         [this](const std::string& text) { return take_plmn(text, answers_); }},
        {"--gm", "This host's address for handsets (Gm), which the P-GW tells them", likely_gm(), options_.gm,
         [this](const std::string& text) { return take_address(text, answers_.gm); }},
        {"--core", "This host's address for the core (Mw); it may be the same, and 127.0.0.1 where all is on this host",
         "127.0.0.1", options_.core, [this](const std::string& text) { return take_address(text, answers_.core); }},
        {"--hss", "HSS: its address and Diameter identity, or lab for one with an example subscriber", "lab",
         options_.hss, [this](const std::string& text) { return take_hss(text, answers_); }},
        {"--ipsec", "IPsec of handsets: required or optional; off, where the kernel has no ESP", "required",
         options_.ipsec, [this](const std::string& text) { return take_policy(text, answers_); }}};
    return std::all_of(questions.begin(), questions.end(), [this](const Question& one) { return ask(one); });
  }

  bool ask(const Question& question) {
    if (question.given || (options_.yes && !question.usual.empty())) {
      const std::string& text = question.given ? *question.given : question.usual;
      const absl::Status taken = question.take(text);
      if (!taken.ok()) {
        err_ << "imsctl: " << question.option << " \"" << log::printable(text) << "\": " << taken.message() << "\n";
      }
      return taken.ok();
    }
    while (around_.in != nullptr && !options_.yes) {
      out_ << question.text << (question.usual.empty() ? "" : absl::StrCat(" [", question.usual, "]")) << ": "
           << std::flush;
      std::string line;
      if (!std::getline(*around_.in, line)) break;
      std::string text(absl::StripAsciiWhitespace(line));
      if (text.empty()) text = question.usual;
      const absl::Status taken = question.take(text);
      if (taken.ok()) return true;
      out_ << "  Not right: " << taken.message() << "\n";
    }
    err_ << "imsctl: no answer: give " << question.option << "\n";
    return false;
  }

  void tell_what_is_next() {
    const std::string& folder = places_.directory;
    const bool system = places_.sockets != folder;
    for (const asio::ip::address& one : {answers_.gm, answers_.core}) {
      if (on_this_host(one)) continue;
      out_ << "Note: this host does not have the address " << one.to_string() << " now.\n";
    }
    out_ << "\nNext, as root:\n";
    if (system) out_ << "  install -d -m 750 " << places_.sockets << " " << places_.state << "\n";
    if (answers_.lab) out_ << "  labhss --config " << folder << "/labhss.yaml &\n";
    out_ << "  imsctl preflight";
    if (!system) out_ << " --pcscf-config " << folder << "/pcscf.yaml --scscf-config " << folder << "/scscf.yaml";
    out_ << "\n  scscf --config " << folder << "/scscf.yaml &\n  pcscf --config " << folder << "/pcscf.yaml &\n"
         << "  imsctl" << (system ? "" : absl::StrCat(" --config ", folder, "/imsctl.yaml")) << " status\n\n";
    if (answers_.lab) {
      out_ << "The SIM: labhss.yaml has one subscriber, with keys made for it alone. Write your SIM's IMSI, K and OPc "
              "there.\n";
    } else {
      out_ << "The HSS: it must take scscf." << answers_.domain
           << " as a Diameter peer, by TCP; the S-CSCF's name there is\n"
           << "  sip:scscf." << answers_.domain << ":" << scscf_port << "\n";
    }
    out_ << "The P-GW: it tells phones " << answers_.gm.to_string() << " as P-CSCF, in the PCO of the APN ims.\n";
  }

  const InitOptions& options_;
  std::ostream& out_;
  std::ostream& err_;
  const Surroundings& around_;
  Places places_;
  Answers answers_;
};

}  // namespace

int init(const InitOptions& options, std::ostream& out, std::ostream& err, const Surroundings& around) {
  return Wizard(options, out, err, around).run();
}

}  // namespace lapwing::cli
