// Roles, certificates and the audit of the control server.
#include "common/control/access.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "common/control/control_server.h"
#include "lapwing/v1/control.grpc.pb.h"

namespace lapwing::control {
namespace {

using testing::HasSubstr;

class Ender : public Operator {
 public:
  absl::StatusOr<v1::DeregisterReply> deregister(const v1::DeregisterRequest& request) override {
    if (request.identity() == "nobody") return absl::NotFoundError("nobody is not registered");
    ended.push_back(request.identity());
    return v1::DeregisterReply();
  }
  absl::StatusOr<v1::DrainReply> drain(const v1::DrainRequest&) override { return v1::DrainReply(); }
  std::vector<std::string> ended;
};

class AccessTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/lapwing-access-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
    watching_ = events_.subscribe("");
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }
  absl::Status start(const v1::ControlListen& control) {
    ControlOptions options;
    options.control = control;
    options.program = "pcscf";
    options.name = "pcscf.example.org";
    auto started = ControlServer::start(options, ender_, events_);
    if (started.ok()) server_ = *std::move(started);
    return started.status();
  }
  static grpc::Status deregister(const std::shared_ptr<grpc::Channel>& channel, const std::string& identity) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
    v1::DeregisterRequest request;
    request.set_identity(identity);
    v1::DeregisterReply reply;
    return v1::Control::NewStub(channel)->Deregister(&context, request, &reply);
  }
  static std::string role(const std::shared_ptr<grpc::Channel>& channel) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
    v1::StatusReply reply;
    const grpc::Status status = v1::Control::NewStub(channel)->Status(&context, {}, &reply);
    return status.ok() ? reply.role() + ": " + reply.client() : "none";
  }
  std::vector<std::string> audited() {
    std::vector<std::string> out;
    while (auto taken = watching_->next(std::chrono::milliseconds(20))) out.push_back(taken->event.text);
    return out;
  }

  std::string folder_;
  ManualClock clock_;
  Events events_{clock_};
  std::shared_ptr<Events::Subscription> watching_;
  Ender ender_;
  std::unique_ptr<ControlServer> server_;
};

v1::ControlListen listen_at(std::string address, std::vector<std::string> admins = {}) {
  v1::ControlListen out;
  out.set_listen(std::move(address));
  out.mutable_admins()->Assign(admins.begin(), admins.end());
  return out;
}

TEST_F(AccessTest, when_our_own_user_changes_something_then_it_is_done_and_audited) {
  ASSERT_TRUE(start(listen_at("unix:" + folder_ + "/c.sock")).ok());
  auto channel = grpc::CreateChannel("unix:" + folder_ + "/c.sock", grpc::InsecureChannelCredentials());
  EXPECT_THAT(role(channel), testing::StartsWith("admin: user "));
  EXPECT_TRUE(deregister(channel, "001010000000001").ok());
  EXPECT_EQ(deregister(channel, "nobody").error_code(), grpc::NOT_FOUND);
  EXPECT_EQ(deregister(channel, "a\nb").error_code(), grpc::OK);
  EXPECT_THAT(audited(), testing::ElementsAre(HasSubstr(": deregister 001010000000001: done"),
                                              HasSubstr(": deregister nobody: nobody is not registered"),
                                              HasSubstr(": deregister a\\x0ab: done")));
}

TEST_F(AccessTest, when_a_part_of_the_daemon_looks_then_it_is_a_reader_and_refused_changes_are_audited) {
  ASSERT_TRUE(start(listen_at("unix:" + folder_ + "/c.sock")).ok());
  EXPECT_EQ(role(server_->reader()), "reader: this daemon");
  const grpc::Status refused = deregister(server_->reader(), "001010000000001");
  EXPECT_EQ(refused.error_code(), grpc::PERMISSION_DENIED);
  EXPECT_EQ(refused.error_message(),
            "this daemon may look, but not change anything (deregister): control.admins says who may");
  EXPECT_TRUE(ender_.ended.empty());
  EXPECT_THAT(audited(), testing::ElementsAre("this daemon: deregister 001010000000001: refused: not an admin"));
}

TEST_F(AccessTest, when_a_reader_is_refused_again_and_again_then_the_audit_says_so_for_a_while_only) {
  ASSERT_TRUE(start(listen_at("unix:" + folder_ + "/c.sock")).ok());
  for (int i = 0; i < 200; ++i) EXPECT_FALSE(deregister(server_->reader(), "001010000000001").ok());
  const size_t said = audited().size();
  EXPECT_GE(said, 50U);
  EXPECT_LT(said, 100U);
}

TEST_F(AccessTest, when_the_user_is_known_then_the_audit_is_in_its_story) {
  ASSERT_TRUE(start(listen_at("unix:" + folder_ + "/c.sock")).ok());
  events_.publish(
      {.time = {}, .kind = "register.accepted", .impi = "00101@x", .impu = "sip:a@x", .text = "registered"});
  auto channel = grpc::CreateChannel("unix:" + folder_ + "/c.sock", grpc::InsecureChannelCredentials());
  EXPECT_TRUE(deregister(channel, "00101").ok());
  const std::vector<Event> story = events_.of("sip:a@x");
  ASSERT_EQ(story.size(), 2U);
  EXPECT_EQ(story[1].kind, "audit");
}

TEST_F(AccessTest, when_it_drains_then_only_the_first_of_the_same_questions_is_audited) {
  ASSERT_TRUE(start(listen_at("unix:" + folder_ + "/c.sock")).ok());
  auto stub =
      v1::Control::NewStub(grpc::CreateChannel("unix:" + folder_ + "/c.sock", grpc::InsecureChannelCredentials()));
  for (const bool resume : {false, false, false, true}) {
    grpc::ClientContext context;
    v1::DrainRequest request;
    request.set_resume(resume);
    v1::DrainReply reply;
    EXPECT_TRUE(stub->Drain(&context, request, &reply).ok());
  }
  EXPECT_THAT(audited(), testing::ElementsAre(HasSubstr(": drain: done"), HasSubstr(": end draining: done")));
}

TEST(AdminsTest, when_a_name_is_not_on_this_machine_then_it_is_named) {
  EXPECT_EQ(Admins::of_machine({"no-such-user"}).status().message(),
            "control.admins \"no-such-user\": there is no such user on this machine; a group is written @no-such-user");
  EXPECT_EQ(Admins::of_machine({"root", "@no-such-group"}).status().message(),
            "control.admins \"@no-such-group\": there is no such group on this machine: groupadd --system "
            "no-such-group, or change control.admins");
}

TEST(AdminsTest, when_one_of_a_certificates_names_is_an_admins_then_it_is_one) {
  const Admins admins = Admins::of_certificates({"ann", "ops.example.org"});
  EXPECT_TRUE(admins.with_certificate({"ann"}).admin);
  const Client other = admins.with_certificate({"bob", "ops.example.org"});
  EXPECT_TRUE(other.admin);
  EXPECT_EQ(other.name, "certificate ops.example.org");
  const Client reader = admins.with_certificate({"bob"});
  EXPECT_FALSE(reader.admin);
  EXPECT_EQ(reader.name, "certificate bob");
  EXPECT_FALSE(admins.with_certificate({}).admin);
}

TEST_F(AccessTest, when_admins_cannot_be_told_apart_then_it_does_not_start) {
  EXPECT_THAT(start(listen_at("127.0.0.1:7999", {"ann"})).message(), HasSubstr("nobody knows who a client is"));
  v1::ControlListen with_tls = listen_at("unix:" + folder_ + "/c.sock");
  with_tls.mutable_tls()->set_certificate("/none");
  EXPECT_THAT(start(with_tls).message(), HasSubstr("a unix socket has no TLS"));
  with_tls.set_listen("127.0.0.1:7999");
  EXPECT_EQ(start(with_tls).message(), "control.tls.certificate: /none: No such file or directory");
}

}  // namespace
}  // namespace lapwing::control
