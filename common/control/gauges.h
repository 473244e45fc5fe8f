// The counts that every daemon shows in its status, and while it drains.
#pragma once

#include <atomic>

#include "common/runtime/worker.h"
#include "common/sip/stack.h"
#include "common/store/store.h"
#include "lapwing/v1/control.pb.h"

namespace lapwing::control {

void add_gauge(v1::StatusReply& reply, const char* name, size_t value);
void add_store_gauges(v1::StatusReply& reply, const Store::Counters& stored);
// All workers' together; asks each, so never call it on one. A worker that does not answer in time is left out.
sip::Stack::Counters all_counters(WorkerPool& pool, sip::Stack& stack);
// Likewise.
struct RequestTimes {
  sip::RequestTimes server, client;
};
RequestTimes all_request_times(WorkerPool& pool, sip::Stack& stack);
// Begins or ends the draining, and says what is left of transactions.
v1::DrainReply drain(std::atomic<bool>& draining, const v1::DrainRequest& request, WorkerPool& pool, sip::Stack& stack);

}  // namespace lapwing::control
