#include "common/sip/stack.h"

namespace lapwing::sip {

Stack::Stack(WorkerPool& pool, Options options) : pool_(pool), connections_(options.connections_per_address) {
  for (uint32_t i = 0; i < pool.size(); ++i) {
    transports_.push_back(std::make_unique<SocketTransport>(pool.at(i), connections_, options.transport));
    layers_.push_back(std::make_unique<TransactionLayer>(pool.at(i), *transports_[i], transactions_, options.layer));
    transports_[i]->deliver_to(*layers_[i]);
  }
}

absl::Status Stack::listen(Protocol protocol, const Endpoint& local) {
  // SO_REUSEPORT would hide another program on the same port.
  if (absl::Status free = probe_bind(protocol, local); !free.ok()) return free;
  for (auto& transport : transports_) {
    auto bound = transport->listen(protocol, local, pool_.size() > 1);
    if (!bound.ok()) return bound.status();
  }
  return absl::OkStatus();
}

Stack::Counters Stack::counters(uint32_t worker) const {
  return {layers_[worker]->counters(), transports_[worker]->counters()};
}

void Stack::close(absl::FunctionRef<bool(const Flow&)> resets) {
  for (auto& transport : transports_) transport->close(resets);
}

}  // namespace lapwing::sip
