// The session timer (RFC 4028) of one call: how long the session lasts without a refresh, and whose refresh it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/runtime/clock.h"
#include "common/sip/message.h"

namespace lapwing::labue {

inline constexpr uint32_t least_session_expires = 90;  // s; section 5

struct SessionTimer {
  uint32_t seconds = 0;  // 0: the session has no end
  bool ours = false;     // we refresh

  // Of a 2xx to our request (section 7.2).
  static SessionTimer of_response(const sip::Message& response);
  // Of a request that we accept (section 9), for response(). Who supports timers and names nobody refreshes himself.
  static SessionTimer of_request(const sip::Message& request);
  // Would the request be answered 422?
  static bool too_brief(const sip::Message& request);

  // Values of Session-Expires, in our 2xx to the request that set it, and in our own next request.
  std::string response_value() const;
  std::string request_value() const;
  // Until we refresh, or else until we give the session up (section 10).
  Duration due() const;
};

}  // namespace lapwing::labue
