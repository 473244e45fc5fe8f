// A Cx client to drive from a test: commands come on standard input, one per line; each outcome is a line on standard
// output.
//
//   cx_probe --identity scscf.example --realm example --peer hss1.example=127.0.0.1:3868 [--peer ...]
//            [--deadline MS] [--watchdog S] [--circuit FAILURES:OPEN_MS] [--push-delay MS] [--push-deadline MS]
//            [--unguarded]
//
//   uar|mar|sar|lir USER [HSS]   one request, and its outcome: "mar answer DIAMETER_SUCCESS (2001) from ... in 0.9 ms"
//                                or "mar failure timeout in 500.1 ms: ..."
//   start mar USER [HSS]         the same without waiting for it
//   load N WINDOW                N MARs of N users, WINDOW at a time: counts, rate, processor time for each
//   burst N                      N MARs at once after an idle second: their times
//   wait HOST STATE MS           until the peer has the state: "wait ok in 12 ms" or "wait failed: connecting"
//   peers | late                 states and counters | late answers dropped
//   second                       tries to start a second core
//   quit                         ends, and tells how long that took
//
// Pushes are shown as "RTR ..." and "PPR ..." lines. When freeDiameter dies: "death", and exit status 3.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <future>
#include <iostream>
#include <mutex>
#include <sstream>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "common/runtime/log.h"
#include "hss-client/freediameter/cx_application.h"
#include "hss-client/freediameter/cx_client.h"

using namespace lapwing;
using Clock_ = std::chrono::steady_clock;

namespace {

void say(const std::string& line) {
  static std::mutex mutex;
  std::lock_guard lock(mutex);
  std::cout << line << std::endl;
}

double ms_since(Clock_::time_point began) {
  return std::chrono::duration<double, std::milli>(Clock_::now() - began).count();
}

const char* kind_text(HssFailure::Kind kind) {
  switch (kind) {
    case HssFailure::Kind::no_peer:
      return "no_peer";
    case HssFailure::Kind::overloaded:
      return "overloaded";
    case HssFailure::Kind::timeout:
      return "timeout";
    case HssFailure::Kind::undelivered:
      return "undelivered";
    default:
      return "malformed";
  }
}

std::string detail(const cx::UserAuthorizationAnswer& a) {
  return " server=" + a.server_name;
}
std::string detail(const cx::MultimediaAuthAnswer& a) {
  return absl::StrFormat(" vectors=%d", a.vectors.size());
}
std::string detail(const cx::ServerAssignmentAnswer& a) {
  return absl::StrFormat(" user_data=%d", a.user_data.size());
}
std::string detail(const cx::LocationInfoAnswer& a) {
  return " server=" + a.server_name;
}

template <typename Answer>
std::string text_of(const HssOutcome<Answer>& outcome) {
  if (auto* failure = std::get_if<HssFailure>(&outcome)) {
    return absl::StrFormat("failure %s: %s", kind_text(failure->kind), log::printable(failure->text));
  }
  const Answer& answer = std::get<Answer>(outcome);
  return absl::StrFormat("answer %s from %s%s", cx::result_text(answer.result), answer.routing.origin_host,
                         detail(answer));
}

Task<std::string> perform(CxClient& hss, Worker& worker, std::string what, std::string user, std::string host) {
  std::string impu = "sip:" + user;
  if (what == "uar") {
    cx::UserAuthorizationRequest r;
    r.routing.destination_host = host;
    r.impi = user;
    r.impu = impu;
    r.visited_network = "example";
    co_return text_of(co_await hss.authorize(worker, std::move(r)));
  }
  if (what == "sar") {
    cx::ServerAssignmentRequest r;
    r.routing.destination_host = host;
    r.impi = user;
    r.impus = {impu};
    r.server_name = "sip:scscf.example:6060";
    co_return text_of(co_await hss.assign(worker, std::move(r)));
  }
  if (what == "lir") {
    cx::LocationInfoRequest r;
    r.routing.destination_host = host;
    r.impu = impu;
    co_return text_of(co_await hss.locate(worker, std::move(r)));
  }
  cx::MultimediaAuthRequest r;
  r.routing.destination_host = host;
  r.impi = user;
  r.impu = impu;
  r.server_name = "sip:scscf.example:6060";
  r.item.scheme = "Digest-AKAv1-MD5";
  co_return text_of(co_await hss.authenticate(worker, std::move(r)));
}

Task<void> one(CxClient& hss, Worker& worker, std::string what, std::string user, std::string host,
               std::shared_ptr<std::promise<void>> done) {
  auto began = Clock_::now();
  std::string text = co_await perform(hss, worker, what, std::move(user), std::move(host));
  say(absl::StrFormat("%s %s (%.1f ms)", what, text, ms_since(began)));
  done->set_value();
}

struct Load {
  int left = 0, running = 0, answers = 0, failures = 0, number = 0;
  std::vector<double> times;
  std::promise<void> done;
};

Task<void> load_loop(CxClient& hss, Worker& worker, Load& load) {
  while (load.left > 0) {
    --load.left;
    std::string user = absl::StrFormat("user%d@example", ++load.number);
    auto began = Clock_::now();
    std::string text = co_await perform(hss, worker, "mar", user, "");
    load.times.push_back(ms_since(began));
    ++(text.starts_with("answer DIAMETER_SUCCESS") ? load.answers : load.failures);
  }
  if (--load.running == 0) load.done.set_value();
}

double cpu_us() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return 1e6 * static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

void run_load(CxClient& hss, Worker& worker, const char* name, int count, int window) {
  Load load;
  load.left = count;
  load.running = window;
  double cpu = cpu_us();
  auto began = Clock_::now();
  worker.post([&] {
    for (int i = 0; i < window; ++i) worker.spawn(load_loop(hss, worker, load));
  });
  load.done.get_future().wait();
  double ms = ms_since(began);
  std::sort(load.times.begin(), load.times.end());
  say(absl::StrFormat("%s answers=%d failures=%d rate=%.0f/s cpu=%.1f us p50=%.2f ms p99=%.2f ms max=%.2f ms", name,
                      load.answers, load.failures, count / ms * 1000, (cpu_us() - cpu) / count,
                      load.times[load.times.size() / 2], load.times[load.times.size() * 99 / 100], load.times.back()));
}

class Pushes final : public HssPushes {
 public:
  Pushes(Worker& worker, Duration delay) : worker_(worker), delay_(delay) {}
  Task<cx::RegistrationTerminationAnswer> terminate(cx::RegistrationTerminationRequest request) override {
    say(absl::StrFormat("RTR %s reason=%d from %s", request.impi, static_cast<int>(request.reason),
                        request.routing.origin_host));
    if (delay_ > Duration{}) co_await worker_.sleep(delay_);
    cx::RegistrationTerminationAnswer answer;
    answer.result = cx::base::success;
    co_return answer;
  }
  Task<cx::PushProfileAnswer> push_profile(cx::PushProfileRequest request) override {
    say(absl::StrFormat("PPR %s user_data=%d", request.impi, request.user_data.size()));
    cx::PushProfileAnswer answer;
    answer.result = cx::experimental::not_supported_user_data;
    co_return answer;
  }

 private:
  Worker& worker_;
  Duration delay_;
};

DiameterOptions::Peer parse_peer(const std::string& text) {
  size_t equals = text.find('='), colon = text.rfind(':');
  return {text.substr(0, equals), text.substr(equals + 1, colon - equals - 1),
          static_cast<uint16_t>(std::stoi(text.substr(colon + 1)))};
}

void wait_for_state(const CxClient& hss, const std::string& host, const std::string& state, int limit_ms) {
  auto began = Clock_::now();
  std::string last = "unknown";
  while (ms_since(began) < limit_ms) {
    for (const HssPeerState& peer : hss.peers()) {
      if (peer.host == host) last = peer.state;
    }
    if (last == state) return say(absl::StrFormat("wait ok in %.0f ms", ms_since(began)));
    usleep(10'000);
  }
  say("wait failed: " + last);
}

void show_peers(const CxClient& hss) {
  for (const HssPeerState& p : hss.peers()) {
    say(absl::StrFormat("peer %s %s %s circuit=%s sent=%d answered=%d timeouts=%d errors=%d malformed=%d mean=%.2f",
                        p.host, p.address, p.state, p.circuit_open ? "open" : "closed", p.sent, p.answered, p.timeouts,
                        p.errors, p.malformed, p.mean_answer_ms));
    if (!p.why.empty()) say(absl::StrFormat("why %s %s", p.host, p.why));
  }
  say("peers end");
}

void run_commands(CxClient& hss, DiameterCore& core, Worker& worker) {
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string what, user, host;
    words >> what;
    bool wait = what != "start";
    if (!wait) words >> what;
    if (what == "quit") return;
    if (what == "peers") {
      show_peers(hss);
    } else if (what == "second") {
      auto second = DiameterCore::create(core.options(), {cx_application()}, [] {});
      say("second refused: " + std::string(second.status().message()));
    } else if (what == "late") {
      say(absl::StrFormat("late %d", core.late_answers()));
    } else if (what == "wait") {
      int limit = 0;
      words >> host >> user >> limit;
      wait_for_state(hss, host, user, limit);
    } else if (what == "load" || what == "burst") {
      int count = 0, window = 0;
      words >> count >> window;
      if (what == "burst") usleep(1'000'000);
      run_load(hss, worker, what.c_str(), count, what == "burst" ? count : window);
    } else {
      words >> user >> host;
      auto done = std::make_shared<std::promise<void>>();
      worker.post([&hss, &worker, what, user, host, done] { worker.spawn(one(hss, worker, what, user, host, done)); });
      if (wait) done->get_future().wait();
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Cx client for tests");
  DiameterOptions options;
  std::vector<std::string> peers;
  int deadline = 2000, watchdog = 6, push_delay = 0, push_deadline = 5000;
  size_t queue = 4096;
  std::string circuit = "5:1000", level = "info";
  app.add_option("--identity", options.identity)->required();
  app.add_option("--realm", options.realm)->required();
  app.add_option("--peer", peers);
  app.add_option("--deadline", deadline);
  app.add_option("--watchdog", watchdog);
  app.add_option("--circuit", circuit);
  app.add_option("--push-delay", push_delay);
  app.add_option("--push-deadline", push_deadline);
  app.add_option("--queue", queue);
  app.add_option("--log", level);
  bool unguarded = false;
  app.add_flag("--unguarded", unguarded);
  CLI11_PARSE(app, argc, argv);
  if (!log::start("cx_probe", level).ok()) return 2;
  for (const std::string& peer : peers) options.peers.push_back(parse_peer(peer));
  options.watchdog = std::chrono::seconds(watchdog);
  options.reconnect = std::chrono::seconds(1);
  options.queue_limit = queue;
  options.guarded = !unguarded;

  auto created = DiameterCore::create(options, {cx_application()}, [] {
    say("death");
    _exit(3);
  });
  if (!created.ok()) {
    say("refused: " + std::string(created.status().message()));
    return 2;
  }
  SystemClock clock;
  WorkerPool workers(1, clock);
  std::unique_ptr<DiameterCore> core = *std::move(created);
  CxClientOptions client;
  client.destination_realm = options.realm;
  client.deadline = std::chrono::milliseconds(deadline);
  client.push_deadline = std::chrono::milliseconds(push_deadline);
  client.circuit.failures_to_open = std::stoi(circuit);
  client.circuit.open_for = std::chrono::milliseconds(std::stoi(circuit.substr(circuit.find(':') + 1)));
  CxClient hss(*core, client);
  Pushes pushes(workers.at(0), std::chrono::milliseconds(push_delay));
  hss.serve(pushes, {&workers.at(0)});
  workers.start();
  if (absl::Status status = core->start(); !status.ok()) {
    say("refused: " + std::string(status.message()));
    _exit(2);
  }
  say("ready");
  run_commands(hss, *core, workers.at(0));
  auto began = Clock_::now();
  workers.stop();
  core->stop();
  say(absl::StrFormat("stopped in %.0f ms", ms_since(began)));
  log::stop();
}
