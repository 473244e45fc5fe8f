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

bool has_cookie(std::string_view branch) {
  return branch.size() > cookie.size() && equals_ignoring_case(branch.substr(0, cookie.size()), cookie);
}

// RFC 3261 section 17.2.3: branch, sent-by and method, ACK standing for its INVITE; for peers of RFC 2543 the fields
// that identified a transaction before branches did.
std::string server_key(const Message& request, const Via& top, std::string_view method) {
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
  // Each 2xx to an INVITE goes out: forked ones differ, and repeated ones are repeated for a reason (RFC 6026
  // section 7.1).
  auto* invite = std::get_if<InviteServer>(&entry_->machine);
  bool another_2xx = invite && invite->state() == InviteServer::State::accepted && code >= 200 && code < 300;
  if ((entry_->final && !another_2xx) || !entry_->layer) return;
  entry_->final = code >= 200;
  if (entry_->final) {
    end_work();
    TransactionLayer& layer = *entry_->layer;
    if (!another_2xx) layer.server_times_.observe(entry_->method, code, layer.worker_.clock().now() - entry_->begun);
  }
  Actions actions = std::visit([code](auto& machine) { return machine.respond(code); }, entry_->machine);
  // What the machine does not send (RFC 4320) must not answer retransmissions either.
  if (std::any_of(actions.begin(), actions.end(), [](const Action& a) { return a.kind == Action::Kind::send; })) {
    // It may be kept for two minutes; a few bytes more are cheaper than a copy.
    if (entry_->final && wire.capacity() > wire.size() + wire.size() / 4) wire.shrink_to_fit();
    entry_->latest = std::move(wire);
  }
  entry_->layer->server_actions(entry_, actions);
}

void ServerTransaction::reject(int code, std::string_view reason) {
  respond(code, response(code, reason).finish());
}

void ServerTransaction::try_later(int code, uint32_t seconds) {
  Writer later = response(code);
  later.add(HeaderId::retry_after, std::to_string(seconds));
  respond(code, std::move(later).finish());
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
  Flow back = options_.refuse_by(flow).value_or(top.ok() ? reply_flow(flow, *top) : flow);
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
  if (message.method() == Method::cancel) {
    // To the worker that has its INVITE.
    std::optional<uint32_t> owner = index_.owner(server_key(message, *top, "INVITE"));
    if (owner && *owner != worker_.index()) return hand_over(*owner, std::move(message), flow);
  }
  std::string key = server_key(message, *top, message.method() == Method::ack ? "INVITE" : message.method_text());

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
                                                         .source = flow.remote.address,
                                                         .machine = NonInviteServer(values, is_reliable),
                                                         .timers = {},
                                                         .method = message.method(),
                                                         .begun = worker_.clock().now(),
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
        if (auto transaction = entry->transaction.lock()) {
          transaction->request().method() == Method::cancel ? cancel_in(*transaction)
                                                            : on_request_(std::move(transaction));
        }
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

// RFC 3261 section 9.2. The CANCEL comes from where its INVITE came from, or it is somebody else's.
void TransactionLayer::cancel_in(ServerTransaction& cancel) {
  auto top = Via::parse(cancel.request().values(HeaderId::via).front());
  auto found = top.ok() ? servers_.find(server_key(cancel.request(), *top, "INVITE")) : servers_.end();
  std::shared_ptr<ServerTransaction> invite;
  if (found != servers_.end()) invite = found->second->transaction.lock();
  bool same_source = found != servers_.end() && found->second->source == cancel.flow().remote.address;
  if (!same_source) return cancel.reject(481);
  if (invite) cancel.to_tag_ = invite->to_tag_;
  cancel.reply_by(found->second->reply_flow);
  cancel.reject(200);
  if (invite && !invite->answered() && invite->on_cancel_) std::exchange(invite->on_cancel_, nullptr)(cancel.request());
}

void TransactionLayer::end(const std::shared_ptr<ServerEntry>& entry) {
  for (Timers::Id& id : entry->timers) worker_.timers().cancel(std::exchange(id, 0));
  if (servers_.erase(entry->key) > 0) index_.release(entry->key);
}

void TransactionLayer::send_latest(const std::shared_ptr<ServerEntry>& entry) {
  if (entry->latest.empty()) return;
  // No larger capture than this: it would take an allocation for each response.
  transport_.send(entry->reply_flow, entry->latest, [entry](const absl::Status& status) {
    LW_LOG(info, "a response could not be sent (%s): %s", entry->reply_flow.text(), std::string(status.message()));
    if (!entry->layer) return;
    entry->layer->server_actions(
        entry, std::visit([](auto& machine) { return machine.on_transport_error(); }, entry->machine));
  });
}

}  // namespace lapwing::sip
