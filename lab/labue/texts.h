// Messages of one handset: in pager mode (RFC 3428), and short messages over IP (TS 24.341 section 5.3).
//
//   Outcome outcome = co_await texts.message("sip:bob@ims.example.org", "hello");
//   outcome = co_await texts.sms("+15550002", "hello");   // done with the service centre's report
//
// What comes becomes the events message (from, text), sms (originator, text) and sms_report (reference, result).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/runtime/one_shot.h"
#include "common/sms/rp.h"
#include "lab/labue/line.h"
#include "lab/labue/outcome.h"

namespace lapwing::labue {

class Texts {
 public:
  explicit Texts(Line& line) : line_(line) {}
  Texts(const Texts&) = delete;
  Texts& operator=(const Texts&) = delete;

  // target: as for Calls::call().
  Task<Outcome> message(std::string target, std::string text);
  // By the service centre; text: UTF-8, of one short message.
  Task<Outcome> sms(std::string number, std::string text);
  // While memory is full, short messages that come are refused with cause 22.
  void fill_memory() { memory_full_ = true; }
  // Tells the service centre (RP-SMMA).
  Task<Outcome> free_memory();

  // MESSAGE.
  void request_in(sip::ServerTransaction& transaction);

 private:
  struct Pending {  // waits for its report
    uint8_t reference;
    OneShot<sms::RpMessage>::Sink report;
  };

  Task<Outcome> submit(sms::RpMessage message, uint8_t reference);
  Task<sip::Answer> send_rp(std::string to, std::string in_reply_to, std::string body);
  Outcome reported(const sms::RpMessage& report, uint8_t reference);
  void rp_in(sip::ServerTransaction& transaction);
  void deliver_in(const sms::RpData& data, std::string from, std::string call_id);
  Task<void> report(std::string to, std::string call_id, sms::RpMessage message);
  void report_in(const sms::RpMessage& report, uint8_t reference);
  sms::Address service_centre() const;
  Event event(std::string_view name) const { return Event(name, line_.options.who.imsi); }

  Line& line_;
  std::vector<Pending> pending_;
  uint8_t next_reference_ = 1;
  bool memory_full_ = false;
};

}  // namespace lapwing::labue
