// Every AVP that a Cx message may hold (TS 29.229 section 6.3, RFC 6733), by code and vendor. An AVP is known by both:
// 621, 623 and 650 exist in vendor 0 and in vendor 3GPP.
#pragma once

#include <cstdint>
#include <span>

#include "hss-client/avp.h"

namespace lapwing::cx {

inline constexpr uint32_t vendor_etsi = 13019;

using diameter::AvpDefinition;
using diameter::AvpType;

std::span<const AvpDefinition> dictionary();
const AvpDefinition* definition(uint32_t code, uint32_t vendor);  // null: unknown
bool is_group(uint32_t code, uint32_t vendor);

}  // namespace lapwing::cx
