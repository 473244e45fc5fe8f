#include "common/http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <asio/ip/tcp.hpp>
#include <atomic>
#include <chrono>
#include <thread>

#include "common/runtime/values.h"

namespace lapwing::http {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

class HttpServerTest : public testing::Test {
 protected:
  void SetUp() override {
    // A port that is free now.
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    asio::ip::tcp::endpoint any(asio::ip::address_v4::loopback(), 0);
    ASSERT_EQ(bind(fd, any.data(), static_cast<socklen_t>(any.size())), 0);
    auto size = static_cast<socklen_t>(any.capacity());
    ASSERT_EQ(getsockname(fd, any.data(), &size), 0);
    close(fd);
    at_ = {any.address(), any.port()};
  }
  absl::Status start(bool loopback_names_only = false) {
    Server::Routes routes;
    routes.pages["/hello"] = [](const Request& request) {
      return Page{200, "text/plain", "hello " + request.parameter("who") + "|" + request.accept};
    };
    routes.streams["/ticks"] = [this](const Request&, Server::Write write) {
      while (write("data: tick\n\n")) std::this_thread::sleep_for(20ms);
      ++ended_;
    };
    auto started = Server::start({.key = "metrics.listen",
                                  .listen = at_.text(),
                                  .streams = 1,
                                  .loopback_names_only = loopback_names_only,
                                  .patience = 500ms},
                                 std::move(routes));
    if (started.ok()) server_ = *std::move(started);
    return started.status();
  }
  int connect_to() {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const auto address = at_.tcp();
    EXPECT_EQ(connect(fd, address.data(), static_cast<socklen_t>(address.size())), 0);
    return fd;
  }
  // What comes until the server closes, or for the time.
  static std::string read_all(int fd, std::chrono::milliseconds wait = 3s) {
    std::string out;
    char buffer[4096];
    const auto end = std::chrono::steady_clock::now() + wait;
    while (true) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
      pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
      if (left.count() <= 0 || poll(&readable, 1, static_cast<int>(left.count())) <= 0) break;
      const ssize_t got = read(fd, buffer, sizeof buffer);
      if (got <= 0) break;
      out.append(buffer, static_cast<size_t>(got));
    }
    return out;
  }
  std::string exchange(const std::string& request, std::chrono::milliseconds wait = 3s) {
    const int fd = connect_to();
    send(fd, request.data(), request.size(), MSG_NOSIGNAL);
    std::string out = read_all(fd, wait);
    close(fd);
    return out;
  }

  Endpoint at_;
  std::atomic<int> ended_ = 0;
  std::unique_ptr<Server> server_;
};

TEST_F(HttpServerTest, when_a_page_is_asked_for_then_it_comes_with_its_query_decoded) {
  ASSERT_TRUE(start().ok());
  const std::string got =
      exchange("GET /hello?who=a%40b&x=1 HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(got, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(got, HasSubstr("\r\nContent-Security-Policy: default-src 'none'"));
  EXPECT_THAT(got, testing::EndsWith("\r\n\r\nhello a@b|text/html"));
}

TEST_F(HttpServerTest, when_the_head_alone_is_asked_for_then_there_is_no_body) {
  ASSERT_TRUE(start().ok());
  const std::string got = exchange("HEAD /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(got, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(got, testing::EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, when_something_else_is_asked_for_then_it_is_refused) {
  ASSERT_TRUE(start().ok());
  EXPECT_THAT(exchange("GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(exchange("GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(exchange("POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"), StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(exchange("DELETE /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), StartsWith("HTTP/1.1 405 "));
  const std::string garbage("\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 11);
  EXPECT_THAT(exchange(garbage), testing::Not(HasSubstr(" 200 ")));
}

TEST_F(HttpServerTest, when_a_head_does_not_end_then_the_connection_does) {
  ASSERT_TRUE(start().ok());
  const int fd = connect_to();
  const std::string line = "X-Long: " + std::string(1000, 'x') + "\r\n";
  std::string head = "GET /hello HTTP/1.1\r\n";
  for (int i = 0; i < 40; ++i) head += line;
  send(fd, head.data(), head.size(), MSG_NOSIGNAL);
  EXPECT_THAT(read_all(fd), testing::Not(HasSubstr(" 200 ")));
  close(fd);
  EXPECT_THAT(exchange("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, when_all_threads_wait_for_slow_clients_then_others_are_served_after_the_timeout) {
  ASSERT_TRUE(start().ok());
  std::vector<int> slow;
  for (int i = 0; i < 8; ++i) {
    slow.push_back(connect_to());
    send(slow.back(), "GET /he", 7, MSG_NOSIGNAL);
  }
  EXPECT_THAT(exchange("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 20s),
              StartsWith("HTTP/1.1 200 "));
  for (int fd : slow) close(fd);
}

TEST_F(HttpServerTest, when_a_page_is_for_this_host_then_other_names_are_refused) {
  ASSERT_TRUE(start(true).ok());
  auto status = [&](const std::string& host) {
    return exchange("GET /hello HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n").substr(9, 3);
  };
  EXPECT_EQ(status("127.0.0.1:8080"), "200");
  EXPECT_EQ(status("localhost"), "200");
  EXPECT_EQ(status("LOCALHOST:1"), "200");
  EXPECT_EQ(status("[::1]:8080"), "200");
  EXPECT_EQ(status("[::1]"), "200");
  EXPECT_EQ(status("evil.example.org"), "403");
  EXPECT_EQ(status("127.0.0.1.evil.example.org"), "403");
  EXPECT_EQ(status("10.0.0.1"), "403");
  EXPECT_EQ(exchange("GET /hello HTTP/1.0\r\n\r\n").substr(9, 3), "403");
}

TEST_F(HttpServerTest, when_a_stream_is_open_then_pieces_come_until_either_end_goes) {
  ASSERT_TRUE(start().ok());
  const int fd = connect_to();
  const std::string ask = "GET /ticks HTTP/1.1\r\nHost: x\r\n\r\n";
  send(fd, ask.data(), ask.size(), MSG_NOSIGNAL);
  EXPECT_THAT(read_all(fd, 200ms), HasSubstr("\r\n\r\ndata: tick\n\ndata: tick\n\n"));
  EXPECT_THAT(exchange("GET /ticks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), StartsWith("HTTP/1.1 503 "));
  close(fd);
  for (int i = 0; i < 100 && ended_ == 0; ++i) std::this_thread::sleep_for(50ms);
  EXPECT_EQ(ended_, 1);

  const int other = connect_to();
  send(other, ask.data(), ask.size(), MSG_NOSIGNAL);
  EXPECT_THAT(read_all(other, 200ms), HasSubstr("data: tick"));
  const auto before = std::chrono::steady_clock::now();
  server_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - before, 4s);
  EXPECT_EQ(ended_, 2);
  close(other);
}

TEST_F(HttpServerTest, when_it_cannot_listen_then_the_key_and_the_reason_are_named) {
  ASSERT_TRUE(start().ok());
  auto first = std::move(server_);
  EXPECT_EQ(start().message(), "metrics.listen: " + at_.text() +
                                   ": address already in use: stop who listens there, or change metrics.listen");
  at_.address = asio::ip::make_address("192.0.2.1");
  EXPECT_THAT(std::string(start().message()), HasSubstr("metrics.listen: 192.0.2.1:"));
  EXPECT_THAT(std::string(start(true).message()), HasSubstr("only a loopback address may be listened on"));
}

}  // namespace
}  // namespace lapwing::http
