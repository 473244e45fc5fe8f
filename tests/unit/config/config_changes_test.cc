#include "common/runtime/config_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/runtime/config.h"
#include "lapwing/v1/config.pb.h"

namespace lapwing::config {
namespace {

constexpr const char* shortest =
    "name: sip:scscf.example.org:6060\nhome_domain: example.org\nlisten: [127.0.0.3:6060]\n"
    "cx: {origin_host: scscf.example.org, peers: [{host: hss.example.org, address: 127.0.0.4:3868}]}\n"
    "control: {listen: unix:/run/scscf.sock}\n";

v1::ScscfConfig read(const std::string& more) {
  v1::ScscfConfig config;
  absl::Status status = read_yaml(shortest + more, "scscf.yaml", config);
  EXPECT_TRUE(status.ok()) << status;
  return config;
}

std::vector<std::string> paths(const std::vector<Change>& changes) {
  std::vector<std::string> out;
  for (const Change& change : changes) out.push_back(change.path + (change.needs_restart ? " (restart)" : ""));
  return out;
}

TEST(ConfigChanges, when_nothing_differs_then_nothing_is_said) {
  v1::ScscfConfig fresh = read("");
  EXPECT_TRUE(take_changes(read(""), fresh).empty());
}

TEST(ConfigChanges, when_keys_differ_then_each_is_named_by_its_path) {
  v1::ScscfConfig fresh =
      read("registrar: {max_expires: 2h}\nservers: [{name: 'sip:b.example.org', address: '127.0.0.9:6060'}]\n");
  EXPECT_THAT(paths(take_changes(read(""), fresh)), testing::ElementsAre("registrar.max_expires", "servers"));
  EXPECT_EQ(fresh.registrar().max_expires(), "2h");
}

TEST(ConfigChanges, when_a_key_is_read_at_start_only_then_it_stays_and_the_others_change) {
  v1::ScscfConfig running = read("calls: {records: /tmp/a.jsonl}\n");
  v1::ScscfConfig fresh = read("workers: 3\ncalls: {records: /tmp/b.jsonl, longest: 2h}\n");
  EXPECT_THAT(paths(take_changes(running, fresh)),
              testing::UnorderedElementsAre("workers (restart)", "calls.records (restart)", "calls.longest"));
  EXPECT_EQ(fresh.workers(), 0u);
  EXPECT_EQ(fresh.calls().records(), "/tmp/a.jsonl");
  EXPECT_EQ(fresh.calls().longest(), "2h");
}

TEST(ConfigChanges, when_something_below_a_map_that_needs_a_restart_differs_then_the_map_is_named_and_stays) {
  v1::ScscfConfig running = read(""), fresh = read("");
  fresh.mutable_cx()->mutable_peers(0)->set_address("127.0.0.5:3868");
  EXPECT_THAT(paths(take_changes(running, fresh)), testing::ElementsAre("cx (restart)"));
  EXPECT_EQ(fresh.cx().peers(0).address(), "127.0.0.4:3868");
}

}  // namespace
}  // namespace lapwing::config
