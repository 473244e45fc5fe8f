// Any octets as a message of the relay layer and of the transfer layer: what is read can be written, and reads alike;
// what is submitted can be delivered, to whoever it is from, and its user data goes as it came.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/sms/rp.h"
#include "common/sms/tpdu.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

void service_centre(std::string_view tpdu, const lapwing::sms::Submit& submit) {
  namespace sms = lapwing::sms;
  const std::chrono::system_clock::time_point now{std::chrono::seconds(1'700'000'000)};
  const auto validity = sms::validity_of(submit, now);
  check(!validity || *validity >= std::chrono::seconds(0));
  // The text is whatever the fuzzer likes: any name at all.
  const sms::Address name = sms::Address::from_name(submit.user_data.text);
  for (const sms::Address& from : {submit.destination, name}) {
    const auto deliver = sms::read_deliver(sms::deliver_of(tpdu, from, sms::Timestamp::of(now), false));
    check(deliver.ok() && deliver->user_data == submit.user_data && deliver->originator == from);
    check(deliver->protocol == submit.protocol && deliver->reply_path == submit.reply_path && deliver->sent);
  }
  check(!sms::write_status_report({.reference = submit.reference, .recipient = submit.destination}).empty());
}

void transfer_layer(std::string_view tpdu) {
  namespace sms = lapwing::sms;
  if (const auto submit = sms::read_submit(tpdu); submit.ok()) {
    const auto again = sms::read_submit(sms::write_submit(*submit));
    check(again.ok() && *again == *submit);
    service_centre(tpdu, *submit);
  }
  if (const auto deliver = sms::read_deliver(tpdu); deliver.ok()) {
    const auto again = sms::read_deliver(sms::write_deliver(*deliver));
    check(again.ok() && again->user_data == deliver->user_data && again->originator == deliver->originator);
    check(!deliver->sent || again->sent == deliver->sent);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace sms = lapwing::sms;
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  transfer_layer(octets);
  const auto message = sms::read_rp(octets);
  if (!message.ok()) return 0;
  const auto again = sms::read_rp(sms::write_rp(*message));
  check(again.ok() && *again == *message);
  if (const auto* rp = std::get_if<sms::RpData>(&*message)) transfer_layer(rp->tpdu);
  return 0;
}
