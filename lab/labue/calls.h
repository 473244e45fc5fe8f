// The calls of one handset: one at a time, beside others that are still ending.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lab/labue/call.h"

namespace lapwing::labue {

class Calls {
 public:
  explicit Calls(Line& line) : line_(line) {}
  ~Calls() { drop(); }
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;

  // target: a sip or tel URI, or a number. Done when the call is answered or has failed; start() when INVITE has gone.
  Task<Outcome> call(std::string target);
  Outcome start(std::string target);
  // Of the call there is.
  Task<Outcome> hang_up();
  Task<Outcome> hold(bool on);
  Outcome answer();
  Outcome reject(int code);

  // Is there a call that is not over?
  bool busy() const { return current() != nullptr; }
  // INVITE, and requests within a dialog.
  void request_in(std::shared_ptr<sip::ServerTransaction> transaction);
  void ack_in(const sip::Message& ack);
  // Ends all of them without a word.
  void drop();

 private:
  std::shared_ptr<Call> current() const;
  std::shared_ptr<Call> owner(const sip::Message& request) const;
  void invite_in(std::shared_ptr<sip::ServerTransaction> transaction);

  Line& line_;
  std::vector<std::shared_ptr<Call>> calls_;
};

// "+15550002" as tel:+15550002, "5550002" as tel:5550002;phone-context=DOMAIN; URIs stay as they are. Empty: neither.
std::string target_uri(std::string_view target, std::string_view domain);

}  // namespace lapwing::labue
