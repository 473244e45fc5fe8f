// The user profile that an HSS sends to the S-CSCF (TS 29.228 Annex B, User-Data of Cx).
#pragma once

#include <string>

#include "lab/labhss/subscribers.h"

namespace lapwing::labhss {

// One ServiceProfile with the whole implicit registration set, the barred temporary identity first.
std::string user_profile_xml(const Subscriber& subscriber);

}  // namespace lapwing::labhss
