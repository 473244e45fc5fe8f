#include "common/sip/transaction_layer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/runtime/ids.h"
#include "common/runtime/log.h"
#include "common/sip/headers.h"
#include "common/sip/validate.h"

namespace lapwing::sip {
namespace {

constexpr std::string_view cookie = "z9hG4bK";
constexpr std::string_view our_mark = "z9hG4bKlw";

bool has_cookie(std::string_view branch) {
  return branch.size() > cookie.size() && equals_ignoring_case(branch.substr(0, cookie.size()), cookie);
}

// The worker in a branch of ours.
std::optional<uint32_t> worker_in(std::string_view branch) {
  if (branch.size() != our_mark.size() + 18 || !branch.starts_with(our_mark)) return std::nullopt;
  std::string byte = from_hex(branch.substr(our_mark.size(), 2));
  if (byte.size() != 1) return std::nullopt;
  return static_cast<unsigned char>(byte[0]);
}

// RFC 3261 section 17.2.3: branch, sent-by and method, ACK standing for its INVITE; for peers of RFC 2543 the fields
// that identified a transaction before branches did.
std::string server_key(const Message& request, const Via& top) {
  std::string_view method = request.method() == Method::ack ? std::string_view("INVITE") : request.method_text();
  std::string_view branch = top.branch();
  std::string key;
  if (has_cookie(branch)) {
    key.reserve(branch.size() + top.sent_by.size() + method.size() + 2);
    key.append(branch).append(1, ' ').append(top.sent_by).append(1, ' ').append(method);
    return key;
  }
  key = "2543 ";
  key.append(method).append(1, ' ').append(request.request_uri()).append(1, ' ');
  key.append(request.header(HeaderId::call_id)).append(1, ' ');
  auto from = NameAddr::parse(request.header(HeaderId::from));
  if (from.ok()) key.append(from->tag());
  auto cseq = CSeq::parse(request.header(HeaderId::cseq));
  if (cseq.ok()) key.append(1, ' ').append(std::to_string(cseq->number));
  return key.append(1, ' ').append(top.sent_by);
}

// Section 18.2.2 and RFC 3581 section 4: UDP to the source address, at the source port when rport is there, else at the
// port of sent-by. Streams answer on their connection, and when that is gone on another to the port of sent-by.
Flow reply_flow(const Flow& came_by, const Via& top) {
  Flow flow = came_by;
  if (reliable(came_by.protocol) || !top.params.has("rport")) flow.remote.port = top.port != 0 ? top.port : 5060;
  return flow;
}

// RFC 3261 section 8.2.2.2: From tag, Call-ID and CSeq of a request outside a dialog. Empty: inside one.
std::string work_key(const Message& request) {
  auto to = NameAddr::parse(request.header(HeaderId::to));
  auto from = NameAddr::parse(request.header(HeaderId::from));
  if (!to.ok() || !from.ok() || !to->tag().empty()) return {};
  std::string key(request.header(HeaderId::call_id));
  return key.append(1, '\n').append(from->tag()).append(1, '\n').append(request.header(HeaderId::cseq));
}

// Completes the top Via with received and rport. Empty: nothing to add.
std::string completed_via(std::string_view value, const Via& top, const Flow& flow) {
  bool rport = top.params.has("rport");
  std::string source = flow.remote.address.to_string();
  bool differs = false;
  if (!rport) {
    asio::error_code error;
    auto address = asio::ip::make_address(std::string(top.host), error);
    differs = error || address != flow.remote.address;
    if (!differs) return {};
  }
  std::string out =
      unfold(value.substr(0, static_cast<size_t>(top.sent_by.data() + top.sent_by.size() - value.data())));
  std::string_view rest = top.params.text();
  while (auto item = Params::take(rest)) {
    if (equals_ignoring_case(item->name, "rport") || equals_ignoring_case(item->name, "received")) continue;
    out.append(1, ';').append(item->name);
    if (!item->value.empty()) out.append(1, '=').append(item->value);
  }
  out.append(";received=").append(source);
  if (rport) out.append(";rport=").append(std::to_string(flow.remote.port));
  return out;
}

// The request with this value in its top Via's place; nullopt: it is over a limit now.
std::optional<Message> with_top_via(const Message& request, std::string via, const Limits& limits) {
  Edits edits;
  edits.replace_first_value(HeaderId::via, std::move(via));
  ParseResult again = Message::parse(edits.write(request), Framing::stream, limits);
  return again.ok() ? std::move(again.message) : std::nullopt;
}

}  // namespace

void TransactionIndex::join(uint32_t worker, TransactionLayer* layer) {
  if (layers_.size() <= worker) layers_.resize(worker + 1);
  layers_[worker] = layer;
}

TransactionLayer* TransactionIndex::layer(uint32_t worker) const {
  return worker < layers_.size() ? layers_[worker] : nullptr;
}

uint32_t TransactionIndex::claim(const std::string& key, uint32_t worker) {
  if (!shared()) return worker;
  Shard& place = shard(key);
  std::lock_guard lock(place.mutex);
  return place.owners.try_emplace(key, worker).first->second;
}

std::optional<uint32_t> TransactionIndex::owner(const std::string& key) {
  if (!shared()) return std::nullopt;
  Shard& place = shard(key);
  std::lock_guard lock(place.mutex);
  auto found = place.owners.find(key);
  if (found == place.owners.end()) return std::nullopt;
  return found->second;
}

void TransactionIndex::release(const std::string& key) {
  if (!shared()) return;
  Shard& place = shard(key);
  std::lock_guard lock(place.mutex);
  place.owners.erase(key);
}

bool TransactionIndex::begin_work(const std::string& key) {
  Shard& place = shard(key);
  std::lock_guard lock(place.mutex);
  return place.at_work.insert(key).second;
}

void TransactionIndex::end_work(const std::string& key) {
  Shard& place = shard(key);
  std::lock_guard lock(place.mutex);
  place.at_work.erase(key);
}

ServerTransaction::ServerTransaction(Message request, const Flow& flow, std::shared_ptr<ServerEntry> entry,
                                     std::string work)
    : request_(std::move(request)),
      flow_(flow),
      to_tag_(random_hex(16)),
      entry_(std::move(entry)),
      work_(std::move(work)) {}

void ServerTransaction::end_work() {
  if (!work_.empty() && entry_->layer) entry_->layer->index_.end_work(std::exchange(work_, {}));
}

ServerTransaction::~ServerTransaction() {
  end_work();
  if (!entry_->final && entry_->layer) entry_->layer->end(entry_);
}

Writer ServerTransaction::response(int code, std::string_view reason) const {
  return response_to(request_, code, reason.empty() ? reason_phrase(code) : reason, to_tag_);
}

void ServerTransaction::respond(int code, std::string wire) {
  if (entry_->final || !entry_->layer) return;
  entry_->final = code >= 200;
  if (entry_->final) end_work();
  Actions actions = std::visit([code](auto& machine) { return machine.respond(code); }, entry_->machine);
  // What the machine does not send (RFC 4320) must not answer retransmissions either.
  if (std::any_of(actions.begin(), actions.end(), [](const Action& a) { return a.kind == Action::Kind::send; })) {
    wire.shrink_to_fit();  // it may be kept for two minutes
    entry_->latest = std::move(wire);
  }
  entry_->layer->server_actions(entry_, actions);
}

void ServerTransaction::reject(int code, std::string_view reason) {
  respond(code, response(code, reason).finish());
}

ClientTransaction::ClientTransaction(ClientRequest r, std::string k, User u)
    : request(std::move(r)),
      key(std::move(k)),
      machine(NonInviteClient(request.timers, reliable(request.flow.protocol))),
      user(std::move(u)) {
  if (request.method == Method::invite) machine = InviteClient(request.timers, reliable(request.flow.protocol));
}

TransactionLayer::TransactionLayer(Worker& worker, Transport& transport, TransactionIndex& index, Options options)
    : worker_(worker), transport_(transport), index_(index), options_(std::move(options)) {
  index_.join(worker.index(), this);
}

TransactionLayer::~TransactionLayer() {
  // Procedures that still wait may outlive us in their worker.
  for (auto& [key, entry] : servers_) entry->layer = nullptr;
}

LayerCounters TransactionLayer::counters() const {
  LayerCounters now = counters_;
  now.server_transactions = servers_.size();
  now.client_transactions = clients_.size();
  return now;
}

void TransactionLayer::received(std::string bytes, const Flow& flow) {
  Framing framing = reliable(flow.protocol) ? Framing::stream : Framing::datagram;
  ParseResult parsed = Message::parse(std::move(bytes), framing, options_.limits);
  if (!parsed.ok()) {
    ++counters_.malformed;
    const ParseFailure failure = parsed.failure.value_or(ParseFailure{});
    LW_LOG(debug, "malformed message from %s: %s", flow.remote.text(), log::printable(failure.why));
    if (failure.status != 0 && parsed.message && parsed.message->is_request() &&
        parsed.message->method() != Method::ack) {
      refuse(*parsed.message, flow, failure.status, failure.why);
    }
    return;
  }
  if (parsed.message->is_request()) {
    ++counters_.requests;
    request_in(std::move(*parsed.message), flow);
  } else {
    ++counters_.responses;
    response_in(std::move(*parsed.message), flow);
  }
}

void TransactionLayer::received_broken(std::string headers, int status, std::string why, const Flow& flow) {
  ++counters_.malformed;
  LW_LOG(debug, "stream from %s lost its framing: %s", flow.remote.text(), log::printable(why));
  ParseResult parsed = Message::parse(std::move(headers), Framing::stream, options_.limits);
  if (parsed.message && parsed.message->is_request() && parsed.message->method() != Method::ack) {
    refuse(*parsed.message, flow, status, why);
  }
}

// A stateless answer (RFC 3261 section 8.2.7): for what gets no transaction.
void TransactionLayer::refuse(const Message& request, const Flow& flow, int code, std::string_view reason,
                              std::string_view extra) {
  ++counters_.refused;
  auto top = Via::parse(request.values(HeaderId::via).front());
  Flow back = top.ok() ? reply_flow(flow, *top) : flow;
  std::string via = top.ok() ? completed_via(request.values(HeaderId::via).front(), *top, flow) : std::string();
  std::optional<Message> completed =
      via.empty() ? std::nullopt : with_top_via(request, std::move(via), options_.limits);
  Writer writer = response_to(completed ? *completed : request, code, reason_phrase(code), random_hex(16));
  if (!reason.empty()) writer.add(HeaderId::warning, "399 lapwing " + quote(reason));
  if (!extra.empty()) writer.add(HeaderId::retry_after, extra);
  transport_.send(back, std::move(writer).finish(), {});
}

void TransactionLayer::request_in(Message message, const Flow& flow) {
  Verdict verdict = validate_request(message);
  auto top = Via::parse(message.values(HeaderId::via).front());
  if (!verdict.ok() || !top.ok()) {
    ++counters_.malformed;
    int code = verdict.ok() ? 400 : verdict.status;
    if (message.method() != Method::ack) refuse(message, flow, code, verdict.why);
    return;
  }
  std::string key = server_key(message, *top);

  auto mine = servers_.find(key);
  if (mine != servers_.end()) {
    std::shared_ptr<ServerEntry> entry = mine->second;
    if (message.method() == Method::ack) {
      auto* invite = std::get_if<InviteServer>(&entry->machine);
      Actions actions = invite ? invite->on_ack() : Actions{};
      bool of_2xx = std::any_of(actions.begin(), actions.end(),
                                [](const Action& action) { return action.kind == Action::Kind::deliver; });
      if (of_2xx && on_ack_) return on_ack_(message, flow);
      return server_actions(entry, actions);
    }
    ++counters_.retransmissions;
    return server_actions(entry, std::visit([](auto& machine) { return machine.on_request(); }, entry->machine));
  }
  if (message.method() == Method::ack) {
    std::optional<uint32_t> owner = index_.owner(key);
    if (owner && *owner != worker_.index()) return hand_over(*owner, std::move(message), flow);
    if (on_ack_) on_ack_(message, flow);
    return;
  }
  uint32_t owner = index_.claim(key, worker_.index());
  if (owner != worker_.index()) return hand_over(owner, std::move(message), flow);
  begin(std::move(key), std::move(message), flow);
}

void TransactionLayer::hand_over(uint32_t to, Message message, const Flow& flow) {
  TransactionLayer* other = index_.layer(to);
  if (!other) {
    ++counters_.stray_responses;  // a branch like ours from another life, when there were more workers
    return;
  }
  auto shared = std::make_shared<Message>(std::move(message));
  other->worker_.post([other, shared, flow] {
    if (shared->is_request()) {
      other->request_in(std::move(*shared), flow);
    } else {
      other->response_in(std::move(*shared), flow);
    }
  });
}

void TransactionLayer::begin(std::string key, Message message, const Flow& flow) {
  if (servers_.size() >= options_.max_transactions || !on_request_) {
    index_.release(key);
    return refuse(message, flow, 503, "too many transactions", "5");
  }
  std::string work = options_.ends_here(message) ? work_key(message) : std::string();
  if (!work.empty() && !index_.begin_work(work)) {
    index_.release(key);
    return refuse(message, flow, 482, "the same request came by another way");
  }
  std::string_view value = message.values(HeaderId::via).front();
  auto top = Via::parse(value);
  Flow back = reply_flow(flow, *top);
  std::string via = completed_via(value, *top, flow);
  if (!via.empty()) {
    std::optional<Message> completed = with_top_via(message, std::move(via), options_.limits);
    if (!completed) {
      index_.release(key);
      if (!work.empty()) index_.end_work(work);
      return refuse(message, flow, 400, "Via leaves no room for received");
    }
    message = std::move(*completed);
  }
  TimerValues values = options_.timers_for(flow);
  bool is_reliable = reliable(flow.protocol);
  auto entry = std::make_shared<ServerEntry>(ServerEntry{.key = key,
                                                         .latest = {},
                                                         .reply_flow = back,
                                                         .machine = NonInviteServer(values, is_reliable),
                                                         .timers = {},
                                                         .final = false,
                                                         .transaction = {},
                                                         .layer = this});
  if (message.method() == Method::invite) entry->machine = InviteServer(values, is_reliable);
  auto transaction =
      std::shared_ptr<ServerTransaction>(new ServerTransaction(std::move(message), flow, entry, std::move(work)));
  entry->transaction = transaction;
  servers_.emplace(std::move(key), entry);
  server_actions(entry, std::visit([](auto& machine) { return machine.start(); }, entry->machine));
}

void TransactionLayer::server_actions(const std::shared_ptr<ServerEntry>& entry, const Actions& actions) {
  for (const Action& action : actions) {
    Timers::Id& slot = entry->timers[static_cast<size_t>(action.timer)];
    switch (action.kind) {
      case Action::Kind::send:
        send_latest(entry);
        break;
      case Action::Kind::deliver:
        if (auto transaction = entry->transaction.lock()) on_request_(std::move(transaction));
        break;
      case Action::Kind::set_timer:
        worker_.timers().cancel(slot);
        slot = worker_.timers().after(action.after, [this, entry, timer = action.timer] {
          entry->timers[static_cast<size_t>(timer)] = 0;
          server_actions(entry, std::visit([timer](auto& machine) { return machine.on_timer(timer); }, entry->machine));
        });
        break;
      case Action::Kind::cancel_timer:
        worker_.timers().cancel(std::exchange(slot, 0));
        break;
      case Action::Kind::end:
        end(entry);
        break;
      case Action::Kind::send_ack:
      case Action::Kind::timed_out:
      case Action::Kind::transport_failed:
        break;
    }
  }
}

void TransactionLayer::end(const std::shared_ptr<ServerEntry>& entry) {
  for (Timers::Id& id : entry->timers) worker_.timers().cancel(std::exchange(id, 0));
  if (servers_.erase(entry->key) > 0) index_.release(entry->key);
}

void TransactionLayer::send_latest(const std::shared_ptr<ServerEntry>& entry) {
  if (entry->latest.empty()) return;
  transport_.send(entry->reply_flow, entry->latest, [this, entry](const absl::Status& status) {
    LW_LOG(info, "a response could not be sent (%s): %s", entry->reply_flow.text(), std::string(status.message()));
    server_actions(entry, std::visit([](auto& machine) { return machine.on_transport_error(); }, entry->machine));
  });
}

std::string TransactionLayer::new_branch() {
  return absl::StrFormat("%s%02x%s", our_mark, worker_.index(), random_hex(16));
}

std::string TransactionLayer::via(Protocol protocol, std::string_view sent_by, std::string_view branch) {
  return absl::StrFormat("SIP/2.0/%s %s;branch=%s%s", protocol_text(protocol), sent_by, branch,
                         protocol == Protocol::udp ? ";rport" : "");
}

Task<Answer> TransactionLayer::request(ClientRequest request) {
  OneShot<Answer> final_answer(worker_);
  Duration longest = request.timers.t1 * 64 + std::chrono::seconds(5);
  start(std::move(request), [sink = final_answer.sink()](const Answer& answer) {
    if (answer.outcome == Answer::Outcome::answered && answer.response->status() < 200) return;
    sink.set(answer);
  });
  std::optional<Answer> answer = co_await final_answer.wait(longest);
  co_return answer.value_or(Answer{});
}

void TransactionLayer::start(ClientRequest request, ClientTransaction::User user) {
  if (clients_.size() >= options_.max_transactions) {
    return worker_.post([user = std::move(user), flow = request.flow] {
      user(Answer{Answer::Outcome::transport_failed, nullptr, flow, "too many transactions"});
    });
  }
  std::string key = request.branch + ' ' + std::string(method_text(request.method));
  auto transaction =
      std::shared_ptr<ClientTransaction>(new ClientTransaction(std::move(request), std::move(key), std::move(user)));
  clients_[transaction->key] = transaction;
  client_actions(transaction, std::visit([](auto& machine) { return machine.start(); }, transaction->machine), nullptr);
}

void TransactionLayer::response_in(Message message, const Flow& flow) {
  auto top = Via::parse(message.values(HeaderId::via).front());
  auto cseq = CSeq::parse(message.header(HeaderId::cseq));
  std::optional<uint32_t> owner = top.ok() ? worker_in(top->branch()) : std::nullopt;
  if (!owner || !cseq.ok() || !validate_response(message).ok()) {
    ++counters_.stray_responses;
    return;
  }
  if (*owner != worker_.index()) return hand_over(*owner, std::move(message), flow);
  std::string key(top->branch());
  key.append(1, ' ').append(cseq->method);
  auto found = clients_.find(key);
  if (found == clients_.end()) {
    ++counters_.stray_responses;
    return;
  }
  auto transaction = found->second;
  int code = message.status();
  Answer answer{Answer::Outcome::answered, std::make_shared<const Message>(std::move(message)), flow, {}};
  client_actions(transaction,
                 std::visit([code](auto& machine) { return machine.on_response(code); }, transaction->machine),
                 &answer);
}

// RFC 3261 section 17.1.1.3: the ACK for a non-2xx final response repeats the INVITE's Request-URI, top Via, From,
// Call-ID, CSeq number and Route, with the response's To.
static std::string ack_for(const std::string& invite_wire, const Message& response) {
  ParseResult parsed = Message::parse(invite_wire, Framing::stream);
  if (!parsed.ok()) return {};
  const Message& invite = *parsed.message;
  auto cseq = CSeq::parse(invite.header(HeaderId::cseq));
  Writer ack = Writer::request("ACK", invite.request_uri());
  ack.add(HeaderId::via, invite.values(HeaderId::via).front());
  for (std::string_view route : invite.values(HeaderId::route)) ack.add(HeaderId::route, route);
  ack.add(HeaderId::max_forwards, "70");
  ack.add(HeaderId::from, unfold(invite.header(HeaderId::from)));
  ack.add(HeaderId::to, unfold(response.header(HeaderId::to)));
  ack.add(HeaderId::call_id, invite.header(HeaderId::call_id));
  ack.add(HeaderId::cseq, absl::StrFormat("%d ACK", cseq.ok() ? cseq->number : 0));
  return std::move(ack).finish();
}

void TransactionLayer::client_actions(const std::shared_ptr<ClientTransaction>& transaction, const Actions& actions,
                                      const Answer* received) {
  for (const Action& action : actions) {
    Timers::Id& slot = transaction->timers[static_cast<size_t>(action.timer)];
    switch (action.kind) {
      case Action::Kind::send:
        send_request(transaction);
        break;
      case Action::Kind::send_ack:
        if (transaction->ack.empty() && received) {
          transaction->ack = ack_for(transaction->request.wire, *received->response);
        }
        if (!transaction->ack.empty()) transport_.send(transaction->request.flow, transaction->ack, {});
        break;
      case Action::Kind::deliver:
        if (!received) break;
        // A non-INVITE request is not sent again after its final response: only the transaction lingers.
        if (transaction->request.method != Method::invite && received->response->status() >= 200) {
          transaction->request.wire = std::string();
        }
        transaction->user(*received);
        break;
      case Action::Kind::set_timer:
        worker_.timers().cancel(slot);
        slot = worker_.timers().after(action.after, [this, transaction, timer = action.timer] {
          transaction->timers[static_cast<size_t>(timer)] = 0;
          client_actions(transaction,
                         std::visit([timer](auto& machine) { return machine.on_timer(timer); }, transaction->machine),
                         nullptr);
        });
        break;
      case Action::Kind::cancel_timer:
        worker_.timers().cancel(std::exchange(slot, 0));
        break;
      case Action::Kind::timed_out:
        transaction->user(Answer{Answer::Outcome::timed_out, nullptr, transaction->request.flow, "no answer"});
        break;
      case Action::Kind::transport_failed:
        break;  // told by send_request, which knows why
      case Action::Kind::end:
        for (Timers::Id& id : transaction->timers) worker_.timers().cancel(std::exchange(id, 0));
        clients_.erase(transaction->key);
        break;
    }
  }
}

void TransactionLayer::send_request(const std::shared_ptr<ClientTransaction>& transaction) {
  transport_.send(transaction->request.flow, transaction->request.wire, [this, transaction](absl::Status status) {
    Actions actions = std::visit([](auto& machine) { return machine.on_transport_error(); }, transaction->machine);
    for (const Action& action : actions) {
      if (action.kind != Action::Kind::transport_failed) continue;
      transaction->user(
          Answer{Answer::Outcome::transport_failed, nullptr, transaction->request.flow, std::string(status.message())});
    }
    client_actions(transaction, actions, nullptr);
  });
}

}  // namespace lapwing::sip
