#include "common/control/control_server.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "common/control/on_worker.h"
#include "common/runtime/values.h"
#include "lapwing/v1/control.grpc.pb.h"

namespace lapwing::control {
namespace {

using namespace std::chrono_literals;

class OneUser : public Operator {
 public:
  void gauges(v1::StatusReply& reply) override {
    auto* gauge = reply.add_gauges();
    gauge->set_name("registrations");
    gauge->set_value(1);
  }
  absl::StatusOr<v1::ListRegistrationsReply> list_registrations(const v1::ListRegistrationsRequest& request) override {
    v1::ListRegistrationsReply reply;
    reply.set_total(request.limit());
    reply.add_registrations()->set_impi("a@x");
    return reply;
  }
  absl::StatusOr<v1::ShowReply> show(const v1::ShowRequest& request) override {
    return absl::NotFoundError("no registration of " + request.identity());
  }
  absl::StatusOr<v1::DeregisterReply> deregister(const v1::DeregisterRequest& request) override {
    v1::DeregisterReply reply;
    reply.add_impus(request.reason());
    return reply;
  }
  absl::StatusOr<v1::ListCallsReply> list_calls(const v1::ListCallsRequest& request) override {
    v1::ListCallsReply reply;
    reply.set_total(request.limit());
    reply.add_calls()->set_caller(request.identity());
    return reply;
  }
  absl::StatusOr<v1::HangupReply> hangup(const v1::HangupRequest& request) override {
    if (request.call() == "b") return absl::NotFoundError("b has no call");
    v1::HangupReply reply;
    reply.add_calls()->set_id(request.call());
    return reply;
  }
};

class ControlServerTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/lapwing-control-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
    path_ = folder_ + "/c.sock";
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }
  ControlOptions options() const {
    ControlOptions out;
    out.control.set_listen("unix:" + path_);
    out.program = "pcscf";
    out.name = "pcscf.example.org";
    out.workers = 2;
    return out;
  }
  void start(ControlOptions with) {
    auto started = ControlServer::start(std::move(with), user_, events_);
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
    channel_ = grpc::CreateChannel("unix:" + path_, grpc::InsecureChannelCredentials());
    stub_ = v1::Control::NewStub(channel_);
  }
  void start() { start(options()); }
  void publish(std::string impi, std::string text) {
    Event event;
    event.kind = "test";
    event.impi = std::move(impi);
    event.text = std::move(text);
    events_.publish(std::move(event));
  }

  std::string folder_;
  std::string path_;
  ManualClock clock_;
  Events events_{clock_};
  OneUser user_;
  std::unique_ptr<ControlServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Control::Stub> stub_;
};

TEST_F(ControlServerTest, when_the_status_is_asked_for_then_program_and_gauges_are_told) {
  start();
  grpc::ClientContext context;
  v1::StatusReply reply;
  ASSERT_TRUE(stub_->Status(&context, {}, &reply).ok());
  EXPECT_EQ(reply.program(), "pcscf");
  EXPECT_EQ(reply.workers(), 2U);
  EXPECT_EQ(reply.gauges(0).name(), "registrations");
  EXPECT_GT(reply.started().seconds(), 1'700'000'000);
}

TEST_F(ControlServerTest, when_it_listens_then_only_owner_and_group_may_open_the_socket) {
  start();
  struct stat found{};
  ASSERT_EQ(stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0660U);
  server_->stop();
  EXPECT_NE(stat(path_.c_str(), &found), 0) << "the socket is left behind";
}

TEST_F(ControlServerTest, when_limits_are_given_then_they_are_bounded) {
  start();
  for (auto [asked, used] : {std::pair(0U, 1000U), std::pair(5U, 5U), std::pair(4'000'000'000U, 100'000U)}) {
    grpc::ClientContext context;
    v1::ListRegistrationsRequest request;
    request.set_limit(asked);
    v1::ListRegistrationsReply reply;
    ASSERT_TRUE(stub_->ListRegistrations(&context, request, &reply).ok());
    EXPECT_EQ(reply.total(), used);
  }
}

TEST_F(ControlServerTest, when_a_call_is_not_served_then_it_is_unimplemented) {
  start();
  grpc::ClientContext context;
  v1::ListSaSetsReply reply;
  const grpc::Status status = stub_->ListSaSets(&context, {}, &reply);
  EXPECT_EQ(status.error_code(), grpc::UNIMPLEMENTED);
  EXPECT_EQ(status.error_message(), "this daemon does not answer ListSaSets");
  grpc::ClientContext other;
  v1::ListSubscribersReply subscribers;
  EXPECT_EQ(v1::LabHss::NewStub(channel_)->ListSubscribers(&other, {}, &subscribers).error_code(), grpc::UNIMPLEMENTED);
}

TEST_F(ControlServerTest, when_a_user_is_known_by_events_only_then_show_tells_them) {
  start();
  v1::ShowRequest request;
  request.set_identity("a");
  v1::ShowReply reply;
  {
    grpc::ClientContext context;
    const grpc::Status status = stub_->Show(&context, request, &reply);
    EXPECT_EQ(status.error_code(), grpc::NOT_FOUND);
    EXPECT_EQ(status.error_message(), "no registration of a");
  }
  publish("a@x", "challenged");
  grpc::ClientContext context;
  ASSERT_TRUE(stub_->Show(&context, request, &reply).ok());
  ASSERT_EQ(reply.events_size(), 1);
  EXPECT_EQ(reply.events(0).text(), "challenged");
}

TEST_F(ControlServerTest, when_a_request_is_wrong_then_it_is_refused) {
  start();
  v1::DeregisterReply reply;
  auto deregister = [&](std::string identity, std::string reason) {
    grpc::ClientContext context;
    v1::DeregisterRequest request;
    request.set_identity(std::move(identity));
    request.set_reason(std::move(reason));
    return stub_->Deregister(&context, request, &reply);
  };
  EXPECT_EQ(deregister("", "").error_message(), "identity is empty: give an IMSI, IMPI or IMPU");
  EXPECT_EQ(deregister(std::string(257, 'a'), "").error_message(), "identity is longer than 256 bytes");
  EXPECT_EQ(deregister("a", "because").error_message(), "reason is deactivated or rejected");
  EXPECT_EQ(deregister(std::string(100'000, 'a'), "").error_code(), grpc::RESOURCE_EXHAUSTED);
  ASSERT_TRUE(deregister("a", "").ok());
  EXPECT_EQ(reply.impus(0), "deactivated");
}

TEST_F(ControlServerTest, when_calls_are_listed_then_limits_are_bounded_and_identities_checked) {
  start();
  auto list = [&](std::string identity, uint32_t limit, v1::ListCallsReply& reply) {
    grpc::ClientContext context;
    v1::ListCallsRequest request;
    request.set_identity(std::move(identity));
    request.set_limit(limit);
    return stub_->ListCalls(&context, request, &reply);
  };
  v1::ListCallsReply reply;
  for (auto [asked, used] : {std::pair(0U, 1000U), std::pair(5U, 5U), std::pair(4'000'000'000U, 100'000U)}) {
    ASSERT_TRUE(list("", asked, reply).ok());
    EXPECT_EQ(reply.total(), used);
  }
  ASSERT_TRUE(list("a", 0, reply).ok());
  EXPECT_EQ(reply.calls(0).caller(), "a");
  EXPECT_EQ(list(std::string(257, 'a'), 0, reply).error_code(), grpc::INVALID_ARGUMENT);
}

TEST_F(ControlServerTest, when_a_call_is_ended_then_it_needs_a_name_and_is_told) {
  start();
  v1::HangupReply reply;
  auto hangup = [&](std::string call) {
    grpc::ClientContext context;
    v1::HangupRequest request;
    request.set_call(std::move(call));
    return stub_->Hangup(&context, request, &reply);
  };
  ASSERT_TRUE(hangup("a").ok());
  EXPECT_EQ(reply.calls(0).id(), "a");
  EXPECT_EQ(hangup("").error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(hangup(std::string(257, 'a')).error_code(), grpc::INVALID_ARGUMENT);
  const grpc::Status none = hangup("b");
  EXPECT_EQ(none.error_code(), grpc::NOT_FOUND);
  EXPECT_EQ(none.error_message(), "b has no call");
}

// A daemon that has no calls of its own.
TEST_F(ControlServerTest, when_a_daemon_has_no_calls_then_they_are_unimplemented) {
  Operator none;
  auto started = ControlServer::start(options(), none, events_);
  ASSERT_TRUE(started.ok()) << started.status();
  auto stub = v1::Control::NewStub(grpc::CreateChannel("unix:" + path_, grpc::InsecureChannelCredentials()));
  grpc::ClientContext one, two;
  v1::ListCallsReply calls;
  EXPECT_EQ(stub->ListCalls(&one, {}, &calls).error_message(), "this daemon does not answer ListCalls");
  v1::HangupRequest request;
  request.set_call("a");
  v1::HangupReply ended;
  EXPECT_EQ(stub->Hangup(&two, request, &ended).error_code(), grpc::UNIMPLEMENTED);
}

// The two standard services, called by name: their stubs are not part of the program.
grpc::Status call_raw(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                      const std::string& bytes, std::string& answer) {
  grpc::ClientContext context;
  grpc::Slice slice(bytes);
  grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer reply;
  grpc::internal::RpcMethod rpc(method.c_str(), grpc::internal::RpcMethod::NORMAL_RPC);
  grpc::Status status = grpc::internal::BlockingUnaryCall(channel.get(), rpc, &context, request, &reply);
  grpc::Slice out;
  if (status.ok() && reply.DumpToSingleSlice(&out).ok()) {
    answer.assign(reinterpret_cast<const char*>(out.begin()), out.size());
  }
  return status;
}

TEST_F(ControlServerTest, when_health_is_asked_for_then_it_serves) {
  start();
  std::string answer;
  ASSERT_TRUE(call_raw(channel_, "/grpc.health.v1.Health/Check", "", answer).ok());
  EXPECT_EQ(answer, "\x08\x01");  // SERVING
  ASSERT_TRUE(call_raw(channel_, "/grpc.health.v1.Health/Check", "\x0a\x12lapwing.v1.Control", answer).ok());
  EXPECT_EQ(answer, "\x08\x01");
}

TEST_F(ControlServerTest, when_reflection_is_asked_for_then_the_services_are_listed) {
  start();
  grpc::ClientContext context;
  grpc::internal::RpcMethod rpc("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                                grpc::internal::RpcMethod::BIDI_STREAMING);
  std::unique_ptr<grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>> stream(
      grpc::internal::ClientReaderWriterFactory<grpc::ByteBuffer, grpc::ByteBuffer>::Create(channel_.get(), rpc,
                                                                                            &context));
  grpc::Slice slice("\x3a\x00", 2);  // list_services: ""
  grpc::ByteBuffer request(&slice, 1);
  ASSERT_TRUE(stream->Write(request));
  stream->WritesDone();
  grpc::ByteBuffer reply;
  ASSERT_TRUE(stream->Read(&reply));
  grpc::Slice out;
  ASSERT_TRUE(reply.DumpToSingleSlice(&out).ok());
  const std::string text(reinterpret_cast<const char*>(out.begin()), out.size());
  EXPECT_THAT(text, testing::HasSubstr("lapwing.v1.Control"));
  EXPECT_THAT(text, testing::HasSubstr("grpc.health.v1.Health"));
}

TEST_F(ControlServerTest, when_a_client_watches_then_events_stream) {
  start();
  grpc::ClientContext context;
  v1::WatchRequest request;
  request.set_identity("a");
  auto stream = stub_->Watch(&context, request);
  stream->WaitForInitialMetadata();
  publish("b@x", "not mine");
  publish("a@x", "mine");
  v1::Event event;
  ASSERT_TRUE(stream->Read(&event));
  EXPECT_EQ(event.text(), "mine");
  EXPECT_EQ(event.lost(), 0U);
  context.TryCancel();
  while (stream->Read(&event)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::CANCELLED);
}

TEST_F(ControlServerTest, when_a_watching_client_does_not_keep_up_then_the_lost_are_counted) {
  ControlOptions small = options();
  small.watch_queue = 8;
  start(small);
  grpc::ClientContext context;
  auto stream = stub_->Watch(&context, {});
  stream->WaitForInitialMetadata();
  // Until flow control holds the writer: then its queue of 8 overflows.
  constexpr uint64_t sent = 20'000;
  for (uint64_t i = 0; i < sent; ++i) publish("a@x", std::string(1000, 'e'));
  publish("a@x", "last");
  uint64_t seen = 0;
  uint64_t lost = 0;
  v1::Event event;
  while (event.text() != "last" && stream->Read(&event)) {
    ++seen;
    lost += event.lost();
  }
  EXPECT_GT(lost, 0U);
  EXPECT_EQ(seen + lost, sent + 1);
  context.TryCancel();
  stream->Finish();
}

TEST_F(ControlServerTest, when_too_many_watch_then_one_more_is_refused) {
  start();
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::Event>>> streams;
  for (int i = 0; i < ControlServer::watchers_limit; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    streams.push_back(stub_->Watch(contexts.back().get(), {}));
    streams.back()->WaitForInitialMetadata();
  }
  grpc::ClientContext context;
  auto stream = stub_->Watch(&context, {});
  v1::Event event;
  EXPECT_FALSE(stream->Read(&event));
  const grpc::Status refused = stream->Finish();
  EXPECT_EQ(refused.error_code(), grpc::RESOURCE_EXHAUSTED);
  EXPECT_EQ(refused.error_message(), "32 clients watch already");
  for (auto& open : contexts) open->TryCancel();
  for (auto& open : streams) open->Finish();
}

TEST_F(ControlServerTest, when_it_stops_while_clients_watch_then_it_stops_at_once_and_tells_them) {
  start();
  grpc::ClientContext context;
  auto stream = stub_->Watch(&context, {});
  stream->WaitForInitialMetadata();
  const auto before = std::chrono::steady_clock::now();
  server_->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, 1s);
  v1::Event event;
  EXPECT_FALSE(stream->Read(&event));
  EXPECT_EQ(stream->Finish().error_code(), grpc::UNAVAILABLE);
}

TEST_F(ControlServerTest, when_somebody_listens_already_then_it_refuses_and_leaves_the_socket) {
  start();
  auto second = ControlServer::start(options(), user_, events_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(
      second.status().message(),
      "unix:" + path_ + ": address already in use: another daemon listens there; stop it, or change control.listen");
  grpc::ClientContext context;
  v1::StatusReply reply;
  EXPECT_TRUE(stub_->Status(&context, {}, &reply).ok());
}

TEST_F(ControlServerTest, when_a_dead_daemon_left_its_socket_then_it_is_replaced) {
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path_.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  close(fd);
  ASSERT_TRUE(std::filesystem::exists(path_));
  start();
  grpc::ClientContext context;
  v1::StatusReply reply;
  EXPECT_TRUE(stub_->Status(&context, {}, &reply).ok());
}

TEST_F(ControlServerTest, when_a_file_is_in_the_way_then_it_is_kept) {
  std::ofstream(path_) << "precious";
  EXPECT_EQ(ControlServer::start(options(), user_, events_).status().message(),
            "unix:" + path_ + ": there is a file that is no socket: remove it, or change control.listen");
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(ControlServerTest, when_the_directory_is_missing_then_it_is_named) {
  ControlOptions elsewhere = options();
  elsewhere.control.set_listen("unix:" + folder_ + "/none/c.sock");
  EXPECT_EQ(ControlServer::start(elsewhere, user_, events_).status().message(),
            elsewhere.control.listen() + ": cannot listen: " + folder_ +
                "/none: No such file or directory; make the directory, writable for this user");
}

TEST_F(ControlServerTest, when_the_address_is_not_loopback_then_it_is_refused) {
  ControlOptions open = options();
  open.control.set_listen("0.0.0.0:7070");
  const absl::Status status = ControlServer::start(open, user_, events_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "control.listen \"0.0.0.0:7070\": without control.tls only a unix socket or a loopback address may be "
            "listened on, since whoever reaches it sees everything: set control.tls, or reach it from elsewhere "
            "through ssh -L");
}

TEST_F(ControlServerTest, when_a_loopback_port_is_taken_then_the_error_says_so) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);  // gRPC would share it
  asio::ip::tcp::endpoint any(asio::ip::address_v4::loopback(), 0);
  ASSERT_EQ(bind(fd, any.data(), static_cast<socklen_t>(any.size())), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  socklen_t size = static_cast<socklen_t>(any.capacity());
  ASSERT_EQ(getsockname(fd, any.data(), &size), 0);
  ControlOptions taken = options();
  taken.control.set_listen("127.0.0.1:" + std::to_string(any.port()));
  EXPECT_EQ(ControlServer::start(taken, user_, events_).status().message(),
            taken.control.listen() +
                ": address already in use: another daemon listens there; stop it, or change control.listen");
  close(fd);
  auto server = ControlServer::start(taken, user_, events_);
  EXPECT_TRUE(server.ok()) << server.status();
}

TEST(AskWorker, when_the_worker_answers_then_the_answer_comes_back) {
  SystemClock clock;
  WorkerPool pool(1, clock);
  pool.start();
  EXPECT_EQ(ask_worker<int>(pool.at(0), 5s,
                            [](auto answer) {
                              answer(7);
                              answer(8);
                            })
                .value(),
            7);
  EXPECT_EQ(ask_worker<int>(pool.at(0), 1ms, [](auto) {}).status().code(), absl::StatusCode::kDeadlineExceeded);
  pool.stop();
}

}  // namespace
}  // namespace lapwing::control
