// NetlinkKernel on the command line, for tests in a kernel with ESP. It reads commands and answers each with lines, the
// last of which begins with "ok" or "error":
//
//   prepare pcscf|handset LOCAL,...|any SERVER_PORT CLIENT_PORT,... [ALGORITHMS,...]
//   set NAME UE PCSCF UC US PC PS SPI_UC SPI_US SPI_PC SPI_PS ALGORITHMS CK IK     (keys in hexadecimal)
//   install NAME SECONDS
//   lifetime NAME SECONDS
//   remove NAME
//   list            a line "sa SOURCE SPORT DESTINATION DPORT SPI PACKETS REPLAY INTEGRITY EXPIRES ALGORITHMS" for each
//   time NAME N     installs and removes the set N times; "ok MICROSECONDS" for one installation and removal
//   flood NAME N    asks N times at once for another lifetime; "ok REFUSED": how many were too many
//   stall MS        the next expiry keeps the netlink thread busy for so long
//   clear
//
// Expiries come as lines "expired DESTINATION SPI hard|soft" at any time.
// usage: xfrm_probe REQID [loose] [EVENT_BUFFER_BYTES]
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <iostream>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>

#include "pcscf/ipsec/netlink_kernel.h"

namespace {

using namespace lapwing;
using namespace lapwing::ipsec;

std::mutex printing;

void say(const std::string& line) {
  std::lock_guard lock(printing);
  std::cout << line << std::endl;
}

std::string outcome(const absl::Status& status) {
  return status.ok() ? "ok" : "error " + status.ToString();
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, at);) parts.push_back(part);
  return parts;
}

Port port(const std::string& text) {
  return Port{static_cast<uint16_t>(std::stoul(text))};
}
Spi spi(const std::string& text) {
  return Spi{static_cast<uint32_t>(std::stoul(text))};
}

Secret key(const std::string& hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  return Secret(bytes);
}

SaSet set_from(const std::vector<std::string>& word) {
  SaSet set;
  set.ue = asio::ip::make_address(word.at(2));
  set.pcscf = asio::ip::make_address(word.at(3));
  set.uc = port(word.at(4));
  set.us = port(word.at(5));
  set.pc = port(word.at(6));
  set.ps = port(word.at(7));
  set.spi_uc = spi(word.at(8));
  set.spi_us = spi(word.at(9));
  set.spi_pc = spi(word.at(10));
  set.spi_ps = spi(word.at(11));
  set.algorithms = algorithms_from(word.at(12)).value();
  set.ck = key(word.at(13));
  set.ik = key(word.at(14));
  return set;
}

template <typename T>
Task<void> deliver(Task<T> task, std::promise<T>* to) {
  to->set_value(co_await std::move(task));
}

class Probe {
 public:
  explicit Probe(const NetlinkKernel::Options& options) : kernel_(options) {
    kernel_.on_expire([this](KernelExpiry expiry) {
      std::ostringstream line;
      line << "expired " << expiry.destination << ' ' << expiry.spi.value << (expiry.hard ? " hard" : " soft");
      say(line.str());
      std::this_thread::sleep_for(std::chrono::milliseconds(stall_ms_.exchange(0)));
    });
    pool_.start();
  }

  std::string answer(const std::vector<std::string>& word) {
    const std::string& command = word.at(0);
    if (command == "prepare") return prepare(word);
    if (command == "clear") {
      kernel_.clear();
      return "ok";
    }
    if (command == "list") return list();
    if (command == "stall") {
      stall_ms_ = std::stoi(word.at(1));
      return "ok";
    }
    if (command == "set") {
      sets_.insert_or_assign(word.at(1), set_from(word));
      return "ok";
    }
    SaSet set = sets_.at(word.at(1));
    if (command == "install") return outcome(run(kernel_.install(worker(), set, seconds(word.at(2)))));
    if (command == "lifetime") return outcome(run(kernel_.set_lifetime(worker(), set, seconds(word.at(2)))));
    if (command == "remove") return outcome(run(kernel_.remove(worker(), set)));
    if (command == "flood") return flood(set, std::stoi(word.at(2)));
    if (command == "time") return time(set, std::stoi(word.at(2)));
    return "error no such command";
  }

 private:
  static Duration seconds(const std::string& text) { return std::chrono::seconds(std::stol(text)); }
  Worker& worker() { return pool_.at(0); }

  template <typename T>
  T run(Task<T> task) {
    std::promise<T> result;
    worker().post([this, &result, task = std::make_shared<Task<T>>(std::move(task))] {
      worker().spawn(deliver(std::move(*task), &result));
    });
    return result.get_future().get();
  }

  std::string prepare(const std::vector<std::string>& word) {
    std::vector<asio::ip::address> local;
    if (word.at(2) != "any")
      for (const std::string& address : split(word.at(2), ',')) local.push_back(asio::ip::make_address(address));
    std::vector<Port> clients;
    for (const std::string& client : split(word.at(4), ',')) clients.push_back(port(client));
    std::vector<Algorithms> algorithms;
    for (const std::string& pair : split(word.size() < 6 ? "" : word.at(5), ','))
      algorithms.push_back(algorithms_from(pair).value());
    End end = word.at(1) == "pcscf" ? End::pcscf : End::handset;
    return outcome(kernel_.prepare(end, local, port(word.at(3)), clients, algorithms));
  }

  std::string list() {
    auto found = run(kernel_.list(worker()));
    if (!found.ok()) return outcome(found.status());
    for (const KernelSa& sa : *found) {
      std::ostringstream line;
      line << "sa " << sa.source << ' ' << sa.source_port.value << ' ' << sa.destination << ' '
           << sa.destination_port.value << ' ' << sa.spi.value << ' ' << sa.packets << ' ' << sa.replay_errors << ' '
           << sa.integrity_failures << ' ' << sa.hard_expires_in_s << ' ' << sa.algorithms;
      say(line.str());
    }
    return "ok " + std::to_string(found->size());
  }

  Task<absl::Status> repeat(SaSet set, int times) {
    for (int i = 0; i < times; ++i) {
      absl::Status status = co_await kernel_.install(worker(), set, std::chrono::hours(1));
      if (!status.ok()) co_return status;
      status = co_await kernel_.remove(worker(), set);
      if (!status.ok()) co_return status;
    }
    co_return absl::OkStatus();
  }

  Task<void> ask(SaSet set, std::promise<bool>* refused) {
    absl::Status status = co_await kernel_.set_lifetime(worker(), set, std::chrono::hours(1));
    refused->set_value(status.code() == absl::StatusCode::kResourceExhausted);
  }

  std::string flood(const SaSet& set, int times) {
    std::vector<std::promise<bool>> answers(static_cast<size_t>(times));
    worker().post([this, &set, &answers] {
      for (std::promise<bool>& answer : answers) worker().spawn(ask(set, &answer));
    });
    int refused = 0;
    for (std::promise<bool>& answer : answers) refused += answer.get_future().get() ? 1 : 0;
    return "ok " + std::to_string(refused);
  }

  std::string time(const SaSet& set, int times) {
    auto start = std::chrono::steady_clock::now();
    absl::Status status = run(repeat(set, times));
    if (!status.ok()) return outcome(status);
    std::chrono::duration<double, std::micro> passed = std::chrono::steady_clock::now() - start;
    return "ok " + std::to_string(passed.count() / times);
  }

  std::atomic<int> stall_ms_ = 0;
  SystemClock clock_;
  WorkerPool pool_{1, clock_};
  NetlinkKernel kernel_;
  std::map<std::string, SaSet> sets_;
};

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    std::fprintf(stderr, "usage: xfrm_probe REQID [loose] [EVENT_BUFFER_BYTES]\n");
    return 2;
  }
  NetlinkKernel::Options options{.reqid = static_cast<uint32_t>(std::atol(arguments[1]))};
  for (int i = 2; i < count; ++i) {
    if (std::string_view(arguments[i]) == "loose")
      options.selectors = Selectors::address_only;
    else
      options.event_buffer_bytes = std::atoi(arguments[i]);
  }
  Probe probe(options);
  for (std::string line; std::getline(std::cin, line);) {
    std::vector<std::string> word = split(line, ' ');
    if (word.empty()) continue;
    try {
      say(probe.answer(word));
    } catch (const std::exception& wrong) {
      say(std::string("error ") + wrong.what());
    }
  }
  return 0;
}
