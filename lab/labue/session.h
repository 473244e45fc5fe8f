// What `labue register` and `labue run` do with one handset: register, subscribe, and then the actions of the command
// line or of standard input, one after the other.
//
//   register | reregister | deregister | deregister-all | subscribe | wait[:SECONDS] | quit
//   call:TARGET     a sip: or tel: URI, or a number. Done when the call is answered or has failed; typed, it is as dial
//   dial:TARGET     likewise, done when INVITE has gone
//   answer | reject[:CODE] | hold | resume | hangup
//   message:TARGET:TEXT   <sip:bob@10.0.0.1:5060> where the target has a port
//   sms:NUMBER:TEXT       done with the report of the service centre
//   memory-full           short messages are refused, until memory-available
//
// With actions from standard input the registration is refreshed when it is due (TS 24.229 section 5.1.1.4.1), and a
// handset that registered leaves with a de-registration.
#pragma once

#include <asio/posix/stream_descriptor.hpp>
#include <asio/signal_set.hpp>
#include <asio/streambuf.hpp>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "common/runtime/one_shot.h"
#include "lab/labue/handset.h"

namespace lapwing::labue {

bool is_action(std::string_view text);
// "sip:bob@ims.example.org:hello" as the target and the text behind its colon; "<sip:bob@10.0.0.1:5060>:hello"
// likewise.
struct Addressed {
  std::string target, text;
};
std::optional<Addressed> addressed_from(std::string_view text);
// When to refresh: 600 s before the end of more than 1200 s, else at half of it.
Duration refresh_after(uint32_t granted_s);

class Session {
 public:
  // actions: before any that come from standard input.
  Session(Worker& worker, Handset& handset, std::vector<std::string> actions);

  // Runs the actions until one fails. SIGTERM and SIGINT stop the worker.
  Task<void> run_actions();
  // Then those of standard input, whatever becomes of them, until its end, "quit" or a signal. Between two actions a
  // signal is as "quit".
  Task<void> run_console();

  // Of the last procedure.
  const Outcome& outcome() const { return outcome_; }

 private:
  Task<void> run_given();
  Task<void> act(std::string action);
  Task<void> act_on_calls(std::string action);
  Task<void> act_on_texts(std::string action);
  void read_line();
  void await_signal();
  void push(std::string action);
  Task<std::string> next_action();

  Worker& worker_;
  Handset& handset_;
  std::deque<std::string> actions_;
  Outcome outcome_;
  bool typed_ = false;  // actions come from standard input
  asio::posix::stream_descriptor input_;
  asio::streambuf line_;
  asio::signal_set signals_;
  std::optional<OneShot<bool>::Sink> wake_;  // set: nothing is being done
};

}  // namespace lapwing::labue
