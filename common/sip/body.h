// What is in a message's body.
#pragma once

#include <string_view>

#include "common/sip/message.h"

namespace lapwing::sip {

// Is this its Content-Type? Any case, whatever parameters.
bool body_is(const Message& message, std::string_view type);

// The body when it has this media type ("application/sdp", any case); of a multipart body the first part that has it
// (RFC 2046 section 5.1), parts within parts not looked into. Empty: there is none. Points into the message.
std::string_view body_part(const Message& message, std::string_view type);

}  // namespace lapwing::sip
