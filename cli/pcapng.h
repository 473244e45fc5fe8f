// Recorded messages as a pcapng file that Wireshark opens: each as an "exported PDU" (LINKTYPE_WIRESHARK_UPPER_PDU),
// since they were taken inside the daemons, where IPsec and TCP segments are undone.
#pragma once

#include <string>

#include "lapwing/v1/control.pb.h"

namespace lapwing::cli {

// What a file begins with: section header and interface description.
std::string pcapng_head(const std::string& program);
std::string pcapng_block(const v1::TraceMessage& message);

}  // namespace lapwing::cli
