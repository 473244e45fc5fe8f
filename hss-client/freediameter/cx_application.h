// Cx as a freeDiameter application, and what its two ends share.
#pragma once

#include <string>
#include <variant>

#include "hss-client/cx_codec.h"
#include "hss-client/freediameter/core.h"
#include "hss-client/hss.h"

namespace lapwing {

DiameterApplication cx_application();

// A 3xxx result, or a reply that is no answer, as the failure it is; nullopt when there is an answer to decode.
std::optional<HssFailure> failure_of(const DiameterCore::Reply& reply, uint32_t command, const std::string& peer);

// ": " and the Error-Message, when there is one.
std::string error_message_of(const diameter::Message& message);

// The reply as an answer, or why it is none. Keys are wiped from the reply.
template <typename Answer>
HssOutcome<Answer> outcome_of(DiameterCore::Reply& reply, uint32_t command, const std::string& peer) {
  if (auto failure = failure_of(reply, command, peer)) return std::move(*failure);
  auto parsed = cx::decode<Answer>(reply.message.avps);
  cx::wipe_secrets(reply.message.avps);
  if (auto* fault = std::get_if<diameter::Fault>(&parsed)) {
    return HssFailure{HssFailure::Kind::malformed, peer + ": " + fault->text + error_message_of(reply.message)};
  }
  return std::get<Answer>(std::move(parsed));
}

}  // namespace lapwing
