// The daemons that imsctl talks to: where they are, and one call to several of them at once.
#pragma once

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lapwing/v1/config.pb.h"
#include "lapwing/v1/control.grpc.pb.h"

namespace lapwing::cli {

enum class Role { pcscf, scscf, labhss };
std::string_view program(Role role);  // "pcscf"
std::string_view title(Role role);    // "P-CSCF"

class Daemon {
 public:
  // address: as in control.listen. tls: of endpoints; null: they have none. A unix socket never has.
  Daemon(Role role, std::string address, std::shared_ptr<grpc::ChannelCredentials> tls = nullptr);
  // One that is reached by this channel.
  Daemon(Role role, std::string address, const std::shared_ptr<grpc::Channel>& channel);
  Role role() const { return role_; }
  const std::string& address() const { return address_; }
  v1::Control::Stub& control() const { return *control_; }
  v1::LabHss::Stub& lab_hss() const { return *lab_hss_; }

 private:
  Role role_;
  std::string address_;
  std::unique_ptr<v1::Control::Stub> control_;
  std::unique_ptr<v1::LabHss::Stub> lab_hss_;
};

template <typename Reply>
struct Answer {
  const Daemon* daemon = nullptr;
  grpc::Status status;
  Reply reply;
};

bool unreachable(const grpc::Status& status);
// The certificates of imsctl.yaml's `tls`. InvalidArgument: a file cannot be read.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials_of(const v1::ImsctlTls& tls);

// A sentence for a call that failed: which daemon, where, and what to check.
std::string failure_text(const Daemon& daemon, const grpc::Status& status, std::chrono::milliseconds timeout);

// call(daemon, context, reply) for each daemon of these roles, all at the same time; answers in the order of the
// daemons.
template <typename Reply, typename Call>
std::vector<Answer<Reply>> ask(const std::vector<Daemon>& daemons, std::vector<Role> roles,
                               std::chrono::milliseconds timeout, Call call) {
  std::vector<std::future<Answer<Reply>>> running;
  for (const Daemon& daemon : daemons) {
    if (std::find(roles.begin(), roles.end(), daemon.role()) == roles.end()) continue;
    running.push_back(std::async(std::launch::async, [&daemon, timeout, call] {
      Answer<Reply> answer;
      answer.daemon = &daemon;
      grpc::ClientContext context;
      context.set_deadline(std::chrono::system_clock::now() + timeout);
      answer.status = call(daemon, context, answer.reply);
      return answer;
    }));
  }
  std::vector<Answer<Reply>> answers;
  for (auto& one : running) answers.push_back(one.get());
  return answers;
}

}  // namespace lapwing::cli
