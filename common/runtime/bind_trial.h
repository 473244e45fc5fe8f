// Whether a port could be had: bound for a moment, and let go.
#pragma once

#include "common/runtime/values.h"

namespace lapwing {

// 0, or errno: EADDRINUSE, EADDRNOTAVAIL, EACCES, ... Connections that ended a moment ago are no obstacle.
int bind_error(const Endpoint& at, bool tcp);

}  // namespace lapwing
