// Why a user is not registered, or why its calls fail: the views of all daemons put together.
//
//   v1::Explanation told = diagnosis::explain("001010000000001", views, now);
//
// A finding is either an event to which a procedure attached a cause (cause.h), as long as nothing later shows that it
// is over; or something that only shows across daemons, in the kernel's state or in what is missing.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "common/diagnosis/cause.h"
#include "common/runtime/clock.h"
#include "lapwing/v1/control.pb.h"

namespace lapwing::diagnosis {

// What one daemon says.
struct View {
  std::string program;        // "pcscf", "scscf"
  bool answered = false;      // false: it could not be asked, and nothing follows from its silence
  v1::ShowReply shown;        // empty: it does not know the user
  v1::ListHssPeersReply hss;  // of an S-CSCF
};

// How long a handset may take for what usually comes at once.
inline constexpr auto patience = std::chrono::seconds(15);

// What the table says of it: without what was seen this time.
v1::Finding finding_of(const Diagnosis& diagnosis);

v1::Explanation explain(std::string_view identity, std::span<const View> views, WallTime now);

}  // namespace lapwing::diagnosis
