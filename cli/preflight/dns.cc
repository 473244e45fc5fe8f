#include "cli/preflight/dns.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/runtime/values.h"

namespace lapwing::cli::preflight {
namespace {

constexpr const char* not_needed =
    "handsets that learn the P-CSCF's address from the PDN (the P-GW's PCO) do not need it: then nothing is to do";
constexpr size_t most_targets = 8;

using OnReply = std::function<void(int status, const unsigned char* reply, int size)>;

// One c-ares channel, and its questions until all are answered.
class Resolver {
 public:
  explicit Resolver(std::chrono::milliseconds limit) {
    ares_options options{};
    options.timeout = static_cast<int>(limit.count());
    options.tries = 1;
    if (ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS) {
      library_ = true;
      ready_ = ares_init_options(&channel_, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) == ARES_SUCCESS;
    }
  }
  ~Resolver() {
    if (ready_) ares_destroy(channel_);
    if (library_) ares_library_cleanup();
  }
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  bool ready() const { return ready_; }

  // The name as it is: no search domain is added. on_reply runs once, here or in wait().
  void ask(const std::string& name, int type, OnReply on_reply) {
    ares_query(channel_, name.c_str(), ns_c_in, type, &Resolver::answered, new OnReply(std::move(on_reply)));
  }
  void wait() {
    while (true) {
      std::array<ares_socket_t, ARES_GETSOCK_MAXNUM> sockets{};
      const int wanted = ares_getsock(channel_, sockets.data(), ARES_GETSOCK_MAXNUM);
      std::vector<pollfd> watched;
      for (unsigned i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
        const bool read = ARES_GETSOCK_READABLE(wanted, i);
        const bool write = ARES_GETSOCK_WRITABLE(wanted, i);
        if (!read && !write) continue;
        watched.push_back({sockets[i], static_cast<short>((read ? POLLIN : 0) | (write ? POLLOUT : 0)), 0});
      }
      if (watched.empty()) return;
      timeval longest{.tv_sec = 5, .tv_usec = 0};
      timeval left{};
      const timeval* until = ares_timeout(channel_, &longest, &left);
      poll(watched.data(), watched.size(), static_cast<int>(until->tv_sec * 1000 + until->tv_usec / 1000 + 1));
      // Called without one for the time-outs too.
      ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
      for (const pollfd& one : watched) {
        const bool readable = (one.revents & (POLLIN | POLLERR | POLLHUP)) != 0;
        const bool writable = (one.revents & POLLOUT) != 0;
        ares_process_fd(channel_, readable ? one.fd : ARES_SOCKET_BAD, writable ? one.fd : ARES_SOCKET_BAD);
      }
    }
  }

 private:
  static void answered(void* on_reply, int status, int, unsigned char* reply, int size) {
    const std::unique_ptr<OnReply> mine(static_cast<OnReply*>(on_reply));
    (*mine)(status, reply, size);
  }

  ares_channel channel_ = nullptr;
  bool library_ = false;
  bool ready_ = false;
};

// Notes that no server could be asked; whether there is a reply to read.
bool has_reply(int status, DnsAnswers& out) {
  const bool said_none = status == ARES_ENODATA || status == ARES_ENOTFOUND;
  if (status != ARES_SUCCESS && !said_none) out.error = ares_strerror(status);
  return status == ARES_SUCCESS;
}

void ask_naptr(Resolver& resolver, const std::string& domain, DnsAnswers& out) {
  resolver.ask(domain, ns_t_naptr, [&out](int status, const unsigned char* reply, int size) {
    ares_naptr_reply* first = nullptr;
    if (!has_reply(status, out) || ares_parse_naptr_reply(reply, size, &first) != ARES_SUCCESS) return;
    for (const ares_naptr_reply* one = first; one != nullptr; one = one->next) {
      out.naptr.push_back({reinterpret_cast<const char*>(one->service), one->replacement});
    }
    ares_free_data(first);
  });
}

void ask_srv(Resolver& resolver, const std::string& name, DnsAnswers& out) {
  resolver.ask(name, ns_t_srv, [&out, name](int status, const unsigned char* reply, int size) {
    ares_srv_reply* first = nullptr;
    if (!has_reply(status, out) || ares_parse_srv_reply(reply, size, &first) != ARES_SUCCESS) return;
    for (const ares_srv_reply* one = first; one != nullptr; one = one->next) {
      out.srv.push_back({name, one->host, one->port});
    }
    ares_free_data(first);
  });
}

void ask_addresses(Resolver& resolver, const std::string& name, DnsAnswers& out) {
  resolver.ask(name, ns_t_a, [&out, name](int status, const unsigned char* reply, int size) {
    std::array<ares_addrttl, 16> found{};
    int count = found.size();
    if (!has_reply(status, out) || ares_parse_a_reply(reply, size, nullptr, found.data(), &count) != ARES_SUCCESS)
      return;
    for (int i = 0; i < count; ++i) {
      out.addresses[name].push_back(asio::ip::address_v4(ntohl(found[static_cast<size_t>(i)].ipaddr.s_addr)));
    }
  });
  resolver.ask(name, ns_t_aaaa, [&out, name](int status, const unsigned char* reply, int size) {
    std::array<ares_addr6ttl, 16> found{};
    int count = found.size();
    if (!has_reply(status, out) || ares_parse_aaaa_reply(reply, size, nullptr, found.data(), &count) != ARES_SUCCESS) {
      return;
    }
    for (int i = 0; i < count; ++i) {
      asio::ip::address_v6::bytes_type bytes;
      std::copy_n(found[static_cast<size_t>(i)].ip6addr._S6_un._S6_u8, bytes.size(), bytes.begin());
      out.addresses[name].push_back(asio::ip::address_v6(bytes));
    }
  });
}

// A line of a zone for each address of gm.listen.
Advice address_records(const v1::PcscfConfig& config) {
  Advice lines = {not_needed};
  for (const std::string& listen : config.gm().listen()) {
    const auto address = endpoint_from(listen)->address;
    lines.push_back(absl::StrFormat("else into the zone: %s. %s %s", config.name(), address.is_v4() ? "A" : "AAAA",
                                    address.to_string()));
  }
  return lines;
}

bool is_ours(const v1::PcscfConfig& config, const asio::ip::address& address) {
  return std::any_of(config.gm().listen().begin(), config.gm().listen().end(),
                     [&](const std::string& listen) { return endpoint_from(listen)->address == address; });
}

Check check_targets(const v1::PcscfConfig& config, const DnsAnswers& answers) {
  constexpr std::string_view code = "dns-address";
  std::vector<std::string> names = {config.name()};
  if (!answers.srv.empty()) names.clear();
  for (const SrvRecord& one : answers.srv) {
    if (std::find(names.begin(), names.end(), one.target) == names.end()) names.push_back(one.target);
  }
  const std::string about = absl::StrFormat("DNS: address of %s", absl::StrJoin(names, ", "));
  std::vector<std::string> right;
  std::vector<std::string> elsewhere;
  for (const std::string& name : names) {
    const auto known = answers.addresses.find(name);
    if (known == answers.addresses.end()) continue;
    for (const auto& address : known->second) {
      (is_ours(config, address) ? right : elsewhere).push_back(address.to_string());
    }
  }
  if (!elsewhere.empty()) {
    return warned(code, about,
                  absl::StrFormat("leads to %s, which is not in gm.listen: handsets that look it up go there",
                                  absl::StrJoin(elsewhere, ", ")),
                  address_records(config));
  }
  if (right.empty()) return warned(code, about, "there is none", address_records(config));
  return passed(code, about, absl::StrCat(absl::StrJoin(right, ", "), ", of gm.listen"));
}

}  // namespace

DnsAnswers ask_dns(const v1::PcscfConfig& config, std::chrono::milliseconds limit) {
  DnsAnswers out;
  Resolver resolver(limit);
  if (!resolver.ready()) {
    out.error = "/etc/resolv.conf names no server that can be asked";
    return out;
  }
  ask_naptr(resolver, config.home_domain(), out);
  for (const char* way : {"_sip._udp.", "_sip._tcp."}) ask_srv(resolver, way + config.home_domain(), out);
  ask_addresses(resolver, config.name(), out);
  resolver.wait();
  std::vector<std::string> targets;
  for (const SrvRecord& one : out.srv) {
    const bool known = one.target == config.name() || std::count(targets.begin(), targets.end(), one.target) > 0;
    if (!known && targets.size() < most_targets) targets.push_back(one.target);
  }
  for (const std::string& target : targets) ask_addresses(resolver, target, out);
  resolver.wait();
  return out;
}

std::vector<Check> check_dns(const v1::PcscfConfig& config, const DnsAnswers& answers) {
  const std::string& domain = config.home_domain();
  const bool nothing = answers.naptr.empty() && answers.srv.empty() && answers.addresses.empty();
  if (!answers.error.empty() && nothing) {
    return {warned("dns-naptr", absl::StrFormat("DNS: %s", domain),
                   absl::StrFormat("no server answered: %s", answers.error),
                   {not_needed, "else: is the server in /etc/resolv.conf right, and is it the one that handsets ask"})};
  }
  std::vector<Check> checks;
  const auto sip = std::find_if(answers.naptr.begin(), answers.naptr.end(),
                                [](const NaptrRecord& one) { return absl::StartsWithIgnoreCase(one.service, "SIP"); });
  const std::string naptr_about = absl::StrFormat("DNS: NAPTR of %s", domain);
  if (sip == answers.naptr.end()) {
    checks.push_back(warned(
        "dns-naptr", naptr_about, answers.naptr.empty() ? "there is none" : "none is for SIP",
        {not_needed,
         absl::StrFormat("else into the zone: %s. NAPTR 10 50 \"s\" \"SIP+D2U\" \"\" _sip._udp.%s.", domain, domain)}));
  } else {
    checks.push_back(passed("dns-naptr", naptr_about, absl::StrFormat("%s, to %s", sip->service, sip->replacement)));
  }
  const std::string srv_about = absl::StrFormat("DNS: SRV of _sip._udp.%s and _sip._tcp.%s", domain, domain);
  if (answers.srv.empty()) {
    checks.push_back(warned("dns-srv", srv_about, "there is none",
                            {not_needed, absl::StrFormat("else into the zone: _sip._udp.%s. SRV 0 0 %d %s.", domain,
                                                         endpoint_from(config.gm().listen(0))->port, config.name())}));
  } else {
    std::vector<std::string> targets;
    for (const SrvRecord& one : answers.srv) targets.push_back(absl::StrFormat("%s:%d", one.target, one.port));
    std::sort(targets.begin(), targets.end());
    targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
    checks.push_back(passed("dns-srv", srv_about, absl::StrJoin(targets, ", ")));
  }
  checks.push_back(check_targets(config, answers));
  return checks;
}

}  // namespace lapwing::cli::preflight
