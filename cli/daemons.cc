#include "cli/daemons.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/runtime/log.h"
#include "common/runtime/pem_file.h"

namespace lapwing::cli {
namespace {

// A list of 100,000 registrations.
constexpr int reply_limit = 64 << 20;

std::string what_to_check(const Daemon& daemon) {
  const std::string name(program(daemon.role()));
  constexpr std::string_view scheme = "unix:";
  if (!daemon.address().starts_with(scheme)) {
    return absl::StrFormat(
        "check that %s runs and that its control.listen is this address; where it has control.tls, that imsctl.yaml "
        "has "
        "tls, with a certificate of an authority that it knows, and that its own is made out to this address",
        name);
  }
  const std::string path = daemon.address().substr(scheme.size());
  struct stat found{};
  if (stat(path.c_str(), &found) != 0) {
    if (errno == EACCES) return "you may not look into its directory: use sudo";
    return absl::StrFormat("there is no such socket: check that %s runs and that its control.listen is this path",
                           name);
  }
  if (access(path.c_str(), R_OK | W_OK) != 0)
    return "you may not open the socket: use sudo, or join the socket's group";
  return absl::StrFormat("nobody listens on the socket: check that %s runs (systemctl status %s)", name, name);
}

std::shared_ptr<grpc::Channel> channel_to(const std::string& address, std::shared_ptr<grpc::ChannelCredentials> tls) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(reply_limit);
  // A proxy of the environment is not for daemons on this machine.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  const bool plain = tls == nullptr || address.starts_with("unix:");
  return grpc::CreateCustomChannel(address, plain ? grpc::InsecureChannelCredentials() : std::move(tls), arguments);
}

}  // namespace

std::string_view program(Role role) {
  switch (role) {
    case Role::pcscf:
      return "pcscf";
    case Role::scscf:
      return "scscf";
    case Role::labhss:
      return "labhss";
  }
  return "";
}

std::string_view title(Role role) {
  switch (role) {
    case Role::pcscf:
      return "P-CSCF";
    case Role::scscf:
      return "S-CSCF";
    case Role::labhss:
      return "lab HSS";
  }
  return "";
}

Daemon::Daemon(Role role, std::string address, std::shared_ptr<grpc::ChannelCredentials> tls)
    : Daemon(role, address, channel_to(address, std::move(tls))) {}

Daemon::Daemon(Role role, std::string address, const std::shared_ptr<grpc::Channel>& channel)
    : role_(role),
      address_(std::move(address)),
      control_(v1::Control::NewStub(channel)),
      lab_hss_(v1::LabHss::NewStub(channel)) {}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials_of(const v1::ImsctlTls& tls) {
  grpc::SslCredentialsOptions options;
  const std::tuple<const char*, const std::string&, std::string&> files[] = {
      {"tls.ca", tls.ca(), options.pem_root_certs},
      {"tls.certificate", tls.certificate(), options.pem_cert_chain},
      {"tls.key", tls.key(), options.pem_private_key}};
  for (const auto& [key, path, content] : files) {
    auto read = read_pem_file(key, path);
    if (!read.ok()) return read.status();
    content = *std::move(read);
  }
  return grpc::SslCredentials(options);
}

bool unreachable(const grpc::Status& status) {
  return status.error_code() == grpc::UNAVAILABLE || status.error_code() == grpc::DEADLINE_EXCEEDED;
}

std::string failure_text(const Daemon& daemon, const grpc::Status& status, std::chrono::milliseconds timeout) {
  const std::string who = absl::StrFormat("the %s at %s", title(daemon.role()), daemon.address());
  if (status.error_code() == grpc::UNAVAILABLE) {
    return absl::StrFormat("%s is not reachable: %s", who, what_to_check(daemon));
  }
  if (status.error_code() == grpc::DEADLINE_EXCEEDED) {
    return absl::StrFormat("%s did not answer within %d ms: check its log, or wait longer with --timeout", who,
                           timeout.count());
  }
  return absl::StrFormat("%s: %s", who, log::printable(status.error_message(), 1024));
}

}  // namespace lapwing::cli
