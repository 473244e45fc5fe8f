#include "cli/render.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/table.h"
#include "cli/times.h"
#include "common/runtime/log.h"

namespace lapwing::cli {
namespace {

std::string user_part(const std::string& impi) {
  return impi.substr(0, impi.find('@'));
}

// "+15550100042" of a SIP or tel URI.
std::string user_of(const std::string& uri) {
  return user_part(uri.substr(uri.find(':') + 1));
}

std::string state_cell(const v1::Registration& side, size_t count) {
  if (count == 0) return "";
  return count == 1 ? side.state() : absl::StrCat(side.state(), " (", count, " contacts)");
}

// "unix:/run/lapwing/pcscf.sock" only where there are several to tell apart.
template <typename Reply>
bool several(const std::vector<Answer<Reply>>& answers) {
  return std::count_if(answers.begin(), answers.end(), [](const auto& a) { return a.status.ok(); }) > 1;
}

template <typename Reply>
void heading(std::string& out, const std::vector<Answer<Reply>>& answers, const Answer<Reply>& answer) {
  if (several(answers)) absl::StrAppend(&out, out.empty() ? "" : "\n", answer.daemon->address(), "\n");
}

}  // namespace

std::string registrations_text(const std::vector<User>& users, bool both_asked, const View& view) {
  Table table({"USER", "NUMBER", "P-CSCF", "S-CSCF", "SINCE", "EXPIRES", "PROTECTION", "ADDRESS", "HANDSET"});
  std::string notes;
  for (const User& user : users) {
    const v1::Registration& main = user.main();
    const std::string agent = main.user_agent().empty() ? user.scscf.user_agent() : main.user_agent();
    table.add({user_part(user.impi), user.number(), state_cell(user.pcscf, user.at_pcscf),
               state_cell(user.scscf, user.at_scscf), relative(main.since(), view.now),
               relative(main.expires(), view.now), user.pcscf.protection(), user.pcscf.address(), agent});
    const auto why = causes(user, both_asked);
    for (size_t i = 0; i < why.size(); ++i) {
      if (i == 0)
        absl::StrAppend(&notes, "\n", log::printable(user_part(user.impi)), ": most likely, likeliest first\n");
      absl::StrAppend(&notes, "  ", i + 1, ". ", log::printable(why[i], 512), "\n");
    }
  }
  return absl::StrCat(table.text(view.width), notes);
}

std::string sa_text(const std::vector<Answer<v1::ListSaSetsReply>>& answers, const View& view) {
  std::string out;
  for (const auto& answer : answers) {
    if (!answer.status.ok()) continue;
    heading(out, answers, answer);
    Table table({"USER", "STATE", "HANDSET", "UC", "US", "PC", "PS", "SPI-UC", "SPI-US", "SPI-PC", "SPI-PS",
                 "ALGORITHMS", "EXPIRES", "KERNEL"});
    for (const v1::SaSet& set : answer.reply.sets()) {
      uint64_t packets = 0;
      uint64_t bad = 0;
      for (const v1::KernelSa& sa : set.kernel()) {
        packets += sa.packets();
        bad += sa.replay_errors() + sa.integrity_failures();
      }
      std::string kernel = absl::StrCat(set.kernel_size(), " SAs, ", packets, " packets");
      if (bad > 0) absl::StrAppend(&kernel, ", ", bad, " bad");
      if (set.kernel().empty()) kernel = "MISSING";
      auto hex = [](uint32_t spi) { return absl::StrFormat("%08x", spi); };
      table.add({user_part(set.impi()), set.state(), set.ue(), absl::StrCat(set.port_uc()), absl::StrCat(set.port_us()),
                 absl::StrCat(set.port_pc()), absl::StrCat(set.port_ps()), hex(set.spi_uc()), hex(set.spi_us()),
                 hex(set.spi_pc()), hex(set.spi_ps()), set.algorithms(), relative(set.expires(), view.now), kernel});
    }
    absl::StrAppend(&out, table.empty() ? "No security associations.\n" : table.text(view.width));
    if (answer.reply.orphans() > 0) {
      absl::StrAppend(&out, answer.reply.orphans(),
                      " SAs in the kernel belong to no set: they end at their hard lifetime\n");
    }
  }
  return out;
}

std::string hss_text(const std::vector<Answer<v1::ListHssPeersReply>>& answers, const View& view) {
  std::string out;
  for (const auto& answer : answers) {
    if (!answer.status.ok()) continue;
    heading(out, answers, answer);
    Table table({"HSS", "ADDRESS", "STATE", "SENT", "ANSWERED", "TIMEOUTS", "ERRORS", "MALFORMED", "MEAN"});
    std::string notes;
    for (const v1::HssPeerStatus& peer : answer.reply.peers()) {
      table.add({peer.host(), peer.address(),
                 absl::StrCat(peer.state(), peer.circuit_open() ? ", resting after failures" : ""),
                 absl::StrCat(peer.sent()), absl::StrCat(peer.answered()), absl::StrCat(peer.timeouts()),
                 absl::StrCat(peer.errors()), absl::StrCat(peer.malformed()),
                 peer.answered() == 0 ? "" : absl::StrFormat("%.1f ms", peer.mean_answer_ms())});
      if (peer.why().empty()) continue;
      absl::StrAppend(&notes, "\n", log::printable(peer.host()), ": ", log::printable(peer.why(), 512), "\n");
    }
    absl::StrAppend(&out, table.empty() ? "No HSS peers.\n" : table.text(view.width), notes);
  }
  return out;
}

std::string calls_text(const std::vector<Answer<v1::ListCallsReply>>& answers, const View& view) {
  std::string out;
  for (const auto& answer : answers) {
    if (!answer.status.ok()) continue;
    heading(out, answers, answer);
    Table table({"CALL", "CALLER", "CALLEE", "STATE", "SINCE", "MEDIA", "LAST MESSAGE", "ICID"});
    for (const v1::Call& call : answer.reply.calls()) {
      const auto& since = call.has_answered() ? call.answered() : call.started();
      table.add({call.id(), user_of(call.caller()), user_of(call.callee()), call.state(), relative(since, view.now),
                 call.media(), call.last_message(), call.icid()});
    }
    absl::StrAppend(&out, table.empty() ? "No calls.\n" : table.text(view.width));
    if (answer.reply.total() > static_cast<uint32_t>(answer.reply.calls_size())) {
      absl::StrAppend(&out, answer.reply.calls_size(), " of ", answer.reply.total(),
                      " shown; ask for more with --limit\n");
    }
  }
  return out;
}

std::string explanation_text(const v1::ExplainCallReply& reply) {
  std::string out;
  for (const v1::ExplainedSide& side : reply.sides()) {
    const std::string who = side.identity().empty() ? "" : absl::StrCat(" for ", log::printable(side.identity()));
    absl::StrAppend(&out, out.empty() ? "" : "\n", side.session_case(), who, ": ", log::printable(side.text(), 300),
                    "\n");
    for (const v1::ExplainedCriterion& criterion : side.criteria()) {
      const char* when_it_fails =
          criterion.default_handling() == 0 ? "the request goes on without it" : "the request ends";
      absl::StrAppend(&out, "\n  ", criterion.met() ? "MET     " : "not met ", "priority ", criterion.priority(), ", ",
                      log::printable(criterion.server()), "; should it fail, ", when_it_fails, "\n");
      for (const std::string& condition : criterion.conditions()) {
        absl::StrAppend(&out, "          ", log::printable(condition, 200), "\n");
      }
    }
  }
  return out;
}

std::string findings_text(const v1::LintProfileReply& reply) {
  if (reply.findings().empty()) return "Nothing to find fault with.\n";
  std::string out;
  for (const v1::ProfileFinding& finding : reply.findings()) {
    absl::StrAppend(&out, out.empty() ? "" : "\n", finding.weight(), ": ", log::printable(finding.where(), 200), ": ",
                    log::printable(finding.text(), 400), "\n  ", log::printable(finding.advice(), 200), "\n");
  }
  return out;
}

bool has_errors(const v1::LintProfileReply& reply) {
  return std::any_of(reply.findings().begin(), reply.findings().end(),
                     [](const v1::ProfileFinding& finding) { return finding.weight() == "error"; });
}

std::string reload_text(const Daemon& daemon, const v1::ReloadReply& reply) {
  const std::string who = absl::StrCat(std::string(title(daemon.role())), " at ", daemon.address(), ": ");
  if (reply.changed().empty() && reply.needs_restart().empty()) return who + "nothing has changed\n";
  std::string out;
  if (!reply.changed().empty()) absl::StrAppend(&out, who, "changed: ", absl::StrJoin(reply.changed(), ", "), "\n");
  if (!reply.needs_restart().empty()) {
    absl::StrAppend(&out, who, "needs a restart: ", absl::StrJoin(reply.needs_restart(), ", "), "\n");
  }
  return out;
}

std::string drain_text(const std::vector<Answer<v1::DrainReply>>& answers) {
  std::string out;
  for (const auto& answer : answers) {
    if (!answer.status.ok()) continue;
    const v1::DrainReply& reply = answer.reply;
    absl::StrAppend(&out, std::string(title(answer.daemon->role())), " at ", answer.daemon->address(), ": ");
    if (!reply.draining()) {
      absl::StrAppend(&out, "takes new calls and registrations\n");
    } else if (reply.calls() == 0 && reply.transactions() == 0) {
      absl::StrAppend(&out, "drained\n");
    } else {
      absl::StrAppend(&out, "draining, ", reply.calls(), " calls and ", reply.transactions(), " transactions left\n");
    }
  }
  return out;
}

std::string debugged_text(const std::vector<Answer<v1::DebugReply>>& answers, const View& view) {
  Table table({"DAEMON", "ADDRESS", "DEBUGGED", "ENDS"});
  for (const auto& answer : answers) {
    if (!answer.status.ok()) continue;
    for (const v1::Debugged& one : answer.reply.debugged()) {
      table.add({std::string(program(answer.daemon->role())), answer.daemon->address(), one.identity(),
                 relative(one.until(), view.now)});
    }
  }
  return table.empty() ? "Nobody is debugged.\n" : table.text(view.width);
}

std::string status_text(const std::vector<Answer<v1::StatusReply>>& answers, const View& view) {
  Table table({"DAEMON", "NAME", "ADDRESS", "VERSION", "UP", "WORKERS", "COUNTS"});
  for (const auto& answer : answers) {
    if (!answer.status.ok()) continue;
    const v1::StatusReply& reply = answer.reply;
    std::vector<std::string> counts;
    for (const v1::Gauge& gauge : reply.gauges()) counts.push_back(absl::StrCat(gauge.name(), " ", gauge.value()));
    const auto up = std::chrono::duration_cast<std::chrono::seconds>(view.now - wall_time(reply.started()));
    if (reply.draining()) counts.insert(counts.begin(), "DRAINING");
    table.add({reply.program(), reply.name(), answer.daemon->address(), reply.version(), span(up),
               absl::StrCat(reply.workers()), absl::StrJoin(counts, ", ")});
  }
  std::string out = table.empty() ? "" : table.text(view.width);
  for (const auto& answer : answers) {
    if (!answer.status.ok() || answer.reply.role() != "reader") continue;
    absl::StrAppend(&out, "At the ", std::string(title(answer.daemon->role())), " ", answer.daemon->address(),
                    " you may look, but not change anything: to it you are ", log::printable(answer.reply.client()),
                    ", and control.admins does not name you.\n");
  }
  return out;
}

std::string subscribers_text(const std::vector<Answer<v1::ListSubscribersReply>>& answers, const View& view) {
  std::string out;
  for (const auto& answer : answers) {
    if (!answer.status.ok()) continue;
    heading(out, answers, answer);
    Table table({"IMSI", "PUBLIC IDENTITIES", "STATE", "S-CSCF", "SQN"});
    for (const v1::SubscriberStatus& subscriber : answer.reply.subscribers()) {
      table.add({subscriber.imsi(), absl::StrJoin(subscriber.impus(), " "), subscriber.state(), subscriber.scscf(),
                 absl::StrFormat("%012x", subscriber.sqn())});
    }
    absl::StrAppend(&out, table.empty() ? "No subscribers.\n" : table.text(view.width));
  }
  return out;
}

std::string event_line(const v1::Event& event, const View& view) {
  std::string out;
  if (event.lost() > 0) absl::StrAppend(&out, "... ", event.lost(), " events lost: this client did not keep up\n");
  const std::string& who = event.impi().empty() ? event.impu() : event.impi();
  absl::StrAppend(&out, clock_time(event.time(), view.now), "  ",
                  absl::StrFormat("%-6s  %-22s  %s", log::printable(event.program(), 32),
                                  log::printable(event.kind(), 64), log::printable(user_part(who), 64)),
                  who.empty() ? "" : ": ", log::printable(event.text(), 1024), "\n");
  return out;
}

}  // namespace lapwing::cli
