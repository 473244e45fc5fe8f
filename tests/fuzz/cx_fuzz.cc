// Any bytes as a Diameter message, then as each of the twelve Cx messages. What decodes must encode and decode again to
// the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "hss-client/cx_codec.h"

using namespace lapwing;

namespace {

template <typename T>
void try_as(const std::vector<diameter::Avp>& avps) {
  auto first = cx::decode<T>(avps);
  auto* value = std::get_if<T>(&first);
  if (value == nullptr) {
    if (std::get<diameter::Fault>(first).text.empty()) abort();
    return;
  }
  std::vector<diameter::Avp> again = cx::encode(*value);
  auto second = cx::decode<T>(again);
  // An answer that had no Origin-Host encodes without it; a request needs it, so it had it.
  if (!std::holds_alternative<T>(second)) abort();
  if (cx::encode(std::get<T>(second)) != again) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto parsed = diameter::decode(bytes, cx::is_group);
  auto* message = std::get_if<diameter::Message>(&parsed);
  if (message == nullptr) return 0;
  std::string encoded = diameter::encode(*message);
  auto again = diameter::decode(encoded, cx::is_group);
  if (!std::holds_alternative<diameter::Message>(again)) abort();
  if (std::get<diameter::Message>(again).avps != message->avps) abort();
  try_as<cx::UserAuthorizationRequest>(message->avps);
  try_as<cx::UserAuthorizationAnswer>(message->avps);
  try_as<cx::ServerAssignmentRequest>(message->avps);
  try_as<cx::ServerAssignmentAnswer>(message->avps);
  try_as<cx::LocationInfoRequest>(message->avps);
  try_as<cx::LocationInfoAnswer>(message->avps);
  try_as<cx::MultimediaAuthRequest>(message->avps);
  try_as<cx::MultimediaAuthAnswer>(message->avps);
  try_as<cx::RegistrationTerminationRequest>(message->avps);
  try_as<cx::RegistrationTerminationAnswer>(message->avps);
  try_as<cx::PushProfileRequest>(message->avps);
  try_as<cx::PushProfileAnswer>(message->avps);
  cx::wipe_secrets(message->avps);
  return 0;
}
