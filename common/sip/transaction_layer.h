// The transactions of one worker: matches messages to them (RFC 3261 sections 17.1.3 and 17.2.3), drives the machines
// of transaction/machines.h with timers and a Transport, and hands requests to the transaction user.
//
//   layer.on_request([&](std::shared_ptr<ServerTransaction> transaction) { worker.spawn(procedure(transaction)); });
//   Answer answer = co_await layer.request(std::move(request));   // final response, time-out or transport failure
//
// A branch of ours is "z9hG4bKlw", the worker's number in two hex digits, and 16 random hex digits, so that a response
// that comes to another worker finds its owner. Workers share a TransactionIndex: a request seen first by one worker is
// that worker's, retransmissions that reach another are handed over.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "common/runtime/one_shot.h"
#include "common/runtime/worker.h"
#include "common/sip/edits.h"
#include "common/sip/message.h"
#include "common/sip/request_times.h"
#include "common/sip/transaction/machines.h"
#include "common/sip/transport.h"

namespace lapwing::sip {

class TransactionLayer;

// Which worker owns which server transaction.
class TransactionIndex {
 public:
  // Joined by each layer when it is made; all layers must exist before traffic comes.
  void join(uint32_t worker, TransactionLayer* layer);
  TransactionLayer* layer(uint32_t worker) const;
  // The owner of the key: the caller when nobody had it.
  uint32_t claim(const std::string& key, uint32_t worker);
  std::optional<uint32_t> owner(const std::string& key);
  void release(const std::string& key);
  // Requests at work that end here, by what merged copies of one have in common. False: there is one.
  bool begin_work(const std::string& key);
  void end_work(const std::string& key);
  bool shared() const { return layers_.size() > 1; }

 private:
  struct Shard {
    std::mutex mutex;
    absl::flat_hash_map<std::string, uint32_t> owners;
    absl::flat_hash_set<std::string> at_work;
  };
  Shard& shard(const std::string& key) { return shards_[std::hash<std::string>{}(key) % shards_.size()]; }
  std::vector<TransactionLayer*> layers_;
  std::array<Shard, 32> shards_;
};

// One slot for each of Timer's names; 0: not set.
using TimerIds = std::array<Timers::Id, 12>;

class ServerTransaction;

// What the layer keeps of a server transaction until its machine ends: enough to answer retransmissions. The request
// itself goes with the last procedure that holds the ServerTransaction, so that a transaction which lingers is small.
struct ServerEntry {
  std::string key, latest;
  Flow reply_flow;
  asio::ip::address source;
  std::variant<NonInviteServer, InviteServer> machine;
  TimerIds timers{};
  Method method = Method::other;
  TimePoint begun;
  bool final = false;
  std::weak_ptr<ServerTransaction> transaction;
  TransactionLayer* layer = nullptr;  // null once the layer has gone
};

// A request that came in, and the way to answer it. Procedures share it; when the last lets go of it without a final
// response, the transaction ends silently (RFC 4320 section 4.1 wants that of a proxy whose next hop was silent).
class ServerTransaction {
 public:
  ~ServerTransaction();
  ServerTransaction(const ServerTransaction&) = delete;
  ServerTransaction& operator=(const ServerTransaction&) = delete;

  // The request, its top Via completed with received and rport (RFC 3261 section 18.2.1, RFC 3581).
  const Message& request() const { return request_; }
  const Flow& flow() const { return flow_; }
  // To tag of responses that we make ourselves: one for the whole transaction.
  const std::string& to_tag() const { return to_tag_; }
  // Where responses go; by default by section 18.2.2 and RFC 3581. On Gm protected responses over UDP leave from
  // port-pc to port-us instead (TS 33.203 section 7.1).
  void reply_by(const Flow& flow) { entry_->reply_flow = flow; }
  const Flow& reply_flow() const { return entry_->reply_flow; }
  // A response with our To tag, to be completed with headers.
  Writer response(int code, std::string_view reason = {}) const;
  // Called once when a CANCEL comes for this INVITE and no final response has gone (RFC 3261 section 9.2): the layer
  // has answered it, the INVITE is the user's to end.
  void on_cancel(std::function<void(const Message& cancel)> handler) { on_cancel_ = std::move(handler); }
  // Sends it. A second final response is dropped (RFC 3261 section 17.2), but for each 2xx to an INVITE.
  void respond(int code, std::string wire);
  // Short for a response without more headers.
  void reject(int code, std::string_view reason = {});
  // Likewise, with Retry-After: 503 or 500 of one who may serve it then.
  void try_later(int code, uint32_t seconds);
  bool answered() const { return entry_->final; }

 private:
  friend class TransactionLayer;
  ServerTransaction(Message request, const Flow& flow, std::shared_ptr<ServerEntry> entry, std::string work);
  void end_work();

  Message request_;
  Flow flow_;
  std::string to_tag_;
  std::shared_ptr<ServerEntry> entry_;
  std::function<void(const Message&)> on_cancel_;
  std::string work_;  // what merged copies of it have in common; empty: it may come by several ways
};

// A request to send. The wire has our Via on top, made by TransactionLayer::via().
struct ClientRequest {
  Method method = Method::other;
  std::string branch;
  std::string wire;
  Flow flow;
  TimerValues timers;
};

struct Answer {
  enum class Outcome { answered, timed_out, transport_failed };
  Outcome outcome = Outcome::timed_out;
  std::shared_ptr<const Message> response;  // set when answered
  Flow flow;                                // where it came from
  std::string why;                          // transport_failed: the reason
};

class ClientTransaction {
 public:
  // Every response that the machine delivers, provisional ones too, then at most one time-out or failure.
  using User = std::function<void(const Answer&)>;

 private:
  friend class TransactionLayer;
  ClientRequest request;
  std::string key;
  std::variant<NonInviteClient, InviteClient> machine;
  User user;
  TimerIds timers{};
  std::string ack;                    // INVITE: for the final response
  std::optional<std::string> cancel;  // wanted, with this Reason
  bool cancelled = false;             // CANCEL has gone
  Timers::Id give_up = 0;
  TimePoint begun;
  bool ended = false;  // its user has heard the end

  ClientTransaction(ClientRequest r, std::string k, User u);
};

struct LayerCounters {
  uint64_t requests = 0, responses = 0, malformed = 0, retransmissions = 0, stray_responses = 0, refused = 0;
  size_t server_transactions = 0, client_transactions = 0;
};

class TransactionLayer final : public Receiver {
 public:
  struct Options {
    Limits limits;
    size_t max_transactions = 200'000;  // of each kind; beyond it requests get 503 with Retry-After, and ours fail
    // The timers of a server transaction, by where its request came from.
    std::function<TimerValues(const Flow&)> timers_for = [](const Flow&) { return TimerValues::core(); };
    // Where the answer to a request goes that gets no transaction (malformed, too many); nullopt: by RFC 3261 section
    // 18.2.2, as always.
    std::function<std::optional<Flow>(const Flow&)> refuse_by = [](const Flow&) { return std::nullopt; };
    // Requests outside a dialog that end here and go nowhere else. While one is at work, a copy that came by another
    // way gets 482 (RFC 3261 section 8.2.2.2). Once it is answered, one that comes again may be from a hop that lost
    // its transactions in a restart, and is served.
    std::function<bool(const Message&)> ends_here = [](const Message&) { return false; };
  };
  using RequestHandler = std::function<void(std::shared_ptr<ServerTransaction>)>;
  // ACK for a 2xx: no transaction of its own.
  using AckHandler = std::function<void(const Message&, const Flow&)>;

  TransactionLayer(Worker& worker, Transport& transport, TransactionIndex& index, Options options);
  ~TransactionLayer() override;
  TransactionLayer(const TransactionLayer&) = delete;
  TransactionLayer& operator=(const TransactionLayer&) = delete;

  void on_request(RequestHandler handler) { on_request_ = std::move(handler); }
  void on_ack(AckHandler handler) { on_ack_ = std::move(handler); }

  void received(std::string bytes, const Flow& flow) override;
  void received_broken(std::string headers, int status, std::string why, const Flow& flow) override;

  std::string new_branch();
  // The value of our Via: "SIP/2.0/UDP sent-by;branch=..."; rport where the transport is UDP.
  static std::string via(Protocol protocol, std::string_view sent_by, std::string_view branch);

  // Awaits the final response. Ends with the machine, so at the latest after 64*T1.
  Task<Answer> request(ClientRequest request);
  void start(ClientRequest request, ClientTransaction::User user);

  // An ACK for a 2xx, which has no transaction (RFC 3261 section 13.2.2.4).
  void send_ack(const Flow& flow, std::string_view wire) { transport_.send(flow, wire, {}); }
  void reset_connection(const Flow& flow) { transport_.reset(flow); }
  // Ends an INVITE of ours (RFC 3261 section 9.1): CANCEL goes as soon as there is a provisional response. reason:
  // value of its Reason header, or empty. The user hears the final response; a time-out when none comes within 64*T1.
  void cancel(const std::string& branch, std::string reason);

  Worker& worker() { return worker_; }
  LayerCounters counters() const;
  // Of requests that came, and of those that we sent.
  const RequestTimes& server_times() const { return server_times_; }
  const RequestTimes& client_times() const { return client_times_; }

 private:
  friend class ServerTransaction;
  void request_in(Message message, const Flow& flow);
  void response_in(Message message, const Flow& flow);
  void hand_over(uint32_t to, Message message, const Flow& flow);
  void begin(std::string key, Message message, const Flow& flow);
  void refuse(const Message& request, const Flow& flow, int code, std::string_view reason, std::string_view extra = {});
  void server_actions(const std::shared_ptr<ServerEntry>& entry, const Actions& actions);
  void client_actions(const std::shared_ptr<ClientTransaction>& transaction, const Actions& actions,
                      const Answer* received);
  void cancel_in(ServerTransaction& cancel);
  void end(const std::shared_ptr<ServerEntry>& entry);
  void send_latest(const std::shared_ptr<ServerEntry>& entry);
  void send_cancel(const std::shared_ptr<ClientTransaction>& transaction);
  void send_request(const std::shared_ptr<ClientTransaction>& transaction);
  void tell(ClientTransaction& transaction, const Answer& answer);

  Worker& worker_;
  Transport& transport_;
  TransactionIndex& index_;
  Options options_;
  RequestHandler on_request_;
  AckHandler on_ack_;
  absl::flat_hash_map<std::string, std::shared_ptr<ServerEntry>> servers_;
  absl::flat_hash_map<std::string, std::shared_ptr<ClientTransaction>> clients_;
  LayerCounters counters_;
  RequestTimes server_times_, client_times_;
};

}  // namespace lapwing::sip
