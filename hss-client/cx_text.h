// A Cx message in words, for people: in the ladder of `imsctl trace`, in the log of `imsctl debug`.
//
//   cx::name_of(message)        "MAR", "UAA 2001"
//   cx::one_line(message)       "MAR, User-Name: 001010000000001@ims..., Public-Identity: sip:..."
//   cx::listing(message)        the name, and an AVP in each line; unknown ones by code/vendor
//
// Whoever shows it has wiped the keys (cx::wipe_secrets). Octets that are no text are shown as their number.
#pragma once

#include <string>

#include "hss-client/avp.h"

namespace lapwing::cx {

std::string name_of(uint32_t command, bool request);  // "MAR", "MAA"
std::string name_of(const diameter::Message& message);
std::string one_line(const diameter::Message& message);
std::string listing(const diameter::Message& message);

}  // namespace lapwing::cx
