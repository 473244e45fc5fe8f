// Where charging functions are, as the HSS says for each user: the value of P-Charging-Function-Addresses inside the
// home network (TS 24.229 section 5.4.1.2.2, RFC 7315 section 5.5).
#pragma once

#include <string>

#include "hss-client/cx.h"

namespace lapwing::scscf {

// "ccf=\"aaa://ccf.example.org\";ecf=\"aaa://ecf.example.org\"", the first of each before the second; empty: none.
std::string charging_addresses(const cx::ChargingInformation& charging);

}  // namespace lapwing::scscf
