#include "hss-client/freediameter/core.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/mman.h>

#include <utility>

#include "absl/strings/str_format.h"
#include "common/runtime/log.h"
#include "hss-client/freediameter/core_state.h"

namespace lapwing {
namespace {

// freeDiameter's log handler, peer check and answer callbacks carry no pointer of ours that could outlive the core, and
// there is one core in a process.
std::atomic<DiameterCore::State*> the_core{nullptr};

// Threads started meanwhile take no signals: they are the main thread's business.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

void log_line(int level, const char* format, va_list arguments) {
  // Its notices are about each step of each connection: for those who debug. Ours say what matters.
  if (level < FD_LOG_NOTICE) {
    remember_connect_error(format, arguments);
    return;
  }
  if (level < FD_LOG_ERROR && !log::wanted(log::Level::debug)) return;
  char line[1024];
  int length = vsnprintf(line, sizeof line, format, arguments);
  if (length < 0) return;
  std::string text =
      log::printable(std::string_view(line, std::min(static_cast<size_t>(length), sizeof line - 1)), 1000);
  DiameterCore::State* core = the_core.load();
  // Of an answer to our Capabilities-Exchange-Request, at each attempt. peer_events.cc says what is wrong with it,
  // once.
  const bool told =
      text.find("(save_remote_CE_info(") != std::string::npos || text.find("(fd_p_ce_msgrcv(") != std::string::npos;
  // It calls its end fatal, wanted or not. So it calls what its authors left for later ("TODO: Improve..." when a peer
  // sends an AVP too often), and lives on.
  bool its_end = level >= FD_LOG_FATAL && text.find("Initiating freeDiameter shutdown") != std::string::npos;
  if (its_end && core != nullptr && core->ending) {
    LW_LOG(debug, "freeDiameter: %s", text);
  } else if (its_end) {
    if (core != nullptr) core->dying = true;
    LW_LOG(error, "freeDiameter: %s", text);
  } else if (level >= FD_LOG_ERROR && !told) {
    LW_LOG(warn, "freeDiameter: %s", text);
  } else {
    LW_LOG(debug, "freeDiameter: %s", text);
  }
}

int accept_peer(peer_info* info, int* authorized, int (**)(peer_info*)) {
  DiameterCore::State* core = the_core.load();
  if (core == nullptr || !core->options.accept_any_peer) return 0;
  info->config.pic_flags.sec = PI_SEC_NONE;
  *authorized = 1;
  return 0;
}

absl::Status refused(const char* what, int error) {
  return absl::InternalError(absl::StrFormat("freeDiameter: %s failed: %s", what, strerror(error)));
}

absl::Status parse_config(const std::string& text) {
  int file = memfd_create("freeDiameter.conf", MFD_CLOEXEC);
  if (file < 0 || write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    int error = errno;
    if (file >= 0) close(file);
    return refused("memfd", error);
  }
  lseek(file, 0, SEEK_SET);
  int error = fd_core_parseconf(absl::StrFormat("/proc/self/fd/%d", file).c_str());
  close(file);
  return error == 0 ? absl::OkStatus() : refused("its configuration", error);
}

// Numeric; loopback is taken too.
absl::Status add_endpoint(const std::string& address) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_flags = AI_NUMERICHOST;
  if (getaddrinfo(address.c_str(), nullptr, &hints, &found) != 0) return refused("its address", EINVAL);
  int error =
      fd_ep_add_merge(&fd_g_config->cnf_endpoints, found->ai_addr, found->ai_addrlen, EP_FL_CONF | EP_ACCEPTALL);
  freeaddrinfo(found);
  return error == 0 ? absl::OkStatus() : refused("its address", error);
}

// The address this host would send from; empty without a way there.
std::string source_toward(const std::string& address) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_DGRAM;
  if (getaddrinfo(address.c_str(), "3868", &hints, &found) != 0) return {};
  sockaddr_storage ours{};
  socklen_t size = sizeof ours;
  auto* source = reinterpret_cast<sockaddr*>(&ours);
  char text[NI_MAXHOST] = {};
  int fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  bool known = fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) == 0 && getsockname(fd, source, &size) == 0 &&
               getnameinfo(source, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0;
  if (fd >= 0) close(fd);
  freeaddrinfo(found);
  return known ? text : std::string();
}

// A client listens nowhere, but must announce an address (Host-IP-Address). freeDiameter takes those of the interfaces
// but loopback, and does not start when there is none: on a machine without a network, or with its addresses on lo.
// Then what we reach our peers from is announced.
absl::Status announce(const DiameterOptions& options) {
  ifaddrs* interfaces = nullptr;
  if (getifaddrs(&interfaces) != 0) return refused("reading this host's addresses", errno);
  for (const ifaddrs* at = interfaces; at != nullptr; at = at->ifa_next) {
    const int family = at->ifa_addr == nullptr ? AF_UNSPEC : at->ifa_addr->sa_family;
    const bool wanted = family == AF_INET || (family == AF_INET6 && !fd_g_config->cnf_flags.no_ip6);
    if (!wanted || (at->ifa_flags & IFF_LOOPBACK)) continue;
    const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    fd_ep_add_merge(&fd_g_config->cnf_endpoints, at->ifa_addr, size, EP_FL_LL);
  }
  freeifaddrs(interfaces);
  if (!FD_IS_LIST_EMPTY(&fd_g_config->cnf_endpoints)) return absl::OkStatus();
  for (const DiameterOptions::Peer& peer : options.peers) {
    const std::string source = source_toward(peer.address);
    if (source.empty()) continue;
    if (absl::Status added = add_endpoint(source); !added.ok()) return added;
  }
  if (!FD_IS_LIST_EMPTY(&fd_g_config->cnf_endpoints)) return absl::OkStatus();
  LW_LOG(warn, "this host has no address but loopback's and no way to %s: 127.0.0.1 is announced over Diameter",
         options.peers.front().address_text());
  return add_endpoint("127.0.0.1");
}

// Breaks the connections: a peer that is frozen would hold the end up for 15 s.
void cut_connections() {
  timespec limit;
  clock_gettime(CLOCK_REALTIME, &limit);
  limit.tv_sec += 1;
  if (pthread_rwlock_timedrdlock(&fd_g_peers_rw, &limit) != 0) return;
  for (fd_list* at = fd_g_peers.next; at != &fd_g_peers; at = at->next) {
    int socket = connection_socket(reinterpret_cast<peer_hdr*>(at));
    if (socket >= 0) shutdown(socket, SHUT_RDWR);
  }
  pthread_rwlock_unlock(&fd_g_peers_rw);
}

constexpr auto tick = std::chrono::milliseconds(100);

}  // namespace

std::string DiameterOptions::Peer::address_text() const {
  const bool ipv6 = address.find(':') != std::string::npos;
  return absl::StrFormat("%s%s%s:%d/tcp", ipv6 ? "[" : "", address, ipv6 ? "]" : "", port);
}

DiameterCore::State* the_state() {
  return the_core.load();
}

absl::StatusOr<std::unique_ptr<DiameterCore>> DiameterCore::create(const DiameterOptions& options,
                                                                   const std::vector<DiameterApplication>& applications,
                                                                   std::function<void()> on_death) {
  absl::StatusOr<std::string> config = framework_config(options);
  if (!config.ok()) return config.status();
  auto state = std::make_shared<State>();
  State* none = nullptr;
  static std::atomic<bool> used{false};
  if (used.exchange(true) || !the_core.compare_exchange_strong(none, state.get())) {
    return absl::FailedPreconditionError("one Diameter core in a process, once");
  }
  state->options = options;
  state->on_death = std::move(on_death);
  state->session_high = static_cast<uint32_t>(time(nullptr));
  // A dying HSS would kill us with it.
  signal(SIGPIPE, SIG_IGN);
  SignalsBlocked blocked;
  fd_g_debug_lvl = FD_LOG_ERROR;
  fd_log_handler_register(log_line);
  if (int error = fd_core_initialize(); error != 0) return refused("its start", error);
  if (absl::Status status = parse_config(*config); !status.ok()) return status;
  // Not by its setting ListenOn: that drops loopback addresses, and with none left freeDiameter listens on all.
  absl::Status addressed = options.listen_address.empty() ? announce(options) : add_endpoint(options.listen_address);
  if (!addressed.ok()) return addressed;
  if (absl::Status status = state->initialize(applications); !status.ok()) return status;
  return std::unique_ptr<DiameterCore>(new DiameterCore(std::move(state)));
}

absl::Status DiameterCore::State::initialize(const std::vector<DiameterApplication>& applications) {
  for (const DiameterApplication& application : applications) {
    if (absl::Status status = dictionary.define(application); !status.ok()) return status;
    is_group[application.id] = application.is_group;
    application_names[application.id] = application.name;
    for (const DiameterApplication::Command& command : application.commands) {
      commands.push_back(command.code);
      disp_when when{};
      when.app = dictionary.application(application.id);
      when.command = dictionary.request_command(command.code);
      if (int error = fd_disp_register(on_request_received, DISP_HOW_CC, &when, this, nullptr); error != 0) {
        return refused("registering for requests", error);
      }
    }
  }
  // Every hook type: one that has no callback formats each message to text, several times over, and throws it away.
  uint32_t every_hook = (uint32_t{1} << (HOOK_LAST + 1)) - 1;
  fd_hook_hdl* hooks = nullptr;
  if (int error = fd_hook_register(every_hook, on_hook, this, nullptr, &hooks); error != 0)
    return refused("hooks", error);
  fd_rt_out_hdl* routing = nullptr;
  if (int error = fd_rt_out_register(choose_peer, this, 10, &routing); error != 0) return refused("routing", error);
  if (options.accept_any_peer) fd_peer_validate_register(accept_peer);
  return absl::OkStatus();
}

absl::Status DiameterCore::start() {
  State& s = *state_;
  SignalsBlocked blocked;
  // Before the start: an attempt may fail at once, and is told by the peer.
  std::vector<State::Peer> peers;
  for (const DiameterOptions::Peer& peer : s.options.peers) {
    State::Peer entry;
    entry.options = peer;
    entry.shown.host = peer.host;
    entry.shown.state = "connecting";
    fd_peer_getbyid(const_cast<char*>(peer.host.data()), peer.host.size(), 1, &entry.hdr);
    peers.push_back(std::move(entry));
  }
  {
    std::lock_guard lock(s.mutex);
    s.peers = std::move(peers);
  }
  // A peer's thread that runs only after fd_core_start() waits up to 4 s before it connects.
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  if (int error = fd_core_start(); error != 0) {
    if (s.options.listen_port == 0) return refused("its start", error);
    bool v6 = s.options.listen_address.find(':') != std::string::npos;
    return absl::FailedPreconditionError(
        absl::StrFormat("freeDiameter cannot listen on %s%s%s:%d: is the port taken by another program?", v6 ? "[" : "",
                        s.options.listen_address, v6 ? "]" : "", s.options.listen_port));
  }
  if (int error = fd_core_waitstartcomplete(); error != 0) return refused("its start", error);
  // With no session at all its expiry thread waits on freed memory.
  std::string name = s.options.identity + ";dummy";
  fd_sess_new(&s.dummy, nullptr, 0, reinterpret_cast<uint8_t*>(name.data()), name.size());
  s.refresh_peers();
  // The threads keep the state alive: one that cannot be ended in time must not touch freed memory.
  s.watcher = std::thread([state = state_] { state->run_watcher(); });
  s.sender = std::thread([state = state_] { state->run_sender(); });
  return absl::OkStatus();
}

DiameterCore::~DiameterCore() {
  stop();
}

void DiameterCore::stop() {
  state_->stop();
}

void DiameterCore::on_request(uint32_t application, std::function<void(Incoming)> handler) {
  state_->handlers[application] = std::move(handler);
}

std::optional<uint64_t> DiameterCore::send(Request request) {
  State& s = *state_;
  std::lock_guard lock(s.mutex);
  if (s.stopping || s.ended || s.queue.size() >= s.options.queue_limit) return std::nullopt;
  uint64_t id = ++s.last_id;
  uint32_t end_to_end = request.message.end_to_end;
  s.queue.push_back(State::SendRequest{id, std::move(request.message), request.retransmitted, request.deadline});
  s.by_end_to_end[end_to_end] = id;
  s.pending.emplace(
      id, State::Pending{std::move(request.peer), request.deadline, std::move(request.on_reply), end_to_end, {}});
  if (s.sender_waits) s.wake.notify_one();
  return id;
}

void DiameterCore::forget(uint64_t id) {
  state_->take(id);
}

void DiameterCore::answer(uint64_t incoming, std::vector<diameter::Avp> avps) {
  State& s = *state_;
  std::lock_guard lock(s.mutex);
  // Not bounded by queue_limit: there are at most held_limit requests to answer.
  if (s.stopping || s.ended || !s.held.contains(incoming)) return;
  s.queue.push_back(State::SendAnswer{incoming, std::move(avps)});
  if (s.sender_waits) s.wake.notify_one();
}

std::string DiameterCore::new_session_id() {
  // RFC 6733 section 8.8: <DiameterIdentity>;<high 32 bits>;<low 32 bits>
  return absl::StrFormat("%s;%d;%d", state_->options.identity, state_->session_high, ++state_->session_low);
}

uint32_t DiameterCore::new_end_to_end() {
  return fd_msg_eteid_get();
}
const DiameterOptions& DiameterCore::options() const {
  return state_->options;
}

std::vector<DiameterCore::PeerState> DiameterCore::peers() const {
  std::lock_guard lock(state_->mutex);
  std::vector<PeerState> out;
  for (const State::Peer& peer : state_->peers) out.push_back(peer.shown);
  return out;
}

size_t DiameterCore::queued() const {
  std::lock_guard lock(state_->mutex);
  return state_->queue.size();
}

uint64_t DiameterCore::late_answers() const {
  std::lock_guard lock(state_->mutex);
  return state_->late;
}

void DiameterCore::State::run_watcher() {
  fd_core_wait_shutdown_complete();
  bool unexpected;
  {
    std::lock_guard lock(mutex);
    ended = true;
    unexpected = !stopping;
  }
  ended_changed.notify_all();
  if (!unexpected) return;
  LW_LOG(error, "freeDiameter has ended by itself: the program must be started again");
  fail_all("freeDiameter has ended");
  if (on_death) on_death();
}

void DiameterCore::State::run_sender() {
  TimePoint next_tick{};
  std::unique_lock lock(mutex);
  while (!stopping && !ended) {
    sender_waits = true;
    wake.wait_for(lock, tick, [this] { return stopping || !queue.empty(); });
    sender_waits = false;
    if (stopping || ended) break;
    TimePoint now = std::chrono::steady_clock::now();
    if (now >= next_tick) {
      lock.unlock();
      refresh_peers();
      expire(now);
      if (dying) cut_connections();
      lock.lock();
      next_tick = now + tick;
    }
    if (queue.empty()) continue;
    auto job = std::move(queue.front());
    queue.pop_front();
    lock.unlock();
    std::visit([this](auto&& work) { transmit(std::move(work)); }, std::move(job));
    lock.lock();
  }
  sender_ended = true;
  lock.unlock();
  ended_changed.notify_all();
}

void DiameterCore::State::stop() {
  std::lock_guard once(stop_mutex);
  if (std::exchange(stopped, true)) return;
  {
    // A handler that runs ends first, and none begins after it.
    std::lock_guard quiet(handlers_mutex);
    handlers_closed = true;
  }
  std::unique_lock lock(mutex);
  stopping = true;
  ending = true;
  bool dead = ended;
  lock.unlock();
  wake.notify_all();
  fail_all("the program ends");
  lock.lock();
  auto all_ended = [this] { return sender_ended && ended; };
  if (!dead && watcher.joinable()) {
    if (!ended_changed.wait_for(lock, std::chrono::milliseconds(200), [this] { return sender_ended; })) {
      lock.unlock();
      cut_connections();
      lock.lock();
    }
    lock.unlock();
    fd_core_shutdown();
    lock.lock();
    if (!ended_changed.wait_for(lock, std::chrono::milliseconds(500), all_ended)) {
      lock.unlock();
      cut_connections();
      lock.lock();
    }
  }
  bool clean = !watcher.joinable() || ended_changed.wait_for(lock, std::chrono::milliseconds(800), all_ended);
  lock.unlock();
  if (clean) {
    if (sender.joinable()) sender.join();
    // The watcher's own callback may be what ends the program.
    if (watcher.joinable()) watcher.get_id() == std::this_thread::get_id() ? watcher.detach() : watcher.join();
    the_core = nullptr;
    return;
  }
  LW_LOG(warn, "freeDiameter does not end in time: left behind");
  sender.detach();
  watcher.detach();
}

}  // namespace lapwing
