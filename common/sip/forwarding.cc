#include "common/sip/forwarding.h"

#include <algorithm>
#include <utility>

#include "common/sip/headers.h"

namespace lapwing::sip {
namespace {

constexpr Duration trying_after = std::chrono::milliseconds(200);
constexpr std::string_view completed_elsewhere = "SIP;cause=200;text=\"Call completed elsewhere\"";

int rank(int code) {
  if (code >= 600) return 0;
  bool helps = code == 401 || code == 407 || code == 415 || code == 420 || code == 484;
  return code / 100 * 2 + (helps ? 0 : 1);
}

}  // namespace

bool better_response(int first, int second) {
  return rank(first) < rank(second);
}

void forward_ack(TransactionLayer& layer, const Message& ack, Target target) {
  std::string via = TransactionLayer::via(target.flow.protocol, target.sent_by, layer.new_branch());
  target.edits.prepend(HeaderId::via, std::move(via));
  layer.send_ack(target.flow, target.edits.write(ack));
}

std::shared_ptr<Forwarding> Forwarding::make(TransactionLayer& layer, std::shared_ptr<ServerTransaction> transaction,
                                             EditResponse edit) {
  std::shared_ptr<Forwarding> made(new Forwarding(layer, std::move(transaction), std::move(edit)));
  made->listen();
  return made;
}

Forwarding::Forwarding(TransactionLayer& layer, std::shared_ptr<ServerTransaction> transaction, EditResponse edit)
    : layer_(layer), timers_(layer.worker().timers()), transaction_(std::move(transaction)), edit_(std::move(edit)) {}

Forwarding::~Forwarding() {
  timers_.cancel(trying_);
}

void Forwarding::listen() {
  if (!invite()) return;
  std::weak_ptr<Forwarding> weak = weak_from_this();
  trying_ = timers_.after(trying_after, [weak] {
    auto self = weak.lock();
    if (!self) return;
    self->trying_ = 0;
    self->transaction_->reject(100);
  });
  transaction_->on_cancel([weak](const Message& cancel) {
    auto self = weak.lock();
    if (!self) return;
    self->cancelled_ = true;
    self->cancel(unfold(cancel.header(HeaderId::reason)));
  });
}

Task<void> Forwarding::send(std::vector<Target> targets) {
  if (over() || targets.empty()) co_return;
  OneShot<bool> all_ended(layer_.worker());
  all_ended_ = all_ended.sink();
  size_t first = branches_.size();
  branches_.resize(first + targets.size());
  for (size_t i = 0; i < targets.size(); ++i) start(first + i, std::move(targets[i]));
  if (!co_await all_ended.wait(longest)) cancel("");
}

Task<void> Forwarding::send_to(Target target, std::optional<Duration> heard_within) {
  Timers::Id patience = 0;
  if (heard_within) {
    patience = timers_.after(*heard_within, [weak = weak_from_this()] {
      auto self = weak.lock();
      if (self && !self->heard_) self->abandon();
    });
  }
  std::vector<Target> targets;
  targets.push_back(std::move(target));
  co_await send(std::move(targets));
  timers_.cancel(patience);
}

Task<void> Forwarding::send_only(Target target) {
  co_await send_to(std::move(target));
  finish();
}

void Forwarding::start(size_t branch, Target target) {
  const Message& request = transaction_->request();
  ClientRequest out;
  out.method = request.method();
  out.branch = branches_[branch].id = layer_.new_branch() + target.mark;
  out.timers = target.timers;
  bool large = target.large && request.buffer().size() > datagram_limit;
  out.flow = large ? *target.large : target.flow;
  Edits edits = large ? target.edits : std::move(target.edits);
  edits.prepend(HeaderId::via, TransactionLayer::via(out.flow.protocol, target.sent_by, out.branch));
  out.wire = edits.write(request);
  branches_[branch].smaller.reset();
  if (large) {
    target.large.reset();
    branches_[branch].smaller = std::move(target);
  }
  if (invite()) watch(branch);
  layer_.start(std::move(out),
               [self = shared_from_this(), branch](const Answer& answer) { self->answered(branch, answer); });
}

void Forwarding::watch(size_t branch) {
  timers_.cancel(branches_[branch].timer_c);
  std::weak_ptr<Forwarding> weak = weak_from_this();
  branches_[branch].timer_c = timers_.after(timer_c, [weak, branch] {
    auto self = weak.lock();
    if (!self) return;
    self->branches_[branch].timer_c = 0;
    self->layer_.cancel(self->branches_[branch].id, "");
  });
}

void Forwarding::answered(size_t branch, const Answer& answer) {
  bool abandoned = branches_[branch].ended;
  if (abandoned && (!answer.response || answer.response->status() / 100 != 2)) return;
  if (!answer.response) {
    if (answer.outcome == Answer::Outcome::transport_failed && branches_[branch].smaller && !over()) {
      return start(branch, *std::exchange(branches_[branch].smaller, std::nullopt));
    }
    unreachable_ = unreachable_ || answer.outcome == Answer::Outcome::transport_failed;
    return end(branch);
  }
  branches_[branch].smaller.reset();
  heard_ = true;
  int code = answer.response->status();
  if (code < 200) return provisional(branch, *answer.response);
  if (code < 300) {
    accepted_ = true;
    upstream(*answer.response);
    cancel_others(branch, std::string(completed_elsewhere));
  } else {
    final_response(answer.response);
    if (code >= 600) {
      declined_ = true;
      cancel_others(branch, "");
    }
  }
  end(branch);
}

void Forwarding::provisional(size_t branch, const Message& response) {
  if (response.status() == 100) return;
  if (invite()) watch(branch);
  if (accepted_) return;
  progressed_ = true;
  upstream(response);
}

void Forwarding::final_response(std::shared_ptr<const Message> response) {
  int code = response->status();
  if (code == 401 || code == 407) challenges_.push_back(response);
  if (!best_ || better_response(code, best_->status())) best_ = std::move(response);
}

void Forwarding::end(size_t branch) {
  Branch& ended = branches_[branch];
  timers_.cancel(std::exchange(ended.timer_c, 0));
  ended.ended = true;
  bool open = std::any_of(branches_.begin(), branches_.end(), [](const Branch& b) { return !b.ended; });
  if (!open && all_ended_) std::exchange(all_ended_, std::nullopt)->set(true);
}

void Forwarding::cancel_others(size_t but, const std::string& reason) {
  if (!invite()) return;
  for (size_t i = 0; i < branches_.size(); ++i) {
    if (i != but && !branches_[i].ended) layer_.cancel(branches_[i].id, reason);
  }
}

void Forwarding::cancel(const std::string& reason) {
  cancel_others(branches_.size(), reason);
}

void Forwarding::abandon() {
  cancel("");
  for (size_t i = 0; i < branches_.size(); ++i) {
    if (!branches_[i].ended) end(i);
  }
}

void Forwarding::forget() {
  best_.reset();
  challenges_.clear();
  unreachable_ = heard_ = progressed_ = false;
}

void Forwarding::upstream(const Message& response) {
  timers_.cancel(std::exchange(trying_, 0));
  Edits edits;
  edits.remove_first_value(HeaderId::via);
  if (edit_) edit_(edits, response);
  int code = response.status();
  // Section 16.7 step 7: every challenge of every branch, so that one new request can answer them all.
  if (code == 401 || code == 407) {
    for (const auto& other : challenges_) {
      if (other.get() == &response) continue;
      for (HeaderId id : {HeaderId::www_authenticate, HeaderId::proxy_authenticate}) {
        for (const HeaderRow& row : other->rows()) {
          if (row.id == id) edits.append(id, unfold(other->value(row)));
        }
      }
    }
  }
  // Step 6: a 503 is about the hop that sent it.
  if (code == 503) {
    code = 500;
    edits.status(code, std::string(reason_phrase(code)));
  }
  transaction_->respond(code, edits.write(response));
}

void Forwarding::finish() {
  timers_.cancel(std::exchange(trying_, 0));
  if (accepted_ || transaction_->answered()) return;
  if (best_) return upstream(*best_);
  if (cancelled_) return transaction_->reject(487);
  if (unreachable_) return transaction_->reject(500, "Next Hop Unreachable");
  if (invite()) return transaction_->reject(408);
}

}  // namespace lapwing::sip
