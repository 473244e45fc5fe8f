// Two workers' transaction layers over fake transports, in virtual time: wire text in, wire text out.
//
//   Layers net;
//   net.in(message("OPTIONS", kVia));             // net.delivered[0] is its transaction
//   net.delivered[0]->reject(404);                // net.transport[0].sent[0].bytes is the response
//
//   ClientRequest request = net.request(Method::options);
//   net.start(request);
//   net.in(response(request, 200));               // net.answers[0]
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/sip/transaction_layer.h"

namespace lapwing::sip {

inline constexpr auto second = std::chrono::seconds(1);

class FakeTransport final : public Transport {
 public:
  struct Sent {
    Flow flow;
    std::string bytes;
    Failed on_failure;
  };
  std::vector<Sent> sent;
  void send(const Flow& flow, std::string_view bytes, Failed on_failure) override {
    sent.push_back({flow, std::string(bytes), std::move(on_failure)});
  }
  void reset(const Flow&) override {}
};

inline const Flow kUdp{
    Protocol::udp, {asio::ip::make_address("10.0.0.1"), 5060}, {asio::ip::make_address("10.0.0.9"), 40000}, 0};

inline Flow tcp() {
  Flow flow = kUdp;
  flow.protocol = Protocol::tcp;
  flow.connection = 7;
  return flow;
}

struct Layers {
  explicit Layers(size_t max_transactions = 1000) {
    for (uint32_t i = 0; i < 2; ++i) {
      TransactionLayer::Options options;
      options.max_transactions = max_transactions;
      options.ends_here = [](const Message& request) { return request.method() == Method::register_; };
      workers.push_back(std::make_unique<Worker>(i, clock));
      layers.push_back(std::make_unique<TransactionLayer>(*workers[i], transport[i], index, std::move(options)));
      layers[i]->on_request([this, i](std::shared_ptr<ServerTransaction> transaction) {
        delivered.push_back(transaction);
        on_worker.push_back(i);
      });
      layers[i]->on_ack([this](const Message& ack, const Flow&) { acks.emplace_back(ack.header(HeaderId::call_id)); });
    }
  }
  void in(const std::string& bytes, const Flow& flow = kUdp, size_t worker = 0) {
    layers[worker]->received(bytes, flow);
    run();
  }
  void run() {
    for (int i = 0; i < 2; ++i) {
      for (auto& worker : workers) worker->run_ready();
    }
  }
  void pass(Duration time) {
    TimePoint until = clock.now() + time;
    for (;;) {
      std::optional<TimePoint> next;
      for (auto& worker : workers) {
        if (auto due = worker->timers().next(); due && (!next || *due < *next)) next = due;
      }
      if (!next || *next > until) break;
      clock.advance(*next - clock.now());
      for (auto& worker : workers) worker->timers().run_due();
      run();
    }
    clock.advance(until - clock.now());
  }
  ClientRequest request(Method method, size_t worker = 0, const Flow& flow = kUdp) {
    ClientRequest out;
    out.method = method;
    out.branch = layers[worker]->new_branch();
    out.flow = flow;
    std::string name(method_text(method));
    out.wire =
        name + " sip:bob@h;x=1 SIP/2.0\r\nVia: " + TransactionLayer::via(flow.protocol, "10.0.0.1", out.branch) +
        "\r\nVia: SIP/2.0/UDP below;branch=z9hG4bKbelow\r\nRoute: <sip:p1;lr>, <sip:p2;lr>\r\nMax-Forwards: 9\r\n"
        "From: <sip:a@h>;tag=f\r\nTo: <sip:b@h>\r\nCall-ID: call\r\nCSeq: 5 " +
        name + "\r\nContent-Length: 0\r\n\r\n";
    return out;
  }
  void start(ClientRequest request, size_t worker = 0) {
    layers[worker]->start(std::move(request), [this](const Answer& answer) { answers.push_back(answer); });
  }
  LayerCounters counters(size_t worker = 0) { return layers[worker]->counters(); }

  ManualClock clock;
  std::vector<std::unique_ptr<Worker>> workers;
  FakeTransport transport[2];
  TransactionIndex index;
  std::vector<std::unique_ptr<TransactionLayer>> layers;
  std::vector<std::shared_ptr<ServerTransaction>> delivered;
  std::vector<size_t> on_worker;
  std::vector<std::string> acks;
  std::vector<Answer> answers;
};

inline std::string message(const std::string& method, const std::string& via, const std::string& call = "c1") {
  return method + " sip:h SIP/2.0\r\nVia: " + via + "\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: " + call +
         "\r\nCSeq: 1 " + method + "\r\nContent-Length: 0\r\n\r\n";
}

inline std::string response(const ClientRequest& request, int code, const std::string& method = {}) {
  return "SIP/2.0 " + std::to_string(code) + " X\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=" + request.branch +
         "\r\nFrom: <sip:a@h>;tag=f\r\nTo: <sip:b@h>;tag=t\r\nCall-ID: call\r\nCSeq: 5 " +
         (method.empty() ? std::string(method_text(request.method)) : method) + "\r\nContent-Length: 0\r\n\r\n";
}

inline constexpr char kVia[] = "SIP/2.0/UDP 10.0.0.9:40000;branch=z9hG4bKa";

}  // namespace lapwing::sip
