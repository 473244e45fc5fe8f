#include "hss-client/freediameter/cx_application.h"

#include "absl/strings/str_format.h"
#include "common/runtime/log.h"

namespace lapwing {

DiameterApplication cx_application() {
  return {cx::application_id,
          cx::vendor_3gpp,
          "3GPP Cx",
          {{300, "3GPP/User-Authorization"},
           {301, "3GPP/Server-Assignment"},
           {302, "3GPP/Location-Info"},
           {303, "3GPP/Multimedia-Auth"},
           {304, "3GPP/Registration-Termination"},
           {305, "3GPP/Push-Profile"}},
          cx::dictionary(),
          cx::is_group};
}

std::string error_message_of(const diameter::Message& message) {
  const diameter::Avp* found = diameter::find(message.avps, 281, 0);
  return found && !found->data.empty() ? ": " + log::printable(found->data) : std::string();
}

std::optional<HssFailure> failure_of(const DiameterCore::Reply& reply, uint32_t command, const std::string& peer) {
  using Kind = HssFailure::Kind;
  switch (reply.kind) {
    case DiameterCore::Reply::Kind::malformed:
      return HssFailure{Kind::malformed, peer + ": " + reply.text};
    case DiameterCore::Reply::Kind::expired:
      return HssFailure{Kind::timeout, reply.text};
    case DiameterCore::Reply::Kind::stopped:
      return HssFailure{Kind::no_peer, reply.text};
    case DiameterCore::Reply::Kind::answer:
      break;
  }
  if (reply.message.request() || reply.message.command != command) {
    return HssFailure{Kind::malformed, absl::StrFormat("%s: an answer of command %d to a request of %d", peer,
                                                       reply.message.command, command)};
  }
  const diameter::Avp* code = diameter::find(reply.message.avps, 268, 0);
  uint32_t value = code ? diameter::value32(*code).value_or(0) : 0;
  if (value / 1000 != 3) return std::nullopt;
  std::string text = peer + ": " + cx::result_text({false, value}) + error_message_of(reply.message);
  if (const diameter::Avp* host = diameter::find(reply.message.avps, 292, 0)) {
    text += ", redirected to " + log::printable(host->data);
  }
  return HssFailure{Kind::undelivered, text};
}

}  // namespace lapwing
