// How a request stands to dialogs (RFC 3261 section 12).
#pragma once

#include "common/sip/message.h"

namespace lapwing::sip {

// Does its To have a tag?
bool in_dialog(const Message& request);
// A request outside a dialog whose answer makes one: INVITE, SUBSCRIBE, REFER.
bool makes_dialog(const Message& request);
// A SUBSCRIBE to a registration (RFC 3680), in a dialog or not.
bool subscribes_to_reg(const Message& request);

}  // namespace lapwing::sip
