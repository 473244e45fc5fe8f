#include "scscf/state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "common/runtime/worker.h"
#include "scscf/procedures/served_user.h"

namespace lapwing::scscf {
namespace {

using testing::HasSubstr;

// As a file that outlives the daemons.
class MemoryStore final : public Store {
 public:
  using Records = std::map<std::pair<std::string, std::string>, std::string>;
  explicit MemoryStore(Records& records) : records_(records) {}
  void put(std::string_view table, std::string_view key, std::string value) override {
    records_[{std::string(table), std::string(key)}] = std::move(value);
  }
  void erase(std::string_view table, std::string_view key) override {
    records_.erase({std::string(table), std::string(key)});
  }
  Task<bool> committed(Worker&, Duration) override { co_return true; }
  absl::Status each(std::string_view table,
                    const std::function<void(std::string_view, std::string_view)>& take) override {
    Records now = records_;  // taking one may erase it
    for (const auto& [key, value] : now) {
      if (key.first == table) take(key.second, value);
    }
    return absl::OkStatus();
  }

 private:
  Records& records_;
};

class NoHss final : public Hss {
 public:
  Task<HssOutcome<cx::UserAuthorizationAnswer>> authorize(Worker&, cx::UserAuthorizationRequest) override {
    co_return HssFailure{HssFailure::Kind::timeout, "no HSS"};
  }
  Task<HssOutcome<cx::MultimediaAuthAnswer>> authenticate(Worker&, cx::MultimediaAuthRequest) override {
    co_return HssFailure{HssFailure::Kind::timeout, "no HSS"};
  }
  Task<HssOutcome<cx::ServerAssignmentAnswer>> assign(Worker&, cx::ServerAssignmentRequest) override {
    co_return HssFailure{HssFailure::Kind::timeout, "no HSS"};
  }
  Task<HssOutcome<cx::LocationInfoAnswer>> locate(Worker&, cx::LocationInfoRequest) override {
    co_return HssFailure{HssFailure::Kind::timeout, "no HSS"};
  }
  std::vector<HssPeerState> peers() const override { return {}; }
};

// Of one life of the daemon: the monotonic clock begins anew with each, as after a reboot, the wall's goes on.
class LifeClock final : public Clock {
 public:
  explicit LifeClock(WallTime wall) : wall_(wall) {}
  TimePoint now() const override { return TimePoint{} + std::chrono::seconds(1); }
  WallTime wall() const override { return wall_; }

 private:
  const WallTime wall_;
};

constexpr const char* profile_xml =
    "<IMSSubscription><PrivateID>a@h</PrivateID><ServiceProfile>"
    "<PublicIdentity><BarringIndication>1</BarringIndication><Identity>sip:temporary@h</Identity></PublicIdentity>"
    "<PublicIdentity><Identity>sip:a@h</Identity></PublicIdentity><PublicIdentity><Identity>tel:+15550001</Identity>"
    "</PublicIdentity><InitialFilterCriteria><Priority>1</Priority><ApplicationServer><ServerName>sip:tas</ServerName>"
    "</ApplicationServer></InitialFilterCriteria></ServiceProfile></IMSSubscription>";

class StateTest : public testing::Test {
 protected:
  // The daemon starts: `after` has passed on the wall since it was last there, and its own clock begins anew.
  void start(Duration after = {}) {
    wall_ += std::chrono::duration_cast<WallTime::duration>(after);
    core_.reset();
    clock_ = std::make_unique<LifeClock>(wall_);
    Settings settings;
    settings.listen = {*endpoint_from("10.0.0.1:6060")};
    core_ = std::make_unique<Core>(settings, hss_, *clock_, control::Report([](auto, auto, auto, auto, auto) {}));
    core_->store = std::make_unique<MemoryStore>(records_);
    auto restored = restore(*core_);
    ASSERT_TRUE(restored.ok()) << restored.status();
    restored_ = *restored;
    keep_short_messages(*core_);
  }

  void register_user() {
    auto read = core_->profiles.read(profile_xml);
    ASSERT_TRUE(read.ok());
    core_->registrar.with("a@h", [&](User& user) {
      Registration registration;
      registration.number = ++user.last_number;
      registration.profile = read->profile;
      registration.hss_host = "hss1";
      registration.authenticated = clock_->now();
      registration.since = clock_->wall();
      Binding binding;
      binding.id = "c17";
      binding.uri = "sip:a@10.9.0.2:6300";
      binding.params = ";+sip.instance=\"<urn:gsma:imei:1>\";+g.3gpp.smsip;q=0.5";
      binding.instance = "<urn:gsma:imei:1>";
      binding.reg_id = 1;
      binding.q = 500;
      binding.path = {"<sip:tok@10.0.0.2:4060;lr>", "<sip:edge@10.0.0.3;lr>"};
      binding.call_id = "r1";
      binding.cseq = 7;
      binding.expires = clock_->now() + std::chrono::hours(1);
      binding.event = reginfo::ContactEvent::refreshed;
      binding.registered_impu = "sip:a@h";
      binding.user_agent = "phone";
      binding.access = "3GPP-E-UTRAN-FDD";
      binding.visited_network = "h";
      registration.bindings.push_back(binding);
      user.registrations.push_back(std::move(registration));
    });
    core_->registrar.reindex("a@h", {}, {"sip:temporary@h", "sip:a@h", "tel:+15550001"});
    keep_profile(*core_, "a@h", 1, profile_xml);
    keep_user(*core_, "a@h");
  }

  NoHss hss_;
  WallTime wall_ = WallTime(std::chrono::hours(500'000));
  std::unique_ptr<LifeClock> clock_;
  MemoryStore::Records records_;
  std::unique_ptr<Core> core_;  // goes before the clock
  Restored restored_;
};

TEST_F(StateTest, when_the_daemon_starts_again_then_a_registration_is_as_it_was_and_its_time_has_run_on) {
  start();
  register_user();
  start(std::chrono::minutes(10));
  EXPECT_EQ(restored_.users, 1u);
  EXPECT_EQ(restored_.contacts, 1u);
  EXPECT_EQ(restored_.unreadable, 0u);
  std::optional<ServedUser> user = find_served_user(*core_, "tel:+15550001");
  ASSERT_TRUE(user);
  EXPECT_EQ(user->impi, "a@h");
  EXPECT_EQ(user->other_identity, "sip:a@h");
  ASSERT_TRUE(user->services);
  EXPECT_EQ(user->services->at(0).application_server.server_name, "sip:tas");
  ASSERT_EQ(user->contacts.size(), 1u);
  const Binding& binding = user->contacts.front();
  EXPECT_EQ(binding.id, "c17");
  EXPECT_EQ(binding.uri, "sip:a@10.9.0.2:6300");
  EXPECT_THAT(binding.params, HasSubstr("+g.3gpp.smsip"));
  EXPECT_EQ(binding.instance, "<urn:gsma:imei:1>");
  EXPECT_EQ(binding.reg_id, 1u);
  EXPECT_EQ(binding.q, 500u);
  EXPECT_THAT(binding.path, testing::ElementsAre("<sip:tok@10.0.0.2:4060;lr>", "<sip:edge@10.0.0.3;lr>"));
  EXPECT_EQ(binding.call_id, "r1");
  EXPECT_EQ(binding.cseq, 7u);
  EXPECT_EQ(seconds_of(binding.expires - clock_->now()), 3000u);
  EXPECT_EQ(binding.event, reginfo::ContactEvent::refreshed);
  EXPECT_EQ(binding.registered_impu, "sip:a@h");
  EXPECT_EQ(binding.user_agent, "phone");
  EXPECT_EQ(binding.access, "3GPP-E-UTRAN-FDD");
  EXPECT_EQ(binding.visited_network, "h");
  core_->registrar.with_existing("a@h", [&](User& one) {
    EXPECT_EQ(one.state, UserState::registered);
    EXPECT_EQ(one.registrations.front().hss_host, "hss1");
    EXPECT_EQ(seconds_of(clock_->now() - one.registrations.front().authenticated), 600u);
    EXPECT_EQ(one.last_number, 1u);
  });
  EXPECT_EQ(core_->registrar.find("001010000000001"), "");
  EXPECT_EQ(core_->registrar.next_contact_id(), "c18");
}

TEST_F(StateTest, when_a_registration_ran_out_meanwhile_then_it_is_taken_up_to_be_ended_in_the_usual_way) {
  start();
  register_user();
  start(std::chrono::hours(2));
  std::optional<ServedUser> user = find_served_user(*core_, "sip:a@h");
  ASSERT_TRUE(user);
  EXPECT_LT(user->contacts.front().expires, clock_->now());
}

TEST_F(StateTest, when_the_user_has_left_then_nothing_of_it_is_kept) {
  start();
  register_user();
  core_->registrar.with_existing("a@h", [](User& user) { user.registrations.clear(); });
  forget_profile(*core_, "a@h", 1);
  keep_user(*core_, "a@h");
  EXPECT_TRUE(records_.empty());
}

TEST_F(StateTest, when_the_profile_of_a_registration_is_lost_then_the_registration_is_passed_over) {
  start();
  register_user();
  records_.erase({"profiles", "a@h 1"});
  start();
  EXPECT_EQ(restored_.users, 0u);
  EXPECT_EQ(restored_.unreadable, 1u);
  EXPECT_FALSE(find_served_user(*core_, "sip:a@h"));
  EXPECT_TRUE(records_.empty());
}

TEST_F(StateTest, when_the_HSS_supports_restoration_then_that_is_known_after_a_restart) {
  start();
  register_user();
  core_->registrar.with_existing("a@h", [](User& user) { user.hss_features = cx::pcscf_restoration; });
  keep_user(*core_, "a@h");
  start();
  uint32_t features = 0;
  core_->registrar.with_existing("a@h", [&](User& user) { features = user.hss_features; });
  EXPECT_EQ(features, cx::pcscf_restoration);
}

TEST_F(StateTest, when_records_are_damaged_then_they_are_passed_over_and_the_others_count) {
  start();
  register_user();
  records_[{"users", "b@h"}] = "\xff\xff\xff";
  records_[{"profiles", "b@h 1"}] = "<no profile/>";
  records_[{"subscriptions", "x"}] = "\xff\xff";
  records_[{"short_messages", "y"}] = "\xff\xff";
  start();
  EXPECT_EQ(restored_.users, 1u);
  EXPECT_EQ(restored_.unreadable, 4u);
}

TEST_F(StateTest, when_a_subscription_is_taken_up_then_its_dialog_goes_on) {
  start();
  register_user();
  Subscription subscription;
  subscription.call_id = "s1";
  subscription.local = "<sip:a@h>;tag=l";
  subscription.remote = "<sip:a@h>;tag=r";
  subscription.local_tag = "l";
  subscription.remote_tag = "r";
  subscription.watcher = subscription.watched = "sip:a@h";
  subscription.contact = "<sip:reg@10.0.0.1:6060>";
  subscription.target = "sip:a@10.9.0.2:6300";
  subscription.route = {"<sip:tok@10.0.0.2:4060;lr>"};
  subscription.flow = {sip::Protocol::tcp, *endpoint_from("10.0.0.1:6060"), *endpoint_from("10.0.0.2:4060"), 5};
  subscription.expires = clock_->now() + std::chrono::hours(1);
  subscription.cseq = 3;
  subscription.remote_cseq = 9;
  subscription.version = 2;
  keep_subscription(*core_, subscription);
  start(std::chrono::minutes(1));
  EXPECT_EQ(restored_.subscriptions, 1u);
  std::shared_ptr<Subscription> found = core_->subscriptions.find("s1", "l", "r");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->local, subscription.local);
  EXPECT_EQ(found->remote, subscription.remote);
  EXPECT_EQ(found->contact, subscription.contact);
  EXPECT_EQ(found->target, subscription.target);
  EXPECT_EQ(found->route, subscription.route);
  EXPECT_EQ(found->flow.text(), subscription.flow.text());
  EXPECT_EQ(found->flow.connection, 0u);  // that connection is gone
  EXPECT_EQ(seconds_of(found->expires - clock_->now()), 3540u);
  EXPECT_EQ(found->cseq, 3u);
  EXPECT_EQ(found->remote_cseq, 9u);
  EXPECT_EQ(found->version, 2u);
  forget_subscription(*core_, *found);
  start();
  EXPECT_EQ(restored_.subscriptions, 0u);
}

TEST_F(StateTest, when_a_subscription_watches_nobody_any_more_then_it_is_passed_over) {
  start();
  Subscription subscription;
  subscription.watched = "sip:a@h";
  keep_subscription(*core_, subscription);
  start();
  EXPECT_EQ(restored_.subscriptions, 0u);
  EXPECT_TRUE(records_.empty());
}

TEST_F(StateTest, when_short_messages_wait_then_they_wait_after_the_restart_in_their_order) {
  start();
  for (const char* submit : {"one", "two", "three"}) {
    ShortMessage message{.submit = submit,
                         .originator = *sms::Address::from_number("+15550001"),
                         .sent = clock_->wall(),
                         .expires = clock_->now() + std::chrono::hours(72),
                         .sender = "sip:b@h",
                         .reference = 5,
                         .recipient = *sms::Address::from_number("+15550002")};
    ASSERT_TRUE(core_->short_messages.put("sip:a@h", message));
  }
  core_->short_messages.remove_first("sip:a@h");
  start(std::chrono::hours(1));
  EXPECT_EQ(restored_.short_messages, 2u);
  auto next = core_->short_messages.next("sip:a@h");
  ASSERT_TRUE(next);
  EXPECT_EQ(next->message.submit, "two");
  EXPECT_TRUE(next->more);
  EXPECT_EQ(next->message.originator.number(), "+15550001");
  EXPECT_EQ(next->message.recipient.number(), "+15550002");
  EXPECT_EQ(next->message.sender, "sip:b@h");
  EXPECT_EQ(next->message.reference, 5u);
  EXPECT_EQ(seconds_of(next->message.expires - clock_->now()), 71u * 3600);
  // What comes now does not take the number of one that waits.
  ASSERT_TRUE(core_->short_messages.put("sip:c@h", {.submit = "four", .expires = clock_->now()}));
  EXPECT_EQ(records_.size(), 3u);
  EXPECT_EQ(core_->short_messages.take_expired(clock_->now()).size(), 1u);
  EXPECT_EQ(records_.size(), 2u);
}

}  // namespace
}  // namespace lapwing::scscf
