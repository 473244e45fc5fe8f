#include "page/page_server.h"

#include <google/protobuf/struct.pb.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <sstream>
#include <thread>

#include "cli/json.h"
#include "cli/ladder.h"
#include "cli/session.h"
#include "cli/times.h"
#include "cli/trace.h"
#include "page/files.h"

namespace lapwing::page {
namespace {

constexpr std::chrono::milliseconds patience{3000};
constexpr size_t steps_limit = 500;      // of a ladder; the last ones
constexpr size_t waiting_events = 1000;  // for a browser that does not keep up; older ones go
constexpr const char* json_type = "application/json; charset=utf-8";

class Daemons {
 public:
  Daemons(const v1::Page& config, Shown self) {
    shown_.push_back(std::move(self));
    auto add = [this](cli::Role role, const auto& addresses) {
      for (const std::string& address : addresses) {
        if (address == shown_.front().address) continue;
        shown_.push_back({role, address, grpc::CreateChannel(address, grpc::InsecureChannelCredentials())});
      }
    };
    add(cli::Role::pcscf, config.pcscf());
    add(cli::Role::scscf, config.scscf());
  }
  std::vector<cli::Daemon> all() const {
    std::vector<cli::Daemon> out;
    for (const Shown& one : shown_) out.emplace_back(one.role, one.address, one.channel);
    return out;
  }

 private:
  std::vector<Shown> shown_;
};

// What imsctl prints for it.
http::Page command(const Daemons& daemons, int (cli::Session::*run)(), const http::Request& request) {
  const SystemClock clock;
  const cli::Surroundings around{.clock = clock, .width = 0, .home = "", .etc = "", .in = nullptr};
  cli::Arguments arguments;
  arguments.json = true;
  arguments.identity = request.parameter("identity");
  std::ostringstream out;
  std::ostringstream err;
  cli::Session session(daemons.all(), arguments, out, err, around);
  (session.*run)();
  if (out.view().empty()) return {503, "text/plain; charset=utf-8", err.str()};
  return {200, json_type, out.str()};
}

cli::Ladder ladder_of(const Daemons& daemons, const http::Request& request) {
  const std::vector<cli::Daemon> all = daemons.all();
  std::vector<const cli::Daemon*> asked;
  for (const cli::Daemon& daemon : all) asked.push_back(&daemon);
  v1::TraceRequest wanted;
  wanted.set_identity(request.parameter("identity"));
  std::mutex mutex;
  std::vector<v1::TraceMessage> messages;
  cli::read_traces(asked, wanted, patience, [&](v1::TraceMessage message) {
    std::lock_guard lock(mutex);
    messages.push_back(std::move(message));
  });
  cli::Ladder ladder = cli::ladder_of(std::move(messages));
  if (ladder.steps.size() > steps_limit) {
    ladder.steps.erase(ladder.steps.begin(), ladder.steps.end() - steps_limit);
  }
  return ladder;
}

http::Page ladder_json(const cli::Ladder& ladder) {
  google::protobuf::Struct out;
  auto* columns = (*out.mutable_fields())["columns"].mutable_list_value();
  for (const std::string& column : ladder.columns) columns->add_values()->set_string_value(column);
  auto* steps = (*out.mutable_fields())["steps"].mutable_list_value();
  for (const cli::LadderStep& step : ladder.steps) {
    auto& fields = *steps->add_values()->mutable_struct_value()->mutable_fields();
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(step.at.time_since_epoch()).count();
    fields["ms"].set_number_value(static_cast<double>(ms));
    fields["from"].set_string_value(ladder.columns[step.from]);
    fields["to"].set_string_value(ladder.columns[step.to]);
    fields["label"].set_string_value(step.label);
    fields["carrier"].set_string_value(step.carrier);
    fields["failure"].set_bool_value(step.tone == cli::LadderStep::Tone::failure);
    fields["message"].set_string_value(step.message);
  }
  return {200, json_type, cli::json_text(out, false)};
}

// The events of all daemons until the browser goes.
void stream_events(const Daemons& daemons, const http::Server::Write& write) {
  std::mutex mutex;
  std::condition_variable arrived;
  std::deque<std::string> waiting;
  const std::vector<cli::Daemon> all = daemons.all();
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::thread> streams;
  for (const cli::Daemon& daemon : all) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    streams.emplace_back([&, context = contexts.back().get()] {
      const auto stream = daemon.control().Watch(context, {});
      v1::Event event;
      while (stream->Read(&event)) {
        std::lock_guard lock(mutex);
        waiting.push_back("data: " + cli::json_text(event, false) + "\n\n");
        if (waiting.size() > waiting_events) waiting.pop_front();
        arrived.notify_one();
      }
      stream->Finish();
    });
  }
  auto last = std::chrono::steady_clock::now();
  // A comment first, so that the browser knows that it is connected; then one now and again, to see whether it is
  // there.
  bool open = write(": events\n\n");
  while (open) {
    std::deque<std::string> batch;
    {
      std::unique_lock lock(mutex);
      arrived.wait_for(lock, std::chrono::milliseconds(200), [&] { return !waiting.empty(); });
      batch.swap(waiting);
    }
    for (const std::string& one : batch) open = open && write(one);
    const auto now = std::chrono::steady_clock::now();
    const bool quiet = now - last > std::chrono::seconds(10);
    if (quiet || !batch.empty()) last = now;
    open = open && write(quiet ? ": still here\n\n" : "");
  }
  for (const auto& context : contexts) context->TryCancel();
  for (std::thread& stream : streams) stream.join();
}

}  // namespace

absl::StatusOr<std::unique_ptr<http::Server>> serve_page(const v1::Page& config, Shown self) {
  if (config.listen().empty()) return nullptr;
  const auto daemons = std::make_shared<const Daemons>(config, std::move(self));
  http::Server::Routes routes;
  auto file = [&](const char* path, const char* type, std::string_view content) {
    routes.pages[path] = [type, content](const http::Request&) { return http::Page{200, type, std::string(content)}; };
  };
  file("/", "text/html; charset=utf-8", page_html);
  file("/page.css", "text/css; charset=utf-8", page_css);
  file("/page.js", "text/javascript; charset=utf-8", page_js);
  file("/icon.svg", "image/svg+xml; charset=utf-8", icon_svg);
  auto api = [&](const char* path, int (cli::Session::*run)()) {
    routes.pages[path] = [daemons, run](const http::Request& request) { return command(*daemons, run, request); };
  };
  api("/api/status", &cli::Session::status);
  api("/api/registrations", &cli::Session::registrations);
  api("/api/calls", &cli::Session::calls);
  api("/api/hss", &cli::Session::hss);
  api("/api/explain", &cli::Session::explain);
  routes.pages["/api/ladder"] = [daemons](const http::Request& request) {
    return ladder_json(ladder_of(*daemons, request));
  };
  routes.pages["/api/ladder.svg"] = [daemons](const http::Request& request) {
    return http::Page{200, "image/svg+xml; charset=utf-8", cli::ladder_svg(ladder_of(*daemons, request))};
  };
  routes.streams["/api/events"] = [daemons](const http::Request&, http::Server::Write write) {
    stream_events(*daemons, write);
  };
  return http::Server::start(
      {.key = "page.listen", .listen = config.listen(), .threads = 12, .streams = 6, .loopback_names_only = true},
      std::move(routes));
}

}  // namespace lapwing::page
