// SIP for a whole daemon: on each worker a SocketTransport and a TransactionLayer, sharing their indexes.
//
//   Stack stack(pool, options);
//   absl::Status listening = stack.listen(Protocol::udp, endpoint);   // on every worker, after a probe
//   stack.layer(0).on_request(...);
//   pool.start(); ...; pool.stop(); stack.close();
#pragma once

#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "common/runtime/worker.h"
#include "common/sip/socket_transport.h"
#include "common/sip/transaction_layer.h"

namespace lapwing::sip {

class Stack {
 public:
  struct Options {
    TransactionLayer::Options layer;
    SocketTransport::Options transport;
    uint32_t connections_per_address = 64;
  };
  Stack(WorkerPool& pool, Options options);

  // Before the pool starts. AlreadyExists when somebody has the port, FailedPrecondition when the address is not here.
  absl::Status listen(Protocol protocol, const Endpoint& local);
  TransactionLayer& layer(uint32_t worker) { return *layers_[worker]; }

  struct Counters {
    LayerCounters layer;
    SocketTransport::Counters transport;
  };
  // Of one worker, on its thread.
  Counters counters(uint32_t worker) const;
  // After the pool has stopped; `resets` as in SocketTransport::close.
  void close(absl::FunctionRef<bool(const Flow&)> resets);
  void close() {
    close([](const Flow&) { return false; });
  }

 private:
  WorkerPool& pool_;
  TransactionIndex transactions_;
  ConnectionIndex connections_;
  std::vector<std::unique_ptr<SocketTransport>> transports_;
  std::vector<std::unique_ptr<TransactionLayer>> layers_;
};

}  // namespace lapwing::sip
