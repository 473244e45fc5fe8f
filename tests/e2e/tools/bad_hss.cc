// An HSS that misbehaves on demand: plain TCP and our own AVP codec, no Diameter library. It answers CER and DWR as it
// should, and Cx requests as --mode says; --after N requests it does so, well-behaved before.
//
//   bad_hss --identity hss1.example --realm example --port 0 --mode MODE [--after N] [--delay MS] [--code N]
//
// Prints "port N" first, then "connected", "request CODE T=0|1 dest=HOST", "answer CODE result=N failed=CODE" as they
// come. A line "mode MODE" on standard input changes the mode; "push NAME" sends a request; "drop" ends the connection;
// "quit" ends.
//
// Modes for Cx requests
//   unknown-command  ok  silent  freeze (stops reading)  die (exits at once)  close  late (--delay)  result (--code;
//   3xxx with E) unknown-m-first  short-first (a 3-byte integer before Result-Code)  short-first-error, short-error
//   (with the E flag) short-experimental  experimental (--code)  no-result  other-command  broken-avp (AVP beyond the
//   message) short-integer (Result-Code of 3 bytes)  short-message (length 16)  garbage  bad-version  unknown-m (AVP
//   with M) bad-vector  bad-vsai  no-vendor (in Experimental-Result)  no-m (no AVP has M)  reversed (AVPs backwards)
//   double (answers twice)  other-hop (wrong Hop-by-Hop)  crlf (in Server-Name)  other-application  many-avps  huge
//   (over 64 KiB)  unknown-result  empty-data  deep (nested groups) fuzz (a few bytes changed; --code is the seed)
// Modes for the connection
//   cea-many-origin (64 Origin-Host)  cea-other-origin  cea-refuse (--cea-code)  no-cea  no-dwa  cea-bad-vsai
//   cea-unknown-m  cea-refuse-short (with the AVPs of an error only)  cea-close (no CEA)  cea-no-cx
// Pushes
//   fuzz (a RTR with a few bytes changed)  rtr  rtr-empty-user  rtr-no-reason  rtr-unknown-m  rtr-nul-session  ppr
//   rtr-no-user  rtr-short-reason  rtr-other-application  rtr-other-host  rtr-broken-avp (beyond the message)  mar
//   rtr-broken-of-0 (and application 0)  rtr-empty-state  rtr-empty-binding (no AVP of Cx)  rtr-two-applications
//   dwr-empty-state  dpr (busy)  rtr-proxy-info (a broken one)  rtr-proxy-info-local (and not routed)
//   rtr-proxy-info-empty (with an empty unknown AVP)  rtr-bad-version  rtr-short-length (16)
//   rtr-stub (4 bytes behind the header)
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <sstream>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "hss-client/cx_codec.h"

using namespace lapwing;
using diameter::Avp;
using diameter::Message;
using Avps = std::vector<Avp>;

namespace {

struct Options {
  std::string identity, realm, mode = "ok";
  uint16_t port = 0;
  int after = 0, delay = 0;
  uint32_t code = 5012, cea_code = 3010;
};

struct Delayed {
  std::chrono::steady_clock::time_point due;
  std::string bytes;
};

class BadHss {
 public:
  explicit BadHss(Options options) : o_(std::move(options)) {}
  int run();

 private:
  void say(const std::string& line) { std::cout << line << std::endl; }
  cx::Routing routing() const { return {o_.identity, o_.realm, {}, {}}; }
  void listen_on_port();
  void accept_one();
  void drop() {
    if (peer_ >= 0) close(peer_);
    peer_ = -1;
    in_.clear();
  }
  void read_some();
  void command(const std::string& line);
  void on_message(Message message);
  void base_answer(const Message& request);
  void cea(const Message& request);
  void cx_request(const Message& request);
  Message good_answer(const Message& request);
  void misbehave(const Message& request);
  void broken_bytes(const Message& request, Message answer);
  void push(const std::string& what);
  void mutate(std::string& bytes);
  void send(const Message& message) { write_all(diameter::encode(message)); }
  void write_all(const std::string& bytes) {
    if (peer_ >= 0 && ::send(peer_, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) say("write failed");
  }

  Options o_;
  int listener_ = -1, peer_ = -1, requests_ = 0;
  uint32_t next_id_ = 1;
  uint64_t random_ = 0;
  std::string in_, client_ = "scscf.example";
  std::vector<Delayed> delayed_;
};

void BadHss::listen_on_port() {
  listener_ = socket(AF_INET, SOCK_STREAM, 0);
  int on = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(o_.port);
  socklen_t length = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 || listen(listener_, 5) != 0) {
    perror("bad_hss: listen");
    _exit(2);
  }
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
  say(absl::StrFormat("port %d", ntohs(address.sin_port)));
}

void BadHss::accept_one() {
  int fd = accept(listener_, nullptr, nullptr);
  if (fd < 0) return;
  drop();
  peer_ = fd;
  int on = 1;
  setsockopt(peer_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  say("connected");
}

void BadHss::read_some() {
  char buffer[65536];
  ssize_t got = recv(peer_, buffer, sizeof buffer, 0);
  if (got <= 0) {
    say("disconnected");
    return drop();
  }
  in_.append(buffer, static_cast<size_t>(got));
  while (in_.size() >= 4 && peer_ >= 0) {
    auto length = diameter::message_length(in_);
    if (!std::holds_alternative<size_t>(length)) return drop();
    size_t size = std::get<size_t>(length);
    if (in_.size() < size) return;
    auto parsed = diameter::decode(in_.substr(0, size), cx::is_group);
    in_.erase(0, size);
    if (auto* message = std::get_if<Message>(&parsed)) on_message(std::move(*message));
  }
}

void BadHss::on_message(Message message) {
  if (!message.request()) {
    auto result = cx::result_of(message.avps);
    uint32_t code = std::holds_alternative<cx::Result>(result) ? std::get<cx::Result>(result).code : 0;
    const Avp* failed = diameter::find(message.avps, 279, 0);
    uint32_t failed_code = 0;
    if (failed != nullptr) {
      auto inner = diameter::decode_avps(failed->data, cx::is_group);
      if (auto* avps = std::get_if<Avps>(&inner); avps && !avps->empty()) failed_code = avps->front().code;
    }
    bool error = (message.flags & diameter::command_flag::error) != 0;
    say(absl::StrFormat("answer %d result=%d failed=%d E=%d", message.command, code, failed_code, error));
  } else if (message.application == 0) {
    base_answer(message);
  } else {
    cx_request(message);
  }
}

// CER, DWR, DPR (RFC 6733 section 5).
void BadHss::base_answer(const Message& request) {
  if (request.command == 257) return cea(request);
  if (request.command == 280 && o_.mode == "no-dwa") return;
  Message answer = cx::answer_message(
      request, {diameter::unsigned32(268, 0, true, 2001), diameter::octets(264, 0, true, o_.identity),
                diameter::octets(296, 0, true, o_.realm)});
  send(answer);
}

void BadHss::cea(const Message& request) {
  if (const Avp* origin = diameter::find(request.avps, 264, 0)) client_ = origin->data;
  if (o_.mode == "no-cea") return;
  if (o_.mode == "cea-close") return drop();
  std::string origin = o_.mode == "cea-other-origin" ? "someone.else" : o_.identity;
  uint32_t result = o_.mode.starts_with("cea-refuse") ? o_.cea_code : 2001;
  Avps avps = {diameter::unsigned32(268, 0, true, result), diameter::octets(264, 0, true, origin)};
  if (o_.mode == "cea-refuse-short") {
    avps.push_back(diameter::octets(296, 0, true, o_.realm));
    avps.push_back(diameter::octets(281, 0, false, "go away"));
    return send(cx::answer_message(request, std::move(avps)));
  }
  if (o_.mode == "cea-unknown-m") avps.insert(avps.begin(), diameter::octets(9999, 0, true, "x"));
  if (o_.mode == "cea-many-origin") {
    for (int i = 0; i < 63; ++i) avps.push_back(diameter::octets(264, 0, true, origin));
  }
  avps.push_back(diameter::octets(296, 0, true, o_.realm));
  avps.push_back(diameter::octets(257, 0, true, std::string("\0\1\x7f\0\0\1", 6)));
  avps.push_back(diameter::unsigned32(266, 0, true, 0));
  avps.push_back(diameter::octets(269, 0, false, "bad_hss"));
  if (o_.mode == "cea-no-cx") {
    avps.push_back(diameter::unsigned32(258, 0, true, 4));  // Diameter credit control
  } else if (o_.mode == "cea-bad-vsai") {
    avps.push_back(diameter::grouped(260, 0, true, {diameter::unsigned32(258, 0, true, cx::application_id)}));
  } else {
    avps.push_back(diameter::grouped(
        260, 0, true,
        {diameter::unsigned32(266, 0, true, cx::vendor_3gpp), diameter::unsigned32(258, 0, true, cx::application_id)}));
  }
  send(cx::answer_message(request, std::move(avps)));
}

Message BadHss::good_answer(const Message& request) {
  auto text = [&](uint32_t code, uint32_t vendor) {
    const Avp* avp = diameter::find(request.avps, code, vendor);
    return avp ? avp->data : std::string();
  };
  auto secret = [](const std::string& bytes) {
    return Secret({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  };
  if (request.command == 300) {
    cx::UserAuthorizationAnswer a;
    a.routing = routing();
    a.result = cx::experimental::subsequent_registration;
    a.server_name = "sip:scscf.example:6060";
    return cx::answer_message(request, cx::encode(a));
  }
  if (request.command == 303) {
    cx::MultimediaAuthAnswer a;
    a.routing = routing();
    a.result = cx::base::success;
    a.impi = text(1, 0);
    a.impu = text(601, cx::vendor_3gpp);
    a.items = 1;
    cx::AuthDataItem item;
    item.item_number = 1;
    item.scheme = "Digest-AKAv1-MD5";
    item.authenticate = std::string(o_.mode == "bad-vector" ? 31 : 32, 'a');
    item.authorization = secret("12345678");
    item.confidentiality_key = secret(std::string(16, 'c'));
    item.integrity_key = secret(std::string(16, 'i'));
    a.vectors.push_back(std::move(item));
    return cx::answer_message(request, cx::encode(a));
  }
  cx::ServerAssignmentAnswer a;
  a.routing = routing();
  a.result = cx::base::success;
  a.user_data = o_.mode == "empty-data" ? "" : "<IMSSubscription/>";
  return cx::answer_message(request, cx::encode(a));
}

void BadHss::cx_request(const Message& request) {
  const Avp* destination = diameter::find(request.avps, 293, 0);
  say(absl::StrFormat("request %d T=%d dest=%s", request.command,
                      (request.flags & diameter::command_flag::retransmitted) != 0,
                      destination ? destination->data : ""));
  if (++requests_ <= o_.after || o_.mode == "ok") return send(good_answer(request));
  misbehave(request);
}

void BadHss::misbehave(const Message& request) {
  const std::string& m = o_.mode;
  Message answer = good_answer(request);
  auto replace_result = [&](Avp avp) {
    std::erase_if(answer.avps, [](const Avp& a) { return a.code == 268 || a.code == 297; });
    answer.avps.push_back(std::move(avp));
    return answer;
  };
  if (m == "silent" || m == "no-dwa") return;
  if (m == "freeze") {
    say("frozen");
    for (;;) pause();
  }
  if (m == "die") _exit(0);
  if (m == "close") return drop();
  if (m == "late") {
    delayed_.push_back(
        {std::chrono::steady_clock::now() + std::chrono::milliseconds(o_.delay), diameter::encode(answer)});
    return;
  }
  if (m == "result") return send(cx::answer_message(request, cx::encode_error(routing(), {o_.code, "on demand", {}})));
  if (m == "experimental" || m == "no-vendor") {
    Avps members = {diameter::unsigned32(298, 0, true, o_.code)};
    if (m == "experimental") members.insert(members.begin(), diameter::unsigned32(266, 0, true, cx::vendor_3gpp));
    return send(replace_result(diameter::grouped(297, 0, true, members)));
  }
  if (m == "unknown-result") return send(replace_result(diameter::unsigned32(268, 0, true, 5420)));
  if (m == "no-result") return send(replace_result(diameter::unsigned32(278, 0, true, 1)));
  if (m == "short-integer") return send(replace_result(diameter::octets(268, 0, true, "abc")));
  if (m == "other-command") answer.command = request.command == 303 ? 302 : 303;
  if (m == "unknown-command") answer.command = 4711;
  if (m == "other-application") answer.application = 16777217;
  if (m == "other-hop") answer.hop_by_hop += 77;
  if (m == "unknown-m") answer.avps.push_back(diameter::octets(9999, cx::vendor_3gpp, true, "x"));
  if (m == "unknown-m-first")
    answer.avps.insert(answer.avps.begin() + 1, diameter::octets(9999, cx::vendor_3gpp, true, "x"));
  if (m == "short-first")
    answer.avps.insert(answer.avps.begin() + 1, diameter::octets(607, cx::vendor_3gpp, true, "abc"));
  if (m == "short-first-error") {
    Message error = cx::answer_message(request, cx::encode_error(routing(), {3004, "busy", {}}));
    error.avps.insert(error.avps.begin() + 1, diameter::octets(607, cx::vendor_3gpp, true, "abc"));
    return send(error);
  }
  if (m == "short-error") {
    Message error = cx::answer_message(request, cx::encode_error(routing(), {3004, "busy", {}}));
    for (Avp& a : error.avps) {
      if (a.code == 268) a.data = "abc";
    }
    return send(error);
  }
  if (m == "short-experimental") {
    return send(replace_result(diameter::grouped(
        297, 0, true, {diameter::unsigned32(266, 0, true, cx::vendor_3gpp), diameter::octets(298, 0, true, "abc")})));
  }
  if (m == "crlf") {
    std::erase_if(answer.avps, [](const Avp& a) { return a.code == 602; });
    answer.avps.push_back(diameter::octets(602, cx::vendor_3gpp, true, "sip:a\r\nEvil: 1"));
  }
  if (m == "bad-vsai") {
    for (Avp& a : answer.avps) {
      if (a.code == 260) a.children.erase(a.children.begin());
    }
  }
  if (m == "no-m") {
    for (Avp& a : answer.avps) a.mandatory = a.vendor == 0;
  }
  if (m == "reversed") std::reverse(answer.avps.begin() + 1, answer.avps.end());
  if (m == "many-avps") answer.avps.resize(3000, diameter::octets(282, 0, true, "r"));
  if (m == "huge") answer.avps.resize(3000, diameter::octets(282, 0, true, "relay.example"));
  if (m == "deep") {
    Avp avp = diameter::octets(602, cx::vendor_3gpp, true, "x");
    for (int i = 0; i < 200; ++i) avp = diameter::grouped(603, cx::vendor_3gpp, true, {avp});
    answer.avps.push_back(avp);
  }
  if (m == "double") send(answer);
  broken_bytes(request, std::move(answer));
}

// Changes a few bytes, anywhere but in the length and the identifiers.
void BadHss::mutate(std::string& bytes) {
  if (random_ == 0) random_ = o_.code * 0x9e3779b97f4a7c15 + 1;
  auto next = [this] {
    return static_cast<size_t>((random_ = random_ * 6364136223846793005 + 1442695040888963407) >> 33);
  };
  static const int values[] = {0, 1, 2, 3, 4, 7, 8, 11, 12, 13, 16, 20, 0x40, 0x80, 0xc0, 0xff};
  for (size_t i = 0, n = 1 + next() % 4; i < n; ++i) {
    size_t at = next() % 8 == 0 ? 4 + next() % 8 : 20 + next() % (bytes.size() - 20);
    bytes[at] = static_cast<char>(next() % 2 ? values[next() % 16] : static_cast<int>(next() % 256));
  }
}

void BadHss::broken_bytes(const Message&, Message answer) {
  std::string bytes = diameter::encode(answer);
  if (o_.mode == "broken-avp") bytes[20 + 7] = static_cast<char>(0xff), bytes[20 + 6] = static_cast<char>(0xff);
  if (o_.mode == "short-message") bytes = std::string("\1\0\0\x10", 4) + std::string(12, '\0');
  if (o_.mode == "bad-version") bytes[0] = 7;
  if (o_.mode == "fuzz") mutate(bytes);
  if (o_.mode == "garbage") bytes = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  write_all(bytes);
}

void BadHss::push(const std::string& what) {
  cx::RegistrationTerminationRequest r;
  r.routing = {o_.identity, o_.realm, client_, "example"};
  r.impi = "u1@example";
  std::string session = absl::StrFormat("%s;9;%d", o_.identity, next_id_);
  if (what == "rtr-nul-session") session[3] = '\0';
  Message message = cx::request_message(cx::Command::registration_termination, session, cx::encode(r));
  auto without = [&](uint32_t code) { std::erase_if(message.avps, [&](const Avp& a) { return a.code == code; }); };
  if (what == "rtr-empty-user" || what == "rtr-no-user") without(1);
  if (what == "rtr-empty-user") message.avps.push_back(diameter::octets(1, 0, true, ""));
  if (what == "rtr-no-reason") without(615);
  if (what == "rtr-unknown-m") message.avps.push_back(diameter::octets(9999, cx::vendor_3gpp, true, "x"));
  if (what == "rtr-short-reason") {
    without(615);
    message.avps.push_back(
        diameter::grouped(615, cx::vendor_3gpp, true, {diameter::octets(616, cx::vendor_3gpp, true, "ab")}));
  }
  if (what == "ppr") {
    cx::PushProfileRequest p;
    p.routing = r.routing;
    p.impi = r.impi;
    p.user_data = "<IMSSubscription/>";
    message = cx::request_message(cx::Command::push_profile, session, cx::encode(p));
  }
  auto insert = [&](Avp avp) { message.avps.insert(message.avps.begin() + 1, std::move(avp)); };
  if (what == "rtr-empty-state") insert(diameter::octets(277, 0, true, ""));
  if (what == "rtr-empty-binding") insert(diameter::octets(270, 0, false, ""));
  if (what == "rtr-proxy-info" || what == "rtr-proxy-info-local") insert(diameter::octets(284, 0, true, "broken"));
  if (what == "rtr-proxy-info-empty") {
    insert(diameter::grouped(284, 0, true,
                             {diameter::octets(280, 0, true, "relay.example"), diameter::octets(33, 0, true, "state"),
                              diameter::octets(9999, 0, false, "")}));
  }
  if (what == "rtr-proxy-info-local") {
    message.application = 0;
    message.flags = diameter::command_flag::request;
  }
  if (what == "rtr-two-applications") {
    Avp application = diameter::unsigned32(258, 0, true, cx::application_id);
    insert(diameter::grouped(260, 0, true, {diameter::unsigned32(266, 0, true, 10415), application, application}));
  }
  if (what == "dwr-empty-state") {
    message = {diameter::command_flag::request, 280, 0, 0, 0, {diameter::octets(264, 0, true, o_.identity)}};
    insert(diameter::octets(278, 0, true, ""));
  }
  if (what == "dpr") {
    message = {diameter::command_flag::request,
               282,
               0,
               0,
               0,
               {diameter::octets(264, 0, true, o_.identity), diameter::octets(296, 0, true, o_.realm),
                diameter::unsigned32(273, 0, true, 1)}};
  }
  if (what == "mar") message.command = 303;
  if (what == "rtr-broken-of-0") message.application = 0;
  if (what == "rtr-other-application") message.application = 4711;
  if (what == "rtr-other-host") {
    without(293);
    message.avps.push_back(diameter::octets(293, 0, true, "other.example"));
  }
  message.hop_by_hop = message.end_to_end = next_id_++;
  std::string bytes = diameter::encode(message);
  if (what == "fuzz") mutate(bytes);
  if (what == "rtr-broken-avp" || what == "rtr-broken-of-0") {
    size_t last = bytes.rfind(std::string("\0\0\2\x67", 4));  // Deregistration-Reason
    bytes[last + 6] = static_cast<char>(0xff);
  }
  if (what == "rtr-bad-version") bytes[0] = 2;
  if (what == "rtr-short-length") bytes[2] = 0, bytes[3] = 16;
  if (what == "rtr-stub") {
    bytes.resize(24);
    bytes[2] = 0, bytes[3] = 24;
  }
  write_all(bytes);
}

void BadHss::command(const std::string& line) {
  std::istringstream words(line);
  std::string what, argument;
  words >> what >> argument;
  if (what == "quit") _exit(0);
  if (what == "mode") {
    o_.mode = argument;
    words >> o_.code;
  }
  if (what == "push") push(argument);
  if (what == "drop") drop();
}

int BadHss::run() {
  listen_on_port();
  std::string typed;
  bool input = true;
  for (;;) {
    pollfd fds[3] = {{listener_, POLLIN, 0}, {input ? 0 : -1, POLLIN, 0}, {peer_, POLLIN, 0}};
    poll(fds, 3, delayed_.empty() ? 1000 : 5);
    if (fds[0].revents) accept_one();
    if (fds[1].revents) {
      char buffer[4096];
      ssize_t got = read(0, buffer, sizeof buffer);
      if (got <= 0) input = false;
      typed.append(buffer, got > 0 ? static_cast<size_t>(got) : 0);
      for (size_t end; (end = typed.find('\n')) != std::string::npos; typed.erase(0, end + 1)) {
        command(typed.substr(0, end));
      }
    }
    if (fds[2].revents && peer_ == fds[2].fd) read_some();
    for (size_t i = 0; i < delayed_.size();) {
      if (delayed_[i].due > std::chrono::steady_clock::now()) {
        ++i;
        continue;
      }
      write_all(delayed_[i].bytes);
      delayed_.erase(delayed_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("a misbehaving HSS for tests");
  Options options;
  app.add_option("--identity", options.identity)->required();
  app.add_option("--realm", options.realm)->required();
  app.add_option("--port", options.port);
  app.add_option("--mode", options.mode);
  app.add_option("--after", options.after);
  app.add_option("--delay", options.delay);
  app.add_option("--code", options.code);
  app.add_option("--cea-code", options.cea_code);
  CLI11_PARSE(app, argc, argv);
  signal(SIGPIPE, SIG_IGN);
  return BadHss(options).run();
}
