#include "lab/labue/host.h"

#include <utility>

#include "lab/labue/udp_media_port.h"

namespace lapwing::labue {
namespace {

sip::TransactionLayer::Options layer_options(const sip::TimerValues& timers) {
  sip::TransactionLayer::Options options;
  options.max_transactions = 2'000'000;
  options.timers_for = [timers](const sip::Flow&) { return timers; };
  return options;
}

constexpr uint32_t connections_per_address = 1'000'000;  // all of them are to one P-CSCF

}  // namespace

Host::Host(Worker& worker, sip::TimerValues timers)
    : worker_(worker),
      connections_(connections_per_address),
      transport_(worker, connections_, {.limits = {}, .linger = false}),
      layer_(worker, transport_, index_, layer_options(timers)) {
  transport_.deliver_to(layer_);
  layer_.on_request(
      [this](std::shared_ptr<sip::ServerTransaction> transaction) { request_in(std::move(transaction)); });
  layer_.on_ack([this](const sip::Message& ack, const sip::Flow& flow) {
    if (Handset* handset = handset_at_.find(flow.local, ack.request_uri())) handset->ack_in(ack);
  });
}

Handset& Host::add(ipsec::Kernel* kernel, Sim sim, HandsetOptions options, EventSink sink) {
  handsets_.push_back(
      std::make_unique<Handset>(worker_, layer_, kernel, *this, std::move(sim), std::move(options), std::move(sink)));
  Handset* handset = handsets_.back().get();
  const HandsetOptions& taken = handset->options();
  handset_at_.add(taken.address, {taken.port, taken.server_port}, taken.who.imsi, handset);
  return *handset;
}

std::vector<Handset*> Host::all() {
  std::vector<Handset*> all;
  all.reserve(handsets_.size());
  for (const std::unique_ptr<Handset>& one : handsets_) all.push_back(one.get());
  return all;
}

absl::Status Host::open(sip::Protocol protocol, const Endpoint& local) {
  std::string name = std::string(sip::protocol_text(protocol)) + local.text();
  if (open_.contains(name)) return absl::OkStatus();
  absl::StatusOr<Endpoint> bound = transport_.listen(protocol, local, true);
  if (!bound.ok()) return bound.status();
  open_.insert(std::move(name));
  return absl::OkStatus();
}

void Host::close() {
  transport_.close();
}

absl::StatusOr<std::unique_ptr<MediaPort>> Host::open_media(const asio::ip::address& address) {
  return UdpMediaPort::open(worker_, address);
}

void Host::request_in(std::shared_ptr<sip::ServerTransaction> transaction) {
  Handset* handset = handset_at_.find(transaction->flow().local, transaction->request().request_uri());
  if (!handset) return transaction->reject(404);
  handset->request_in(std::move(transaction));
}

}  // namespace lapwing::labue
