// The messages that daemons keep, from several of them at once.
#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include "cli/daemons.h"

namespace lapwing::cli {

// Reads until each daemon has told all, or, where the request follows, until it goes. take is called from several
// threads. Returns how each ended.
std::vector<grpc::Status> read_traces(const std::vector<const Daemon*>& daemons, const v1::TraceRequest& request,
                                      std::chrono::milliseconds timeout,
                                      const std::function<void(v1::TraceMessage)>& take);

}  // namespace lapwing::cli
