// May a core element take this request (RFC 3261 sections 8.2, 16.3)? Called right after parse, before any transaction.
#pragma once

#include <string>

#include "common/sip/message.h"

namespace lapwing::sip {

struct RequestVerdict {
  int status = 0;   // 0: yes; else what to answer: 400, 414, 416, ...
  std::string why;  // fit for a Warning and a log line
};

RequestVerdict validate_request(const Message& request, const Limits& limits = {});

}  // namespace lapwing::sip
