#include "common/runtime/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "lapwing/v1/config.pb.h"

namespace lapwing::config {
namespace {

constexpr std::string_view good_pcscf = R"(name: pcscf.ims.mnc001.mcc001.3gppnetwork.org
home_domain: ims.mnc001.mcc001.3gppnetwork.org
gm:
  listen: [10.0.0.1:5060, "[2001:db8::1]:5060"]
mw:
  listen: 127.0.0.2:5060
  entry: 127.0.0.3:6060
control:
  listen: unix:/run/lapwing/pcscf.sock
)";

std::string pcscf_with(std::string_view more) {
  return std::string(good_pcscf) + std::string(more);
}

std::string errors(std::string_view text) {
  v1::PcscfConfig out;
  return std::string(read_yaml(text, "p.yaml", out).message());
}

std::string labhss_errors(std::string_view text) {
  v1::LabHssConfig out;
  return std::string(read_yaml(text, "h.yaml", out).message());
}

// The good file with one line replaced.
std::string changed(std::string_view from, std::string_view to) {
  std::string text(good_pcscf);
  size_t at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Config, when_a_short_file_is_read_then_defaults_fill_the_rest) {
  v1::PcscfConfig out;
  ASSERT_EQ(read_yaml(good_pcscf, "p.yaml", out).message(), "");
  EXPECT_THAT(out.gm().listen(), testing::ElementsAre("10.0.0.1:5060", "[2001:db8::1]:5060"));
  EXPECT_EQ(out.gm().protected_server_port(), 6100U);
  EXPECT_THAT(out.gm().protected_client_ports(), testing::ElementsAre(6101, 6102, 6103, 6104));
  EXPECT_EQ(out.mw().transport(), "udp");
  EXPECT_EQ(out.ipsec().policy(), "required");
  EXPECT_THAT(out.ipsec().algorithms(), testing::ElementsAre("hmac-sha-1-96/aes-cbc", "hmac-sha-1-96/null",
                                                             "hmac-md5-96/aes-cbc", "hmac-md5-96/null"));
  EXPECT_EQ(out.ipsec().spi_max(), 16777215U);
  EXPECT_EQ(out.log().level(), "info");
  EXPECT_EQ(duration(out.timers().core_t1()), std::chrono::milliseconds(500));
}

TEST(Config, when_keys_are_given_then_they_replace_the_defaults) {
  v1::PcscfConfig out;
  ASSERT_EQ(
      read_yaml(pcscf_with("ipsec: {policy: off, algorithms: [aes-gmac/null], spi_max: 4294967295}\nworkers: 4\n"),
                "p.yaml", out)
          .message(),
      "");
  EXPECT_EQ(out.ipsec().policy(), "off");
  EXPECT_THAT(out.ipsec().algorithms(), testing::ElementsAre("aes-gmac/null"));
  EXPECT_EQ(out.ipsec().spi_max(), 4294967295U);
  EXPECT_EQ(out.workers(), 4U);
}

// The examples of docs/configuration.md, in the order of its programs.
TEST(Config, when_the_examples_of_the_reference_page_are_read_then_they_are_right) {
  std::ifstream file(LAPWING_SOURCE_DIR "/docs/configuration.md");
  ASSERT_TRUE(file.good());
  const std::string page((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  v1::PcscfConfig pcscf;
  v1::ScscfConfig scscf;
  v1::LabHssConfig labhss;
  size_t at = 0;
  for (google::protobuf::Message* config : std::initializer_list<google::protobuf::Message*>{&pcscf, &scscf, &labhss}) {
    at = page.find("```yaml\n", at);
    ASSERT_NE(at, page.npos);
    at += 8;
    const size_t end = page.find("```", at);
    EXPECT_EQ(read_yaml(page.substr(at, end - at), "example", *config).message(), "");
    at = end + 3;
  }
}

TEST(Config, when_a_subscriber_has_no_profile_then_none_is_made_up) {
  v1::LabHssConfig out;
  ASSERT_EQ(read_yaml("origin_host: hss.example.org\nlisten: 127.0.0.1:3868\nplmn: 001/01\nstate_file: /tmp/x\n"
                      "control: {listen: 127.0.0.1:7071}\n"
                      "subscribers:\n- imsi: 001010000000001\n  k: 465b5ce8b199b49faa5f0a2ee238a6bc\n  barred: true\n",
                      "h.yaml", out)
                .message(),
            "");
  ASSERT_EQ(out.subscribers_size(), 1);
  EXPECT_EQ(out.subscribers(0).imsi(), "001010000000001");
  EXPECT_FALSE(out.subscribers(0).has_profile());
  EXPECT_FALSE(out.subscribers(0).has_sqn_index());
  EXPECT_TRUE(out.subscribers(0).barred());
  EXPECT_EQ(out.subscribers(0).amf(), "8000");
}

TEST(Config, when_several_things_are_wrong_then_all_are_told_in_order) {
  EXPECT_EQ(
      errors("name: pcscf.example.org\n"
             "home_domain: exa_mple\n"
             "gm:\n"
             "  lisen: [10.0.0.1:5060]\n"
             "  connections_per_address: many\n"
             "mw: {listen: 10.0.0.1, entry: 10.0.0.2:0}\n"
             "control: {listen: unix:relative}\n"
             "colour: blue\n"),
      "p.yaml:2: home_domain: \"exa_mple\" is not right: write a host name: letters, digits and hyphens between dots\n"
      "p.yaml:4: gm.lisen: is not a key here: did you mean \"listen\"?\n"
      "p.yaml:4: gm.listen: is missing: write listen: [10.0.0.1:5060]\n"
      "p.yaml:5: gm.connections_per_address: \"many\" is not right: write a whole number from 1 to 65535\n"
      "p.yaml:6: mw.listen: \"10.0.0.1\" is not right: write an address and a port, as 10.0.0.1:5060 or "
      "\"[2001:db8::1]:5060\"\n"
      "p.yaml:6: mw.entry: \"10.0.0.2:0\" is not right: write an address and a port, as 10.0.0.1:5060 or "
      "\"[2001:db8::1]:5060\"\n"
      "p.yaml:7: control.listen: \"unix:relative\" is not right: write unix: and an absolute path of at most 107 "
      "bytes, or "
      "an address and a port, as 127.0.0.1:7070\n"
      "p.yaml:8: colour: is not a key here: the keys are name, home_domain, gm, mw, ipsec, control, log, workers, "
      "timers, media, hosts, state_file, trace, metrics, page");
}

TEST(Config, when_the_file_is_empty_then_what_is_required_is_named) {
  EXPECT_EQ(errors(""),
            "p.yaml:1: name: is missing: write name: pcscf.ims.mnc001.mcc001.3gppnetwork.org\n"
            "p.yaml:1: home_domain: is missing: write home_domain: ims.mnc001.mcc001.3gppnetwork.org\n"
            "p.yaml:1: gm: is missing: write gm: with its keys below it\n"
            "p.yaml:1: mw: is missing: write mw: with its keys below it\n"
            "p.yaml:1: control: is missing: write control: with its keys below it");
}

TEST(Config, when_a_key_is_there_twice_then_both_lines_are_named) {
  EXPECT_EQ(errors(pcscf_with("workers: 1\nworkers: 2\n")),
            "p.yaml:11: workers: is here twice, first in line 10: keep one");
  EXPECT_EQ(errors(changed("entry: 127.0.0.3:6060", "entry: 127.0.0.3:6060\n  listen: 127.0.0.9:1")),
            "p.yaml:8: mw.listen: is here twice, first in line 6: keep one");
}

TEST(Config, when_a_number_is_out_of_range_then_the_range_is_told) {
  EXPECT_EQ(errors(pcscf_with("workers: 65\n")),
            "p.yaml:10: workers: \"65\" is not right: write a whole number of 64 or less");
  EXPECT_EQ(errors(pcscf_with("workers: -1\n")),
            "p.yaml:10: workers: \"-1\" is not right: write a whole number of 64 or less");
  EXPECT_EQ(errors(pcscf_with("workers: 4294967297\n")),
            "p.yaml:10: workers: \"4294967297\" is not right: write a whole number of 64 or less");
  EXPECT_EQ(errors(pcscf_with("ipsec: {spi_min: 255}\n")),
            "p.yaml:10: ipsec.spi_min: \"255\" is not right: write a whole number from 256 to 4294967295");
  EXPECT_EQ(
      errors(changed("  listen: [10.0.0.1:5060", "  protected_client_ports: [6101, 80]\n  listen: [10.0.0.1:5060")),
      "p.yaml:4: gm.protected_client_ports[1]: \"80\" is not right: write a whole number from 1024 to 65535");
}

TEST(Config, when_a_duration_is_wrong_then_form_and_range_are_told) {
  EXPECT_EQ(
      errors(pcscf_with("ipsec: {await_auth: 4}\n")),
      "p.yaml:10: ipsec.await_auth: \"4\" is not right: write a whole number with a unit, as 500ms, 2s, 4m, 1h or 1d");
  EXPECT_EQ(errors(pcscf_with("ipsec: {await_auth: 2h}\n")),
            "p.yaml:10: ipsec.await_auth: \"2h\" is not right: write a duration from 1s to 3600s");
  EXPECT_EQ(errors(pcscf_with("timers: {core_t1: 5ms}\n")),
            "p.yaml:10: timers.core_t1: \"5ms\" is not right: write a duration from 0.01s to 60s");
  EXPECT_EQ(errors(changed("  listen: [10.0.0.1:5060", "  idle_timeout: 9s\n  listen: [10.0.0.1:5060")),
            "p.yaml:4: gm.idle_timeout: \"9s\" is not right: write a duration of 10s or more");
}

TEST(Config, when_a_word_is_not_one_of_the_list_then_the_list_is_told) {
  EXPECT_EQ(errors(pcscf_with("log: {level: loud}\n")),
            "p.yaml:10: log.level: \"loud\" is not right: write debug or info or warn or error");
}

TEST(Config, when_a_value_has_the_wrong_kind_then_the_right_one_is_told) {
  EXPECT_EQ(errors(pcscf_with("log: debug\n")), "p.yaml:10: log: must be a map of keys and values, as level: ...");
  EXPECT_EQ(errors(pcscf_with("log:\n")),
            "p.yaml:10: log: has no value: write one, or remove the key; for example log: with its keys below it");
  EXPECT_EQ(errors(pcscf_with("workers: [1]\n")), "p.yaml:10: workers: must be one value, not a list");
  EXPECT_EQ(errors(pcscf_with("workers: {a: 1}\n")), "p.yaml:10: workers: must be one value, not a map");
  EXPECT_EQ(errors(changed("listen: [10.0.0.1:5060, \"[2001:db8::1]:5060\"]", "listen: 10.0.0.1:5060")),
            "p.yaml:4: gm.listen: must be a list: write listen: [10.0.0.1:5060]");
  EXPECT_EQ(errors(changed("listen: [10.0.0.1:5060, \"[2001:db8::1]:5060\"]", "listen: []")),
            "p.yaml:4: gm.listen: needs at least one entry: write listen: [10.0.0.1:5060]");
  EXPECT_EQ(errors(changed("listen: [10.0.0.1:5060, \"[2001:db8::1]:5060\"]", "listen: [10.0.0.1:5060, ~]")),
            "p.yaml:4: gm.listen[1]: has no value: write one, or remove the entry");
  EXPECT_EQ(errors("- a\n"), "p.yaml:1: must be a map of keys and values, as name: ...");
}

TEST(Config, when_a_bool_is_not_true_or_false_then_both_are_told) {
  v1::ScscfConfig out;
  const absl::Status status = read_yaml(
      "name: sip:s.example.org:6060\nhome_domain: example.org\nlisten: [127.0.0.1:6060]\n"
      "cx: {origin_host: s.example.org, peers: [{host: hss.example.org, address: 127.0.0.1:3868}]}\n"
      "control: {listen: 127.0.0.1:7070}\nregistrar: {keep_profile: yes}\ntrusted: [10.0.0.1/8]\nservers: [{name: "
      "s.example.org, address: 127.0.0.1:1}]\n",
      "s.yaml", out);
  EXPECT_EQ(status.message(),
            "s.yaml:6: registrar.keep_profile: \"yes\" is not right: write true or false\n"
            "s.yaml:7: trusted[0]: \"10.0.0.1/8\" is not right: write a network, as 10.0.0.0/8 or 2001:db8::/32, "
            "without bits set "
            "after the prefix\n"
            "s.yaml:8: servers[0].name: \"s.example.org\" is not right: write a SIP URI, as "
            "sip:scscf.ims.mnc001.mcc001.3gppnetwork.org:6060");
}

TEST(Config, when_algorithms_do_not_go_together_then_the_pairs_are_told) {
  for (std::string_view pair :
       {"null/null", "aes-gmac/aes-cbc", "hmac-sha-1-96", "hmac-sha-1-96/aes-gcm", "sha1/aes-cbc"}) {
    EXPECT_EQ(
        errors(pcscf_with("ipsec: {algorithms: [" + std::string(pair) + "]}\n")),
        "p.yaml:10: ipsec.algorithms[0]: \"" + std::string(pair) +
            "\" is not right: write INTEGRITY/ENCRYPTION, as hmac-sha-1-96/aes-cbc: hmac-sha-1-96 or hmac-md5-96 with "
            "aes-cbc, des-ede3-cbc or null; aes-gmac/null; null/aes-gcm");
  }
}

TEST(Config, when_an_ipv6_endpoint_has_no_quotes_then_quotes_are_asked_for) {
  EXPECT_THAT(
      errors(changed("  listen: 127.0.0.2:5060", "  listen: [2001:db8::1]:5060")),
      testing::AllOf(testing::StartsWith("p.yaml:6: is not YAML: "),
                     testing::EndsWith("; an address in brackets must be in quotes, as \"[2001:db8::1]:5060\"")));
  EXPECT_EQ(errors(changed("  listen: 127.0.0.2:5060", "  listen: [10.0.0.1:1]")),
            "p.yaml:6: mw.listen: must be one value, not a list: an address in brackets must be in quotes, as "
            "\"[2001:db8::1]:5060\"");
}

TEST(Config, when_the_text_uses_more_of_yaml_than_is_read_then_the_line_is_named) {
  EXPECT_EQ(errors("name: &a x\nhome_domain: *a\n"),
            "p.yaml:1: name: anchors (&name) are not read here: write the value itself, or put it in quotes");
  EXPECT_THAT(errors("name: x\nhome_domain: *a\n"), testing::StartsWith("p.yaml:2: "));
  EXPECT_EQ(errors("name: !!str x\n"),
            "p.yaml:1: name: tags (!name) are not read here: write the value alone, or put it in quotes");
  EXPECT_EQ(errors("name: x\n---\nname: y\n"), "p.yaml:3: a second document starts here: keep one file for each");
  EXPECT_EQ(errors("[a]: x\n"), "p.yaml:1: a key must be a word, not a list or a map");
  EXPECT_EQ(errors("~: x\n"), "p.yaml:1: a key is empty: write key: value");
  EXPECT_THAT(errors("name: \"x\n"), testing::StartsWith("p.yaml:"));
  EXPECT_EQ(errors(std::string("name: x\n\0", 9)), "p.yaml:2: is not text in UTF-8 here");
  EXPECT_EQ(errors("name: x\nhome_domain: \xff\n"), "p.yaml:2: is not text in UTF-8 here");
}

TEST(Config, when_lists_are_nested_too_deep_then_reading_stops) {
  EXPECT_EQ(errors("name: " + std::string(200, '[') + std::string(200, ']') + "\n"),
            "p.yaml:1: name[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: nested deeper than 16 levels");
  EXPECT_THAT(errors("name: " + std::string(100000, '[')), testing::StartsWith("p.yaml:1: "));
  EXPECT_THAT(errors("name: " + std::string(100000, '{')), testing::StartsWith("p.yaml:1: "));
}

TEST(Config, when_there_are_very_many_errors_then_a_hundred_are_told) {
  std::string text;
  for (int i = 0; i < 500; ++i) text += "unknown_key_" + std::to_string(i) + ": 1\n";
  const std::string told = errors(text);
  EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 100);
  EXPECT_THAT(told, testing::EndsWith("\np.yaml: there may be more errors"));
}

TEST(Config, when_a_key_of_a_sim_is_wrong_then_its_value_is_not_shown) {
  const std::string told = labhss_errors(
      "origin_host: hss.example.org\nlisten: 127.0.0.1:3868\nplmn: 1/01\nstate_file: /tmp/x\ncontrol: {listen: "
      "127.0.0.1:7071}\n"
      "subscribers:\n- imsi: 465b5ce8b199b49faa5f0a2ee238a6bc\n  k: 465b5ce8b199b49faa5f0a2ee238a6\n  amf: zzzz\n");
  EXPECT_EQ(told,
            "h.yaml:3: plmn: \"1/01\" is not right: write MCC/MNC, as 001/01\n"
            "h.yaml:7: subscribers[0].imsi: the value is not right: write at most 15 digits, nothing else\n"
            "h.yaml:8: subscribers[0].k: the value is not right: write 32 hex digits\n"
            "h.yaml:9: subscribers[0].amf: the value is not right: write 4 hex digits");
}

TEST(Config, when_text_from_the_file_is_shown_then_it_is_printable_and_short) {
  EXPECT_EQ(errors(pcscf_with("log: {level: \"a\\x1b[31m\"}\n")),
            "p.yaml:10: log.level: \"a\\x1b[31m\" is not right: write debug or info or warn or error");
  EXPECT_LT(errors(pcscf_with("log: {level: " + std::string(100000, 'a') + "}\n")).size(), 300U);
  EXPECT_LT(errors(pcscf_with(std::string(900, 'k') + ": 1\n")).size(), 300U);
}

TEST(Locations, when_a_caller_finds_an_error_then_it_names_the_line) {
  v1::PcscfConfig out;
  Locations where;
  ASSERT_TRUE(read_yaml(pcscf_with("ipsec:\n  spi_min: 70000\n  spi_max: 60000\n"), "p.yaml", out, &where).ok());
  EXPECT_EQ(where.line("ipsec.spi_max"), 12);
  EXPECT_EQ(where.line("gm.listen[1]"), 4);
  EXPECT_EQ(where.line("ipsec.reqid"), 10);
  EXPECT_EQ(where.line("timers.core_t1"), 1);
  EXPECT_EQ(where.error("ipsec.spi_max", "is below spi_min").message(), "p.yaml:12: ipsec.spi_max: is below spi_min");
}

TEST(LoadYaml, when_the_file_is_not_there_then_the_error_names_it) {
  v1::PcscfConfig out;
  const absl::Status status = load_yaml("/nonexistent/p.yaml", out);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "/nonexistent/p.yaml: cannot be read: No such file or directory");
}

TEST(LoadYaml, when_the_file_is_too_large_then_it_is_refused) {
  char path[] = "/tmp/lapwing-config-XXXXXX";
  int fd = mkstemp(path);
  ASSERT_GE(fd, 0);
  close(fd);
  v1::PcscfConfig out;
  std::ofstream(path) << good_pcscf;
  EXPECT_EQ(load_yaml(path, out).message(), "");
  EXPECT_EQ(
      load_yaml(path, out, nullptr, good_pcscf.size() - 1).message(),
      std::string(path) + ": is larger than " + std::to_string(good_pcscf.size() - 1) + " bytes, which is the limit");
  std::ofstream(path) << std::string(file_limit + 1, '#');
  EXPECT_EQ(load_yaml(path, out).message(), std::string(path) + ": is larger than 1048576 bytes, which is the limit");
  unlink(path);
}

}  // namespace
}  // namespace lapwing::config
