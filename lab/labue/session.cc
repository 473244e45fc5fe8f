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

constexpr std::array<std::string_view, 14> plain_actions{
    "register", "reregister", "deregister", "deregister-all", "subscribe", "wait",        "quit",
    "answer",   "reject",     "hold",       "resume",         "hangup",    "memory-full", "memory-available"};
constexpr Duration for_ever = std::chrono::hours(24 * 365);

// "call:+1555" as {"call", "+1555"}.
struct Words {
  std::string_view verb, rest;
};
Words split(std::string_view action) {
  size_t colon = action.find(':');
  if (colon == std::string_view::npos) return {action, {}};
  return {action.substr(0, colon), action.substr(colon + 1)};
}

std::optional<uint32_t> number(std::string_view digits) {
  uint32_t value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

}  // namespace

bool is_action(std::string_view text) {
  if (std::find(plain_actions.begin(), plain_actions.end(), text) != plain_actions.end()) return true;
  auto [verb, rest] = split(text);
  if (verb == "wait") return number(rest).has_value();
  if (verb == "reject") return number(rest).value_or(0) >= 300 && number(rest).value_or(0) < 700;
  if (verb == "message" || verb == "sms") return addressed_from(rest).has_value();
  return (verb == "call" || verb == "dial") && !rest.empty();
}

std::optional<Addressed> addressed_from(std::string_view text) {
  size_t from = 0, end = std::string_view::npos, behind = std::string_view::npos;
  if (text.starts_with('<')) {
    from = 1;
    end = text.find(">:");
    behind = end + 2;
  } else {
    bool uri = text.starts_with("sip:") || text.starts_with("sips:") || text.starts_with("tel:");
    end = text.find(':', uri ? text.find(':') + 1 : 0);
    behind = end + 1;
  }
  if (end == std::string_view::npos || end == from || behind >= text.size()) return std::nullopt;
  return Addressed{std::string(text.substr(from, end - from)), std::string(text.substr(behind))};
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
  } else if (action.starts_with("wait")) {
    std::optional<uint32_t> seconds = number(split(action).rest);
    co_await worker_.sleep(seconds ? Duration(std::chrono::seconds(*seconds)) : for_ever);
  } else if (action.starts_with("message") || action.starts_with("sms") || action.starts_with("memory")) {
    co_await act_on_texts(action);
  } else {
    co_await act_on_calls(action);
  }
  if (typed_ && !outcome_.ok) std::cerr << "labue: " << outcome_.why << '\n';
}

Task<void> Session::act_on_texts(std::string action) {
  Texts& texts = handset_.texts();
  if (action == "memory-full") {
    texts.fill_memory();
    outcome_ = {true, 0, {}};
  } else if (action == "memory-available") {
    outcome_ = co_await texts.free_memory();
  } else {
    auto [verb, rest] = split(action);
    std::optional<Addressed> addressed = addressed_from(rest);
    if (!addressed) co_return;
    std::string target = addressed->target, text = addressed->text;
    if (verb == "sms") {
      outcome_ = co_await texts.sms(target, text);
    } else {
      outcome_ = co_await texts.message(target, text);
    }
  }
}

Task<void> Session::act_on_calls(std::string action) {
  Calls& calls = handset_.calls();
  auto [verb, rest] = split(action);
  std::string target(rest);
  if (verb == "dial" || (verb == "call" && typed_)) {
    outcome_ = calls.start(target);
  } else if (verb == "call") {
    outcome_ = co_await calls.call(target);
  } else if (verb == "answer") {
    outcome_ = calls.answer();
  } else if (verb == "reject") {
    outcome_ = calls.reject(static_cast<int>(number(rest).value_or(603)));
  } else if (verb == "hangup") {
    outcome_ = co_await calls.hang_up();
  } else {
    outcome_ = co_await calls.hold(verb == "hold");
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
  typed_ = true;
  asio::error_code error;
  input_.assign(dup(STDIN_FILENO), error);
  if (!error) read_line();
  for (;;) {
    std::string action = co_await next_action();
    if (action == "quit") break;
    if (is_action(action)) {
      co_await act(action);
    } else {
      std::cerr << "labue: type register, reregister, deregister, deregister-all, subscribe, call:TARGET, answer, "
                   "reject[:CODE], hold, resume, hangup, message:TARGET:TEXT, sms:NUMBER:TEXT, memory-full, "
                   "memory-available or quit\n";
    }
  }
  input_.close(error);
  if (handset_.calls().busy()) co_await act("hangup");
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
