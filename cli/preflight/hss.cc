#include "cli/preflight/hss.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <future>

#include "absl/strings/str_format.h"

namespace lapwing::cli::preflight {
namespace {

int connect_error(const Endpoint& at, std::chrono::milliseconds limit) {
  const int fd = socket(at.address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  const auto address = at.tcp();
  int error = connect(fd, address.data(), static_cast<socklen_t>(address.size())) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    pollfd watched{.fd = fd, .events = POLLOUT, .revents = 0};
    socklen_t size = sizeof error;
    if (poll(&watched, 1, static_cast<int>(limit.count())) == 0) {
      error = ETIMEDOUT;
    } else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
      error = errno;
    }
  }
  close(fd);
  return error;
}

}  // namespace

std::vector<HssTrial> try_hss(const v1::Cx& cx, std::chrono::milliseconds limit) {
  std::vector<std::future<HssTrial>> running;
  for (const v1::HssPeer& peer : cx.peers()) {
    running.push_back(std::async(std::launch::async, [peer, limit] {
      const Endpoint at = *endpoint_from(peer.address());
      return HssTrial{peer.host(), at, connect_error(at, limit)};
    }));
  }
  std::vector<HssTrial> trials;
  for (auto& one : running) trials.push_back(one.get());
  return trials;
}

std::vector<Check> check_hss(const std::vector<HssTrial>& trials, std::chrono::milliseconds limit) {
  constexpr std::string_view code = "hss";
  const bool any = std::any_of(trials.begin(), trials.end(), [](const HssTrial& one) { return one.error == 0; });
  std::vector<Check> checks;
  for (size_t i = 0; i < trials.size(); ++i) {
    const HssTrial& one = trials[i];
    const std::string about = absl::StrFormat("HSS %s at %s", one.host, one.at.text());
    const std::string key = absl::StrFormat("cx.peers[%d].address", i);
    if (one.error == 0) {
      checks.push_back(passed(code, about, "takes connections by TCP"));
      continue;
    }
    std::string text;
    Advice advice;
    if (one.error == ECONNREFUSED) {
      text = "connection refused: the host answers, and nothing listens on that port by TCP";
      advice = {"start the HSS (the lab's: labhss --config /etc/lapwing/labhss.yaml)",
                absl::StrFormat("or correct %s; on the HSS's host: ss -lntp 'sport = :%d'", key, one.at.port),
                "an HSS that listens by SCTP only: have it listen by TCP as well, SCTP is not used here"};
    } else if (one.error == ETIMEDOUT) {
      text = absl::StrFormat("no answer within %d s: a firewall drops the packets, or no host has that address",
                             std::chrono::ceil<std::chrono::seconds>(limit).count());
      advice = {absl::StrFormat("let TCP to port %d pass, from this host to the HSS", one.at.port),
                absl::StrFormat("is the host there: ping -c 1 %s; else correct %s", one.at.address.to_string(), key)};
    } else {
      text = absl::StrFormat("not reachable: %s", std::strerror(one.error));
      advice = {
          absl::StrFormat("is there a way to it: ip route get %s; else correct %s", one.at.address.to_string(), key)};
    }
    checks.push_back(any ? warned(code, about, text, advice) : failed(code, about, text, advice));
  }
  return checks;
}

}  // namespace lapwing::cli::preflight
