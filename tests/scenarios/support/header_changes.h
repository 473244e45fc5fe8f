// What a hop did to a message: the difference of its start lines and headers, in lines as a scenario writes them.
//
//   ~ Max-Forwards: 69                 another value in the place of the one there was
//   - P-Preferred-Identity             every row of the header has gone
//   - Route: <sip:10.4.128.21:6100;lr> one of several rows has gone
//   + P-Charging-Vector: icid-value=x  a row more
//   ~ INVITE sip:bob@home SIP/2.0      the start line
//
// What went and what changed first, in the old order, then what is new, in the new order. Rows that only changed their
// place show as changed, or as gone and new; bodies must be the same byte for byte.
#pragma once

#include <string>
#include <string_view>

namespace lapwing::scenarios {

// Throws Failure when the bodies differ.
std::string header_changes(std::string_view before, std::string_view after);

}  // namespace lapwing::scenarios
