// imsctl explain ID: why a user is not registered, or why its calls fail; and the list of what can be found.
#include <algorithm>
#include <future>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/json.h"
#include "cli/render.h"
#include "cli/session.h"
#include "cli/times.h"
#include "common/diagnosis/doctor.h"
#include "common/runtime/log.h"

namespace lapwing::cli {
namespace {

using Shown = std::vector<Answer<v1::ShowReply>>;

std::vector<diagnosis::View> views_of(const Shown& shown, const std::vector<Answer<v1::ListHssPeersReply>>& hss) {
  std::vector<diagnosis::View> views;
  for (const auto& answer : shown) {
    diagnosis::View& view = views.emplace_back();
    view.program = std::string(program(answer.daemon->role()));
    view.answered = answer.status.ok() || answer.status.error_code() == grpc::NOT_FOUND;
    view.shown = answer.reply;
    for (const auto& peers : hss) {
      if (peers.daemon == answer.daemon && peers.status.ok()) view.hss = peers.reply;
    }
  }
  return views;
}

void print_finding(std::string& out, const v1::Finding& finding, size_t number, const View& view) {
  absl::StrAppend(&out, "\n  ", number, ". ", finding.title(), "  [", finding.code(), "]\n");
  const std::string when = finding.has_time() ? absl::StrCat(", ", relative(finding.time(), view.now)) : "";
  absl::StrAppend(&out, "     this time: ", log::printable(finding.text(), 512),
                  finding.program().empty() ? "" : absl::StrCat(" (", finding.program(), when, ")"), "\n");
  absl::StrAppend(&out, "     known by:  ", finding.seen(), "\n");
  for (const std::string& line : finding.advice()) absl::StrAppend(&out, "     - ", line, "\n");
}

}  // namespace

std::string explanation_text(const v1::Explanation& told, const View& view) {
  std::string out = absl::StrCat(log::printable(told.impi().empty() ? told.identity() : told.impi()), "\n");
  if (!told.impus().empty()) {
    absl::StrAppend(&out, "  public identities: ", log::printable(absl::StrJoin(told.impus(), ", "), 1024), "\n");
  }
  absl::StrAppend(&out, "  ", told.verdict(), "\n");
  if (!told.steps().empty()) absl::StrAppend(&out, "\n  What happened last\n");
  for (const v1::Event& step : told.steps()) absl::StrAppend(&out, "    ", event_line(step, view));
  if (!told.missing().empty()) absl::StrAppend(&out, "  What is missing\n    ", told.missing(), "\n");
  if (told.findings().empty()) {
    absl::StrAppend(&out, told.registered() ? "\n  Nothing is wrong that is known here.\n"
                                            : "\n  No cause is known here: imsctl trace shows the messages.\n");
    return out;
  }
  absl::StrAppend(&out, "\n  Why, likeliest first\n");
  size_t number = 0;
  for (const v1::Finding& finding : told.findings()) print_finding(out, finding, ++number, view);
  return out;
}

int Session::explain() {
  if (arguments_.identity.empty()) {
    err_ << "imsctl: explain whom? Give an IMSI, IMPI, IMPU or number: imsctl explain 001010000000001\n";
    return usage;
  }
  const std::vector<Role> roles = {Role::pcscf, Role::scscf};
  if (int code = known(roles); code != ok) return code;
  v1::ShowRequest request;
  request.set_identity(arguments_.identity);
  auto peers = std::async(std::launch::async, [this] {
    return ask<v1::ListHssPeersReply>(
        daemons_, {Role::scscf}, arguments_.timeout,
        [](const Daemon& daemon, grpc::ClientContext& context, v1::ListHssPeersReply& reply) {
          return daemon.control().ListHssPeers(&context, {}, &reply);
        });
  });
  auto shown = ask<v1::ShowReply>(daemons_, roles, arguments_.timeout,
                                  [&](const Daemon& daemon, grpc::ClientContext& context, v1::ShowReply& reply) {
                                    return daemon.control().Show(&context, request, &reply);
                                  });
  const auto hss = peers.get();
  const bool all_away =
      std::all_of(shown.begin(), shown.end(), [](const auto& answer) { return unreachable(answer.status); });
  if (all_away) return warn(shown);
  const v1::Explanation told = diagnosis::explain(arguments_.identity, views_of(shown, hss), view().now);
  if (arguments_.json) {
    out_ << json_text(told, true) << "\n";
  } else {
    // That a daemon does not know the user is not worth a warning here: it is what the explanation is about.
    for (auto& answer : shown) {
      if (answer.status.error_code() == grpc::NOT_FOUND) answer.status = grpc::Status::OK;
    }
    (void)warn(shown);
    out_ << explanation_text(told, view());
  }
  const bool failure =
      std::any_of(told.findings().begin(), told.findings().end(), [](const v1::Finding& one) { return one.failure(); });
  return told.registered() && !failure ? ok : not_found;
}

int Session::diagnoses() {
  v1::Diagnoses all;
  for (const Diagnosis& one : diagnosis::all()) *all.add_diagnoses() = diagnosis::finding_of(one);
  if (arguments_.json) {
    out_ << json_text(all, true) << "\n";
    return ok;
  }
  for (const v1::Finding& one : all.diagnoses()) {
    out_ << one.code() << "\n    " << one.title() << "\n";
  }
  return ok;
}

}  // namespace lapwing::cli
