#include "lab/labue/session.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/read_until.hpp>
#include <charconv>
#include <csignal>
#include <iostream>
#include <istream>
#include <utility>

namespace lapwing::labue {
namespace {

constexpr std::array<std::string_view, 7> plain_actions{"register",  "reregister", "deregister", "deregister-all",
                                                        "subscribe", "wait",       "quit"};
constexpr std::string_view timed_wait = "wait:";
constexpr Duration for_ever = std::chrono::hours(24 * 365);

std::optional<uint32_t> wait_seconds(std::string_view action) {
  if (!action.starts_with(timed_wait)) return std::nullopt;
  std::string_view digits = action.substr(timed_wait.size());
  uint32_t seconds = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return seconds;
}

}  // namespace

bool is_action(std::string_view text) {
  return std::find(plain_actions.begin(), plain_actions.end(), text) != plain_actions.end() || wait_seconds(text);
}

Duration refresh_after(uint32_t granted_s) {
  return std::chrono::seconds(granted_s > 1200 ? granted_s - 600 : granted_s / 2);
}

Session::Session(Worker& worker, Handset& handset, std::vector<std::string> actions)
    : worker_(worker),
      handset_(handset),
      actions_(actions.begin(), actions.end()),
      input_(worker.context()),
      signals_(worker.context(), SIGTERM, SIGINT) {}

Task<void> Session::act(std::string action) {
  if (action == "register") {
    outcome_ = co_await handset_.register_();
  } else if (action == "reregister") {
    outcome_ = co_await handset_.reregister();
  } else if (action == "deregister" || action == "deregister-all") {
    outcome_ = co_await handset_.deregister(action == "deregister-all");
  } else if (action == "subscribe") {
    outcome_ = co_await handset_.subscribe_reg();
  } else {
    std::optional<uint32_t> seconds = wait_seconds(action);
    co_await worker_.sleep(seconds ? Duration(std::chrono::seconds(*seconds)) : for_ever);
  }
}

Task<void> Session::run_actions() {
  await_signal();
  co_await run_given();
  signals_.cancel();
}

Task<void> Session::run_given() {
  while (!actions_.empty()) {
    std::string action = std::move(actions_.front());
    actions_.pop_front();
    co_await act(action);
    if (!outcome_.ok) break;
  }
}

Task<void> Session::run_console() {
  await_signal();
  co_await run_given();
  actions_.clear();
  asio::error_code error;
  input_.assign(dup(STDIN_FILENO), error);
  if (!error) read_line();
  for (;;) {
    std::string action = co_await next_action();
    if (action == "quit") break;
    if (is_action(action)) {
      co_await act(action);
    } else {
      std::cerr << "labue: type register, reregister, deregister, deregister-all, subscribe or quit\n";
    }
  }
  input_.close(error);
  if (handset_.registered()) co_await act("deregister");
  signals_.cancel();
}

Task<std::string> Session::next_action() {
  if (actions_.empty()) {
    OneShot<bool> woken(worker_);
    wake_ = woken.sink();
    Duration patience = handset_.registered() ? refresh_after(handset_.granted_expires()) : for_ever;
    std::optional<bool> came = co_await woken.wait(patience);
    wake_.reset();
    if (!came) co_return handset_.registered() ? "reregister" : "register";
  }
  std::string action = std::move(actions_.front());
  actions_.pop_front();
  co_return action;
}

void Session::push(std::string action) {
  actions_.push_back(std::move(action));
  if (wake_) wake_->set(true);
}

void Session::read_line() {
  asio::async_read_until(input_, line_, '\n', [this](const asio::error_code& error, size_t) {
    if (error == asio::error::operation_aborted) return;
    if (error) return push("quit");
    std::istream in(&line_);
    std::string text;
    std::getline(in, text);
    if (!text.empty()) push(std::move(text));
    read_line();
  });
}

void Session::await_signal() {
  signals_.async_wait([this](const asio::error_code& error, int) {
    if (error) return;
    if (wake_) {
      push("quit");
    } else {
      outcome_ = {false, 0, "stopped by a signal"};
      worker_.stop();
    }
    await_signal();
  });
}

}  // namespace lapwing::labue
