#include "common/http/server.h"

#include <civetweb.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/runtime/bind_trial.h"
#include "common/runtime/log.h"
#include "common/runtime/values.h"

namespace lapwing::http {
namespace {

// No page of ours may be framed, guessed at, kept, or load anything from elsewhere.
constexpr std::string_view safety =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self'; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cache-Control: no-store\r\n";

void send(mg_connection* connection, const Page& page, bool with_body, std::string_view more = {}) {
  std::string out =
      absl::StrFormat("HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s%s\r\n", page.status,
                      mg_get_response_code_text(connection, page.status), page.type, page.body.size(), safety, more);
  if (with_body) out += page.body;
  mg_write(connection, out.data(), out.size());
}

bool is_loopback_name(const char* host) {
  if (host == nullptr) return false;
  std::string name(host);
  // Without the port, which an IPv6 address in brackets may lack.
  if (const size_t colon = name.rfind(':'); colon != std::string::npos && name.back() != ']') name.resize(colon);
  if (absl::EqualsIgnoreCase(name, "localhost")) return true;
  const auto endpoint = endpoint_from(absl::StrCat(name, ":1"));
  return endpoint.ok() && endpoint->address.is_loopback();
}

// civetweb says only that it failed.
absl::Status probe(const std::string& key, const Endpoint& at) {
  const int error = bind_error(at, true);
  if (error == 0) return absl::OkStatus();
  if (error == EADDRINUSE) {
    return absl::AlreadyExistsError(
        absl::StrFormat("%s: %s: address already in use: stop who listens there, or change %s", key, at.text(), key));
  }
  return absl::UnavailableError(absl::StrFormat("%s: %s: cannot listen: %s", key, at.text(), std::strerror(error)));
}

}  // namespace

std::string Request::parameter(const char* name) const {
  std::array<char, Server::parameter_limit + 1> value{};
  const int length = mg_get_var(query.data(), query.size(), name, value.data(), value.size());
  return length > 0 ? std::string(value.data(), static_cast<size_t>(length)) : "";
}

struct Server::Parts {
  Options options;
  Routes routes;
  std::atomic<bool> stopping = false;
  std::atomic<int> streams = 0;
  mg_context* context = nullptr;

  int answer(mg_connection* connection);
  void stream(mg_connection* connection, const Request& request,
              const std::function<void(const Request&, Write)>& produce);
};

int Server::Parts::answer(mg_connection* connection) {
  const mg_request_info* info = mg_get_request_info(connection);
  const std::string_view method = info->request_method;
  const bool get = method == "GET";
  if (!get && method != "HEAD") {
    send(connection, {405, "text/plain; charset=utf-8", "GET only\n"}, true,
         "Allow: GET, HEAD\r\nConnection: close\r\n");
    return 405;
  }
  if (options.loopback_names_only && !is_loopback_name(mg_get_header(connection, "Host"))) {
    send(connection, {403, "text/plain; charset=utf-8", "call this page by a loopback address or as localhost\n"}, get);
    return 403;
  }
  const char* accept = mg_get_header(connection, "Accept");
  const Request request{info->local_uri == nullptr ? "" : info->local_uri,
                        info->query_string == nullptr ? "" : info->query_string, accept == nullptr ? "" : accept};
  if (auto found = routes.pages.find(request.path); found != routes.pages.end()) {
    const Page page = found->second(request);
    send(connection, page, get);
    return page.status;
  }
  if (auto found = routes.streams.find(request.path); found != routes.streams.end() && get) {
    stream(connection, request, found->second);
    return 200;
  }
  send(connection, {404, "text/plain; charset=utf-8", "there is no such page\n"}, get);
  return 404;
}

void Server::Parts::stream(mg_connection* connection, const Request& request,
                           const std::function<void(const Request&, Write)>& produce) {
  if (++streams > options.streams) {
    --streams;
    send(connection, {503, "text/plain; charset=utf-8", "too many watch already\n"}, true);
    return;
  }
  const std::string head =
      absl::StrFormat("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n%s\r\n", safety);
  bool open = mg_write(connection, head.data(), head.size()) > 0;
  produce(request, [&](std::string_view piece) {
    if (open && !piece.empty()) open = mg_write(connection, piece.data(), piece.size()) > 0;
    return open && !stopping;
  });
  --streams;
}

absl::StatusOr<std::unique_ptr<Server>> Server::start(Options options, Routes routes) {
  const auto endpoint = endpoint_from(options.listen);
  if (!endpoint.ok()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s \"%s\": write an address and a port, as 127.0.0.1:9464", options.key, options.listen));
  }
  if (options.loopback_names_only && !endpoint->address.is_loopback()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s \"%s\": only a loopback address may be listened on, since whoever reaches it sees "
                        "everything; reach it from elsewhere through ssh -L",
                        options.key, options.listen));
  }
  if (absl::Status free = probe(options.key, *endpoint); !free.ok()) return free;
  static std::once_flag once;
  std::call_once(once, [] { mg_init_library(MG_FEATURES_DEFAULT); });

  auto parts = std::make_unique<Parts>();
  parts->options = std::move(options);
  parts->routes = std::move(routes);
  const std::string threads = absl::StrCat(parts->options.threads);
  const std::string queue = absl::StrCat(waiting_limit);
  const std::string head = absl::StrCat(request_limit);
  const std::string timeout = absl::StrCat(parts->options.patience.count());
  const char* settings[] = {"listening_ports",
                            parts->options.listen.c_str(),
                            "num_threads",
                            threads.c_str(),
                            "connection_queue",
                            queue.c_str(),
                            "max_request_size",
                            head.c_str(),
                            "request_timeout_ms",
                            timeout.c_str(),
                            "enable_keep_alive",
                            "yes",
                            "keep_alive_timeout_ms",
                            timeout.c_str(),
                            nullptr};
  mg_callbacks callbacks{};
  callbacks.log_message = [](const mg_connection*, const char* message) {
    LW_LOG(debug, "http: %s", log::printable(message));
    return 1;
  };
  callbacks.begin_request = [](mg_connection* connection) {
    return static_cast<Parts*>(mg_get_request_info(connection)->user_data)->answer(connection);
  };
  std::array<char, 256> why{};
  mg_init_data init{};
  init.callbacks = &callbacks;
  init.user_data = parts.get();
  init.configuration_options = settings;
  mg_error_data error{};
  error.text = why.data();
  error.text_buffer_size = why.size();
  parts->context = mg_start2(&init, &error);
  if (parts->context == nullptr) {
    return absl::UnavailableError(
        absl::StrFormat("%s: %s: cannot listen: %s", parts->options.key, parts->options.listen, why.data()));
  }
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Server::~Server() {
  parts_->stopping = true;
  mg_stop(parts_->context);
}

}  // namespace lapwing::http
