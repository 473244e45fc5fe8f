#include "lab/labue/texts.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/sip/body.h"
#include "common/sip/headers.h"
#include "common/sms/tpdu.h"
#include "lab/labue/calls.h"
#include "lab/labue/dialog.h"

namespace lapwing::labue {
namespace {

using sip::HeaderId;

constexpr Duration report_patience = std::chrono::seconds(40);  // TR1M, TS 24.011 section 10

Outcome outcome_of(const sip::Answer& answer) {
  int code = answer.response ? answer.response->status() : 0;
  if (code / 100 == 2) return {true, code, {}};
  return {false, code, code == 0 ? "no answer came to MESSAGE" : absl::StrFormat("MESSAGE was answered %d", code)};
}

// Who sent it: as the network says, else as he says himself.
std::string sender(const sip::Message& message) {
  return uri_of(message, message.has(HeaderId::p_asserted_identity) ? HeaderId::p_asserted_identity : HeaderId::from);
}

}  // namespace

Task<Outcome> Texts::message(std::string target, std::string text) {
  std::string uri = target_uri(target, line_.options.who.domain);
  if (uri.empty()) co_return Outcome{false, 0, "a message to whom? Write a sip: or tel: URI, or a number"};
  RequestShape shape = line_.outside_dialog(sip::Method::message, uri);
  shape.content_type = "text/plain";
  shape.body = std::move(text);
  sip::Answer answer = co_await line_.request(std::move(shape));
  Outcome outcome = outcome_of(answer);
  line_.tell(event(outcome.ok ? "message_sent" : "message_failed").with("to", uri).with("code", outcome.code));
  co_return outcome;
}

sms::Address Texts::service_centre() const {
  absl::StatusOr<sms::Address> address = sms::Address::from_number(user_of(line_.options.smsc));
  return address.value_or(sms::Address{});
}

Task<Outcome> Texts::sms(std::string number, std::string text) {
  absl::StatusOr<sms::Address> destination = sms::Address::from_number(number);
  if (!destination.ok()) co_return Outcome{false, 0, std::string(destination.status().message())};
  absl::StatusOr<sms::UserData> user_data = sms::UserData::of_text(text);
  if (!user_data.ok()) co_return Outcome{false, 0, std::string(user_data.status().message())};
  sms::Submit tpdu;
  tpdu.reference = next_reference_;
  tpdu.destination = std::move(*destination);
  tpdu.user_data = std::move(*user_data);
  sms::RpData data{sms::Side::mobile, next_reference_++, service_centre(), sms::write_submit(tpdu)};
  uint8_t reference = data.reference;
  co_return co_await submit(std::move(data), reference);
}

Task<Outcome> Texts::free_memory() {
  memory_full_ = false;
  uint8_t reference = next_reference_++;
  co_return co_await submit(sms::RpSmma{reference}, reference);
}

// TS 24.341 section 5.3.1.2: to the service centre; done with its report, which may come before the 202.
Task<Outcome> Texts::submit(sms::RpMessage message, uint8_t reference) {
  OneShot<sms::RpMessage> report(line_.worker);
  pending_.push_back({reference, report.sink()});
  std::string body = sms::write_rp(message);
  sip::Answer answer = co_await send_rp(line_.options.smsc, {}, std::move(body));
  Outcome outcome = outcome_of(answer);
  std::optional<sms::RpMessage> came;
  if (outcome.ok) {
    line_.tell(event("sms_sent").with("reference", reference).with("code", outcome.code));
    came = co_await report.wait(report_patience);
  }
  std::erase_if(pending_, [reference](const Pending& one) { return one.reference == reference; });
  if (came) co_return reported(*came, reference);
  if (outcome.ok) outcome = {false, outcome.code, "no report came from the service centre"};
  line_.tell(event("sms_report").with("reference", reference).with("result", "none").with("why", outcome.why));
  co_return outcome;
}

Outcome Texts::reported(const sms::RpMessage& report, uint8_t reference) {
  Event told = event("sms_report");
  told.with("reference", reference);
  if (const auto* error = std::get_if<sms::RpError>(&report)) {
    line_.tell(told.with("result", "error").with("cause", error->cause));
    return {false, 200, absl::StrFormat("the service centre refused: RP cause %d", error->cause)};
  }
  line_.tell(told.with("result", "ack"));
  return {true, 200, {}};
}

Task<sip::Answer> Texts::send_rp(std::string to, std::string in_reply_to, std::string body) {
  RequestShape shape = line_.outside_dialog(sip::Method::message, std::move(to));
  if (!in_reply_to.empty()) shape.more.emplace_back(HeaderId::in_reply_to, in_reply_to);
  shape.content_type = sms::rp_content_type;
  shape.body = std::move(body);
  co_return co_await line_.request(std::move(shape));
}

void Texts::request_in(sip::ServerTransaction& transaction) {
  const sip::Message& request = transaction.request();
  if (sip::body_is(request, sms::rp_content_type)) return rp_in(transaction);
  if (!sip::body_is(request, "text/plain")) {
    std::string accepted = absl::StrFormat("text/plain, %s", sms::rp_content_type);
    return line_.respond(transaction, 415, {.headers = {{HeaderId::accept, std::move(accepted)}}});
  }
  line_.tell(event("message").with("from", sender(request)).with("text", request.body()));
  line_.respond(transaction, 200);
}

void Texts::rp_in(sip::ServerTransaction& transaction) {
  const sip::Message& request = transaction.request();
  absl::StatusOr<sms::RpMessage> message = sms::read_rp(request.body());
  const auto* data = message.ok() ? std::get_if<sms::RpData>(&*message) : nullptr;
  bool from_mobile =
      message.ok() && ((data && data->from == sms::Side::mobile) || std::holds_alternative<sms::RpSmma>(*message));
  if (!message.ok() || from_mobile) {
    std::string why = from_mobile ? "the RP message is one of mobiles" : std::string(message.status().message());
    line_.tell(event("warning").with("why", why));
    return line_.respond(transaction, 400);
  }
  std::string from = sender(request), call_id(request.header(HeaderId::call_id));
  line_.respond(transaction, 200);
  if (data) return deliver_in(*data, std::move(from), std::move(call_id));
  report_in(*message, reference_of(*message));
}

// Section 5.3.2.4: the 200 has gone, the report goes in a MESSAGE of its own to the one who asserted himself.
void Texts::deliver_in(const sms::RpData& data, std::string from, std::string call_id) {
  absl::StatusOr<sms::Deliver> deliver = sms::read_deliver(data.tpdu);
  sms::RpMessage answer = sms::RpAck{sms::Side::mobile, data.reference, sms::write_deliver_report(std::nullopt)};
  auto refuse = [&](sms::RpCause cause, uint8_t failure) {
    answer = sms::RpError{sms::Side::mobile, data.reference, static_cast<uint8_t>(cause),
                          sms::write_deliver_report(failure)};
  };
  if (!deliver.ok()) {
    line_.tell(event("warning").with("why", std::string(deliver.status().message())));
    refuse(sms::RpCause::protocol_error, sms::unspecified_failure);
  } else if (memory_full_) {
    refuse(sms::RpCause::memory_capacity_exceeded, sms::memory_capacity_exceeded);
    line_.tell(event("sms_refused").with("originator", deliver->originator.number()).with("cause", 22));
  } else {
    Event told = event("sms");
    told.with("originator", deliver->originator.number()).with("text", deliver->user_data.text);
    if (deliver->sent) told.with("sent", deliver->sent->text());
    line_.tell(told);
  }
  line_.worker.spawn(report(std::move(from), std::move(call_id), std::move(answer)));
}

Task<void> Texts::report(std::string to, std::string call_id, sms::RpMessage message) {
  std::string body = sms::write_rp(message);
  sip::Answer answer = co_await send_rp(std::move(to), std::move(call_id), std::move(body));
  Outcome outcome = outcome_of(answer);
  if (!outcome.ok) line_.tell(event("warning").with("why", "the report of a short message: " + outcome.why));
}

void Texts::report_in(const sms::RpMessage& report, uint8_t reference) {
  auto found = std::find_if(pending_.begin(), pending_.end(),
                            [reference](const Pending& one) { return one.reference == reference; });
  if (found != pending_.end()) return found->report.set(report);
  line_.tell(event("sms_report").with("reference", reference).with("result", "unexpected"));
}

}  // namespace lapwing::labue
