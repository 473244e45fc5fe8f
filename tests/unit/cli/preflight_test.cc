#include "cli/preflight/preflight.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "cli/preflight/configuration.h"
#include "cli/preflight/dns.h"
#include "cli/preflight/host.h"
#include "cli/preflight/hss.h"
#include "cli/preflight/kernel.h"
#include "cli/preflight/nat.h"
#include "cli/preflight/network.h"
#include "cli/preflight/ports.h"
#include "common/runtime/config.h"

namespace lapwing::cli::preflight {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::string_view pcscf_yaml = R"(name: pcscf.ims.mnc001.mcc001.3gppnetwork.org
home_domain: ims.mnc001.mcc001.3gppnetwork.org
gm: {listen: ["10.46.0.1:5060"]}
mw: {listen: "10.45.0.4:5060", entry: "10.45.0.3:6060"}
control: {listen: "unix:/run/lapwing/pcscf.sock"}
)";
constexpr std::string_view scscf_yaml = R"(name: sip:scscf.ims.mnc001.mcc001.3gppnetwork.org:6060
home_domain: ims.mnc001.mcc001.3gppnetwork.org
listen: ["10.45.0.3:6060"]
cx:
  origin_host: scscf.ims.mnc001.mcc001.3gppnetwork.org
  peers: [{host: hss.ims.mnc001.mcc001.3gppnetwork.org, address: "10.45.0.2:3868"}]
control: {listen: "unix:/run/lapwing/scscf.sock"}
)";

v1::PcscfConfig pcscf(const std::string& more = "") {
  v1::PcscfConfig config;
  const absl::Status read = config::read_yaml(std::string(pcscf_yaml) + more, "pcscf.yaml", config);
  EXPECT_TRUE(read.ok()) << read;
  return config;
}

v1::ScscfConfig scscf(const std::string& more = "") {
  v1::ScscfConfig config;
  const absl::Status read = config::read_yaml(std::string(scscf_yaml) + more, "scscf.yaml", config);
  EXPECT_TRUE(read.ok()) << read;
  return config;
}

Endpoint at(std::string_view text) {
  return *endpoint_from(text);
}

asio::ip::address ip(std::string_view text) {
  return *address_from(text);
}

std::string advice_of(const Check& check) {
  return absl::StrJoin(check.advice(), "\n");
}

std::string outcomes(const std::vector<Check>& checks) {
  std::vector<std::string> out;
  for (const Check& one : checks) out.push_back(one.code() + " " + one.outcome());
  return absl::StrJoin(out, ", ");
}

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/lapwing-preflight-XXXXXX";
    EXPECT_NE(mkdtemp(name), nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string write(const std::string& name, std::string_view text) const {
    std::ofstream(path + "/" + name) << text;
    return path + "/" + name;
  }
  std::string path;
};

// ---- Configuration ----

TEST(Configuration, when_a_file_is_right_then_it_is_taken_and_when_a_key_is_wrong_then_the_loader_s_words_are_shown) {
  const Folder folder;
  Files files;
  files.pcscf_path = folder.write("pcscf.yaml", pcscf_yaml);
  EXPECT_TRUE(is_ok(read_pcscf_file(files)));
  EXPECT_TRUE(files.pcscf.has_value());
  files.scscf_path = folder.write("scscf.yaml", std::string(scscf_yaml) + "registar: {}\nworkers: many\n");
  const Check wrong = read_scscf_file(files);
  EXPECT_TRUE(is_failed(wrong));
  EXPECT_THAT(wrong.text(), HasSubstr("scscf.yaml:8: registar: is not a key here: did you mean \"registrar\"?\n"));
  EXPECT_THAT(wrong.text(), HasSubstr("scscf.yaml:9: workers: \"many\" is not right: write a whole number"));
  EXPECT_THAT(advice_of(wrong), HasSubstr("scscf --config " + files.scscf_path + " --check"));
  EXPECT_FALSE(files.scscf.has_value());
}

TEST(Configuration, when_a_rule_between_keys_is_broken_then_it_is_the_daemon_s_own) {
  const Folder folder;
  Files files;
  files.pcscf_path = folder.write("pcscf.yaml", std::string(pcscf_yaml) + "ipsec: {spi_min: 9000, spi_max: 8000}\n");
  EXPECT_THAT(read_pcscf_file(files).text(), HasSubstr("pcscf.yaml:6: ipsec.spi_min: is above ipsec.spi_max"));
  files.pcscf_path = folder.path + "/none.yaml";
  EXPECT_THAT(read_pcscf_file(files).text(), HasSubstr("none.yaml: cannot be read"));
}

TEST(Configuration, when_the_files_fit_then_one_line_says_so_and_else_each_contradiction_has_its_own) {
  Files files;
  files.pcscf = pcscf();
  EXPECT_THAT(check_files_together(files), IsEmpty()) << "there is one file only";
  files.scscf = scscf();
  EXPECT_EQ(outcomes(check_files_together(files)), "files-together ok");
  files.scscf = scscf("trusted: [10.45.0.9]\n");
  files.scscf->set_home_domain("ims.mnc099.mcc001.3gppnetwork.org");
  files.pcscf = pcscf("ipsec: {policy: optional}\n");
  files.pcscf->mutable_mw()->set_entry("10.45.0.3:6061");
  const auto checks = check_files_together(files);
  EXPECT_EQ(outcomes(checks),
            "files-together failed, files-together failed, files-together warning, files-together warning");
  EXPECT_THAT(checks[0].text(), HasSubstr("the S-CSCF's ims.mnc099"));
  EXPECT_THAT(advice_of(checks[1]), HasSubstr("add 10.45.0.4 to trusted"));
  EXPECT_THAT(advice_of(checks[2]), HasSubstr("mw: {entry: \"10.45.0.3:6060\"}"));
  EXPECT_THAT(advice_of(checks[3]), HasSubstr("accept_unprotected_aka: true"));
}

// ---- Kernel ----

TEST(Kernel, when_the_capability_is_effective_then_it_is_ok_and_else_failed_with_how_to_get_it) {
  EXPECT_EQ(effective_capabilities("Name:\timsctl\nCapEff:\t0000000000001000\nCapBnd:\t0\n"), 0x1000U);
  EXPECT_EQ(effective_capabilities("Name:\timsctl\n"), std::nullopt);
  EXPECT_TRUE(is_ok(check_capability(pcscf(), uint64_t{1} << CAP_NET_ADMIN)));
  const Check without = check_capability(pcscf(), ~(uint64_t{1} << CAP_NET_ADMIN));
  EXPECT_TRUE(is_failed(without));
  EXPECT_THAT(advice_of(without), HasSubstr("setcap cap_net_admin=ep"));
  EXPECT_EQ(check_capability(pcscf(), std::nullopt).outcome(), "warning");
  EXPECT_TRUE(is_ok(check_capability(pcscf("ipsec: {policy: off}\n"), 0)));
}

TEST(Kernel, when_all_pairs_work_then_it_is_ok_and_when_one_lacks_then_it_is_named_with_its_modules) {
  const EspTrial good{"hmac-sha-1-96/aes-cbc", false, absl::OkStatus()};
  const EspTrial lacking{"hmac-md5-96/null", true, absl::UnimplementedError("the kernel does not have the algorithm")};
  const EspTrial six{"hmac-sha-1-96/aes-cbc", true, absl::OkStatus()};
  EXPECT_TRUE(is_ok(check_esp(pcscf(), {good, six})));
  EXPECT_THAT(check_esp(pcscf(), {good, six}).text(),
              "security associations were added and deleted over IPv4 and IPv6 with hmac-sha-1-96/aes-cbc");
  const Check one_wrong = check_esp(pcscf(), {good, lacking});
  EXPECT_TRUE(is_failed(one_wrong));
  EXPECT_THAT(one_wrong.text(), HasSubstr("hmac-md5-96/null over IPv6: the kernel does not have the algorithm"));
  EXPECT_THAT(advice_of(one_wrong), HasSubstr("modprobe -a hmac md5 crypto_null; or take hmac-md5-96/null out"));
}

TEST(Kernel, when_there_is_no_ESP_then_it_is_failed_and_when_it_cannot_be_tried_then_a_warning) {
  const Check none =
      check_esp(pcscf("ipsec: {policy: optional}\n"),
                {{"hmac-sha-1-96/null", false, absl::FailedPreconditionError("this kernel has no ESP")}});
  EXPECT_TRUE(is_failed(none));
  EXPECT_THAT(advice_of(none), AllOf(HasSubstr("modprobe -a xfrm_user esp4 esp6"), HasSubstr("ipsec: {policy: off}")));
  EXPECT_EQ(check_esp(pcscf(), {{"hmac-sha-1-96/null", false, absl::PermissionDeniedError("no")}}).outcome(),
            "warning");
  EXPECT_TRUE(is_ok(check_esp(pcscf("ipsec: {policy: off}\n"), {})));
}

// ---- Addresses, routes, MTU ----

TEST(Network, when_the_address_is_ours_then_it_is_ok_and_else_what_this_host_has_is_told) {
  const std::vector<HostAddress> ours = {
      {"lo", ip("127.0.0.1"), true}, {"access", ip("10.46.0.1"), true}, {"spare", ip("10.46.9.1"), false}};
  const Route none{.error = ENETUNREACH};
  const Route local{.local = true};
  EXPECT_TRUE(is_ok(check_listen_address("gm.listen", at("10.46.0.1:5060"), local, ours)));
  // 127.0.0.0/8 is this host's though 127.0.0.1 alone is listed.
  EXPECT_TRUE(is_ok(check_listen_address("mw.listen", at("127.0.0.2:5060"), local, ours)));
  EXPECT_EQ(check_listen_address("gm.listen", at("127.0.0.2:5060"), local, ours).outcome(), "warning");
  const Check missing = check_listen_address("gm.listen", at("10.46.0.7:5060"), none, ours);
  EXPECT_TRUE(is_failed(missing));
  EXPECT_THAT(missing.text(), HasSubstr("10.46.0.1 (access)"));
  EXPECT_THAT(advice_of(missing), HasSubstr("ip addr add 10.46.0.7/24 dev INTERFACE"));
  EXPECT_THAT(advice_of(check_listen_address("gm.listen", at("[fd00::7]:5060"), none, ours)),
              HasSubstr("ip -6 addr add fd00::7/64"));
  EXPECT_THAT(advice_of(check_listen_address("gm.listen", at("10.46.9.1:5060"), none, ours)),
              HasSubstr("ip link set spare up"));
  EXPECT_TRUE(is_failed(check_listen_address("gm.listen", at("0.0.0.0:5060"), local, ours)));
}

TEST(Network, when_there_is_a_way_then_it_is_told_and_else_how_to_make_one) {
  const auto from = ip("10.45.0.4");
  const Route way{.interface = "core", .gateway = "10.45.0.254"};
  EXPECT_THAT(check_route("mw.entry", at("10.45.9.3:6060"), &from, way).text(), "by core via 10.45.0.254");
  EXPECT_THAT(check_route("mw.entry", at("10.45.0.4:6060"), &from, {.local = true}).text(), "this host itself");
  const Check none = check_route("mw.entry", at("10.45.9.3:6060"), &from, {.error = ENETUNREACH});
  EXPECT_TRUE(is_failed(none));
  EXPECT_THAT(advice_of(none), HasSubstr("ip route add 10.45.9.3 via GATEWAY"));
  const auto loopback = ip("127.0.0.2");
  EXPECT_TRUE(is_failed(check_route("mw.entry", at("10.45.0.3:6060"), &loopback, way)));
  const auto six = ip("fd00::1");
  EXPECT_TRUE(is_failed(check_route("mw.entry", at("10.45.0.3:6060"), &six, way)));
  EXPECT_TRUE(is_ok(check_route("cx.peers[0].address", at("10.45.0.2:3868"), nullptr, way)));
}

TEST(Network, when_ESP_is_around_a_message_then_its_packet_has_the_size_that_was_counted_by_hand) {
  const auto with = [](const std::string& pairs) { return pcscf("ipsec: {algorithms: [" + pairs + "]}\n").ipsec(); };
  // 20 IP, 8 ESP, 16 IV, 1308 with 2 padded to 1312, 12 ICV.
  EXPECT_EQ(packet_size(1300, false, with("hmac-sha-1-96/aes-cbc")), 1368U);
  EXPECT_EQ(packet_size(1300, true, with("hmac-sha-1-96/aes-cbc")), 1388U);
  EXPECT_EQ(packet_size(1300, false, with("hmac-sha-1-96/null")), 20U + 8 + 1312 + 12);
  EXPECT_EQ(packet_size(1300, false, with("null/aes-gcm")), 20U + 8 + 8 + 1312 + 16);
  EXPECT_EQ(packet_size(1300, false, with("hmac-sha-1-96/null, hmac-md5-96/des-ede3-cbc")), 20U + 8 + 8 + 1312 + 12);
  EXPECT_EQ(packet_size(1300, false, pcscf("ipsec: {policy: off}\n").ipsec()), 1328U);
}

TEST(Network, when_the_MTU_is_small_then_it_is_a_warning_with_the_reason) {
  Interface access{.name = "access", .up = true, .mtu = 1500};
  EXPECT_TRUE(is_ok(check_mtu(pcscf(), at("10.46.0.1:5060"), &access)));
  EXPECT_TRUE(is_ok(check_mtu(pcscf(), at("127.0.0.1:5060"), nullptr)));
  access.mtu = 1400;
  EXPECT_TRUE(is_ok(check_mtu(pcscf(), at("[fd00:46::1]:5060"), &access)));
  access.mtu = 1380;
  const Check small = check_mtu(pcscf(), at("10.46.0.1:5060"), &access);
  EXPECT_EQ(small.outcome(), "warning");
  EXPECT_THAT(small.text(), HasSubstr("less than the 1400 bytes"));
  const Check fragments = check_mtu(pcscf(), at("[fd00:46::1]:5060"), &access);
  EXPECT_THAT(fragments.text(), HasSubstr("a packet of 1388 bytes in ESP: it leaves in fragments"));
  EXPECT_THAT(advice_of(fragments), HasSubstr("ip link set dev access mtu 1500"));
  access = {.name = "access", .up = true, .mtu = 1500, .smallest_route_mtu = 1280};
  const Check route = check_mtu(pcscf(), at("10.46.0.1:5060"), &access);
  EXPECT_THAT(route.text(), HasSubstr("1280 bytes by a route, on access"));
  EXPECT_THAT(advice_of(route), HasSubstr("ip route show dev access"));
}

TEST(Network, when_two_interfaces_filter_strictly_then_it_is_a_warning) {
  const Interface strict{.name = "access", .up = true, .rp_filter = 1};
  const Interface other{.name = "core", .up = true, .rp_filter = 1};
  const Interface loose{.name = "core", .up = true, .rp_filter = 2};
  const Interface down{.name = "spare", .up = false, .rp_filter = 1};
  EXPECT_TRUE(is_ok(check_reverse_path({strict, loose, down}, "access")));
  const Check both = check_reverse_path({strict, other}, "access");
  EXPECT_EQ(both.outcome(), "warning");
  EXPECT_THAT(advice_of(both), HasSubstr("sysctl -w net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.access.rp_filter=2"));
}

TEST(Network, when_this_host_is_asked_for_loopback_then_it_is_local) {
  EXPECT_TRUE(route_to(ip("127.0.0.9")).local);
  EXPECT_EQ(route_to(ip("127.0.0.9")).error, 0);
}

// ---- Ports ----

TEST(Ports, when_the_kernel_s_tables_are_read_then_addresses_and_inodes_are_right) {
  constexpr std::string_view head =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
  const auto four = sockets_from(
      std::string(head) +
          "   0: 0100007F:13C4 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0\n"
          "   1: 0100007F:13C5 0100007F:1000 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0\n",
      true);
  ASSERT_EQ(four.size(), 1U) << "a connection holds no port";
  EXPECT_EQ(four[0].local, at("127.0.0.1:5060"));
  EXPECT_EQ(four[0].inode, 4711U);
  const auto six =
      sockets_from(std::string(head) +
                       "   0: 00000000000000000000000001000000:13C4 00000000000000000000000000000000:0000 07 "
                       "00000000:00000000 00:00000000 00000000 0 0 99 2 0 0\n",
                   false);
  ASSERT_EQ(six.size(), 1U);
  EXPECT_EQ(six[0].local, at("[::1]:5060"));
  EXPECT_THAT(sockets_from("nonsense\n\n 1: xx:yy\n", true), IsEmpty());
}

TEST(Ports, when_a_port_is_free_or_our_own_daemon_s_then_it_is_ok_and_else_the_holder_is_named) {
  const std::string file = "/etc/lapwing/pcscf.yaml";
  const PortTrial free{false, at("10.46.0.1:5060"), 0, {}};
  const PortTrial own{true, at("10.46.0.1:5060"), EADDRINUSE, {{42, "pcscf", file}}};
  EXPECT_TRUE(is_ok(check_ports("gm.listen", "pcscf", file, {free})));
  EXPECT_THAT(check_ports("gm.listen", "pcscf", file, {free, own}).text(), "in use by pcscf (pid 42): it runs already");
  const PortTrial other{false, at("10.46.0.1:5060"), EADDRINUSE, {{77, "kamailio", ""}}};
  const Check taken = check_ports("gm.listen", "pcscf", file, {other, own});
  EXPECT_TRUE(is_failed(taken));
  EXPECT_THAT(taken.text(), HasSubstr("10.46.0.1:5060/UDP is taken by kamailio (pid 77)"));
  EXPECT_THAT(advice_of(taken), AllOf(HasSubstr("kill 77"), HasSubstr("another port into gm.listen in " + file)));
  // A pcscf of another network is in the way like any other program.
  const PortTrial second{false, at("10.46.0.1:5060"), EADDRINUSE, {{43, "pcscf", "/etc/lapwing/b.yaml"}}};
  EXPECT_TRUE(is_failed(check_ports("gm.listen", "pcscf", file, {second})));
  const PortTrial hidden{false, at("10.46.0.1:5060"), EADDRINUSE, {}};
  EXPECT_THAT(advice_of(check_ports("gm.listen", "pcscf", file, {hidden})),
              HasSubstr("sudo ss -lnput 'sport = :5060'"));
  const PortTrial low{false, at("10.46.0.1:506"), EACCES, {}};
  EXPECT_THAT(advice_of(check_ports("gm.listen", "pcscf", file, {low})), HasSubstr("CAP_NET_BIND_SERVICE"));
}

TEST(Ports, when_this_program_holds_one_then_it_is_found) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof here;
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&here), size), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&here), &size), 0);
  const auto trials = try_ports({{ip("127.0.0.1"), ntohs(here.sin_port)}});
  close(fd);
  ASSERT_EQ(trials.size(), 2U);
  EXPECT_EQ(trials[1].error, EADDRINUSE);
  ASSERT_EQ(trials[1].holders.size(), 1U);
  EXPECT_EQ(trials[1].holders[0].pid, getpid());
}

// ---- NAT ----

std::vector<Ruleset> saved(const std::string& rule) {
  return {
      {"iptables-legacy-save", "", rules_from_save("*filter\n-A FORWARD -j MASQUERADE\nCOMMIT\n*nat\n" + rule, false)}};
}

TEST(Nat, when_a_rule_of_iptables_can_touch_our_packets_then_it_is_a_warning) {
  const Endpoint gm = at("10.46.0.1:5060");
  const auto outcome = [&](const std::string& rule) { return check_nat(gm, "access", saved(rule)).outcome(); };
  EXPECT_EQ(outcome(""), "ok");
  EXPECT_EQ(outcome("-A POSTROUTING -j MASQUERADE\n"), "warning");
  EXPECT_EQ(outcome("-A POSTROUTING -o access -j MASQUERADE\n"), "warning");
  EXPECT_EQ(outcome("-A POSTROUTING -o acc+ -j SNAT --to-source 1.2.3.4\n"), "warning");
  EXPECT_EQ(outcome("-A POSTROUTING ! -o ogstun -j MASQUERADE\n"), "warning");
  EXPECT_EQ(outcome("-A POSTROUTING -o eth0 -j MASQUERADE\n"), "ok");
  EXPECT_EQ(outcome("-A POSTROUTING ! -o access -j MASQUERADE\n"), "ok");
  EXPECT_EQ(outcome("-A POSTROUTING -s 10.47.0.0/16 ! -o ogstun -j MASQUERADE\n"), "ok") << "handsets only";
  EXPECT_EQ(outcome("-A POSTROUTING -s 10.46.0.0/15 ! -o ogstun -j MASQUERADE\n"), "warning");
  EXPECT_EQ(outcome("-A POSTROUTING ! -s 10.46.0.0/16 -j MASQUERADE\n"), "ok");
  EXPECT_EQ(outcome("-A POSTROUTING -s 10.46.0.1/32 -j ACCEPT\n-A POSTROUTING -j MASQUERADE\n"), "ok");
  EXPECT_EQ(outcome("-A POSTROUTING -p tcp -j ACCEPT\n-A POSTROUTING -j MASQUERADE\n"), "warning");
  EXPECT_EQ(check_nat(at("[fd00:46::1]:5060"), "access", saved("-A POSTROUTING -j MASQUERADE\n")).outcome(), "ok");
  const Check told = check_nat(gm, "access", saved("-A POSTROUTING -j MASQUERADE\n"));
  EXPECT_THAT(told.text(), HasSubstr("-A POSTROUTING -j MASQUERADE"));
  EXPECT_THAT(advice_of(told), HasSubstr("iptables -t nat -I POSTROUTING -s 10.46.0.1 -j ACCEPT"));
}

std::string nft(const std::string& expressions, const std::string& chain = "post") {
  return R"({"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
    {"table": {"family": "ip", "name": "nat", "handle": 1}},
    {"chain": {"family": "ip", "table": "nat", "name": "side", "handle": 2}},
    {"chain": {"family": "ip", "table": "nat", "name": "post", "handle": 1, "type": "nat", "hook": "postrouting",
               "prio": 100, "policy": "accept"}},
    {"rule": {"family": "ip", "table": "nat", "chain": "post", "handle": 3, "expr": [{"jump": {"target": "side"}}]}},
    {"rule": {"family": "ip", "table": "nat", "chain": ")" +
         chain + R"(", "handle": 4, "expr": [)" + expressions + "]}}]}";
}

TEST(Nat, when_nft_lists_a_masquerade_that_can_touch_our_packets_then_it_is_a_warning) {
  const Endpoint gm = at("10.46.0.1:5060");
  const auto outcome = [&](const std::string& json) {
    const auto rules = rules_from_nft(json);
    EXPECT_TRUE(rules.has_value());
    return check_nat(gm, "access", {{"nft", "", rules.value_or(std::vector<NatRule>())}}).outcome();
  };
  const std::string by = R"({"match": {"op": "==", "left": {"meta": {"key": "oifname"}}, "right": "NAME"}},)";
  const std::string source = R"({"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}},
      "right": {"prefix": {"addr": "NET", "len": 16}}}},)";
  const auto with = [](const std::string& text, const char* what, const char* value) {
    return absl::StrReplaceAll(text, {{what, value}});
  };
  EXPECT_EQ(outcome(nft(R"({"masquerade": null})")), "warning");
  EXPECT_EQ(outcome(nft(R"({"masquerade": null})", "side")), "warning") << "a chain that is jumped to";
  EXPECT_EQ(outcome(nft(R"({"masquerade": null})", "other")), "ok");
  EXPECT_EQ(outcome(nft(with(by, "NAME", "access") + R"({"masquerade": null})")), "warning");
  EXPECT_EQ(outcome(nft(with(by, "NAME", "eth0") + R"({"masquerade": null})")), "ok");
  EXPECT_EQ(outcome(nft(with(source, "NET", "10.46.0.0") + R"({"snat": {"addr": "1.2.3.4"}})")), "warning");
  EXPECT_EQ(outcome(nft(with(source, "NET", "10.47.0.0") + R"({"masquerade": null})")), "ok");
  EXPECT_EQ(outcome(nft(R"({"xt": {"type": "target", "name": "MASQUERADE"}})")), "warning");
  EXPECT_EQ(outcome(nft(R"({"xt": {"type": "match", "name": "addrtype"}}, {"accept": null})")), "ok");
  EXPECT_FALSE(rules_from_nft("no JSON").has_value());
  EXPECT_FALSE(rules_from_nft("{}").has_value());
}

// What nft 1.0.6 prints of two rules that iptables-nft wrote, and of a table of its own.
TEST(Nat, when_a_real_ruleset_is_read_then_each_rule_counts_for_the_packets_that_it_is_for) {
  std::ifstream file(LAPWING_SOURCE_DIR "/tests/unit/cli/nft_ruleset.json");
  const auto rules = rules_from_nft({std::istreambuf_iterator<char>(file), {}});
  ASSERT_TRUE(rules.has_value());
  const auto told = [&](const char* gm, const char* interface) {
    return check_nat(at(gm), interface, {{"nft", "", *rules}}).text();
  };
  const std::string masquerade = "MASQUERADE of source 10.46.0.0/16 by all interfaces but ogstun, in table ip nat";
  const std::string snat = "SNAT, in table ip nat, chain POSTROUTING";
  const std::string side = "snat, in table inet mine, chain side";
  EXPECT_THAT(told("10.46.0.1:5060", "access"), AllOf(HasSubstr(masquerade), HasSubstr(snat), HasSubstr(side)));
  EXPECT_THAT(told("10.46.0.1:5060", "access"), Not(HasSubstr("10.47.0.0/16")));
  EXPECT_THAT(told("10.46.0.1:5060", "ogstun"), Not(HasSubstr(masquerade)));
  EXPECT_THAT(told("10.47.0.1:5060", "access"), HasSubstr("masquerade of source 10.47.0.0/16 by access"));
}

TEST(Nat, when_the_rules_cannot_be_read_then_it_is_a_warning) {
  const Endpoint gm = at("10.46.0.1:5060");
  EXPECT_THAT(check_nat(gm, "access", {}).text(), HasSubstr("neither nft nor iptables is installed"));
  const Check refused = check_nat(gm, "access", {{"nft", "Operation not permitted", {}}});
  EXPECT_EQ(refused.outcome(), "warning");
  EXPECT_THAT(refused.text(), HasSubstr("nft: Operation not permitted"));
}

// ---- DNS ----

TEST(Dns, when_the_records_lead_to_gm_listen_then_all_is_ok) {
  const std::string domain = "ims.mnc001.mcc001.3gppnetwork.org";
  DnsAnswers answers;
  answers.naptr = {{"SIP+D2U", "_sip._udp." + domain}};
  answers.srv = {{"_sip._udp." + domain, "pcscf." + domain, 5060}};
  answers.addresses["pcscf." + domain] = {ip("10.46.0.1")};
  EXPECT_EQ(outcomes(check_dns(pcscf(), answers)), "dns-naptr ok, dns-srv ok, dns-address ok");
  answers.addresses["pcscf." + domain] = {ip("10.99.0.1")};
  const auto elsewhere = check_dns(pcscf(), answers);
  EXPECT_EQ(outcomes(elsewhere), "dns-naptr ok, dns-srv ok, dns-address warning");
  EXPECT_THAT(elsewhere[2].text(), HasSubstr("leads to 10.99.0.1"));
}

TEST(Dns, when_records_are_missing_then_they_are_warnings_that_say_who_needs_none) {
  const auto missing = check_dns(pcscf(), {});
  EXPECT_EQ(outcomes(missing), "dns-naptr warning, dns-srv warning, dns-address warning");
  for (const Check& one : missing) EXPECT_THAT(advice_of(one), HasSubstr("do not need it"));
  EXPECT_THAT(advice_of(missing[0]), HasSubstr("NAPTR 10 50 \"s\" \"SIP+D2U\""));
  EXPECT_THAT(advice_of(missing[1]), HasSubstr("SRV 0 0 5060 pcscf."));
  EXPECT_THAT(advice_of(missing[2]), HasSubstr("A 10.46.0.1"));
  DnsAnswers silent;
  silent.error = "Timeout while contacting DNS servers";
  EXPECT_THAT(check_dns(pcscf(), silent)[0].text(), "no server answered: Timeout while contacting DNS servers");
}

// ---- HSS, clock, limits, files ----

TEST(Hss, when_none_can_be_reached_then_each_is_failed_and_when_one_can_the_others_are_warnings) {
  const auto limit = std::chrono::milliseconds(2000);
  const HssTrial good{"hss1.x.org", at("10.45.0.2:3868"), 0};
  const HssTrial refused{"hss2.x.org", at("10.45.0.5:3868"), ECONNREFUSED};
  const HssTrial silent{"hss3.x.org", at("10.45.0.6:3868"), ETIMEDOUT};
  const HssTrial far{"hss4.x.org", at("10.45.0.7:3868"), ENETUNREACH};
  EXPECT_EQ(outcomes(check_hss({good, refused}, limit)), "hss ok, hss warning");
  const auto none = check_hss({refused, silent, far}, limit);
  EXPECT_EQ(outcomes(none), "hss failed, hss failed, hss failed");
  EXPECT_THAT(none[0].text(), HasSubstr("nothing listens on that port by TCP"));
  EXPECT_THAT(advice_of(none[0]), AllOf(HasSubstr("SCTP is not used here"), HasSubstr("cx.peers[0].address")));
  EXPECT_THAT(none[1].text(), HasSubstr("no answer within 2 s: a firewall"));
  EXPECT_THAT(none[2].text(), HasSubstr("Network is unreachable"));
}

TEST(Hss, when_nothing_listens_then_it_is_refused) {
  v1::Cx cx;
  auto* peer = cx.add_peers();
  peer->set_host("hss.x.org");
  peer->set_address("127.0.0.1:1");
  EXPECT_EQ(try_hss(cx, std::chrono::milliseconds(2000))[0].error, ECONNREFUSED);
}

TEST(Host, when_the_clock_is_kept_then_it_is_ok_and_else_a_warning) {
  EXPECT_TRUE(is_ok(check_clock({true, true})));
  EXPECT_THAT(check_clock({true, false}).text(), HasSubstr("STA_UNSYNC"));
  EXPECT_EQ(check_clock({false, false}).outcome(), "warning");
}

TEST(Host, when_few_files_may_be_open_then_it_is_a_warning_with_how_many_handsets_they_are_for) {
  EXPECT_TRUE(is_ok(check_open_files(524288)));
  EXPECT_TRUE(is_ok(check_open_files(RLIM_INFINITY)));
  const Check few = check_open_files(1024);
  EXPECT_EQ(few.outcome(), "warning");
  EXPECT_THAT(few.text(), HasSubstr("some 384 handsets"));
  EXPECT_THAT(check_open_files(100).text(), HasSubstr("some 0 handsets"));
}

TEST(Host, when_a_directory_is_there_then_files_are_ok_and_else_how_to_make_it_is_told) {
  const Folder folder;
  const std::string file = folder.write("pcscf.db", "");
  EXPECT_TRUE(is_ok(check_file("state_file", look_at(file))));
  EXPECT_TRUE(is_ok(check_file("state_file", look_at(folder.path + "/new.db"))));
  const Check missing = check_file("state_file", look_at(folder.path + "/none/pcscf.db"));
  EXPECT_TRUE(is_failed(missing));
  EXPECT_THAT(advice_of(missing), HasSubstr("install -d -m 750 " + folder.path + "/none"));
  EXPECT_TRUE(is_failed(check_file("state_file", look_at(file + "/pcscf.db")))) << "a file in a file";
  const Place foreign{.path = "/x/y", .directory = "/x", .directory_error = EACCES};
  EXPECT_THAT(advice_of(check_file("state_file", foreign)), HasSubstr("chown USER /x"));
  const Place locked{.path = "/x/y", .directory = "/x", .file_error = EACCES, .exists = true};
  EXPECT_TRUE(is_failed(check_file("state_file", locked)));
}

TEST(Host, when_the_directory_of_a_control_socket_is_missing_below_run_then_how_to_have_it_at_boot_is_told) {
  const Folder folder;
  EXPECT_TRUE(is_ok(check_control_socket("control.listen", look_at(folder.path + "/pcscf.sock"))));
  const std::string file = folder.write("pcscf.sock", "");
  EXPECT_THAT(check_control_socket("control.listen", look_at(file)).text(), "there is a file that is no socket");
  const Place gone{.path = "/run/lapwing/p.sock", .directory = "/run/lapwing", .directory_error = ENOENT};
  const Check missing = check_control_socket("control.listen", gone);
  EXPECT_TRUE(is_failed(missing));
  EXPECT_THAT(advice_of(missing),
              AllOf(HasSubstr("install -d -m 750 /run/lapwing"), HasSubstr("/etc/tmpfiles.d/lapwing.conf")));
  const Place socket{.path = "/run/p.sock", .directory = "/run", .exists = true, .is_socket = true};
  EXPECT_TRUE(is_ok(check_control_socket("control.listen", socket)));
}

// ---- All of it ----

TEST(Preflight, when_checks_are_printed_then_what_is_wrong_has_its_advice_below_it) {
  v1::Preflight done;
  *done.add_checks() = passed("clock", "clock", "synchronised");
  EXPECT_EQ(preflight_text(done),
            "ok       clock: synchronised\n\n1 ok, 0 warnings, 0 FAILED: the daemons can be started\n");
  *done.add_checks() = failed("configuration", "pcscf.yaml", "line one\nline \x1btwo", {"correct it"});
  *done.add_checks() = warned("mtu", "MTU", "small", {"a", "b"});
  done.set_failed(true);
  EXPECT_EQ(preflight_text(done),
            "ok       clock: synchronised\n"
            "FAILED   pcscf.yaml: line one\n           line \\x1btwo\n           - correct it\n"
            "warning  MTU: small\n           - a\n           - b\n"
            "\n1 ok, 1 warning, 1 FAILED: correct what FAILED before you start the daemons\n");
}

class PreflightCommand : public testing::Test {
 protected:
  int run(std::vector<std::string> arguments) {
    std::ostringstream out;
    std::ostringstream err;
    const int code =
        imsctl(arguments, out, err, {.clock = clock_, .width = 0, .home = folder_.path, .etc = folder_.path + "/etc"});
    out_ = out.str();
    err_ = err.str();
    return code;
  }
  Folder folder_;
  SystemClock clock_;
  std::string out_;
  std::string err_;
};

TEST_F(PreflightCommand, when_there_is_no_file_then_the_code_is_2_and_when_one_is_wrong_then_1) {
  EXPECT_EQ(run({"preflight"}), 2);
  EXPECT_THAT(err_, HasSubstr("give --pcscf-config FILE or --scscf-config FILE"));
  const std::string file = folder_.write("pcscf.yaml", "name: 5\nipsec: {polcy: off}\n");
  EXPECT_EQ(run({"preflight", "--pcscf-config", file}), 1);
  EXPECT_THAT(out_, HasSubstr("FAILED   " + file + ": "));
  EXPECT_THAT(out_, HasSubstr("ipsec.polcy: is not a key here: did you mean \"policy\"?"));
  EXPECT_THAT(out_, Not(HasSubstr("gm.listen 1")));
}

TEST_F(PreflightCommand, when_the_usual_file_is_there_then_it_is_read_and_JSON_has_every_check) {
  std::filesystem::create_directories(folder_.path + "/etc/lapwing");
  const std::string file = folder_.write("etc/lapwing/scscf.yaml", "name: 5\n");
  EXPECT_EQ(run({"--json", "preflight"}), 1);
  v1::Preflight read;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(out_, &read).ok()) << out_;
  EXPECT_TRUE(read.failed());
  ASSERT_EQ(read.checks_size(), 3) << "the file, the clock and the limits";
  EXPECT_EQ(read.checks(0).code(), "configuration");
  EXPECT_EQ(read.checks(0).outcome(), "failed");
  EXPECT_EQ(read.checks(0).about(), file);
}

}  // namespace
}  // namespace lapwing::cli::preflight
