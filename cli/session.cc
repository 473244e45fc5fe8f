#include "cli/session.h"

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/json.h"
#include "common/runtime/log.h"
#include "scscf/ifc/profile_lint.h"

namespace lapwing::cli {

int Session::known(std::vector<Role> roles) {
  std::vector<std::string> names;
  for (Role role : roles) {
    names.push_back(absl::StrCat("--", std::string(program(role))));
    for (const Daemon& daemon : daemons_) {
      if (daemon.role() == role) return ok;
    }
  }
  err_ << "imsctl: no address for this command is known: give " << absl::StrJoin(names, " or ")
       << " ADDRESS (as in control.listen of the daemon), or write it into ~/.config/lapwing/imsctl.yaml\n";
  return usage;
}

// A sentence for each daemon that failed, and the exit code when none answered: 3 unreachable, 1 refused or not found.
template <typename Reply>
int Session::warn(const std::vector<Answer<Reply>>& answers) {
  bool answered = false;
  bool reached = false;
  for (const auto& answer : answers) {
    answered = answered || answer.status.ok();
    reached = reached || !unreachable(answer.status);
  }
  for (const auto& answer : answers) {
    if (answer.status.ok()) continue;
    // "Not found here" is no news when another daemon knows the user.
    if (answered && answer.status.error_code() == grpc::NOT_FOUND) continue;
    err_ << (answered || (reached && unreachable(answer.status)) ? "imsctl: warning: " : "imsctl: ")
         << failure_text(*answer.daemon, answer.status, arguments_.timeout) << "\n";
  }
  if (answered) return ok;
  return reached ? not_found : not_reachable;
}

template int Session::warn(const std::vector<Answer<v1::ShowReply>>& answers);        // explain.cc
template int Session::warn(const std::vector<Answer<v1::ExportKeysReply>>& answers);  // esp_keys.cc

template <typename Reply>
int Session::print_json(const std::vector<Answer<Reply>>& answers, bool found) {
  JsonReplies document;
  for (const auto& answer : answers) document.add(*answer.daemon, answer.status, &answer.reply, arguments_.timeout);
  out_ << document.text();
  const int code = warn(answers);
  return code != ok ? code : found ? ok : not_found;
}

template int Session::print_json(const std::vector<Answer<v1::ExportKeysReply>>& answers, bool found);  // esp_keys.cc

int Session::registrations() {
  const std::vector<Role> roles = {Role::pcscf, Role::scscf};
  if (int code = known(roles); code != ok) return code;
  v1::ListRegistrationsRequest request;
  request.set_identity(arguments_.identity);
  request.set_limit(arguments_.limit);
  const auto answers = ask<v1::ListRegistrationsReply>(
      daemons_, roles, arguments_.timeout,
      [&](const Daemon& daemon, grpc::ClientContext& context, v1::ListRegistrationsReply& reply) {
        return daemon.control().ListRegistrations(&context, request, &reply);
      });
  std::vector<v1::Registration> at_pcscf;
  std::vector<v1::Registration> at_scscf;
  bool pcscf_answered = false;
  bool scscf_answered = false;
  for (const auto& answer : answers) {
    if (!answer.status.ok()) continue;
    const bool pcscf = answer.daemon->role() == Role::pcscf;
    (pcscf ? pcscf_answered : scscf_answered) = true;
    const auto& entries = answer.reply.registrations();
    auto& side = pcscf ? at_pcscf : at_scscf;
    side.insert(side.end(), entries.begin(), entries.end());
  }
  const auto users = merge(at_pcscf, at_scscf);
  if (arguments_.json) return print_json(answers, !users.empty());
  if (int code = warn(answers); code != ok) return code;
  if (users.empty()) {
    out_ << (arguments_.identity.empty() ? "No registrations.\n" : "No registration of this user.\n");
    return not_found;
  }
  out_ << registrations_text(users, pcscf_answered && scscf_answered, view());
  for (const auto& answer : answers) {
    if (answer.reply.total() <= static_cast<uint32_t>(answer.reply.registrations_size())) continue;
    out_ << "\n"
         << title(answer.daemon->role()) << " " << answer.daemon->address() << ": " << answer.reply.registrations_size()
         << " of " << answer.reply.total() << " shown; ask for more with --limit\n";
  }
  return ok;
}

int Session::show() {
  const std::vector<Role> roles = {Role::pcscf, Role::scscf};
  if (int code = known(roles); code != ok) return code;
  v1::ShowRequest request;
  request.set_identity(arguments_.identity);
  const auto answers =
      ask<v1::ShowReply>(daemons_, roles, arguments_.timeout,
                         [&](const Daemon& daemon, grpc::ClientContext& context, v1::ShowReply& reply) {
                           return daemon.control().Show(&context, request, &reply);
                         });
  if (arguments_.json) return print_json(answers, true);
  const int code = warn(answers);
  if (code == ok) out_ << story_text(arguments_.identity, answers, view());
  return code;
}

int Session::sa() {
  if (int code = known({Role::pcscf}); code != ok) return code;
  v1::ListSaSetsRequest request;
  request.set_identity(arguments_.identity);
  const auto answers =
      ask<v1::ListSaSetsReply>(daemons_, {Role::pcscf}, arguments_.timeout,
                               [&](const Daemon& daemon, grpc::ClientContext& context, v1::ListSaSetsReply& reply) {
                                 return daemon.control().ListSaSets(&context, request, &reply);
                               });
  bool found = false;
  for (const auto& answer : answers) found = found || !answer.reply.sets().empty();
  if (arguments_.json) return print_json(answers, found);
  if (int code = warn(answers); code != ok) return code;
  out_ << sa_text(answers, view());
  return found ? ok : not_found;
}

int Session::hss() {
  if (int code = known({Role::scscf}); code != ok) return code;
  const auto answers =
      ask<v1::ListHssPeersReply>(daemons_, {Role::scscf}, arguments_.timeout,
                                 [](const Daemon& daemon, grpc::ClientContext& context, v1::ListHssPeersReply& reply) {
                                   return daemon.control().ListHssPeers(&context, {}, &reply);
                                 });
  bool found = false;
  for (const auto& answer : answers) found = found || !answer.reply.peers().empty();
  if (arguments_.json) return print_json(answers, found);
  if (int code = warn(answers); code != ok) return code;
  out_ << hss_text(answers, view());
  return found ? ok : not_found;
}

int Session::calls() {
  if (int code = known({Role::scscf}); code != ok) return code;
  v1::ListCallsRequest request;
  request.set_identity(arguments_.identity);
  request.set_limit(arguments_.limit);
  const auto answers =
      ask<v1::ListCallsReply>(daemons_, {Role::scscf}, arguments_.timeout,
                              [&](const Daemon& daemon, grpc::ClientContext& context, v1::ListCallsReply& reply) {
                                return daemon.control().ListCalls(&context, request, &reply);
                              });
  bool found = false;
  for (const auto& answer : answers) found = found || !answer.reply.calls().empty();
  if (arguments_.json) return print_json(answers, found);
  if (int code = warn(answers); code != ok) return code;
  out_ << calls_text(answers, view());
  return found ? ok : not_found;
}

int Session::hangup() {
  if (int code = known({Role::scscf}); code != ok) return code;
  v1::HangupRequest request;
  request.set_call(arguments_.identity);
  const auto answers =
      ask<v1::HangupReply>(daemons_, {Role::scscf}, arguments_.timeout,
                           [&](const Daemon& daemon, grpc::ClientContext& context, v1::HangupReply& reply) {
                             return daemon.control().Hangup(&context, request, &reply);
                           });
  if (arguments_.json) return print_json(answers, true);
  const int code = warn(answers);
  for (const auto& answer : answers) {
    for (const v1::Call& call : answer.reply.calls()) {
      out_ << "Ended: " << log::printable(call.caller()) << " with " << log::printable(call.callee()) << "\n";
    }
  }
  return code;
}

int Session::explain_call() {
  if (int code = known({Role::scscf}); code != ok) return code;
  v1::ExplainCallRequest request;
  request.set_caller(arguments_.identity);
  request.set_callee(arguments_.callee);
  request.set_method(arguments_.method);
  for (const std::string& header : arguments_.headers) request.add_headers(header);
  const auto answers =
      ask<v1::ExplainCallReply>(daemons_, {Role::scscf}, arguments_.timeout,
                                [&](const Daemon& daemon, grpc::ClientContext& context, v1::ExplainCallReply& reply) {
                                  return daemon.control().ExplainCall(&context, request, &reply);
                                });
  if (arguments_.json) return print_json(answers, true);
  const int code = warn(answers);
  for (const auto& answer : answers) {
    if (answer.status.ok()) out_ << explanation_text(answer.reply);
  }
  return code;
}

int Session::lint_profile() {
  if (access(arguments_.identity.c_str(), R_OK) == 0) return lint_file();
  if (int code = known({Role::scscf}); code != ok) return code;
  v1::LintProfileRequest request;
  request.set_identity(arguments_.identity);
  const auto answers =
      ask<v1::LintProfileReply>(daemons_, {Role::scscf}, arguments_.timeout,
                                [&](const Daemon& daemon, grpc::ClientContext& context, v1::LintProfileReply& reply) {
                                  return daemon.control().LintProfile(&context, request, &reply);
                                });
  if (arguments_.json) return print_json(answers, true);
  int code = warn(answers);
  for (const auto& answer : answers) {
    if (!answer.status.ok()) continue;
    out_ << findings_text(answer.reply);
    if (code == ok && has_errors(answer.reply)) code = not_found;
  }
  return code;
}

std::optional<std::string> Session::content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    err_ << "imsctl: " << path << ": cannot be read\n";
    return std::nullopt;
  }
  return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

int Session::lint_file() {
  const auto xml = content_of(arguments_.identity);
  if (!xml) return usage;
  auto profile = scscf::parse_user_profile(*xml);
  if (!profile.ok()) {
    err_ << "imsctl: " << arguments_.identity << ": " << log::printable(std::string(profile.status().message()), 300)
         << "\n";
    return usage;
  }
  v1::LintProfileReply reply;
  scscf::add_findings(reply, scscf::lint_profile(*profile, {}));
  out_ << (arguments_.json ? json_text(reply, true) : findings_text(reply));
  return has_errors(reply) ? not_found : ok;
}

int Session::deregister() {
  if (int code = known({Role::scscf}); code != ok) return code;
  v1::DeregisterRequest request;
  request.set_identity(arguments_.identity);
  request.set_reason(arguments_.reason);
  const auto answers =
      ask<v1::DeregisterReply>(daemons_, {Role::scscf}, arguments_.timeout,
                               [&](const Daemon& daemon, grpc::ClientContext& context, v1::DeregisterReply& reply) {
                                 return daemon.control().Deregister(&context, request, &reply);
                               });
  if (arguments_.json) return print_json(answers, true);
  const int code = warn(answers);
  for (const auto& answer : answers) {
    if (answer.status.ok())
      out_ << "Deregistered: " << log::printable(absl::StrJoin(answer.reply.impus(), ", "), 1024) << "\n";
  }
  return code;
}

int Session::status() {
  const std::vector<Role> roles = {Role::pcscf, Role::scscf, Role::labhss};
  if (int code = known(roles); code != ok) return code;
  const auto answers =
      ask<v1::StatusReply>(daemons_, roles, arguments_.timeout,
                           [](const Daemon& daemon, grpc::ClientContext& context, v1::StatusReply& reply) {
                             return daemon.control().Status(&context, {}, &reply);
                           });
  if (arguments_.json) return print_json(answers, true);
  const int code = warn(answers);
  out_ << status_text(answers, view());
  return code;
}

int Session::reload() {
  const std::vector<Role> roles = {Role::pcscf, Role::scscf, Role::labhss};
  if (int code = known(roles); code != ok) return code;
  const auto answers =
      ask<v1::ReloadReply>(daemons_, roles, arguments_.timeout,
                           [](const Daemon& daemon, grpc::ClientContext& context, v1::ReloadReply& reply) {
                             return daemon.control().Reload(&context, {}, &reply);
                           });
  if (arguments_.json) return print_json(answers, true);
  int code = warn(answers);
  for (const auto& answer : answers) {
    if (answer.status.ok()) {
      out_ << reload_text(*answer.daemon, answer.reply);
    } else {
      code = std::max<int>(code, not_found);
    }
  }
  return code;
}

int Session::drain() {
  if (int code = known({Role::pcscf, Role::scscf}); code != ok) return code;
  v1::DrainRequest request;
  request.set_resume(arguments_.resume);
  const auto until = std::chrono::steady_clock::now() + arguments_.within;
  std::string said;
  while (true) {
    const auto answers =
        ask<v1::DrainReply>(daemons_, {Role::pcscf, Role::scscf}, arguments_.timeout,
                            [&](const Daemon& daemon, grpc::ClientContext& context, v1::DrainReply& reply) {
                              return daemon.control().Drain(&context, request, &reply);
                            });
    bool left = false, failed = false;
    for (const auto& answer : answers) {
      failed = failed || !answer.status.ok();
      left = left || answer.reply.calls() > 0 || answer.reply.transactions() > 0;
    }
    const bool over = std::chrono::steady_clock::now() >= until;
    if (arguments_.resume || arguments_.no_wait || failed || over || !left) {
      if (arguments_.json) return print_json(answers, arguments_.resume || arguments_.no_wait || !left);
      const int code = warn(answers);
      out_ << drain_text(answers);
      return code != ok ? code : failed || (over && left) ? not_found : ok;
    }
    std::string text = drain_text(answers);
    if (text != said) err_ << text << std::flush;
    said = std::move(text);
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
}

int Session::debug() {
  const std::vector<Role> roles = {Role::pcscf, Role::scscf};
  if (int code = known(roles); code != ok) return code;
  v1::DebugRequest request;
  request.set_identity(arguments_.identity);
  if (!arguments_.off) request.set_seconds(static_cast<uint32_t>(arguments_.length.count()));
  const auto answers =
      ask<v1::DebugReply>(daemons_, roles, arguments_.timeout,
                          [&](const Daemon& daemon, grpc::ClientContext& context, v1::DebugReply& reply) {
                            return daemon.control().Debug(&context, request, &reply);
                          });
  bool found = arguments_.off;  // then nobody is what was wanted
  for (const auto& answer : answers) found = found || !answer.reply.debugged().empty();
  if (arguments_.json) return print_json(answers, found);
  if (int code = warn(answers); code != ok) return code;
  out_ << debugged_text(answers, view());
  return found ? ok : not_found;
}

int Session::change_subscriber() {
  if (int code = known({Role::labhss}); code != ok) return code;
  v1::ChangeSubscriberRequest request;
  request.set_identity(arguments_.identity);
  if (arguments_.bar || arguments_.unbar) request.set_barred(arguments_.bar);
  if (!arguments_.display_name.empty()) request.set_display_name(arguments_.display_name);
  for (const std::string& impu : arguments_.add_impus) request.add_add_impus(impu);
  for (const std::string& impu : arguments_.remove_impus) request.add_remove_impus(impu);
  for (const std::string& path : arguments_.ifc) {
    auto ifc = content_of(path);
    if (!ifc) return usage;
    request.add_ifc(*std::move(ifc));
  }
  request.set_no_ifc(arguments_.no_ifc);
  request.set_push(arguments_.push);
  const auto answers = ask<v1::ChangeSubscriberReply>(
      daemons_, {Role::labhss}, arguments_.timeout,
      [&](const Daemon& daemon, grpc::ClientContext& context, v1::ChangeSubscriberReply& reply) {
        return daemon.lab_hss().ChangeSubscriber(&context, request, &reply);
      });
  if (arguments_.json) return print_json(answers, true);
  const int code = warn(answers);
  for (const auto& answer : answers) {
    if (!answer.status.ok()) continue;
    for (const std::string& xml : answer.reply.user_data()) out_ << xml << "\n";
    if (!answer.reply.has_pushed()) continue;
    out_ << log::printable(answer.reply.pushed().scscf())
         << " answered: " << log::printable(answer.reply.pushed().result()) << "\n";
  }
  return code;
}

int Session::subscribers() {
  if (int code = known({Role::labhss}); code != ok) return code;
  const auto answers = ask<v1::ListSubscribersReply>(
      daemons_, {Role::labhss}, arguments_.timeout,
      [](const Daemon& daemon, grpc::ClientContext& context, v1::ListSubscribersReply& reply) {
        return daemon.lab_hss().ListSubscribers(&context, {}, &reply);
      });
  bool found = false;
  for (const auto& answer : answers) found = found || !answer.reply.subscribers().empty();
  if (arguments_.json) return print_json(answers, found);
  if (int code = warn(answers); code != ok) return code;
  out_ << subscribers_text(answers, view());
  return found ? ok : not_found;
}

template <typename Reply>
int Session::pushed(const std::vector<Answer<Reply>>& answers) {
  if (arguments_.json) return print_json(answers, true);
  const int code = warn(answers);
  for (const auto& answer : answers) {
    if (!answer.status.ok()) continue;
    out_ << log::printable(answer.reply.scscf()) << " answered: " << log::printable(answer.reply.result()) << "\n";
  }
  return code;
}

int Session::terminate() {
  if (int code = known({Role::labhss}); code != ok) return code;
  v1::TerminateRequest request;
  request.set_identity(arguments_.identity);
  request.set_reason(arguments_.reason_code);
  request.set_text(arguments_.text);
  return pushed(ask<v1::PushReply>(daemons_, {Role::labhss}, arguments_.timeout,
                                   [&](const Daemon& daemon, grpc::ClientContext& context, v1::PushReply& reply) {
                                     return daemon.lab_hss().Terminate(&context, request, &reply);
                                   }));
}

int Session::push_profile() {
  if (int code = known({Role::labhss}); code != ok) return code;
  v1::PushProfileRequest request;
  request.set_identity(arguments_.identity);
  return pushed(ask<v1::PushReply>(daemons_, {Role::labhss}, arguments_.timeout,
                                   [&](const Daemon& daemon, grpc::ClientContext& context, v1::PushReply& reply) {
                                     return daemon.lab_hss().PushProfile(&context, request, &reply);
                                   }));
}

int Session::watch() {
  if (int code = known({Role::pcscf, Role::scscf, Role::labhss}); code != ok) return code;
  v1::WatchRequest request;
  request.set_identity(arguments_.identity);
  std::mutex writing;
  std::vector<std::thread> streams;
  for (const Daemon& daemon : daemons_) {
    streams.emplace_back([&, this] {
      grpc::ClientContext context;
      const auto stream = daemon.control().Watch(&context, request);
      v1::Event event;
      while (stream->Read(&event)) {
        std::lock_guard lock(writing);
        out_ << (arguments_.json ? absl::StrCat(json_text(event, false), "\n") : event_line(event, view()))
             << std::flush;
      }
      const grpc::Status ended = stream->Finish();
      std::lock_guard lock(writing);
      err_ << "imsctl: no more events: "
           << (ended.ok() ? absl::StrCat("the ", std::string(title(daemon.role())), " at ", daemon.address(),
                                         " ended the stream")
                          : failure_text(daemon, ended, arguments_.timeout))
           << "\n";
    });
  }
  for (std::thread& stream : streams) stream.join();
  return not_reachable;
}

}  // namespace lapwing::cli
