// The machine that handsets live on: one worker, one transport, one transaction layer for all of them.
#pragma once

#include <memory>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "common/sip/socket_transport.h"
#include "common/sip/transaction_layer.h"
#include "lab/labue/handset.h"
#include "lab/labue/handset_index.h"

namespace lapwing::labue {

class Host final : public Ports {
 public:
  // timers: toward the network, for answers to its requests too.
  Host(Worker& worker, sip::TimerValues timers);

  // kernel: null without IPsec. The handset lives as long as the host.
  Handset& add(ipsec::Kernel* kernel, Sim sim, HandsetOptions options, EventSink sink);
  size_t size() const { return handsets_.size(); }
  Handset& at(size_t index) { return *handsets_[index]; }
  std::vector<Handset*> all();

  absl::Status open(sip::Protocol protocol, const Endpoint& local) override;
  void reset(const sip::Flow& flow) override { transport_.reset(flow); }
  absl::StatusOr<std::unique_ptr<MediaPort>> open_media(const asio::ip::address& address) override;
  // Closes all sockets; on the worker, before it stops and before the kernel is cleared. Connections are reset, here
  // and when the process is killed: the kernel would go on sending the rest of them, and in clear once the policies are
  // gone.
  void close();
  sip::TransactionLayer& layer() { return layer_; }

 private:
  void request_in(std::shared_ptr<sip::ServerTransaction> transaction);

  Worker& worker_;
  sip::ConnectionIndex connections_;
  sip::SocketTransport transport_;
  sip::TransactionIndex index_;
  sip::TransactionLayer layer_;
  absl::flat_hash_set<std::string> open_;
  std::vector<std::unique_ptr<Handset>> handsets_;
  HandsetIndex handset_at_;
};

}  // namespace lapwing::labue
