// A small HTTP server for operators: GET and HEAD only, every size bounded (civetweb does the protocol).
//
//   http::Server::Routes routes;
//   routes.pages["/metrics"] = [](const http::Request& request) { return http::Page{...}; };
//   auto server = http::Server::start({.key = "metrics.listen", .listen = "127.0.0.1:9464"}, routes);
//
// Handlers run on the server's threads, several at once.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

namespace lapwing::http {

struct Request {
  std::string path, query, accept;
  // Of the query, decoded; empty: not there.
  std::string parameter(const char* name) const;
};

struct Page {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

class Server {
 public:
  static constexpr int request_limit = 16 * 1024;  // bytes of a request's head
  static constexpr size_t parameter_limit = 256;   // bytes of a parameter's value
  static constexpr int waiting_limit = 32;         // connections for which no thread is free yet

  // Sends a piece; false: the client has gone, or the server stops.
  using Write = absl::FunctionRef<bool(std::string_view piece)>;
  struct Routes {
    std::map<std::string, std::function<Page(const Request&)>, std::less<>> pages;
    // Streams of server-sent events, which end when the function returns; it asks with an empty piece from time to
    // time. False: there are too many already.
    std::map<std::string, std::function<void(const Request&, Write)>, std::less<>> streams;
  };
  struct Options {
    std::string key;     // of the configuration, for errors
    std::string listen;  // address and port
    int threads = 4;     // requests, and streams, at one time
    int streams = 0;     // of these at most
    // Answer only those who call us by a loopback address or as localhost: a page of another site, open in the same
    // browser, which had its own name point here, is refused.
    bool loopback_names_only = false;
    // For a head to come, for a client to take what we write, and for another request on the same connection.
    std::chrono::milliseconds patience{5000};
  };
  // Errors: InvalidArgument (the address), AlreadyExists (it is in use), Unavailable (it cannot be opened).
  static absl::StatusOr<std::unique_ptr<Server>> start(Options options, Routes routes);
  // Returns when no request runs any more.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace lapwing::http
