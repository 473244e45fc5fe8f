// Any octets as a message of the relay layer and of the transfer layer: what is read can be written, and reads alike.
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

void transfer_layer(std::string_view tpdu) {
  namespace sms = lapwing::sms;
  if (const auto submit = sms::read_submit(tpdu); submit.ok()) {
    const auto again = sms::read_submit(sms::write_submit(*submit));
    check(again.ok() && *again == *submit);
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
