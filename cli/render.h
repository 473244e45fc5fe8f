// Replies as text for people.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/daemons.h"
#include "cli/merge.h"
#include "common/runtime/clock.h"
#include "lapwing/v1/control.pb.h"

namespace lapwing::cli {

struct View {
  WallTime now;
  size_t width = 0;  // of the terminal; 0: unlimited
};

// One row for each user, and below the table what is most likely wrong with those that are not registered.
std::string registrations_text(const std::vector<User>& users, bool both_asked, const View& view);
// The story of one user: what it is, what each daemon knows, its security associations and its events.
std::string story_text(std::string_view identity, const std::vector<Answer<v1::ShowReply>>& answers, const View& view);
std::string sa_text(const std::vector<Answer<v1::ListSaSetsReply>>& answers, const View& view);
std::string hss_text(const std::vector<Answer<v1::ListHssPeersReply>>& answers, const View& view);
// The steps, what is missing, and the causes with advice.
std::string explanation_text(const v1::Explanation& told, const View& view);
// Both sides of a call with their filter criteria, those that are met first told apart.
std::string explanation_text(const v1::ExplainCallReply& reply);
// A user profile's faults with what to do about each.
std::string findings_text(const v1::LintProfileReply& reply);
bool has_errors(const v1::LintProfileReply& reply);
std::string calls_text(const std::vector<Answer<v1::ListCallsReply>>& answers, const View& view);
// What a daemon took from its file, and what it did not.
std::string reload_text(const Daemon& daemon, const v1::ReloadReply& reply);
// One line for each daemon: what is left of calls and transactions.
std::string drain_text(const std::vector<Answer<v1::DrainReply>>& answers);
// Who is debugged at which daemon, and until when.
std::string debugged_text(const std::vector<Answer<v1::DebugReply>>& answers, const View& view);
std::string status_text(const std::vector<Answer<v1::StatusReply>>& answers, const View& view);
std::string subscribers_text(const std::vector<Answer<v1::ListSubscribersReply>>& answers, const View& view);
std::string event_line(const v1::Event& event, const View& view);

}  // namespace lapwing::cli
