// The user profile that an HSS sends to the S-CSCF (TS 29.228 Annex B, User-Data of Cx).
#pragma once

#include <string>

#include "lab/labhss/subscribers.h"

namespace lapwing::labhss {

// One ServiceProfile with a whole implicit registration set; in the first the barred temporary identity comes first.
std::string user_profile_xml(const Subscriber& subscriber, size_t set = 0);

}  // namespace lapwing::labhss
