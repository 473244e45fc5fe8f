// imsctl show: the story of one user.
#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/render.h"
#include "cli/times.h"
#include "common/runtime/log.h"

namespace lapwing::cli {
namespace {

void line(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  absl::StrAppend(&out, absl::StrFormat("    %-12s  %s\n", name, log::printable(value, 512)));
}

// What a person wants to know first.
std::string verdict(const User& user) {
  if (user.registered()) return "registered";
  const v1::Registration& worse = user.at_pcscf > 0 && user.pcscf.state() != "registered" ? user.pcscf : user.scscf;
  if (worse.state() == "challenged") return "not registered yet: the 401 challenge is sent, its answer is awaited";
  if (worse.state() == "challenge unanswered") return "NOT registered: the 401 challenge was sent and never answered";
  if (worse.state() == "rejected") return "NOT registered: the registration was refused";
  if (worse.state() == "expired") return "not registered: the registration expired";
  if (worse.state() == "deregistered") return "not registered: it ended the registration, or the network did";
  return absl::StrCat("not registered: ", log::printable(worse.state(), 64));
}

void known_at(std::string& out, const Daemon& daemon, const v1::Registration& known, const View& view) {
  absl::StrAppend(&out, "\n  At the ", std::string(title(daemon.role())), " ", daemon.address(), "\n");
  const std::string since = relative(known.since(), view.now);
  line(out, "state", absl::StrCat(known.state(), since.empty() ? "" : ", ", since));
  line(out, "expires", relative(known.expires(), view.now));
  line(out, "contact", known.contact());
  line(out, "address",
       known.address().empty() ? "" : absl::StrCat(known.address(), known.nat() ? " (behind a NAT)" : ""));
  line(out, "protection", known.protection());
  line(out, "handset", known.user_agent());
  line(out, "instance", known.instance());
  line(out, "access", known.access());
  line(out, "path", known.pcscf());
  line(out, "service route", known.scscf());
}

void sa_sets(std::string& out, const v1::ShowReply& reply, const View& view) {
  if (reply.sa_sets().empty()) return;
  absl::StrAppend(&out, "\n  Security associations\n");
  for (const v1::SaSet& set : reply.sa_sets()) {
    absl::StrAppend(&out, "    ", log::printable(set.state(), 32), ", ", log::printable(set.algorithms(), 64),
                    ", handset ", log::printable(set.ue(), 64), " uc ", set.port_uc(), " us ", set.port_us(), ", ours ",
                    log::printable(set.pcscf(), 64), " pc ", set.port_pc(), " ps ", set.port_ps(), ", ends ",
                    relative(set.expires(), view.now), "\n");
    if (set.kernel().empty()) absl::StrAppend(&out, "      MISSING in the kernel: nothing can pass\n");
    for (const v1::KernelSa& sa : set.kernel()) {
      absl::StrAppend(&out, absl::StrFormat("      %-10s  spi %08x  %d packets, %d bytes",
                                            log::printable(sa.direction(), 32), sa.spi(), sa.packets(), sa.bytes()));
      if (sa.replay_errors() > 0) absl::StrAppend(&out, ", ", sa.replay_errors(), " replayed");
      if (sa.integrity_failures() > 0)
        absl::StrAppend(&out, ", ", sa.integrity_failures(), " with a wrong integrity check: the keys differ");
      absl::StrAppend(&out, "\n");
    }
  }
}

void subscriptions(std::string& out, const v1::ShowReply& reply, const View& view) {
  if (reply.subscriptions().empty()) return;
  absl::StrAppend(&out, "\n  Subscriptions\n");
  for (const v1::Subscription& one : reply.subscriptions()) {
    absl::StrAppend(&out, "    ", log::printable(one.package(), 32), " by ", log::printable(one.watcher(), 128),
                    ", version ", one.version(), ", expires ", relative(one.expires(), view.now), "\n");
  }
}

void identity_of(std::string& out, const User& user) {
  absl::StrAppend(&out, log::printable(user.impi), "\n");
  const v1::Registration& known = user.scscf.impus().empty() ? user.pcscf : user.scscf;
  if (!known.impus().empty()) {
    absl::StrAppend(&out, "  public identities: ", log::printable(absl::StrJoin(known.impus(), ", "), 1024), "\n");
  }
  if (!known.barred_impus().empty()) {
    absl::StrAppend(&out, "  barred: ", log::printable(absl::StrJoin(known.barred_impus(), ", "), 1024), "\n");
  }
}

}  // namespace

std::string story_text(std::string_view identity, const std::vector<Answer<v1::ShowReply>>& answers, const View& view) {
  std::vector<v1::Registration> at_pcscf;
  std::vector<v1::Registration> at_scscf;
  std::vector<v1::Event> events;
  bool pcscf_asked = false;
  bool scscf_asked = false;
  for (const auto& answer : answers) {
    const bool pcscf = answer.daemon->role() == Role::pcscf;
    const bool asked = answer.status.ok() || answer.status.error_code() == grpc::NOT_FOUND;
    (pcscf ? pcscf_asked : scscf_asked) |= asked;
    if (!answer.status.ok()) continue;
    const auto& known = answer.reply.registrations();
    auto& side = pcscf ? at_pcscf : at_scscf;
    side.insert(side.end(), known.begin(), known.end());
    events.insert(events.end(), answer.reply.events().begin(), answer.reply.events().end());
  }
  std::string out;
  const std::vector<User> users = merge(at_pcscf, at_scscf);
  if (users.empty()) {
    absl::StrAppend(&out, log::printable(identity),
                    "\n  not registered, and no registration is under way; its last events are below\n");
  }
  for (const User& user : users) {
    if (!out.empty()) absl::StrAppend(&out, "\n");
    identity_of(out, user);
    absl::StrAppend(&out, "  ", verdict(user), "\n");
    const auto why = causes(user, pcscf_asked && scscf_asked);
    if (!why.empty()) absl::StrAppend(&out, "  Most likely, likeliest first:\n");
    for (size_t i = 0; i < why.size(); ++i)
      absl::StrAppend(&out, "    ", i + 1, ". ", log::printable(why[i], 512), "\n");
  }
  for (const auto& answer : answers) {
    if (!answer.status.ok()) continue;
    for (const v1::Registration& known : answer.reply.registrations()) known_at(out, *answer.daemon, known, view);
    sa_sets(out, answer.reply, view);
    subscriptions(out, answer.reply, view);
  }
  if (events.empty()) return out;
  std::multimap<WallTime, const v1::Event*> by_time;
  for (const v1::Event& event : events) by_time.emplace(wall_time(event.time()), &event);
  absl::StrAppend(&out, "\n  Events\n");
  for (const auto& [time, event] : by_time) absl::StrAppend(&out, "    ", event_line(*event, view));
  return out;
}

}  // namespace lapwing::cli
