// freeDiameter's headers, for this folder's .cc files that need them, included last: they define macros such as LOG and
// ASSERT and put names such as msg and avp into the global namespace.
#pragma once

#include <signal.h>

#include <freeDiameter/extension.h>
