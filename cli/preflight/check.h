// What `imsctl preflight` finds, as values: every check is a function that gets what was read from the host and gives
// one of these, so that tests bring about both outcomes without a host that is wrong.
//
//   return failed("listen-address", "gm.listen 10.46.0.1:5060", "this host has no such address",
//                 {"ip addr add 10.46.0.1/24 dev eth0"});
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lapwing/v1/control.pb.h"

namespace lapwing::cli::preflight {

using Check = v1::PreflightCheck;
using Advice = std::vector<std::string>;

// about: what was looked at; text: what was found. Both may hold text from outside: they are made printable here.
Check passed(std::string_view code, std::string_view about, std::string_view text);
// The daemons start, and something will not work as it should.
Check warned(std::string_view code, std::string_view about, std::string_view text, const Advice& advice);
// A daemon does not start, or no handset can register.
Check failed(std::string_view code, std::string_view about, std::string_view text, const Advice& advice);

bool is_ok(const Check& check);
bool is_failed(const Check& check);

}  // namespace lapwing::cli::preflight
