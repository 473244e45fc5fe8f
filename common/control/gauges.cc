#include "common/control/gauges.h"

#include "common/control/on_worker.h"

namespace lapwing::control {

void add_gauge(v1::StatusReply& reply, const char* name, size_t value) {
  v1::Gauge* gauge = reply.add_gauges();
  gauge->set_name(name);
  gauge->set_value(static_cast<int64_t>(value));
}

void add_store_gauges(v1::StatusReply& reply, const Store::Counters& stored) {
  add_gauge(reply, "store_commits", stored.commits);
  add_gauge(reply, "store_waiting", stored.waiting);
  add_gauge(reply, "store_failures", stored.failures);
  add_gauge(reply, "store_late", stored.late);
}

sip::Stack::Counters all_counters(WorkerPool& pool, sip::Stack& stack) {
  sip::Stack::Counters sum;
  for (uint32_t i = 0; i < pool.size(); ++i) {
    auto one = ask_worker<sip::Stack::Counters>(pool.at(i), std::chrono::seconds(2),
                                                [&stack, i](auto answer) { answer(stack.counters(i)); });
    if (!one.ok()) continue;
    sum.layer.server_transactions += one->layer.server_transactions;
    sum.layer.client_transactions += one->layer.client_transactions;
    sum.layer.requests += one->layer.requests;
    sum.layer.malformed += one->layer.malformed;
    sum.transport.connections += one->transport.connections;
  }
  return sum;
}

RequestTimes all_request_times(WorkerPool& pool, sip::Stack& stack) {
  RequestTimes sum;
  for (uint32_t i = 0; i < pool.size(); ++i) {
    auto one = ask_worker<RequestTimes>(pool.at(i), std::chrono::seconds(2), [&stack, i](auto answer) {
      answer({stack.layer(i).server_times(), stack.layer(i).client_times()});
    });
    if (!one.ok()) continue;
    sum.server.add(one->server);
    sum.client.add(one->client);
  }
  return sum;
}

v1::DrainReply drain(std::atomic<bool>& draining, const v1::DrainRequest& request, WorkerPool& pool,
                     sip::Stack& stack) {
  draining = !request.resume();
  sip::LayerCounters sum = all_counters(pool, stack).layer;
  v1::DrainReply reply;
  reply.set_draining(draining);
  reply.set_transactions(static_cast<uint32_t>(sum.server_transactions + sum.client_transactions));
  return reply;
}

}  // namespace lapwing::control
