// The client half of TransactionLayer: requests that we send, and the responses to them.
#include <utility>

#include "absl/strings/str_format.h"
#include "common/runtime/ids.h"
#include "common/sip/headers.h"
#include "common/sip/transaction_layer.h"
#include "common/sip/validate.h"

namespace lapwing::sip {
namespace {

constexpr std::string_view our_mark = "z9hG4bKlw";

// The worker in a branch of ours, whatever its user has put behind it.
std::optional<uint32_t> worker_in(std::string_view branch) {
  if (branch.size() < our_mark.size() + 18 || !branch.starts_with(our_mark)) return std::nullopt;
  std::string byte = from_hex(branch.substr(our_mark.size(), 2));
  if (byte.size() != 1) return std::nullopt;
  return static_cast<unsigned char>(byte[0]);
}

// A request about an INVITE of ours to the same next hop: the ACK for a final response that is no 2xx (RFC 3261
// section 17.1.1.3) and CANCEL (section 9.1) repeat its Request-URI, top Via, From, Call-ID, CSeq number and Route. To
// is the response's for ACK.
Writer about_invite(std::string_view method, const Message& invite, std::string_view to) {
  auto cseq = CSeq::parse(invite.header(HeaderId::cseq));
  Writer request = Writer::request(method, invite.request_uri());
  request.add(HeaderId::via, invite.values(HeaderId::via).front());
  for (std::string_view route : invite.values(HeaderId::route)) request.add(HeaderId::route, route);
  request.add(HeaderId::max_forwards, "70");
  request.add(HeaderId::from, unfold(invite.header(HeaderId::from)));
  request.add(HeaderId::to, unfold(to));
  request.add(HeaderId::call_id, invite.header(HeaderId::call_id));
  request.add(HeaderId::cseq, absl::StrFormat("%d %s", cseq.ok() ? cseq->number : 0, method));
  return request;
}

std::string ack_for(const std::string& invite_wire, const Message& response) {
  ParseResult invite = Message::parse(invite_wire, Framing::stream);
  if (!invite.ok()) return {};
  return about_invite("ACK", *invite.message, response.header(HeaderId::to)).finish();
}

std::string cancel_for(const std::string& invite_wire, std::string_view reason) {
  ParseResult invite = Message::parse(invite_wire, Framing::stream);
  if (!invite.ok()) return {};
  Writer cancel = about_invite("CANCEL", *invite.message, invite.message->header(HeaderId::to));
  // A protected port takes nothing without it (RFC 3329 section 2.3.1). Require and Proxy-Require are not repeated (RFC
  // 3261 section 9.1).
  for (std::string_view value : invite.message->values(HeaderId::security_verify)) {
    cancel.add(HeaderId::security_verify, unfold(value));
  }
  if (!reason.empty()) cancel.add(HeaderId::reason, reason);
  return std::move(cancel).finish();
}

}  // namespace

std::string TransactionLayer::new_branch() {
  std::string branch;
  branch.reserve(our_mark.size() + 18);
  auto worker = static_cast<char>(worker_.index());
  return branch.append(our_mark).append(to_hex({&worker, 1})).append(random_hex(16));
}

std::string TransactionLayer::via(Protocol protocol, std::string_view sent_by, std::string_view branch) {
  std::string value;
  value.reserve(sent_by.size() + branch.size() + 32);
  value.append("SIP/2.0/").append(protocol_text(protocol)).append(1, ' ').append(sent_by);
  return value.append(";branch=").append(branch).append(protocol == Protocol::udp ? ";rport" : "");
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
  transaction->begun = worker_.clock().now();
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
  if (code >= 200) {
    worker_.timers().cancel(std::exchange(transaction->give_up, 0));
  } else {
    send_cancel(transaction);
  }
}

void TransactionLayer::cancel(const std::string& branch, std::string reason) {
  auto found = clients_.find(branch + " INVITE");
  if (found == clients_.end() || found->second->cancel) return;
  std::shared_ptr<ClientTransaction> transaction = found->second;
  transaction->cancel = std::move(reason);
  send_cancel(transaction);
}

// Section 9.1: not before a provisional response, and not after a final one.
void TransactionLayer::send_cancel(const std::shared_ptr<ClientTransaction>& transaction) {
  auto* invite = std::get_if<InviteClient>(&transaction->machine);
  if (!transaction->cancel || transaction->cancelled || !invite) return;
  if (invite->state() != InviteClient::State::proceeding) return;
  transaction->cancelled = true;
  const ClientRequest& request = transaction->request;
  ClientRequest out{.method = Method::cancel,
                    .branch = request.branch,
                    .wire = cancel_for(request.wire, *transaction->cancel),
                    .flow = request.flow,
                    .timers = request.timers};
  if (!out.wire.empty()) start(std::move(out), [](const Answer&) {});
  // Who does not end an INVITE that was cancelled is given up.
  transaction->give_up = worker_.timers().after(request.timers.t1 * 64, [this, transaction] {
    transaction->give_up = 0;
    tell(*transaction, Answer{Answer::Outcome::timed_out, nullptr, transaction->request.flow, "no end after CANCEL"});
    client_actions(transaction, {{Action::Kind::end}}, nullptr);
  });
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
        tell(*transaction, *received);
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
        tell(*transaction, Answer{Answer::Outcome::timed_out, nullptr, transaction->request.flow, "no answer"});
        break;
      case Action::Kind::transport_failed:
        break;  // told by send_request, which knows why
      case Action::Kind::end:
        for (Timers::Id& id : transaction->timers) worker_.timers().cancel(std::exchange(id, 0));
        worker_.timers().cancel(std::exchange(transaction->give_up, 0));
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
      tell(*transaction, Answer{Answer::Outcome::transport_failed, nullptr, transaction->request.flow,
                                std::string(status.message())});
    }
    client_actions(transaction, actions, nullptr);
  });
}

void TransactionLayer::tell(ClientTransaction& transaction, const Answer& answer) {
  const bool answered = answer.outcome == Answer::Outcome::answered;
  const bool final = !answered || answer.response->status() >= 200;
  if (final && !std::exchange(transaction.ended, true)) {
    client_times_.observe(transaction.request.method, answered ? answer.response->status() : RequestTimes::no_answer,
                          worker_.clock().now() - transaction.begun);
  }
  transaction.user(answer);
}

}  // namespace lapwing::sip
