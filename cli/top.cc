#include "cli/top.h"

#include <algorithm>
#include <csignal>
#include <iterator>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/times.h"
#include "common/runtime/log.h"

namespace lapwing::cli {
namespace {

constexpr size_t events_shown = 8;
constexpr uint32_t calls_shown = 10;

// Gauges that only grow: their rate says more than their value.
constexpr std::string_view counters[] = {
    "requests",         "malformed",        "dropped_unknown_spi", "dropped_bad_integrity",
    "dropped_replayed", "dropped_in_clear", "store_commits",       "store_failures",
    "store_late"};

bool counts(std::string_view gauge) {
  return std::find(std::begin(counters), std::end(counters), gauge) != std::end(counters);
}

double seconds_between(const TopFrame& now, const TopFrame& before) {
  return std::chrono::duration<double>(now.at - before.at).count();
}

const v1::StatusReply* earlier(const TopFrame* before, const Daemon* daemon) {
  if (!before) return nullptr;
  for (const auto& answer : before->status) {
    if (answer.daemon == daemon && answer.status.ok()) return &answer.reply;
  }
  return nullptr;
}

std::optional<int64_t> value_of(const v1::StatusReply* reply, const std::string& gauge) {
  if (!reply) return std::nullopt;
  for (const v1::Gauge& one : reply->gauges()) {
    if (one.name() == gauge) return one.value();
  }
  return std::nullopt;
}

// A daemon that was started again counts from 0.
std::string rate(int64_t now, std::optional<int64_t> before, double seconds) {
  if (!before || *before > now || seconds <= 0) return "";
  return absl::StrFormat("%.1f/s", static_cast<double>(now - *before) / seconds);
}

std::string daemon_lines(const Answer<v1::StatusReply>& answer, const TopFrame& now, const TopFrame* before) {
  const std::string name = absl::StrCat(std::string(title(answer.daemon->role())), " ", answer.daemon->address());
  if (!answer.status.ok()) return absl::StrCat(name, "  NOT REACHABLE\n");
  const v1::StatusReply& reply = answer.reply;
  const auto up = std::chrono::duration_cast<std::chrono::seconds>(now.at - wall_time(reply.started()));
  std::string out = absl::StrCat(name, "  ", log::printable(reply.name(), 64), "  up ", span(up),
                                 reply.draining() ? "  DRAINING" : "", "\n");
  const v1::StatusReply* last = earlier(before, answer.daemon);
  std::string line = " ";
  for (const v1::Gauge& gauge : reply.gauges()) {
    std::string shown = absl::StrCat(" ", log::printable(gauge.name(), 48), " ", gauge.value());
    if (counts(gauge.name())) {
      if (gauge.value() == 0) continue;
      const std::string by =
          rate(gauge.value(), value_of(last, gauge.name()), before ? seconds_between(now, *before) : 0);
      if (!by.empty()) absl::StrAppend(&shown, " (", by, ")");
    }
    if (line.size() + shown.size() > 100) {
      absl::StrAppend(&out, line, "\n");
      line = " ";
    }
    absl::StrAppend(&line, " ", shown);
  }
  if (line.size() > 1) absl::StrAppend(&out, line, "\n");
  return out;
}

std::optional<int64_t> sent_before(const TopFrame* before, const Daemon* daemon, const std::string& host) {
  if (!before) return std::nullopt;
  for (const auto& answer : before->hss) {
    if (answer.daemon != daemon) continue;
    for (const v1::HssPeerStatus& peer : answer.reply.peers()) {
      if (peer.host() == host) return static_cast<int64_t>(peer.sent());
    }
  }
  return std::nullopt;
}

std::string hss_lines(const TopFrame& now, const TopFrame* before, const View& view) {
  Table table({"HSS", "STATE", "ASKED", "RATE", "TIMEOUTS", "ERRORS", "MEAN"});
  for (const auto& answer : now.hss) {
    if (!answer.status.ok()) continue;
    for (const v1::HssPeerStatus& peer : answer.reply.peers()) {
      const std::string by = rate(static_cast<int64_t>(peer.sent()), sent_before(before, answer.daemon, peer.host()),
                                  before ? seconds_between(now, *before) : 0);
      table.add({peer.host(), peer.state(), absl::StrCat(peer.sent()), by, absl::StrCat(peer.timeouts()),
                 absl::StrCat(peer.errors()),
                 peer.answered() == 0 ? "" : absl::StrFormat("%.1f ms", peer.mean_answer_ms())});
    }
  }
  return table.empty() ? "" : absl::StrCat("\n", table.text(view.width));
}

std::string call_lines(const TopFrame& now, const View& view) {
  Table table({"CALLER", "CALLEE", "STATE", "SINCE", "MEDIA"});
  uint32_t total = 0;
  for (const auto& answer : now.calls) {
    if (!answer.status.ok()) continue;
    total += answer.reply.total();
    for (const v1::Call& call : answer.reply.calls()) {
      const auto& since = call.has_answered() ? call.answered() : call.started();
      table.add({call.caller(), call.callee(), call.state(), relative(since, view.now), call.media()});
    }
  }
  if (table.empty()) return "";
  return absl::StrCat("\n", table.text(view.width), total > calls_shown ? absl::StrCat("of ", total, " calls\n") : "");
}

volatile std::sig_atomic_t interrupted = 0;

}  // namespace

std::string top_text(const TopFrame& now, const TopFrame* before, const std::deque<v1::Event>& events,
                     const View& view) {
  std::string out;
  for (const auto& answer : now.status) out += daemon_lines(answer, now, before);
  out += hss_lines(now, before, view);
  out += call_lines(now, view);
  if (!events.empty()) absl::StrAppend(&out, "\nLast events\n");
  for (const v1::Event& event : events) absl::StrAppend(&out, "  ", event_line(event, view));
  return out;
}

int Session::top() {
  const std::vector<Role> roles = {Role::pcscf, Role::scscf, Role::labhss};
  if (int code = known(roles); code != ok) return code;
  std::mutex mutex;
  std::deque<v1::Event> events;
  std::vector<std::unique_ptr<grpc::ClientContext>> watches;
  std::vector<std::thread> streams;
  for (const Daemon& daemon : daemons_) {
    watches.push_back(std::make_unique<grpc::ClientContext>());
    streams.emplace_back([&, context = watches.back().get()] {
      const auto stream = daemon.control().Watch(context, v1::WatchRequest());
      v1::Event event;
      while (stream->Read(&event)) {
        std::lock_guard lock(mutex);
        events.push_back(event);
        if (events.size() > events_shown) events.pop_front();
      }
      (void)stream->Finish();
    });
  }
  v1::ListCallsRequest first_calls;
  first_calls.set_limit(calls_shown);
  std::optional<TopFrame> before;
  interrupted = 0;
  auto* const old = std::signal(SIGINT, [](int) { interrupted = 1; });
  const bool screen = around_.width > 0;
  bool reached = false;
  for (uint32_t count = 0; interrupted == 0 && (arguments_.count == 0 || count < arguments_.count); ++count) {
    if (count > 0) {
      const auto until = std::chrono::steady_clock::now() + arguments_.interval;
      while (interrupted == 0 && std::chrono::steady_clock::now() < until) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
      if (interrupted != 0) break;
    }
    TopFrame now;
    now.at = around_.clock.wall();
    now.status = ask<v1::StatusReply>(daemons_, roles, arguments_.timeout,
                                      [](const Daemon& daemon, grpc::ClientContext& context, v1::StatusReply& reply) {
                                        return daemon.control().Status(&context, {}, &reply);
                                      });
    now.hss = ask<v1::ListHssPeersReply>(
        daemons_, {Role::scscf}, arguments_.timeout,
        [](const Daemon& daemon, grpc::ClientContext& context, v1::ListHssPeersReply& reply) {
          return daemon.control().ListHssPeers(&context, {}, &reply);
        });
    now.calls =
        ask<v1::ListCallsReply>(daemons_, {Role::scscf}, arguments_.timeout,
                                [&](const Daemon& daemon, grpc::ClientContext& context, v1::ListCallsReply& reply) {
                                  return daemon.control().ListCalls(&context, first_calls, &reply);
                                });
    for (const auto& answer : now.status) reached = reached || answer.status.ok();
    std::lock_guard lock(mutex);
    // From the top of the screen, and what was below goes.
    out_ << (screen      ? "\x1b[H\x1b[2J"
             : count > 0 ? "\n"
                         : "")
         << top_text(now, before ? &*before : nullptr, events, view()) << std::flush;
    before = std::move(now);
  }
  std::signal(SIGINT, old);
  for (const auto& watch : watches) watch->TryCancel();
  for (std::thread& stream : streams) stream.join();
  return reached ? ok : not_reachable;
}

}  // namespace lapwing::cli
