#include "lab/labue/session_timer.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/sip/headers.h"

namespace lapwing::labue {
namespace {

using sip::HeaderId;

struct Value {
  uint32_t seconds = 0;
  std::string refresher;
};

Value session_expires(const sip::Message& message) {
  absl::StatusOr<sip::TokenParams> value = sip::TokenParams::parse(message.header(HeaderId::session_expires));
  if (!value.ok()) return {};
  return {sip::parse_seconds(value->token).value_or(0), std::string(value->params.get("refresher"))};
}

}  // namespace

SessionTimer SessionTimer::of_response(const sip::Message& response) {
  Value value = session_expires(response);
  return {value.seconds, sip::equals_ignoring_case(value.refresher, "uac")};
}

SessionTimer SessionTimer::of_request(const sip::Message& request) {
  Value value = session_expires(request);
  bool peer = value.refresher.empty() ? sip::has_token(request, HeaderId::supported, "timer")
                                      : sip::equals_ignoring_case(value.refresher, "uac");
  return {value.seconds, !peer};
}

bool SessionTimer::too_brief(const sip::Message& request) {
  Value value = session_expires(request);
  return value.seconds > 0 && value.seconds < least_session_expires &&
         sip::has_token(request, HeaderId::supported, "timer");
}

std::string SessionTimer::response_value() const {
  return absl::StrFormat("%d;refresher=%s", seconds, ours ? "uas" : "uac");
}

std::string SessionTimer::request_value() const {
  return absl::StrFormat("%d;refresher=%s", seconds, ours ? "uac" : "uas");
}

Duration SessionTimer::due() const {
  if (ours) return std::chrono::seconds(seconds) / 2;
  return std::chrono::seconds(seconds - std::min<uint32_t>(32, seconds / 3));
}

}  // namespace lapwing::labue
