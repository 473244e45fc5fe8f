#include "common/sip/register_anew.h"

#include <string>

#include "absl/strings/str_format.h"
#include "common/sip/body.h"

namespace lapwing::sip {
namespace {

constexpr std::string_view media_type = "application/3gpp-ims+xml";
constexpr std::string_view action = "<action>initial-registration</action>";

}  // namespace

void tell_to_register_anew(ServerTransaction& transaction, std::string_view asserted, std::string_view reason) {
  Writer response = transaction.response(504);
  response.add(HeaderId::p_asserted_identity, asserted);
  std::string body = absl::StrFormat(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"
      "<ims-3gpp version=\"1\"><alternative-service><type>restoration</type><reason>%s</reason>%s</alternative-service>"
      "</ims-3gpp>\r\n",
      reason, action);
  transaction.respond(504, std::move(response).finish(media_type, body));
}

bool tells_to_register_anew(const Message& response) {
  return response.status() == 504 && body_part(response, media_type).find(action) != std::string_view::npos;
}

}  // namespace lapwing::sip
